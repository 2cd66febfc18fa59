/* Reverse mode of conv2d and fully_connected: two f32 products by lib/gemm. */
#include "lib/op/backward.h"
#include "lib/op/linear.h"

struct state {
    struct qnt_conv_f32_work *work;
    size_t scratch; /* bytes the products need; a gradient to be added lies behind */
};

qnt_status qnt_conv_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                     size_t max_batch, void **state, size_t *scratch_bytes)
{
    struct state *st = *state;
    if (!st) {
        struct qnt_conv_geom geom = qnt_linear_geometry(s);
        if (!(st = qnt_alloc(ctx, sizeof *st, "a gradient")))
            return QNT_ERR_NOMEM;
        qnt_status status = qnt_conv_f32_create(ctx, &geom, QNT_CONV_GRADIENTS, max_batch, &st->work);
        if (status) {
            qnt_release(ctx, st);
            return status;
        }
        st->scratch = qnt_round_up(qnt_conv_f32_scratch_bytes(st->work), 64);
        *scratch_bytes = st->scratch + max_batch * qnt_tensor_count(s->in[0]) * sizeof(float);
        *state = st;
    }
    qnt_conv_f32_set_weights(st->work, value[s->node->in[1]]);
    return QNT_OK;
}

void qnt_conv_backward_release(const qnt_ctx *ctx, void *state)
{
    struct state *st = state;
    if (st)
        qnt_conv_f32_free(ctx, st->work);
    qnt_release(ctx, st);
}

void qnt_conv_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const struct state *st = g->state;
    const struct qnt_node *n = s->node;
    int x = n->in[0];
    float *dy = g->delta[n->out], *dw = g->param[n->in[1]], *db = n->n_in > 2 ? g->param[n->in[2]] : NULL;
    qnt_backward_clamp(s, g, dy, g->batch * qnt_tensor_count(s->out));
    if (dw)
        qnt_conv_f32_grad_weights(st->work, g->value[x], dy, dw, db, g->batch, g->param_add, g->scratch);
    if (!g->delta[x])
        return;
    if (!g->delta_set[x]) {
        qnt_conv_f32_grad_input(st->work, dy, g->delta[x], g->batch, g->scratch);
        g->delta_set[x] = 1;
    } else {
        float *dx = (float *)((uint8_t *)g->scratch + st->scratch);
        qnt_conv_f32_grad_input(st->work, dy, dx, g->batch, g->scratch);
        qnt_backward_give(g, x, dx, g->batch * qnt_tensor_count(s->in[0]));
    }
}
