#ifndef IMPORT_ONNX_WIRE_H
#define IMPORT_ONNX_WIRE_H
/* What is proved of an ONNX file's bytes before protobuf-c takes them apart. */
#include "lib/core/core.h"

struct ProtobufCMessageDescriptor; /* protobuf-c's, so that this header does without it */

/* The most that is read. */
struct onnx_limits {
    size_t bytes;  /* of the file; protocol buffers have 31 bits for a length */
    size_t depth;  /* of messages in messages, the file's own counted */
    size_t fields; /* occurrences in all messages: each is a piece of memory */
    size_t values; /* numbers in lists: a byte of the file may be eight in memory */
    size_t nodes, tensors;
};
extern const struct onnx_limits qnt_onnx_limits;

/* Walks all messages that the description of `root` knows, without memory: keys, varints and lengths are whole, lie
 * inside what they belong to and fit their fields' types; no field that is there once is there twice; strings hold no
 * zero; nothing passes the limits. QNT_ERR_FORMAT, or QNT_ERR_UNSUPPORTED for a limit, with a text "offset N:
 * message.field: expected, found". */
qnt_status qnt_onnx_check(const uint8_t *data, size_t bytes, const struct ProtobufCMessageDescriptor *root,
                          const struct onnx_limits *limits);
#endif
