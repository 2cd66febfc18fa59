#ifndef IMPORT_ONNX_MEMORY_H
#define IMPORT_ONNX_MEMORY_H
/* Many small pieces that are freed together. */
#include "lib/core/core.h"

struct onnx_block;
struct onnx_memory {
    const qnt_ctx *ctx;
    struct onnx_block *blocks;
    uint8_t *at; /* of the block for small pieces: where `left` bytes are free */
    size_t left;
    bool failed; /* an allocation did; the error text says so */
};

/* Zeroed; aligned to 16 bytes, or to 64 when large. bytes == 0 gives a valid pointer. NULL with the error text set. */
void *qnt_onnx_take(struct onnx_memory *m, size_t bytes, const char *what);
void *qnt_onnx_take_array(struct onnx_memory *m, size_t count, size_t size, const char *what);
/* Frees all pieces. */
void qnt_onnx_release(struct onnx_memory *m);
#endif
