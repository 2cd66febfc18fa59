/* The trainer's memory. A worker's gradients of activations share memory by lifetime: small blocks stay in the caches.
 */
#include "lib/train/trainer.h"

enum { LINE = 64 };

static size_t bytes_of(const struct qnt_tensor *t, size_t images)
{
    return qnt_round_up(images * qnt_tensor_count(t) * sizeof(float), LINE);
}

static bool is_param(const struct qnt_train *t, int id)
{
    for (size_t i = 0; i < t->n_trained; i++)
        if (t->param[i].plan == id)
            return true;
    return false;
}

/* Values of quantized activations, and masks of the layers' outputs. Returns the bytes of each kind. */
static void place_values(struct qnt_train *t, size_t *values, size_t *masks)
{
    const struct qnt_plan *p = t->plan;
    *values = *masks = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_step *s = &p->step[i];
        int out = s->node->out;
        if (s->out->type != QNT_S8 || !s->op->run)
            continue;
        t->value_at[out] = *values;
        *values += bytes_of(s->out, QNT_SHARD);
        if (t->quantizer->layer_of_step[i] >= 0) {
            t->mask_at[out] = *masks;
            *masks += qnt_round_up(QNT_SHARD * qnt_tensor_count(s->out), LINE);
        }
    }
}

/* A tensor's gradient lives from the step that reads the tensor last (backward runs down) to the one that made it. */
struct life {
    size_t from, to; /* steps, from >= to */
    size_t at, bytes;
};

/* Products of whole rows gain from many images, convolutions have rows enough in a few. A batch norm's gradient needs
 * all of the mini-batch before any of it goes on. */
static size_t first_whole_step(const struct qnt_train *t)
{
    const struct qnt_plan *p = t->plan;
    size_t i = 0;
    if (t->n_stops)
        return 0;
    while (i < p->n_steps && p->step[i].op != &qnt_op_fully_connected)
        i++;
    return i;
}

static struct life life_of(struct qnt_train *t, size_t i)
{
    const struct qnt_plan *p = t->plan;
    int out = p->step[i].node->out;
    struct life l = {.from = i, .to = i};
    for (size_t j = i + 1; j < p->n_steps; j++)
        for (uint32_t k = 0; k < p->step[j].node->n_in; k++)
            l.from = p->step[j].node->in[k] == out ? j : l.from;
    if (out == p->model->outputs.id[0])
        l.from = p->n_steps; /* the loss writes it first */
    t->part_only[out] = l.from < t->whole;
    if (i < t->whole && !t->part_only[out])
        l.to = 0; /* every part reads its share of it */
    l.bytes = bytes_of(p->step[i].out, t->part_only[out] ? QNT_PART : QNT_SHARD);
    return l;
}

static bool overlap(const struct life *a, const struct life *b)
{
    return a->from >= b->to && b->from >= a->to;
}

/* The lowest place for life[n] that is free all the time; those before it are placed. */
static void place(struct life *life, size_t n)
{
    struct life *l = &life[n];
    l->at = 0;
    for (size_t i = 0; i < n; i++)
        if (overlap(l, &life[i]) && l->at < life[i].at + life[i].bytes && life[i].at < l->at + l->bytes) {
            l->at = life[i].at + life[i].bytes;
            i = SIZE_MAX; /* again from the start */
        }
}

/* Which activations a gradient flows through, and where in a worker's block it lies. */
static qnt_status place_deltas(struct qnt_train *t, size_t *bytes)
{
    const struct qnt_plan *p = t->plan;
    struct life *life = qnt_alloc_array(t->ctx, p->n_steps, sizeof *life, "lifetimes");
    size_t n = 0;
    if (!life)
        return QNT_ERR_NOMEM;
    *bytes = 0;
    t->whole = first_whole_step(t);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_node *node = p->step[i].node;
        bool wanted = false;
        for (uint32_t k = 0; k < node->n_in; k++)
            wanted |= is_param(t, node->in[k]) || t->delta_at[node->in[k]] != SIZE_MAX;
        if (!wanted)
            continue;
        life[n] = life_of(t, i);
        place(life, n);
        t->delta_at[node->out] = life[n].at;
        *bytes = life[n].at + life[n].bytes > *bytes ? life[n].at + life[n].bytes : *bytes;
        n++;
    }
    qnt_release(t->ctx, life);
    return QNT_OK;
}

static void point_tables(const struct qnt_train *t, struct qnt_worker *w)
{
    const struct qnt_plan *p = t->plan;
    for (size_t i = 0; i < p->model->n_tensors; i++) {
        if (t->value_at[i] != SIZE_MAX)
            w->value[i] = (float *)((uint8_t *)w->values + t->value_at[i]);
        else if (!p->model->tensor[i].constant && p->offset[i] != SIZE_MAX)
            w->value[i] = (float *)(w->arena + p->offset[i]);
        if (t->delta_at[i] != SIZE_MAX)
            w->delta[i] = (float *)((uint8_t *)w->deltas + t->delta_at[i]);
        if (t->mask_at[i] != SIZE_MAX)
            w->pass[i] = w->masks + t->mask_at[i];
    }
    for (size_t i = 0; i < t->n_params; i++)
        w->value[t->param[i].plan] = t->effective + t->param[i].at;
    for (size_t i = 0; i < p->n_steps; i++) /* an alias in the quantized plan */
        if (!p->step[i].op->run)
            w->value[p->step[i].node->out] = w->value[p->step[i].node->in[0]];
}

