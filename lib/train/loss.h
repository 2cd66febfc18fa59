#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H
/* Softmax cross-entropy, with lambda * KL(p || q) towards a frozen teacher's distribution p. */
#include "lib/core/core.h"

struct qnt_loss {
    const struct qnt_dsp *dsp;
    size_t classes;
    float weight; /* of one image in the gradient */
    float kl;     /* lambda; negative: the article's printed sign */
};
struct qnt_loss_sum {
    double loss;    /* summed over images, correction included */
    size_t correct; /* of images whose largest logit (the first of equals) is the label's */
};
/* logits, teacher (NULL: none): [batch][classes]. delta receives dL/d(logits), q the softmax; p: scratch for the
 * teacher's (may be NULL without one). Adds to *sum. */
void qnt_loss_run(const struct qnt_loss *l, const float *logits, const float *teacher, const uint8_t *labels,
                  size_t batch, float *delta, float *p, struct qnt_loss_sum *sum);
#endif
