#ifndef IMPORT_ONNX_VALUE_H
#define IMPORT_ONNX_VALUE_H
/* What is known of a name of the ONNX graph while nodes are mapped. */
#include "lib/graph/graph.h"
#include "lib/import/onnx/onnx.h"

struct onnx_mapper;

struct onnx_shape {
    uint32_t rank;
    size_t dim[ONNX_MAX_RANK];
};

/* What integers stand for: real = scale * (code - zero). One scale and zero point, one per index of `axis`, or one per
 * `block` of indices of it (then scale has the shape of the codes but for that axis). */
struct onnx_quant {
    int32_t type; /* of the codes */
    size_t n;
    const float *scale;
    const int64_t *zero;
    uint32_t axis;
    size_t block; /* 0: per index */
};

enum { QNT_ONNX_MOST_FOLDED = 1 << 28 }; /* elements of all constants made at import */

enum onnx_kind { ONNX_UNKNOWN, ONNX_CONSTANT, ONNX_ACTIVATION };

struct onnx_value {
    char *name; /* the graph's */
    enum onnx_kind kind;
    int32_t type; /* TensorProto.DataType */
    struct onnx_shape shape;
    const void *data; /* constants: elements in their type's size; those of 4 and 2 bits, a byte each */
    float *floats;    /* the same, converted when first asked for */
    int64_t *ints;
    int id[2];      /* activations: the tensors that hold it in ONNX's order and channels last, -1: none yet */
    uint32_t batch; /* the dimension that the tensors leave out, where it is the session's; not 0: see batch.c */
    /* A reshape of this activation to [N][all else], done only where somebody asks for it: what multiplies it with
     * weights takes `source` channels last. NULL: the tensors in id[] are all there is. */
    struct onnx_value *source;
    /* Floats by meaning that are stored as codes: the result of a DequantizeLinear. */
    struct onnx_value *codes;
    struct onnx_quant quant;
    /* Who reads it. */
    size_t readers;
    size_t reader; /* the last node */
    bool given;    /* an output of the graph */
    bool input;    /* an input of it that is not bound */
};

/* Elements of a shape known to fit. */
size_t qnt_onnx_count(const struct onnx_shape *s);
/* "3 x 4 x 5", "a scalar" into text. */
enum { ONNX_SHAPE_TEXT = ONNX_MAX_RANK * 24 };
const char *qnt_onnx_shape_text(const struct onnx_shape *s, char *text);
/* Bytes of an element as values hold it, 0: not a type that is known. */
size_t qnt_onnx_type_size(int32_t type);
bool qnt_onnx_is_float(int32_t type);
bool qnt_onnx_is_small_int(int32_t type); /* of up to 8 bits */
/* The least and the greatest number of an integer type. */
void qnt_onnx_int_range(int32_t type, int64_t *lo, int64_t *hi);

/* v is the constant t, whose data stays the graph's. */
qnt_status qnt_onnx_set_tensor(struct onnx_mapper *mp, struct onnx_value *v, const struct onnx_tensor *t);
qnt_status qnt_onnx_values_create(struct onnx_mapper *mp);
/* Zeroed memory that lives as long as the mapper. */
void *qnt_onnx_alloc(struct onnx_mapper *mp, size_t count, size_t size, const char *what);
void qnt_onnx_free_all(struct onnx_mapper *mp);
struct onnx_value *qnt_onnx_find(struct onnx_mapper *mp, const char *name);
/* Input k, or NULL when it is left out. */
struct onnx_value *qnt_onnx_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k);
/* Output k, or NULL when nobody wants it. */
struct onnx_value *qnt_onnx_out(struct onnx_mapper *mp, const struct onnx_node *n, size_t k);
/* Input k as a constant: refused by name otherwise. what: what it is to the node. */
qnt_status qnt_onnx_constant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, const char *what,
                             struct onnx_value **v);
/* Makes output k a constant with room for its elements. A k that is not wanted gives memory all the same. */
qnt_status qnt_onnx_give(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                         const struct onnx_shape *s, void **data);
/* Output k is the same value as v. */
void qnt_onnx_alias(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, const struct onnx_value *v);
/* Elements of a constant as floats or integers; NULL: out of memory, or a type that is no number (with the error set).
 */
const float *qnt_onnx_floats(struct onnx_mapper *mp, struct onnx_value *v);
const int64_t *qnt_onnx_ints(struct onnx_mapper *mp, struct onnx_value *v);
/* Writes number x, saturated, as element i of an array of integer type `type`. */
void qnt_onnx_put_int(void *data, int32_t type, size_t i, int64_t x);
/* Cut towards 0 and saturated; NaN: 0. */
int64_t qnt_onnx_whole(float x);
/* Scale and zero point `i` of element `at` of a tensor of shape s. */
size_t qnt_onnx_quant_index(const struct onnx_quant *q, const struct onnx_shape *s, size_t at);
#endif
