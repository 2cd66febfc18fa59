#ifndef IMPORT_ONNX_READ_H
#define IMPORT_ONNX_READ_H
/* Inside the reader: what a message of onnx.proto becomes. Messages live as long as the memory, so strings and large
 * data stay where they are. Errors name the thing but not what it lies in. */
#include "lib/import/onnx/memory.h"
#include "lib/import/onnx/onnx.h"

struct onnx_reader {
    struct onnx_memory *memory;
    const char *folder;     /* of external data, or NULL */
    size_t elements, bytes; /* of all tensors so far */
};

/* tensor_proto: a QntOnnx__TensorProto. */
qnt_status qnt_onnx_tensor(struct onnx_reader *r, const void *tensor_proto, struct onnx_tensor *t);

/* `bytes` bytes at `offset` of a file in or below folder, which has at least these; location: as an ONNX file has it,
 * of names and '/'. What leads out of the folder (an absolute path, "..", any symbolic link) is refused. */
qnt_status qnt_onnx_read_external(struct onnx_memory *m, const char *folder, const char *location, uint64_t offset,
                                  size_t bytes, const void **data);
#endif
