#ifndef TESTS_CONFORMANCE_ONNX_WEIGHTS_H
#define TESTS_CONFORMANCE_ONNX_WEIGHTS_H
/* Just enough of ONNX for tests: the float initializers of a model, found by name in the file's bytes. */
#include <stddef.h>
#include <stdint.h>

struct onnx_weight {
    uint32_t rank;
    size_t dim[4];
    size_t count;        /* product */
    const uint8_t *data; /* count float32, little-endian, any alignment */
};
/* 0, or -1: not there, not float32 in raw form, of more than 4 dimensions, or the bytes are not a model. */
int onnx_find_weight(const uint8_t *file, size_t bytes, const char *name, struct onnx_weight *out);
#endif
