/* The geometry, and the choice by type. */
#include "linear.h"

struct qnt_conv_geom qnt_linear_geometry(const struct qnt_step *s)
{
    const struct qnt_tensor *x = s->in[0], *w = s->in[1], *y = s->out;
    const qnt_node_attr *a = &s->node->attr;
    struct qnt_conv_geom pixel = {.h = 1,
                                  .w = 1,
                                  .c = w->dim[1],
                                  .oh = 1,
                                  .ow = 1,
                                  .oc = w->dim[0],
                                  .kh = 1,
                                  .kw = 1,
                                  .stride_h = 1,
                                  .stride_w = 1,
                                  .dil_h = 1,
                                  .dil_w = 1,
                                  .groups = 1};
    if (s->op == &qnt_op_fully_connected || s->op == &qnt_op_binary_fully_connected)
        return pixel;
    return (struct qnt_conv_geom){.h = x->dim[0],
                                  .w = x->dim[1],
                                  .c = x->dim[2],
                                  .oh = y->dim[0],
                                  .ow = y->dim[1],
                                  .oc = y->dim[2],
                                  .kh = w->dim[1],
                                  .kw = w->dim[2],
                                  .stride_h = a->stride[0],
                                  .stride_w = a->stride[1],
                                  .dil_h = a->dilation[0],
                                  .dil_w = a->dilation[1],
                                  .pad_top = a->pad[0],
                                  .pad_left = a->pad[1],
                                  .groups = a->groups};
}

qnt_status qnt_linear_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    return s->in[0]->type == QNT_S8 ? qnt_linear_s8_prepare(ctx, s, max_batch) : qnt_linear_f32_prepare(ctx, s, max_batch);
}

void qnt_linear_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    if (s->in[0]->type == QNT_S8)
        qnt_linear_s8_run(s, x);
    else
        qnt_linear_f32_run(s, x);
}

void qnt_linear_run_acc(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc)
{
    qnt_linear_s8_run_acc(s, x, acc);
}

void qnt_linear_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    if (s->in[0]->type == QNT_S8)
        qnt_linear_s8_release(ctx, s);
    else
        qnt_linear_f32_release(ctx, s);
}
