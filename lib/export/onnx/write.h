#ifndef EXPORT_ONNX_WRITE_H
#define EXPORT_ONNX_WRITE_H
/* From a model to an ONNX graph. Nodes are written one after another by the functions that ops.def names.
 *
 * Activations of the model are channels last, ONNX's images channels first. A tensor of the model is up to two values
 * of the file: in its own order, and with its last dimension in front; either is made from the other where somebody
 * asks for it, so that a chain of image operations has no transposes. The batch is dimension 0 of each.
 *
 * Codes: the value is the integers; a reader of floats gets a DequantizeLinear of its own, and what computes floats a
 * QuantizeLinear behind. What moves codes, moves the integers.
 *
 * The first error stays in `status`; all functions then do nothing, those that give a name give "". */
#include <qnt/export.h>
#include "lib/graph/graph.h"
#include "lib/import/onnx/memory.h"
#include "lib/import/onnx/onnx.h"

/* What protobuf-c makes of onnx.proto; put.c and save.c know the insides. */
typedef struct QntOnnx__NodeProto onnx_node_proto;

enum onnx_order { ONNX_AS_IS, ONNX_FIRST, ONNX_ORDERS }; /* of dimensions: the model's; channels in front */

struct onnx_written {
    const char *name[ONNX_ORDERS]; /* NULL: not there yet */
    const char *given;             /* of an output that may have to be moved at the end: its name */
    const char *flat;              /* flattened out of the channels-first value, NULL: not yet */
    int source;             /* a flattening of this tensor, done only where somebody asks for it; -1: it is none */
    size_t readers, reader; /* nodes; the last of them */
};
struct onnx_name { /* as names.h asks for */
    char *name;
};

struct onnx_export {
    const qnt_ctx *ctx;
    const qnt_model *m;
    const qnt_export_config *config;
    qnt_status status;
    uint32_t opset;
    bool microsoft; /* nodes of com.microsoft are among them */
    struct onnx_memory memory; /* of all that the file's messages are made of */
    struct QntOnnx__GraphProto *graph;
    struct onnx_written *value; /* by tensor */
    bool *done;                 /* by node: another one's writing has taken it in */
    struct onnx_name *name;     /* of all values */
    size_t n_names, cap_names;
    struct qnt_names names;
};

struct onnx_write_op {
    const struct qnt_op_def *op;
    void (*put)(struct onnx_export *e, const struct qnt_node *n, const char *op);
    const char *onnx;
    uint32_t opset;
};

qnt_status qnt_onnx_save(const qnt_model *model, const char *path, const qnt_export_config *config);

/* put.c: parts of the file. */
void *qnt_onnx_room(struct onnx_export *e, size_t count, size_t size); /* NULL on failure */
/* A name that no value has: base, or base and a number. */
const char *qnt_onnx_new_name(struct onnx_export *e, const char *base, const char *suffix);
/* name: of the node, NULL: out and the operation. "" among the inputs: left out. NULL on failure. */
onnx_node_proto *qnt_onnx_put_node(struct onnx_export *e, const char *name, const char *op, const char *const *in,
                                   size_t n_in, const char *out);
/* The node is of com.microsoft; NULL: nothing is done. */
void qnt_onnx_set_microsoft(struct onnx_export *e, onnx_node_proto *node);
/* node NULL: nothing is done. */
void qnt_onnx_set_int(struct onnx_export *e, onnx_node_proto *node, const char *name, int64_t i);
void qnt_onnx_set_ints(struct onnx_export *e, onnx_node_proto *node, const char *name, const int64_t *ints, size_t n);
void qnt_onnx_set_float(struct onnx_export *e, onnx_node_proto *node, const char *name, float f);
void qnt_onnx_set_text(struct onnx_export *e, onnx_node_proto *node, const char *name, const char *text);
/* A constant; its name. data: elements of the type, a byte each for those of 4 bits; copied. */
const char *qnt_onnx_put_const(struct onnx_export *e, const char *base, const char *suffix, int32_t type, uint32_t rank,
                               const size_t *dim, const void *data);
const char *qnt_onnx_put_const_ints(struct onnx_export *e, const char *base, const char *suffix, const int64_t *ints,
                                    size_t n);
