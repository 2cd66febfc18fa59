/* The trainer's own forward pass for anyone to look at. */
#include <string.h>
#include "lib/train/trainer.h"
#include "simd/fpenv.h"

static qnt_status make_peek(struct qnt_train *t, size_t bytes)
{
    if (bytes <= t->peek_bytes)
        return QNT_OK;
    uint8_t *bigger = qnt_alloc(t->ctx, bytes, "a tensor to look at");
    if (!bigger)
        return QNT_ERR_NOMEM;
    qnt_release(t->ctx, t->peek);
    t->peek = bigger;
    t->peek_bytes = bytes;
    return QNT_OK;
}

void qnt_train_thaw(struct qnt_train *t)
{
    qnt_plan_free(t->frozen);
    qnt_release(t->ctx, t->frozen_arena);
    qnt_release(t->ctx, t->frozen_scratch);
    t->frozen = NULL;
    t->frozen_arena = t->frozen_scratch = NULL;
}

/* Batch norms as they run: frozen, and folded where they can be. */
static qnt_status freeze(struct qnt_train *t)
{
    const struct qnt_plan_options options = {.max_batch = QNT_SHARD, .keep_tensors = true};
    qnt_model *m;
    if (!t->n_stops || t->frozen)
        return QNT_OK;
    qnt_status status = qnt_train_model(t, &m);
    if (status)
        return status;
    status = qnt_plan_create(m, &options, &t->frozen);
    qnt_model_free(m);
    if (!status && (!(t->frozen_arena = qnt_alloc(t->ctx, t->frozen->arena_bytes, "activations")) ||
                    !(t->frozen_scratch = qnt_alloc(t->ctx, t->frozen->scratch_bytes, "scratch"))))
        status = QNT_ERR_NOMEM;
    if (status)
        qnt_train_thaw(t);
    return status;
}

/* Bytes of the named activation of one image, and where it lies. */
static qnt_status find_tensor(const struct qnt_plan *p, const char *name, size_t *offset, size_t *bytes,
                              qnt_tensor_info *info)
{
    int id = qnt_model_find(p->model, name);
    if (id < 0 || p->model->tensor[id].constant || p->offset[id] == SIZE_MAX)
        return qnt_fail(QNT_ERR_ARG, "train forward: the plan computes no activation named '%s'", name);
    *offset = p->offset[id];
    *bytes = qnt_tensor_count(&p->model->tensor[id]) * qnt_dtype_size(p->model->tensor[id].type);
    return info ? qnt_model_tensor(p->model, (size_t)id, info) : QNT_OK;
}

/* n images through the trainer's plan, or through the frozen one. */
static void forward(struct qnt_train *t, const float *images, size_t n)
{
    const struct qnt_plan *p = t->frozen ? t->frozen : t->plan;
    uint8_t *arena = t->frozen ? t->frozen_arena : t->worker[0].arena;
    struct qnt_exec x = {.arena = arena, .scratch = t->frozen_scratch, .batch = n, .part = 0, .parts = 1};
    qnt_fpenv saved = qnt_fpenv_enter();
    memcpy(arena + p->offset[p->model->inputs.id[0]], images, n * QNT_IMAGE_BYTES * sizeof *images);
    if (!t->frozen)
        qnt_train_forward_shard(t, &t->worker[0], n, NULL);
    for (size_t i = 0; t->frozen && i < p->n_steps; i++)
        qnt_plan_run_step(p, i, &x);
    qnt_fpenv_leave(saved);
}

qnt_status qnt_train_forward(qnt_train *t, const float *images, size_t batch, float *logits, const char *tensor,
                             const void **data, qnt_tensor_info *info)
{
    size_t offset = 0, bytes = 0, all, classes;
    qnt_status status = QNT_OK;
    if (!t || !images || !logits || (tensor && !data))
        return qnt_fail(QNT_ERR_ARG, "train forward: a pointer is NULL");
    if ((status = freeze(t)))
        return status;
    const struct qnt_plan *p = t->frozen ? t->frozen : t->plan;
    if (tensor && (status = find_tensor(p, tensor, &offset, &bytes, info)))
        return status;
    if (qnt_mul_overflows(batch, bytes, &all))
        return qnt_fail(QNT_ERR_ARG, "train forward: batch %zu is too large", batch);
    if (tensor && (status = make_peek(t, all)))
        return status;
    const uint8_t *arena = t->frozen ? t->frozen_arena : t->worker[0].arena;
    const int output = p->model->outputs.id[0];
    classes = qnt_tensor_count(&p->model->tensor[output]);
    for (size_t at = 0; at < batch; at += QNT_SHARD) {
        size_t n = batch - at < QNT_SHARD ? batch - at : QNT_SHARD;
        forward(t, images + at * QNT_IMAGE_BYTES, n);
        memcpy(logits + at * classes, arena + p->offset[output], n * classes * sizeof *logits);
        if (tensor)
            memcpy(t->peek + at * bytes, arena + offset, n * bytes);
    }
    if (tensor)
        *data = t->peek;
    return QNT_OK;
}
