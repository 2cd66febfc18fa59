#ifndef GRAPH_BUILTIN_H
#define GRAPH_BUILTIN_H
/* The architectures that qnt_model_build knows, as tables. */
#include <stdint.h>
#include "graph.h"

struct qnt_layer {
    const char *op, *name;
    size_t out;                   /* channels of layers with weights; depthwise: 0, those of the input */
    uint8_t kernel[2], stride[2]; /* convolutions and avgpool. Padded so that out = ceil(in / stride) */
    const char *input, *second;   /* layers by name; NULL: the one before; none */
};
struct qnt_architecture {
    const char *name;
    uint32_t rank;
    size_t input[3];
    size_t classes;                /* outputs of a layer whose `out` is QNT_CLASSES */
    const struct qnt_layer *layer; /* ends with op NULL */
};
enum { QNT_CLASSES = 1 << 30 };
extern const struct qnt_architecture qnt_architectures[]; /* ends with name NULL */
#endif
