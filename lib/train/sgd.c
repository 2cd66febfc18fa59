/* The updates, and the learning rate's course. */
#include <math.h>
#include "lib/train/sgd.h"

enum { BLOCK = 256 };
static const double beta1 = 0.9, beta2 = 0.999;
static const float epsilon = 1e-8f;

/* The shards' gradients of a block of weights, and its decay's. */
static void add_up(float *g, const float *w, float decay, const float *gradient, size_t stride, size_t shards, size_t m)
{
    for (size_t i = 0; i < m; i++)
        g[i] = decay * w[i];
    for (size_t k = 0; k < shards; k++) {
        const float *part = gradient + k * stride;
        for (size_t i = 0; i < m; i++)
            g[i] += part[i];
    }
}

void qnt_sgd_run(const struct qnt_sgd *s, float *w, float *v, const float *gradient, size_t stride, size_t shards,
                 size_t n)
{
    float g[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        float *wb = w + at, *vb = v + at;
        add_up(g, wb, s->decay, gradient + at, stride, shards, m);
        for (size_t i = 0; i < m; i++) {
            vb[i] = s->momentum * vb[i] + g[i];
            wb[i] -= s->lr * vb[i];
        }
    }
}

/* base^n by squaring: libm's pow differs between machines. */
static double power(double base, uint64_t n)
{
    double p = 1.0;
    for (; n; n >>= 1, base *= base)
        p = n & 1 ? p * base : p;
    return p;
}

void qnt_adam_begin(struct qnt_adam *a, uint64_t step)
{
    a->m_part = (float)(1.0 / (1.0 - power(beta1, step + 1)));
    a->v_part = (float)(1.0 / (1.0 - power(beta2, step + 1)));
}

void qnt_adam_run(const struct qnt_adam *a, float *w, float *m, float *v, const float *gradient, size_t stride,
                  size_t shards, size_t n)
{
    float g[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        float *wb = w + at, *mb = m + at, *vb = v + at;
        add_up(g, wb, a->decay, gradient + at, stride, shards, count);
        for (size_t i = 0; i < count; i++) {
            mb[i] += (float)(1.0 - beta1) * (g[i] - mb[i]);
            vb[i] += (float)(1.0 - beta2) * (g[i] * g[i] - vb[i]);
            wb[i] -= a->lr * (mb[i] * a->m_part) / (sqrtf(vb[i] * a->v_part) + epsilon);
        }
    }
}

/* cos(pi t) for 0 <= t <= 1, as -sin(pi (t - 1/2)) by its series: plain operations, the same bits on every machine
 * (libm's cos is not). Error < 1e-10. */
static double cos_pi(double t)
{
    double x = 3.14159265358979323846 * (t - 0.5), square = x * x, term = x, sum = x;
    for (int k = 3; k <= 17; k += 2) {
        term *= -square / (double)(k * (k - 1));
        sum += term;
    }
    return -sum;
}

float qnt_schedule_lr(const qnt_train_config *config, uint64_t step, uint64_t steps)
{
    uint64_t warm = config->warmup_steps;
    if (step < warm)
        return (float)(config->lr * (double)(step + 1) / (double)warm);
    if (config->schedule == QNT_LR_CONSTANT)
        return config->lr;
    double t = steps > warm ? (double)(step - warm) / (double)(steps - warm) : 0.0;
    return (float)(config->lr * 0.5 * (1.0 + cos_pi(t < 1.0 ? t : 1.0)));
}
