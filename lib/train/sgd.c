/* The update, and the learning rate's course. */
#include "lib/train/sgd.h"

enum { BLOCK = 256 };

void qnt_sgd_run(const struct qnt_sgd *s, float *w, float *v, const float *gradient, size_t stride, size_t shards,
                 size_t n)
{
    float g[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        float *wb = w + at, *vb = v + at;
        for (size_t i = 0; i < m; i++)
            g[i] = s->decay * wb[i];
        for (size_t k = 0; k < shards; k++) {
            const float *part = gradient + k * stride + at;
            for (size_t i = 0; i < m; i++)
                g[i] += part[i];
        }
        for (size_t i = 0; i < m; i++) {
            vb[i] = s->momentum * vb[i] + g[i];
            wb[i] -= s->lr * vb[i];
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