const char *qnt_onnx_put_const_float(struct onnx_export *e, const char *base, const char *suffix, float x);
/* An input or output of the graph. */
void qnt_onnx_put_border(struct onnx_export *e, const struct qnt_tensor *t, const char *name, enum onnx_order order,
                         bool output);
void qnt_onnx_put_fail(struct onnx_export *e, qnt_status status, const struct qnt_node *n, const char *format, ...)
    __attribute__((format(printf, 4, 5))); /* "node 'n' (op): " and the text */

/* order.c: values. */
/* Where dimension d of t lies in the file, the batch counted. */
uint32_t qnt_onnx_place(const struct qnt_tensor *t, enum onnx_order order, uint32_t d);
/* t's dimensions without the batch in that order. */
void qnt_onnx_dims(const struct qnt_tensor *t, enum onnx_order order, size_t dim[QNT_MAX_RANK]);
/* Elements of t's size from its own order to channels first. */
void qnt_onnx_reorder(const struct qnt_tensor *t, const void *from, size_t size, void *to);
/* Both orders have the elements alike. */
bool qnt_onnx_alike(const struct qnt_tensor *t);
/* The value in this order, made if it must be: codes as codes. */
const char *qnt_onnx_value(struct onnx_export *e, int id, enum onnx_order order);
/* The order it is there in; if in both, channels first. */
enum onnx_order qnt_onnx_there(const struct onnx_export *e, int id);
/* Whether who reads an input first takes it channels first. */
bool qnt_onnx_wants_first(const struct onnx_export *e, int id);
void qnt_onnx_put_inputs(struct onnx_export *e);
/* Before and behind the nodes. */
void qnt_onnx_reserve_outputs(struct onnx_export *e);
void qnt_onnx_put_outputs(struct onnx_export *e);

/* out_linear.c: kernel, strides, pads, dilations; and an input that has three dimensions, which it is refused without.
 */
void qnt_onnx_put_windows(struct onnx_export *e, onnx_node_proto *node, const struct qnt_node *n);
bool qnt_onnx_is_image(struct onnx_export *e, const struct qnt_node *n);

/* codes.c */
bool qnt_onnx_has_codes(const struct qnt_tensor *t);
int32_t qnt_onnx_type_of(const struct qnt_tensor *t);
/* The activation as floats. */
const char *qnt_onnx_as_floats(struct onnx_export *e, int id, enum onnx_order order);
/* A DequantizeLinear of `from`: t's scales, and zero points if they are not t's one. */
const char *qnt_onnx_put_dequantized(struct onnx_export *e, const char *from, int32_t type, const struct qnt_tensor *t,
                                     const int8_t *zeros, const char *name);
/* Weights' codes, with those of node n's input 3 as zero points, as floats. */
const char *qnt_onnx_put_weights(struct onnx_export *e, const struct qnt_node *n, uint32_t rank, const size_t *dim,
                                 const int8_t *codes);
/* s32 sums of node n as floats. */
const char *qnt_onnx_put_bias(struct onnx_export *e, const struct qnt_node *n);
/* The name to give the floats that node n computes, and what follows when they are there: relu and clamp behind it, the
 * quantization. */
const char *qnt_onnx_result_name(struct onnx_export *e, const struct qnt_node *n);
void qnt_onnx_put_result(struct onnx_export *e, const struct qnt_node *n, enum onnx_order order, const char *floats);
/* For what moves elements: the value that node n gives is there under this name. */
void qnt_onnx_moved_to(struct onnx_export *e, const struct qnt_node *n, enum onnx_order order, const char *name);
/* Clip of codes; gives out. */
const char *qnt_onnx_put_code_bounds(struct onnx_export *e, const char *name, const char *codes, int8_t lo, int8_t hi,
                                     const char *out);
/* Relu or Clip of floats. */
void qnt_onnx_put_bounds_node(struct onnx_export *e, const char *name, const char *in, float lo, float hi,
                              const char *out);

#define ONNX_WRITE(op, function, onnx, opset)                                                                          \
    void qnt_onnx_put_##function(struct onnx_export *e, const struct qnt_node *n, const char *as);
#include "lib/export/onnx/ops.def"
#undef ONNX_WRITE
#endif
