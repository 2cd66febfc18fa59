/* Ranges, scales and codes into a quantized model, and what the sums of a forward pass say about ranges and gradients.
 */
#include <math.h>
#include "lib/op/function.h"
#include "lib/op/pair.h"
#include "lib/quant/quantizer.h"

qnt_status qnt_quantizer_plan(struct qnt_quantizer *q, size_t max_batch)
{
    struct qnt_plan_options options = {.max_batch = max_batch, .keep_tensors = true};
    qnt_status status = qnt_plan_create(q->model, &options, &q->plan);
    if (status)
        return status;
    const struct qnt_model *m = q->plan->model;
    if (!(q->plan_id = qnt_alloc_array(q->ctx, q->model->n_tensors, sizeof *q->plan_id, "tensor ids")) ||
        !(q->layer_of_step = qnt_alloc_array(q->ctx, q->plan->n_steps, sizeof *q->layer_of_step, "layers of steps")) ||
        !(q->made_group = qnt_alloc_array(q->ctx, q->plan->n_steps, sizeof *q->made_group, "groups of steps")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < q->model->n_tensors; i++)
        q->plan_id[i] = qnt_model_find(m, q->model->tensor[i].name);
    for (size_t l = 0; l < q->n_layers; l++)
        if (q->plan_id[q->layer[l].w] < 0)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "quantized training: nothing reads the layer with weights '%s'",
                            q->model->tensor[q->layer[l].w].name);
    for (size_t i = 0; i < q->plan->n_steps; i++) {
        const struct qnt_node *n = q->plan->step[i].node;
        q->layer_of_step[i] = q->made_group[i] = -1;
        for (size_t k = 0; k < q->model->n_tensors && (qnt_is_pair(n) || qnt_is_function(n)); k++)
            if (q->plan_id[k] == n->out)
                q->made_group[i] = q->group_of[k];
        for (size_t l = 0; l < q->n_layers; l++)
            if (n->n_in > 1 && n->in[1] == q->plan_id[q->layer[l].w])
                q->layer_of_step[i] = (int)l;
    }
    return QNT_OK;
}

void qnt_quantizer_put_ranges(const struct qnt_quantizer *q, struct qnt_model *m, const int *id)
{
    for (size_t i = 0; i < q->model->n_tensors; i++) {
        int to = id ? id[i] : (int)i;
        if (q->group_of[i] >= 0 && to >= 0)
            qnt_range_scale(q->group[q->group_of[i]].range, m->tensor[to].bits, &m->tensor[to].scale[0],
                            &m->tensor[to].zero);
    }
}

/* Largest integer <= x, held within s32. */
static int32_t floor_s32(double x)
{
    x = floor(x);
    return (int32_t)(x > -2147483648.0 ? (x < 2147483647.0 ? x : 2147483647.0) : -2147483648.0);
}

void qnt_quantizer_put_channel(const struct qnt_quantizer *q, size_t layer, size_t c, const float *w, const float *b,
                               struct qnt_model *m, const int *id, float *effective)
{
    struct qnt_qlayer *l = &q->layer[layer];
    struct qnt_tensor *wt = &m->tensor[id ? id[l->w] : l->w];
    const struct qnt_group *g = &q->group[q->group_of[l->out]];
    float sx, sy, bias = b ? fabsf(b[c]) : 0.0f;
    int32_t zx, zy;
    qnt_range_scale(q->group[q->group_of[l->x]].range, q->group[q->group_of[l->x]].bits, &sx, &zx);
    qnt_range_scale(g->range, g->bits, &sy, &zy);
    /* The bias must fit s32 with room for the sum: a channel without weights needs a scale that its bias can use. */
    float floor_scale = bias / (sx * 16777216.0f), least = 1e-12f;
    const float *row = w + c * l->fan_in;
    int8_t *codes = (int8_t *)wt->data + c * l->fan_in;
    float sw, sw_floor = floor_scale > least ? floor_scale : least;
    if (l->bits == QNT_BITS_TERNARY) {
        sw = qnt_ternary_weights(row, l->fan_in, sw_floor, codes);
    } else {
        sw = qnt_weight_scale(&q->ctx->dsp, row, l->fan_in, l->bits, sw_floor);
        qnt_weight_codes(row, l->fan_in, l->bits, sw, codes);
    }
    wt->scale[c] = sw;
    l->real[c] = sx * sw;
    if (b)
        ((int32_t *)m->tensor[id ? id[l->b] : l->b].data)[c] = qnt_bias_code(b[c], sx * sw);
    if (effective)
        for (size_t i = 0; i < l->fan_in; i++)
            effective[c * l->fan_in + i] = (float)codes[i] * sw;
    double lo = fmax(g->clamp_lo, (double)sy * (-(1 << (g->bits - 1)) - zy)),
           hi = fmin(g->clamp_hi, (double)sy * ((1 << (g->bits - 1)) - 1 - zy));
    l->lo[c] = floor_s32(floor(lo / l->real[c]) + 1.0); /* at the lower bound a relu stops */
    l->hi[c] = floor_s32(hi / l->real[c]);
}

