/* Loss and its gradient with respect to the logits: q - y for the cross-entropy, lambda (q - p) for lambda KL(p || q).
 */
#include <math.h>
#include <string.h>
#include "lib/train/loss.h"

static size_t largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

/* log softmax(z)[i] for the row with maximum z[top] and softmax s: s[top] = 1 / sum, so nothing underflows. */
static double log_softmax(const float *z, const float *s, size_t top, size_t i)
{
    return (double)z[i] - (double)z[top] + log((double)s[top]);
}

void qnt_loss_run(const struct qnt_loss *l, const float *logits, const float *teacher, const uint8_t *labels,
                  size_t batch, float *delta, float *p, struct qnt_loss_sum *sum)
{
    size_t n = l->classes;
    l->dsp->softmax_f32(logits, delta, batch, n);
    if (teacher)
        l->dsp->softmax_f32(teacher, p, batch, n);
    for (size_t b = 0; b < batch; b++, logits += n, delta += n) {
        size_t top = largest(logits, n), label = labels[b];
        float q_scale = teacher ? 1.0f + l->kl : 1.0f;
        sum->loss -= log_softmax(logits, delta, top, label);
        sum->correct += top == label;
        if (teacher) {
            const float *t = teacher + b * n, *pt = p + b * n;
            size_t t_top = largest(t, n);
            double kl = 0.0;
            for (size_t i = 0; i < n; i++)
                kl += pt[i] > 0.0f ? pt[i] * (log_softmax(t, pt, t_top, i) - log_softmax(logits, delta, top, i)) : 0.0;
            sum->loss += l->kl * kl;
        }
        for (size_t i = 0; i < n; i++) {
            float y = i == label ? 1.0f : 0.0f, target = teacher ? y + l->kl * p[b * n + i] : y;
            delta[i] = (q_scale * delta[i] - target) * l->weight;
        }
    }
}
