/* Reverse mode of add and sub: the gradient goes to both sides as it is, summed where an operand repeats. */
#include <string.h>
#include "lib/op/backward.h"
#include "lib/op/pair.h"

static void give(const struct qnt_step *s, const struct qnt_grad *g, const float *dy, int operand, float factor)
{
    const int id = s->node->in[operand];
    const bool constant = s->in[operand]->constant;
    const struct qnt_pair_shape p = qnt_pair_shape(s, g->batch);
    const size_t n = p.dim[p.rank - 1], all = g->batch * qnt_tensor_count(s->out), step = p.step[operand][p.rank - 1];
    float *to = constant ? g->param[id] : g->delta[id];
    if (!to)
        return;
    if (constant ? !g->param_add : !g->delta_set[id])
        memset(to, 0, qnt_tensor_count(s->in[operand]) * (constant ? 1 : g->batch) * sizeof *to);
    if (!constant)
        g->delta_set[id] = 1;
    for (size_t row = 0; row * n < all; row++) {
        float *at = to + qnt_pair_at(&p, operand, row);
        for (size_t i = 0; i < n; i++)
            at[i * step] += factor * dy[row * n + i];
    }
}

void qnt_pair_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    float *dy = g->delta[s->node->out];
    const size_t n = g->batch * qnt_tensor_count(s->out);
    const float second = s->op == &qnt_op_sub ? -1.0f : 1.0f;
    qnt_backward_clamp(s, g, dy, n);
    for (int i = 0; i < 2; i++)
        if ((i == 0 || second > 0.0f) && !s->in[i]->constant && qnt_tensor_count(s->in[i]) == qnt_tensor_count(s->out))
            qnt_backward_give(g, s->node->in[i], dy, n);
        else
            give(s, g, dy, i, i ? second : 1.0f);
}
