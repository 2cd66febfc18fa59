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

/* Bytes of the named activation of one image, and where it lies. */
static qnt_status find_tensor(const struct qnt_train *t, const char *name, size_t *offset, size_t *bytes,
                              qnt_tensor_info *info)
{
    const struct qnt_plan *p = t->plan;
    int id = qnt_model_find(p->model, name);
    if (id < 0 || p->model->tensor[id].constant || p->offset[id] == SIZE_MAX)
        return qnt_fail(QNT_ERR_ARG, "train forward: the plan computes no activation named '%s'", name);
    *offset = p->offset[id];
    *bytes = qnt_tensor_count(&p->model->tensor[id]) * qnt_dtype_size(p->model->tensor[id].type);
    return info ? qnt_model_tensor(p->model, (size_t)id, info) : QNT_OK;
}

qnt_status qnt_train_forward(qnt_train *t, const float *images, size_t batch, float *logits, const char *tensor,
                             const void **data, qnt_tensor_info *info)
{
    size_t offset = 0, bytes = 0, all, classes;
    qnt_status status = QNT_OK;
    if (!t || !images || !logits || (tensor && !data))
        return qnt_fail(QNT_ERR_ARG, "train forward: a pointer is NULL");
    if (tensor && (status = find_tensor(t, tensor, &offset, &bytes, info)))
        return status;
    if (qnt_mul_overflows(batch, bytes, &all))
        return qnt_fail(QNT_ERR_ARG, "train forward: batch %zu is too large", batch);
    if (tensor && (status = make_peek(t, all)))
        return status;
    const struct qnt_plan *p = t->plan;
    struct qnt_worker *w = &t->worker[0];
    classes = qnt_tensor_count(&p->model->tensor[p->output]);
    for (size_t at = 0; at < batch; at += QNT_SHARD) {
        size_t n = batch - at < QNT_SHARD ? batch - at : QNT_SHARD;
        memcpy(w->arena + p->offset[p->input], images + at * QNT_IMAGE_BYTES, n * QNT_IMAGE_BYTES * sizeof *images);
        qnt_fpenv saved = qnt_fpenv_enter();
        qnt_train_forward_shard(t, w, n, NULL);
        qnt_fpenv_leave(saved);
        memcpy(logits + at * classes, w->arena + p->offset[p->output], n * classes * sizeof *logits);
        if (tensor)
            memcpy(t->peek + at * bytes, w->arena + offset, n * bytes);
    }
    if (tensor)
        *data = t->peek;
    return QNT_OK;
}
