#ifndef IMPORT_ONNX_ONNX_H
#define IMPORT_ONNX_ONNX_H
/* An ONNX model as plain structs: the border between what reads the file (wire.c, read.c) and what makes a model of it.
 * Enum values are those of the format. Everything belongs to the graph and is freed with it. */
#include "lib/core/core.h"

enum { ONNX_MAX_RANK = 8 };

/* TensorProto.DataType. What is not named here is refused by the reader. */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13,
    ONNX_BFLOAT16 = 16,
    ONNX_UINT4 = 21,
    ONNX_INT4 = 22,
    ONNX_UINT2 = 25,
    ONNX_INT2 = 26
};
/* "int8"; also of types that we refuse ("string"); "type 99" is "an unknown type". */
const char *qnt_onnx_type_name(int32_t type);
/* Bits of an element; 0 for a type that is not one of ours. */
uint32_t qnt_onnx_type_bits(int32_t type);

/* data: `count` little-endian elements, row-major, in `bytes` bytes, whatever field they came in; at least as aligned
 * as an element. 4- and 2-bit types are packed, low bits first, the last byte filled with zeros. A dimension may be 0.
 */
struct onnx_tensor {
    const char *name;
    int32_t type; /* enum onnx_type */
    uint32_t rank;
    size_t dim[ONNX_MAX_RANK];
    size_t count, bytes;
    const void *data;
};

enum onnx_attr_kind {
    ONNX_ATTR_FLOAT = 1,
    ONNX_ATTR_INT = 2,
    ONNX_ATTR_STRING = 3,
    ONNX_ATTR_TENSOR = 4,
    ONNX_ATTR_FLOATS = 6,
    ONNX_ATTR_INTS = 7,
    ONNX_ATTR_STRINGS = 8
};
struct onnx_attr {
    const char *name;
    enum onnx_attr_kind kind;
    float f;
    int64_t i;
    const char *s; /* s_len bytes without a zero among them, and one after them */
    size_t s_len;
    const struct onnx_tensor *t;
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
    size_t n; /* of floats, ints or strings */
};

struct onnx_node {
    const char *name;        /* made up of op and index ("Conv_12") when the file gives none; not always unique */
    const char *op, *domain; /* domain "" for ai.onnx */
    const char *const *in;   /* "": left out */
    const char *const *out;
    size_t n_in, n_out;
    const struct onnx_attr *attr; /* names are unique in a node */
    size_t n_attr;
};

/* An input or output of the graph. */
struct onnx_value_info {
    const char *name;
    int32_t type; /* enum onnx_type, 0: not said (outputs only) */
    bool has_shape;
    uint32_t rank;
    int64_t dim[ONNX_MAX_RANK];       /* -1: not known */
    const char *param[ONNX_MAX_RANK]; /* the name of an unknown one, or NULL */
};

struct onnx_graph {
    const char *name;
    int64_t ir_version;
    int64_t opset;                /* of ai.onnx; 0: not imported */
    int64_t opset_ms;             /* of com.microsoft; 0: not imported */
    const struct onnx_node *node; /* as in the file, whose order must be one to run them in: not checked here */
    size_t n_nodes;
    const struct onnx_tensor *init;
    size_t n_init;
    const struct onnx_value_info *input, *output; /* input: without those that an initializer gives */
    size_t n_inputs, n_outputs;
    struct onnx_memory *memory; /* read.c's */
};

/* folder: where external data may lie, in it or below; NULL: a model with such is refused. data is not used afterwards.
 * QNT_ERR_FORMAT: no well-formed model; QNT_ERR_UNSUPPORTED: well-formed, but not of what the structs can say. */
qnt_status qnt_onnx_read(qnt_ctx *ctx, const void *data, size_t bytes, const char *folder, struct onnx_graph **out);
/* A file that holds one tensor, as the graph's only initializer; it need not have a name. */
qnt_status qnt_onnx_read_tensor(qnt_ctx *ctx, const void *data, size_t bytes, struct onnx_graph **out);
/* NULL is allowed. */
void qnt_onnx_graph_free(struct onnx_graph *graph);
#endif
