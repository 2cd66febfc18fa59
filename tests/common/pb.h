#ifndef TESTS_COMMON_PB_H
#define TESTS_COMMON_PB_H
/* Writes protocol buffers, and ONNX models with them: what a test wants to have read. */
#include <stddef.h>
#include <stdint.h>

/* A message under way; {0} is an empty one. Memory that cannot be had ends the program. */
struct pb {
    uint8_t *data; /* from malloc */
    size_t n, room;
};
void pb_raw(struct pb *b, const void *bytes, size_t n); /* as they are, without a field */
void pb_varint(struct pb *b, uint64_t value);           /* likewise */
void pb_int(struct pb *b, uint32_t field, int64_t value);
void pb_float(struct pb *b, uint32_t field, float value);
void pb_bytes(struct pb *b, uint32_t field, const void *bytes, size_t n);
void pb_text(struct pb *b, uint32_t field, const char *text);
/* As a list in one field. */
void pb_ints(struct pb *b, uint32_t field, const int64_t *value, size_t n);
/* Takes the message: sub is empty afterwards. */
void pb_message(struct pb *b, uint32_t field, struct pb *sub);
void pb_free(struct pb *b);

/* Fields of the format's messages. */
enum { MODEL_IR = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_TRAINING = 20, MODEL_FUNCTIONS = 25 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INIT = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };
enum { NODE_IN = 1, NODE_OUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTR = 5, NODE_DOMAIN = 7, NODE_OVERLOAD = 8 };
enum {
    ATTR_NAME = 1,
    ATTR_F = 2,
    ATTR_I = 3,
    ATTR_S = 4,
    ATTR_T = 5,
    ATTR_G = 6,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_STRINGS = 9,
    ATTR_TYPE = 20,
    ATTR_REF = 21
};
enum {
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_STRINGS = 6,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_UINT64S = 11,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14
};
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2, VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TYPE_SEQUENCE = 4 };
enum { TENSOR_TYPE_ELEM = 1, TENSOR_TYPE_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };

/* A TensorProto with raw_data; raw NULL: none yet. */
struct pb pb_tensor(const char *name, int type, size_t rank, const int64_t *dim, const void *raw, size_t bytes);
/* A ValueInfoProto; dimensions below 0 have no value. */
struct pb pb_value(const char *name, int type, size_t rank, const int64_t *dim);
/* A NodeProto; in and out: names, ended by NULL. */
struct pb pb_node(const char *name, const char *op, const char *const *in, const char *const *out);
/* An AttributeProto of one number, of numbers, of a text. */
struct pb pb_attr_int(const char *name, int64_t i);
struct pb pb_attr_float(const char *name, float f);
struct pb pb_attr_ints(const char *name, const int64_t *i, size_t n);
struct pb pb_attr_text(const char *name, const char *s);
/* A ModelProto around the graph, which it takes. opset_ms 0: without com.microsoft. */
struct pb pb_model(struct pb *graph, int64_t opset, int64_t opset_ms);
#endif
