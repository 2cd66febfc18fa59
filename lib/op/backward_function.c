/* Reverse mode of the functions of one value: dy times the slope at x. In quantized training x is what the input's code
 * means, and the slope is that of the float function behind the table. */
#include "lib/op/backward.h"
#include "lib/op/function.h"

enum { BLOCK = 256 };

static void times_slope(const struct qnt_step *s, const struct qnt_grad *g, const float *x, float *dy, size_t n)
{
    float f[BLOCK];
    if (s->op == &qnt_op_leaky_relu) {
        for (size_t i = 0; i < n; i++)
            dy[i] = x[i] < 0.0f ? dy[i] * s->node->attr.lo : dy[i];
    } else if (s->op == &qnt_op_hard_swish) { /* x (x + 3) / 6 between -3 and 3 */
        for (size_t i = 0; i < n; i++)
            dy[i] *= x[i] <= -3.0f ? 0.0f : x[i] >= 3.0f ? 1.0f : (2.0f * x[i] + 3.0f) * (1.0f / 6.0f);
    } else if (s->op == &qnt_op_sigmoid) {
        g->dsp->sigmoid_f32(x, f, n);
        for (size_t i = 0; i < n; i++)
            dy[i] *= f[i] * (1.0f - f[i]);
    } else {
        g->dsp->tanh_f32(x, f, n);
        for (size_t i = 0; i < n; i++)
            dy[i] *= 1.0f - f[i] * f[i];
    }
}

void qnt_function_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const size_t all = g->batch * qnt_tensor_count(s->out);
    const float *x = g->value[s->node->in[0]];
    float *dy = g->delta[s->node->out];
    if (!g->delta[s->node->in[0]])
        return;
    qnt_backward_clamp(s, g, dy, all);
    for (size_t at = 0; at < all; at += BLOCK)
        times_slope(s, g, x + at, dy + at, all - at < BLOCK ? all - at : BLOCK);
    qnt_backward_give(g, s->node->in[0], dy, all);
}