struct sizes {
    size_t scratch, values, masks, deltas;
};

static qnt_status create_worker(const struct qnt_train *t, struct qnt_worker *w, const struct sizes *z)
{
    const qnt_ctx *ctx = t->ctx;
    const struct qnt_quantizer *q = t->quantizer;
    size_t tensors = t->plan->model->n_tensors;
    if (!(w->arena = qnt_alloc(ctx, t->plan->arena_bytes, "a trainer's activations")) ||
        !(w->scratch = qnt_alloc(ctx, z->scratch, "a trainer's scratch")) ||
        !(w->values = qnt_alloc(ctx, z->values, "values")) || !(w->deltas = qnt_alloc(ctx, z->deltas, "gradients")) ||
        !(w->masks = qnt_alloc(ctx, z->masks, "masks")) ||
        !(w->value = qnt_alloc_array(ctx, tensors, sizeof *w->value, "tables")) ||
        !(w->part_value = qnt_alloc_array(ctx, tensors, sizeof *w->part_value, "tables")) ||
        !(w->delta = qnt_alloc_array(ctx, tensors, sizeof *w->delta, "tables")) ||
        !(w->part_delta = qnt_alloc_array(ctx, tensors, sizeof *w->part_delta, "tables")) ||
        !(w->param = qnt_alloc_array(ctx, tensors, sizeof *w->param, "tables")) ||
        !(w->pass = qnt_alloc_array(ctx, tensors, sizeof *w->pass, "tables")) ||
        !(w->part_pass = qnt_alloc_array(ctx, tensors, sizeof *w->part_pass, "tables")) ||
        !(w->delta_set = qnt_alloc(ctx, tensors, "tables")) || !(w->clamped = qnt_alloc(ctx, tensors, "tables")) ||
        !(w->p = qnt_alloc(ctx, bytes_of(&t->plan->model->tensor[t->plan->model->outputs.id[0]], QNT_SHARD),
                           "a distribution")))
        return QNT_ERR_NOMEM;
    if (t->teacher && !(w->teacher_arena = qnt_alloc(ctx, t->teacher->arena_bytes, "the teacher's activations")))
        return QNT_ERR_NOMEM;
    if (q && (!(w->acc = qnt_alloc_array(ctx, q->max_sums * QNT_SHARD, sizeof *w->acc, "sums")) ||
              !(w->extreme.min = qnt_alloc_array(ctx, q->max_channels, sizeof *w->extreme.min, "extremes")) ||
              !(w->extreme.max = qnt_alloc_array(ctx, q->max_channels, sizeof *w->extreme.max, "extremes"))))
        return QNT_ERR_NOMEM;
    point_tables(t, w);
    return QNT_OK;
}

/* Bounds of the tensors that one step alone reads. */
static void point_bounds(struct qnt_train *t)
{
    const struct qnt_plan *p = t->plan;
    for (size_t i = 0; i < p->n_steps; i++) {
        int out = p->step[i].node->out;
        size_t readers = out == p->model->outputs.id[0];
        for (size_t j = i + 1; j < p->n_steps; j++)
            for (uint32_t k = 0; k < p->step[j].node->n_in; k++)
                readers += p->step[j].node->in[k] == out;
        t->bounds[i] = (struct qnt_bounds){p->step[i].clamp_lo, p->step[i].clamp_hi};
        t->early[out] = readers == 1 ? &t->bounds[i] : NULL;
    }
}

