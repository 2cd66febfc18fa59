/* Weights and ranges into the plan. */
#include "lib/train/trainer.h"

static void put_channel(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    const struct qnt_quantizer *q = t->quantizer;
    size_t layer = 0;
    (void)thread;
    for (; task >= q->layer[layer].channels; layer++)
        task -= q->layer[layer].channels;
    const struct qnt_qlayer *l = &q->layer[layer];
    const float *w = t->weights + t->param[l->w_param].at, *b = l->b < 0 ? NULL : t->weights + t->param[l->b_param].at;
    qnt_quantizer_put_channel(q, layer, task, w, b, q->plan->model, q->plan_id, t->effective + t->param[l->w_param].at);
}

/* Even tasks prepare the step, odd ones what its backward keeps. */
static qnt_status prepare(const struct qnt_train *t, size_t task)
{
    struct qnt_step *s = &t->plan->step[task / 2];
    size_t scratch = 0;
    if (task % 2 == 0)
        return s->op->prepare ? s->op->prepare(t->ctx, s, QNT_SHARD) : QNT_OK;
    if (!t->state[task / 2])
        return QNT_OK;
    return s->op->backward_prepare(t->ctx, s, t->worker[0].value, QNT_SHARD, &t->state[task / 2], &scratch);
}

static void prepare_task(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    (void)thread;
    t->task_status[task] = prepare(t, task);
}

qnt_status qnt_train_refresh(struct qnt_train *t)
{
    size_t tasks = 2 * t->plan->n_steps, channels = 0;
    if (t->quantizer) {
        for (size_t i = 0; i < t->quantizer->n_layers; i++)
            channels += t->quantizer->layer[i].channels;
        qnt_quantizer_put_ranges(t->quantizer, t->plan->model, t->quantizer->plan_id);
        qnt_team_for(t->team, channels, put_channel, t);
    }
    qnt_team_for(t->team, tasks, prepare_task, t);
    for (size_t i = 0; i < tasks; i++)
        if (t->task_status[i])
            return prepare(t, i); /* once more here: the error text is this thread's */
    return QNT_OK;
}

/* Range of n values, 0 included, within the clamp. */
static struct qnt_range range_of(const float *v, size_t n, const struct qnt_group *g)
{
    struct qnt_range r = {0.0f, 0.0f};
    for (size_t i = 0; i < n; i++) {
        r.lo = v[i] < r.lo ? v[i] : r.lo;
        r.hi = v[i] > r.hi ? v[i] : r.hi;
    }
    r.lo = r.lo < g->clamp_lo && g->clamp_lo <= 0.0f ? g->clamp_lo : r.lo;
    r.hi = r.hi > g->clamp_hi && g->clamp_hi >= 0.0f ? g->clamp_hi : r.hi;
    return r;
}

static qnt_status widen(const struct qnt_train *t, const struct qnt_plan *p, const uint8_t *arena, size_t batch)
{
    for (size_t i = 0; i < t->quantizer->n_groups; i++) {
        struct qnt_group *g = &t->quantizer->group[i];
        const char *name = t->master->tensor[g->tensor].name;
        int id = qnt_model_find(p->model, name);
        if (g->fixed)
            continue;
        if (id < 0 || p->offset[id] == SIZE_MAX)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "quantized training: the plan does not compute tensor '%s'", name);
        struct qnt_range r =
            range_of((const float *)(arena + p->offset[id]), batch * qnt_tensor_count(&p->model->tensor[id]), g);
        g->range.lo = r.lo < g->range.lo ? r.lo : g->range.lo;
        g->range.hi = r.hi > g->range.hi ? r.hi : g->range.hi;
    }
    return QNT_OK;
}

qnt_status qnt_train_first_ranges(struct qnt_train *t, const struct qnt_plan *float_plan)
{
    const struct qnt_plan *p = float_plan;
    uint8_t *arena = qnt_alloc(t->ctx, p->arena_bytes, "the first ranges");
    uint8_t *scratch = qnt_alloc(t->ctx, p->scratch_bytes, "the first ranges"), labels[QNT_SHARD];
    qnt_status status = arena && scratch ? QNT_OK : QNT_ERR_NOMEM;
    qnt_train_shuffle(t, 0);
    for (size_t at = 0; at < t->batch_size && !status; at += QNT_SHARD) {
        size_t n = t->batch_size - at < QNT_SHARD ? t->batch_size - at : QNT_SHARD;
        struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = n, .part = 0, .parts = 1};
        qnt_train_fill(t, at, n, (float *)(arena + p->offset[p->model->inputs.id[0]]), labels);
        for (size_t i = 0; i < p->n_steps; i++)
            qnt_plan_run_step(p, i, &x);
        status = widen(t, p, arena, n);
    }
    qnt_release(t->ctx, arena);
    qnt_release(t->ctx, scratch);
    return status;
}
