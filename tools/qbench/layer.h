#ifndef QBENCH_LAYER_H
#define QBENCH_LAYER_H
#include "tools/qbench/qbench.h"

/* A convolution or, without a height, a fully connected layer as a model has it. */
struct qb_layer {
    size_t h, w, c, oc, kernel, stride, pad, groups;
    size_t batch;
    uint32_t
        bits; /* of the weights: 8, 4, 2 with s8 values around them; 1: binary, between layers of bits; 32: floats */
};
/* Fills in all of the case but name and type. MACs count taps in the padding, too. An exit code. */
int qb_layer_case(struct qbench *q, const struct qb_layer *l, struct qb_case *c);
#endif