void qnt_quantizer_watch(const struct qnt_quantizer *q, size_t layer, const int32_t *acc, size_t rows,
                         const struct qnt_channel_extremes *e, uint8_t *pass)
{
    const struct qnt_qlayer *l = &q->layer[layer];
    size_t n = l->channels;
    if (e)
        for (size_t c = 0; c < n; c++)
            e->min[c] = e->max[c] = 0;
    q->ctx->dsp.watch_s32(acc, n, rows, n, l->lo, l->hi, pass, e ? e->min : NULL, e ? e->max : NULL);
}

/* 0 stays inside, also of a clamp to [1, 6]. */
static void widen(struct qnt_range *range, float least, float most, const struct qnt_group *g)
{
    range->lo = fminf(range->lo, fminf(fmaxf(least, g->clamp_lo), 0.0f));
    range->hi = fmaxf(range->hi, fmaxf(fminf(most, g->clamp_hi), 0.0f));
}

struct extremes {
    float least, most;
};

static void note(struct extremes *e, float v)
{
    e->least = v < e->least ? v : e->least;
    e->most = v > e->most ? v : e->most;
}

static void pair_extremes(const struct qnt_step *s, const float *a, const float *b, size_t batch, struct extremes *e)
{
    const struct qnt_pair_shape p = qnt_pair_shape(s, batch);
    const size_t n = p.dim[p.rank - 1], step_a = p.step[0][p.rank - 1], step_b = p.step[1][p.rank - 1];
    const bool product = s->op == &qnt_op_mul;
    const float factor = s->op == &qnt_op_sub ? -1.0f : 1.0f;
    for (size_t row = 0; row * n < batch * qnt_tensor_count(s->out); row++) {
        const float *u = a + qnt_pair_at(&p, 0, row), *v = b + qnt_pair_at(&p, 1, row);
        for (size_t i = 0; i < n && product; i++)
            note(e, u[i * step_a] * v[i * step_b]);
        for (size_t i = 0; i < n && !product; i++)
            note(e, u[i * step_a] + factor * v[i * step_b]);
    }
}

static void function_extremes(const struct qnt_step *s, const float *x, size_t n, struct extremes *e)
{
    enum { BLOCK = 256 };
    float y[BLOCK];
    for (size_t at = 0, count; at < n; at += count) {
        count = n - at < BLOCK ? n - at : BLOCK;
        qnt_function_values(s, x + at, y, count);
        for (size_t i = 0; i < count; i++)
            note(e, y[i]);
    }
}

void qnt_quantizer_widen_made(const struct qnt_quantizer *q, size_t step, const float *const *value, size_t batch,
                              struct qnt_range *range)
{
    const struct qnt_step *s = &q->plan->step[step];
    const float *x = value[s->node->in[0]];
    struct extremes e = {0.0f, 0.0f};
    if (qnt_is_pair(s->node))
        pair_extremes(s, x, value[s->node->in[1]], batch, &e);
    else
        function_extremes(s, x, batch * qnt_tensor_count(s->out), &e);
    widen(range, e.least, e.most, &q->group[q->made_group[step]]);
}

void qnt_quantizer_widen(struct qnt_range *range, const struct qnt_qlayer *l, const struct qnt_group *g,
                         const struct qnt_channel_extremes *e)
{
    float least = 0.0f, most = 0.0f;
    for (size_t c = 0; c < l->channels; c++) {
        least = fminf(least, (float)e->min[c] * l->real[c]);
        most = fmaxf(most, (float)e->max[c] * l->real[c]);
    }
    widen(range, least, most, g);
}
