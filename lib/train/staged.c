/* A mini-batch with batch norms. Their statistics are of all its images, so no shard gets past one before all others
 * have come to it: the shards run in stages, from one batch norm to the next, forward and then backward. Each keeps its
 * activations meanwhile, and leaves the sums of its images; those are added up in order of the shards, between stages
 * and on one thread. */
#include <string.h>
#include "lib/op/batchnorm.h"
#include "lib/train/trainer.h"

static const struct qnt_step *stop_step(const struct qnt_train *t, size_t stop)
{
    return &t->plan->step[t->stop[stop]];
}

static struct qnt_batchnorm *stop_state(const struct qnt_train *t, size_t stop)
{
    return t->state[t->stop[stop]];
}

static size_t images_of(const struct qnt_train *t, size_t shard)
{
    size_t left = t->batch_size - shard * QNT_SHARD;
    return left < QNT_SHARD ? left : QNT_SHARD;
}

/* Ends a stage of the backward pass: the sums of stop - 1, or nothing at the model's input. */
static void backward_sum(const struct qnt_train *t, size_t shard, size_t stop, struct qnt_grad *g)
{
    struct qnt_worker *w = &t->worker[shard];
    if (!stop)
        return;
    const struct qnt_step *s = stop_step(t, stop - 1);
    double *sums = t->moments + shard * t->n_moments;
    g->state = stop_state(t, stop - 1);
    if (w->delta_set[s->node->out]) {
        qnt_batchnorm_backward_sum(s, g, sums);
    } else {
        memset(sums, 0, t->n_moments * sizeof *sums);
        if (!g->param_add)
            qnt_train_clear_params(t, w, s->node);
    }
}

/* Through stop - 1, if any, and on to the next one or to the loss. */
static void forward_shard(const struct qnt_train *t, size_t shard, bool more, struct qnt_loss_sum *sum)
{
    struct qnt_worker *w = &t->worker[shard];
    const size_t stop = t->stage, n = stop ? images_of(t, shard) : qnt_train_load(t, w, shard);
    if (stop) {
        const struct qnt_step *s = stop_step(t, stop - 1);
        const struct qnt_batchnorm *b = stop_state(t, stop - 1);
        b->dsp->scale_shift_f32(w->value[s->node->in[0]], (float *)w->value[s->node->out], n * b->rows, b->channels,
                                b->scale, b->shift, s->clamp_lo, s->clamp_hi);
    }
    const size_t from = stop ? t->stop[stop - 1] + 1 : 0;
    if (stop < t->n_stops) {
        const float *x;
        qnt_train_forward_steps(t, w, from, t->stop[stop], n, NULL);
        x = w->value[stop_step(t, stop)->node->in[0]];
        qnt_batchnorm_sum(stop_state(t, stop), x, x, n, t->moments + shard * t->n_moments, (float *)w->scratch);
        return;
    }
    struct qnt_grad g = qnt_train_grad(t, w, n, more);
    qnt_train_forward_steps(t, w, from, t->plan->n_steps, n, NULL);
    qnt_train_loss(t, w, n, sum);
    qnt_train_backward_steps(t, w, &g, from, t->plan->n_steps);
    backward_sum(t, shard, stop, &g);
}

/* Back through this stage's stop and on to the one before it. */
static void backward_shard(const struct qnt_train *t, size_t shard, bool more)
{
    struct qnt_worker *w = &t->worker[shard];
    struct qnt_grad g = qnt_train_grad(t, w, images_of(t, shard), more);
    const size_t from = t->stage ? t->stop[t->stage - 1] + 1 : 0;
    qnt_train_backward_steps(t, w, &g, from, t->stop[t->stage] + 1);
    backward_sum(t, shard, t->stage, &g);
}

static void forward_task(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    size_t begin, end;
    (void)thread;
    qnt_train_task_shards(t, task, &begin, &end);
    t->task_sum[task] = (struct qnt_loss_sum){0};
    for (size_t i = begin; i < end; i++) {
        qnt_train_task_params(t, &t->worker[i], task);
        forward_shard(t, i, i > begin, &t->task_sum[task]);
    }
}

static void backward_task(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    size_t begin, end;
    (void)thread;
    qnt_train_task_shards(t, task, &begin, &end);
    for (size_t i = begin; i < end; i++)
        backward_shard(t, i, i > begin);
}

/* The sums of all shards at a stop, and the rows they are of. */
static size_t add_up(const struct qnt_train *t, size_t stop)
{
    const struct qnt_batchnorm *b = stop_state(t, stop);
    const size_t shards = (t->batch_size + QNT_SHARD - 1) / QNT_SHARD;
    memset(t->moments_all, 0, t->n_moments * sizeof *t->moments_all);
    for (size_t k = 0; k < shards; k++)
        for (size_t i = 0; i < 2 * b->channels; i++)
            t->moments_all[i] += t->moments[k * t->n_moments + i];
    return t->batch_size * b->rows;
}

void qnt_train_staged(struct qnt_train *t)
{
    const float momentum = t->config.batchnorm_momentum > 0.0f ? t->config.batchnorm_momentum : 0.1f;
    const size_t tasks = qnt_train_tasks(t);
    for (t->stage = 0; t->stage <= t->n_stops; t->stage++) {
        qnt_team_for(t->team, tasks, forward_task, t);
        if (t->stage == t->n_stops)
            break;
        const size_t rows = add_up(t, t->stage);
        qnt_batchnorm_forward(stop_state(t, t->stage), stop_step(t, t->stage), t->moments_all, rows, momentum);
    }
    while (t->stage-- > 0) {
        const size_t rows = add_up(t, t->stage);
        qnt_batchnorm_factors_of(stop_state(t, t->stage), stop_step(t, t->stage), t->moments_all, rows);
        qnt_team_for(t->team, tasks, backward_task, t);
    }
}