/* Batch norms of the plan. */
static qnt_status find_stops(struct qnt_train *t)
{
    const struct qnt_plan *p = t->plan;
    if (!(t->stop = qnt_alloc_array(t->ctx, p->n_steps, sizeof *t->stop, "batch norms")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_tensor *out = p->step[i].out;
        if (p->step[i].op != &qnt_op_batchnorm)
            continue;
        t->stop[t->n_stops++] = i;
        t->n_moments = 2 * out->dim[out->rank - 1] > t->n_moments ? 2 * out->dim[out->rank - 1] : t->n_moments;
    }
    t->n_moments = qnt_round_up(t->n_moments, LINE / sizeof(double));
    return QNT_OK;
}

static qnt_status create_tables(struct qnt_train *t, struct sizes *z)
{
    const qnt_ctx *ctx = t->ctx;
    size_t tensors = t->plan->model->n_tensors;
    if (!(t->value_at = qnt_alloc_array(ctx, tensors, sizeof *t->value_at, "offsets")) ||
        !(t->delta_at = qnt_alloc_array(ctx, tensors, sizeof *t->delta_at, "offsets")) ||
        !(t->part_only = qnt_alloc_array(ctx, tensors, sizeof *t->part_only, "offsets")) ||
        !(t->mask_at = qnt_alloc_array(ctx, tensors, sizeof *t->mask_at, "offsets")) ||
        !(t->bounds = qnt_alloc_array(ctx, t->plan->n_steps, sizeof *t->bounds, "bounds")) ||
        !(t->early = qnt_alloc_array(ctx, tensors, sizeof *t->early, "bounds")) ||
        !(t->state = qnt_alloc_array(ctx, t->plan->n_steps, sizeof *t->state, "gradient states")) ||
        !(t->task_status = qnt_alloc_array(ctx, 2 * t->plan->n_steps, sizeof *t->task_status, "task states")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < tensors; i++)
        t->value_at[i] = t->delta_at[i] = t->mask_at[i] = SIZE_MAX;
    point_bounds(t);
    qnt_status status = find_stops(t);
    if (status)
        return status;
    if (t->quantizer)
        place_values(t, &z->values, &z->masks);
    return place_deltas(t, &z->deltas);
}

/* The ops' first backward_prepare: their states, and the most scratch any wants. */
static qnt_status create_states(struct qnt_train *t, size_t *scratch)
{
    const float **value = qnt_alloc_array(t->ctx, t->plan->model->n_tensors, sizeof *value, "tables");
    qnt_status status = value ? QNT_OK : QNT_ERR_NOMEM;
    for (size_t i = 0; i < t->n_params && !status; i++)
        value[t->param[i].plan] = t->effective + t->param[i].at;
    for (size_t i = 0; i < t->plan->n_steps && !status; i++) {
        const struct qnt_step *s = &t->plan->step[i];
        size_t bytes = 0;
        if (s->op->backward_prepare && t->delta_at[s->node->out] != SIZE_MAX)
            status = s->op->backward_prepare(t->ctx, s, value, QNT_SHARD, &t->state[i], &bytes);
        *scratch = bytes > *scratch ? bytes : *scratch;
    }
    qnt_release(t->ctx, value);
    return status;
}

qnt_status qnt_train_memory_create(struct qnt_train *t)
{
    const qnt_ctx *ctx = t->ctx;
    struct sizes z = {.scratch = t->plan->scratch_bytes};
    size_t shards = (t->config.batch + QNT_SHARD - 1) / QNT_SHARD, groups = t->quantizer ? t->quantizer->n_groups : 0;
    size_t tasks = shards < QNT_TASKS ? shards : QNT_TASKS;
    t->task_shards = (shards + QNT_TASKS - 1) / QNT_TASKS;
    qnt_status status = create_tables(t, &z);
    if (!status)
        status = create_states(t, &z.scratch);
    if (status)
        return status;
    if (t->teacher && t->teacher->scratch_bytes > z.scratch)
        z.scratch = t->teacher->scratch_bytes;
    t->n_workers = t->n_stops ? shards : qnt_team_size(t->team);
    if (!(t->gradient = qnt_alloc_array(ctx, tasks * t->stride, sizeof *t->gradient, "gradients of weights")) ||
        !(t->task_sum = qnt_alloc_array(ctx, tasks, sizeof *t->task_sum, "losses")) ||
        !(t->task_range = qnt_alloc_array(ctx, tasks * groups, sizeof *t->task_range, "ranges")) ||
        !(t->moments = qnt_alloc_array(ctx, t->n_stops ? shards * t->n_moments : 0, sizeof *t->moments, "moments")) ||
        !(t->moments_all = qnt_alloc_array(ctx, t->n_moments, sizeof *t->moments, "moments")) ||
        !(t->worker = qnt_alloc_array(ctx, t->n_workers, sizeof *t->worker, "workers")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < t->n_workers && !status; i++)
        status = create_worker(t, &t->worker[i], &z);
    return status;
}

static void free_worker(const qnt_ctx *ctx, struct qnt_worker *w)
{
    void *all[] = {w->arena,     w->teacher_arena, w->scratch,     w->value,       w->delta,    w->param,  w->pass,
                   w->delta_set, w->acc,           w->extreme.min, w->extreme.max, w->p,        w->values, w->deltas,
                   w->masks,     w->clamped,       w->part_value,  w->part_delta,  w->part_pass};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
}

void qnt_train_memory_free(struct qnt_train *t)
{
    for (size_t i = 0; t->state && i < t->plan->n_steps; i++)
        if (t->plan->step[i].op->backward_release)
            t->plan->step[i].op->backward_release(t->ctx, t->state[i]);
    for (size_t i = 0; t->worker && i < t->n_workers; i++)
        free_worker(t->ctx, &t->worker[i]);
    void *all[] = {t->value_at, t->delta_at,  t->mask_at,    t->state,   t->task_status,
                   t->gradient, t->task_sum,  t->task_range, t->worker,  t->bounds,
                   t->early,    t->part_only, t->stop,       t->moments, t->moments_all};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(t->ctx, all[i]);
}
