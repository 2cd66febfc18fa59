/* The trainer's life: creation, steps, the models that come out. */
#include <math.h>
#include <string.h>
#include <time.h>
#include "lib/core/rng.h"
#include "lib/train/trainer.h"
#include "simd/fpenv.h"

enum { CHUNK = 1 << 14, PURPOSE_SHUFFLE = 2 };

void qnt_train_shuffle(struct qnt_train *t, uint32_t epoch)
{
    if (t->order_epoch == epoch)
        return;
    struct qnt_rng r = qnt_rng_key(t->config.seed, (uint64_t)PURPOSE_SHUFFLE << 32 | epoch, 0);
    for (size_t i = 0; i < t->data->n; i++)
        t->order[i] = (uint32_t)i;
    for (size_t i = t->data->n; i > 1; i--) {
        uint32_t j = qnt_rng_below(&r, i), held = t->order[i - 1];
        t->order[i - 1] = t->order[j];
        t->order[j] = held;
    }
    t->order_epoch = epoch;
}

/* Ranges stay as they are in this epoch. */
static bool frozen(const struct qnt_train *t, uint32_t epoch)
{
    const qnt_train_config *c = &t->config;
    return c->freeze_ranges_epoch ? epoch >= c->freeze_ranges_epoch : c->epochs > 1 && epoch + 1 == c->epochs;
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

size_t qnt_train_tasks(const struct qnt_train *t)
{
    size_t images = t->task_shards * QNT_SHARD;
    return (t->batch_size + images - 1) / images;
}

static void begin_batch(struct qnt_train *t)
{
    size_t batch = t->config.batch;
    if (t->step == 0) {
        t->sum = (struct qnt_loss_sum){0};
        t->seen = 0;
    }
    qnt_train_shuffle(t, t->epoch);
    t->batch_first = t->step * batch;
    t->batch_size = t->data->n - t->batch_first < batch ? t->data->n - t->batch_first : batch;
    t->observe = t->quantizer && !frozen(t, t->epoch);
    uint64_t step = (uint64_t)t->epoch * t->steps + t->step;
    t->sgd.lr = t->adam.lr = qnt_schedule_lr(&t->config, step, (uint64_t)t->config.epochs * t->steps);
    qnt_adam_begin(&t->adam, step);
}

static void update_chunk(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    size_t at = task * CHUNK, n = t->n_weights - at < CHUNK ? t->n_weights - at : CHUNK;
    float *v = t->velocity + at;
    (void)thread;
    if (t->config.optimizer == QNT_ADAM)
        qnt_adam_run(&t->adam, t->weights + at, v, v + t->n_weights, t->gradient + at, t->stride, qnt_train_tasks(t),
                     n);
    else
        qnt_sgd_run(&t->sgd, t->weights + at, v, t->gradient + at, t->stride, qnt_train_tasks(t), n);
}

static void update_ranges(struct qnt_train *t)
{
    size_t groups = t->quantizer->n_groups;
    for (size_t i = 0; i < groups; i++) {
        struct qnt_group *g = &t->quantizer->group[i];
        struct qnt_range batch = {0.0f, 0.0f};
        for (size_t s = 0; s < qnt_train_tasks(t); s++) {
            const struct qnt_range *r = &t->task_range[s * groups + i];
            batch.lo = r->lo < batch.lo ? r->lo : batch.lo;
            batch.hi = r->hi > batch.hi ? r->hi : batch.hi;
        }
        if (!g->fixed)
            g->range = qnt_range_blend(g->range, batch, t->config.ema);
    }
}

static void report(const struct qnt_train *t, qnt_train_progress *p)
{
    uint64_t done = (uint64_t)t->epoch * t->data->n, all = (uint64_t)t->config.epochs * t->data->n;
    bool between = t->step == 0 && t->epoch > 0; /* the epoch just done is told, not the next */
    done += (uint64_t)t->step * t->config.batch;
    *p = (qnt_train_progress){.epoch = between ? t->epoch - 1 : t->epoch,
                              .epochs = t->config.epochs,
                              .step = between ? t->steps : t->step,
                              .steps = t->steps};
    if (t->seen) {
        p->loss = t->sum.loss / (double)t->seen;
        p->accuracy = (double)t->sum.correct / (double)t->seen;
    }
    if (t->busy > 0.0) {
        p->images_per_second = (double)t->busy_images / t->busy;
        p->seconds_left = (double)(all - done) / p->images_per_second;
    }
}

/* Loss and ranges of the mini-batch, the update, and on to the next place. */
static qnt_status end_batch(struct qnt_train *t)
{
    struct qnt_loss_sum sum = {0};
    for (size_t i = 0; i < qnt_train_tasks(t); i++) {
        sum.loss += t->task_sum[i].loss;
        sum.correct += t->task_sum[i].correct;
    }
    if (!isfinite(sum.loss))
        return qnt_fail(QNT_ERR_RANGE, "training diverged: the loss of epoch %u, step %u is not finite", t->epoch,
                        t->step);
    qnt_team_for(t->team, (t->n_weights + CHUNK - 1) / CHUNK, update_chunk, t);
    for (size_t i = 0; i < t->n_trained; i++)
        if (t->param[i].binary)
            t->ctx->dsp.clamp_f32(t->weights + t->param[i].at, t->weights + t->param[i].at, t->param[i].count, -1.0f,
                                  1.0f);
    if (t->observe)
        update_ranges(t);
    qnt_status status = qnt_train_refresh(t);
    if (status)
        return status;
    t->sum.loss += sum.loss;
    t->sum.correct += sum.correct;
    t->seen += t->batch_size;
    if (++t->step == t->steps) {
        t->step = 0;
        t->epoch++;
    }
    return QNT_OK;
}

static qnt_status one_step(struct qnt_train *t)
{
    double start = now();
    qnt_train_thaw(t);
    begin_batch(t);
    if (t->n_stops)
        qnt_train_staged(t);
    else
        qnt_team_for(t->team, qnt_train_tasks(t), qnt_train_task, t);
    size_t images = t->batch_size;
    qnt_status status = end_batch(t);
    t->busy += now() - start;
    t->busy_images += images;
    return status;
}

qnt_status qnt_train_step(qnt_train *t, qnt_train_progress *progress, int *finished)
{
    if (!t || !finished)
        return qnt_fail(QNT_ERR_ARG, "train step: a pointer is NULL");
    if (t->epoch < t->config.epochs) {
        qnt_fpenv saved = qnt_fpenv_enter(); /* the workers were started in it */
        qnt_status status = one_step(t);
        qnt_fpenv_leave(saved);
        if (status)
            return status;
    }
    *finished = t->epoch >= t->config.epochs;
    if (progress)
        report(t, progress);
    return QNT_OK;
}

qnt_status qnt_train_float_model(const qnt_train *t, qnt_model **out)
{
    struct qnt_model *m;
    if (!t || !out)
        return qnt_fail(QNT_ERR_ARG, "train float model: a pointer is NULL");
    qnt_status status = qnt_model_clone(t->master, &m);
    if (status)
        return status;
    for (size_t i = 0; i < t->n_params; i++)
        memcpy(m->tensor[t->param[i].master].data, t->weights + t->param[i].at, t->param[i].count * sizeof(float));
    *out = m;
    return QNT_OK;
}

static qnt_status binarized_model(const struct qnt_train *t, qnt_model **out)
{
    struct qnt_model *m;
    qnt_status status = qnt_train_float_model(t, &m);
    if (status)
        return status;
    qnt_fpenv saved = qnt_fpenv_enter();
    status = qnt_train_binarize(m);
    qnt_fpenv_leave(saved);
    if (status)
        qnt_model_free(m);
    else
        *out = m;
    return status;
}

qnt_status qnt_train_model(const qnt_train *t, qnt_model **out)
{
    struct qnt_model *m;
    if (!t || !out)
        return qnt_fail(QNT_ERR_ARG, "train model: a pointer is NULL");
    if (!t->quantizer)
        return binarized_model(t, out);
    const struct qnt_quantizer *q = t->quantizer;
    qnt_status status = qnt_model_clone(q->model, &m);
    if (status)
        return status;
    qnt_fpenv saved = qnt_fpenv_enter();
    qnt_quantizer_put_ranges(q, m, NULL);
    qnt_fpenv_leave(saved);
    for (size_t i = 0; i < q->n_layers; i++) {
        const struct qnt_qlayer *l = &q->layer[i];
        const struct qnt_tensor *w = &q->plan->model->tensor[q->plan_id[l->w]];
        memcpy(m->tensor[l->w].data, w->data, l->channels * l->fan_in);
        memcpy(m->tensor[l->w].scale, w->scale, l->channels * sizeof(float));
        if (l->b >= 0)
            memcpy(m->tensor[l->b].data, q->plan->model->tensor[q->plan_id[l->b]].data, l->channels * sizeof(int32_t));
    }
    *out = m;
    return QNT_OK;
}
