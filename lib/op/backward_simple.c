/* Reverse mode of what moves or clamps values. */
#include <math.h>
#include <string.h>
#include "lib/op/backward.h"

void qnt_backward_clamp(const struct qnt_step *s, const struct qnt_grad *g, float *dy, size_t n)
{
    const uint8_t *pass = g->pass ? g->pass[s->node->out] : NULL;
    const float *y = g->value[s->node->out], lo = s->clamp_lo, hi = s->clamp_hi;
    if (g->clamped[s->node->out])
        return;
    if (pass) {
        for (size_t i = 0; i < n; i++)
            dy[i] = pass[i] ? dy[i] : 0.0f;
    } else if (lo > -INFINITY || hi < INFINITY) {
        for (size_t i = 0; i < n; i++)
            dy[i] = ((y[i] > lo) & (y[i] < hi)) ? dy[i] : 0.0f;
    }
}

void qnt_backward_give(const struct qnt_grad *g, int id, const float *dy, size_t n)
{
    float *dx = g->delta[id];
    if (!dx)
        return;
    if (!g->delta_set[id])
        memcpy(dx, dy, n * sizeof *dx);
    else
        for (size_t i = 0; i < n; i++)
            dx[i] += dy[i];
    g->delta_set[id] = 1;
}

void qnt_clamp_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    size_t n = g->batch * qnt_tensor_count(s->out);
    float *dy = g->delta[s->node->out];
    qnt_backward_clamp(s, g, dy, n);
    qnt_backward_give(g, s->node->in[0], dy, n);
}

void qnt_identity_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    qnt_backward_give(g, s->node->in[0], g->delta[s->node->out], g->batch * qnt_tensor_count(s->out));
}
