/* Reverse mode of add, sub and mul: the gradient goes to both sides, of a product times the other side, and is summed
 * where an operand repeats. */
#include <string.h>
#include "lib/op/backward.h"
#include "lib/op/pair.h"

static void give(const struct qnt_step *s, const struct qnt_grad *g, const float *dy, int operand)
{
    const int id = s->node->in[operand], second = s->node->in[!operand];
    const bool constant = s->in[operand]->constant, product = s->op == &qnt_op_mul;
    const float factor = operand && s->op == &qnt_op_sub ? -1.0f : 1.0f, *other = g->value[second];
    const struct qnt_pair_shape p = qnt_pair_shape(s, g->batch);
    const size_t n = p.dim[p.rank - 1], all = g->batch * qnt_tensor_count(s->out);
    const size_t step = p.step[operand][p.rank - 1], other_step = p.step[!operand][p.rank - 1];
    float *to = constant ? g->param[id] : g->delta[id];
    if (!to)
        return;
    if (constant ? !g->param_add : !g->delta_set[id])
        memset(to, 0, qnt_tensor_count(s->in[operand]) * (constant ? 1 : g->batch) * sizeof *to);
    if (!constant)
        g->delta_set[id] = 1;
    for (size_t row = 0; row * n < all; row++, dy += n) {
        float *at = to + qnt_pair_at(&p, operand, row);
        const float *times = other + qnt_pair_at(&p, !operand, row);
        for (size_t i = 0; i < n && product; i++)
            at[i * step] += times[i * other_step] * dy[i];
        for (size_t i = 0; i < n && !product; i++)
            at[i * step] += factor * dy[i];
    }
}

/* What the gradient of this operand is, dy is. */
static bool passes(const struct qnt_step *s, int operand)
{
    return (s->op == &qnt_op_add || (s->op == &qnt_op_sub && operand == 0)) && !s->in[operand]->constant &&
           qnt_tensor_count(s->in[operand]) == qnt_tensor_count(s->out);
}

void qnt_pair_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    float *dy = g->delta[s->node->out];
    const size_t n = g->batch * qnt_tensor_count(s->out);
    qnt_backward_clamp(s, g, dy, n);
    for (int i = 0; i < 2; i++)
        if (passes(s, i))
            qnt_backward_give(g, s->node->in[i], dy, n);
        else
            give(s, g, dy, i);
}
