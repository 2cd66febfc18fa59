#ifndef TRAIN_SGD_H
#define TRAIN_SGD_H
/* Updates. Stochastic gradient descent as PyTorch's SGD: g += decay * w; v = momentum * v + g; w -= lr * v. */
#include <qnt/train.h>

struct qnt_sgd {
    float lr, momentum, decay;
};
/* One chunk of n parameters; the gradient is the sum of `shards` arrays, `stride` floats apart, in this order. */
void qnt_sgd_run(const struct qnt_sgd *s, float *w, float *v, const float *gradient, size_t stride, size_t shards,
                 size_t n);
/* Adam (Kingma, Ba 2015) as PyTorch's: m and v are running means of the gradient and its square, from 0. */
struct qnt_adam {
    float lr, decay;
    float m_part, v_part; /* 1 / (1 - beta^steps): the means of so few steps are too small */
};
/* lr, decay: the caller's; step counts from 0. */
void qnt_adam_begin(struct qnt_adam *a, uint64_t step);
void qnt_adam_run(const struct qnt_adam *a, float *w, float *m, float *v, const float *gradient, size_t stride,
                  size_t shards, size_t n);
/* Learning rate of step `step` of `steps`: linear warm-up lr (step + 1) / warmup, then constant, or half a cosine to 0.
 */
float qnt_schedule_lr(const qnt_train_config *config, uint64_t step, uint64_t steps);
#endif
