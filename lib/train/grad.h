#ifndef TRAIN_GRAD_H
#define TRAIN_GRAD_H
/* Reverse mode over the op table. A mini-batch is cut into shards of a fixed number of images, whatever the thread
 * count; each shard runs forward and backward on one thread and leaves its parameter gradients in memory of its own;
 * they are then summed in order of the shards, so the same seed gives the same weights for any number of threads.
 *
 * All values here are float. In quantized training `value` holds scale * (q - zero) of the codes that the integer
 * kernels computed, and of the quantized weights (straight-through estimator: the gradient goes to the float master
 * weights). */
#include "lib/op/op.h"

struct qnt_bounds {
    float lo, hi; /* a step's clamp_lo, clamp_hi */
};

/* Tables are by tensor id of the plan's model; activations are [batch][elements]. */
struct qnt_grad {
    const struct qnt_dsp *dsp;
    size_t batch;              /* images: a shard, or a part of one */
    const float *const *value; /* forward values; of constants: the whole tensor */
    /* dL/d(tensor); NULL: not wanted (the model's input). backward may overwrite its output's: nobody reads it later.
     */
    float *const *delta;
    uint8_t *delta_set; /* 0 until a consumer has written delta: the first writes, later ones add */
    /* dL/d(constant) of the shard; NULL: not trained. param_add: add to what it holds, the images before these. */
    float *const *param;
    bool param_add;
    /* Quantized training: 1 where the straight-through gradient passes the output's clamp (sums taken before rounding);
     * NULL: decide by the value (clamp_lo < y < clamp_hi). */
    const uint8_t *const *pass;
    /* A tensor that one step alone reads may have its clamp applied by that reader, which has the values at hand (a
     * pool): early[id] gives the maker's bounds, NULL where this is not allowed; the reader then sets clamped[id]. */
    const struct qnt_bounds *const *early;
    uint8_t *clamped;
    const void *state; /* this step's, from op->backward_prepare */
    void *scratch;     /* this thread's, >= the most that op->backward_prepare asked for */
};
#endif
