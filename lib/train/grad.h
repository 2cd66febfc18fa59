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

struct qnt_grad {
    const struct qnt_dsp *dsp;
    size_t batch;              /* images in this shard */
    const float *const *value; /* by tensor id: forward values, [batch][elements] (constants: the whole tensor) */
    float *const *delta; /* by tensor id: dL/d(tensor), same layout; NULL: not wanted (the model's input). backward
                            may overwrite its output's delta: nobody reads it later */
    float *const *param; /* by tensor id: dL/d(constant) of this shard; NULL: not trained */
    uint8_t *delta_set;  /* by tensor id: 0 until a consumer has written delta: the first writes, later ones add */
    const uint8_t *const
        *pass; /* by tensor id: quantized training: 1 where the straight-through gradient passes the output's
                  clamp (sums taken before rounding); NULL: decide by the value (clamp_lo < y < clamp_hi) */
    /* A tensor that one step alone reads may have its clamp applied by that reader, which has the values at hand (a
     * pool): early[id] gives the maker's bounds, NULL where this is not allowed; the reader then sets clamped[id]. */
    const struct qnt_bounds *const *early;
    uint8_t *clamped;
    const void *state; /* this step's, from op->backward_prepare */
    void *scratch;     /* this thread's, >= the most that op->backward_prepare asked for */
};
#endif
