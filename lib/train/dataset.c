/* Data sets in memory: parts, moments, hold-out. */
#include <math.h>
#include <stdatomic.h>
#include "lib/train/dataset.h"

qnt_status qnt_dataset_alloc(const qnt_ctx *ctx, size_t n, qnt_dataset **out)
{
    qnt_dataset *d = qnt_alloc(ctx, sizeof *d, "a data set");
    if (!d)
        return QNT_ERR_NOMEM;
    d->ctx = ctx;
    d->n = n;
    if (!(d->store = qnt_alloc(ctx, sizeof *d->store, "a data set")))
        goto fail;
    atomic_init(&d->store->refs, 1);
    if (!(d->store->images = qnt_alloc_array(ctx, n, QNT_IMAGE_BYTES, "images")) ||
        !(d->store->labels = qnt_alloc(ctx, n, "labels")))
        goto fail;
    d->images = d->store->images;
    d->labels = d->store->labels;
    *out = d;
    return QNT_OK;
fail:
    qnt_dataset_free(d);
    return QNT_ERR_NOMEM;
}

void qnt_dataset_free(qnt_dataset *data)
{
    if (!data)
        return;
    const qnt_ctx *ctx = data->ctx;
    struct qnt_dataset_store *s = data->store;
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        qnt_release(ctx, s->images);
        qnt_release(ctx, s->labels);
        qnt_release(ctx, s);
    }
    qnt_release(ctx, data);
}

qnt_status qnt_dataset_hold_out(qnt_dataset *data, size_t n, qnt_dataset **tail)
{
    if (!data || !tail)
        return qnt_fail(QNT_ERR_ARG, "hold-out: a pointer is NULL");
    if (n == 0 || n >= data->n)
        return qnt_fail(QNT_ERR_ARG, "hold-out: %zu images of %zu, expected 1 to %zu", n, data->n, data->n - 1);
    qnt_dataset *t = qnt_alloc(data->ctx, sizeof *t, "a data set");
    if (!t)
        return QNT_ERR_NOMEM;
    *t = *data;
    atomic_fetch_add_explicit(&t->store->refs, 1, memory_order_relaxed);
    t->n = n;
    t->images = data->images + (data->n - n) * QNT_IMAGE_BYTES;
    t->labels = data->labels + (data->n - n);
    data->n -= n;
    *tail = t;
    return QNT_OK;
}

size_t qnt_dataset_size(const qnt_dataset *data)
{
    return data ? data->n : 0;
}

size_t qnt_dataset_classes(const qnt_dataset *data)
{
    return data ? QNT_IMAGE_CLASSES : 0;
}

const uint8_t *qnt_dataset_image(const qnt_dataset *data, size_t i, int *label)
{
    if (!data || i >= data->n)
        return NULL;
    if (label)
        *label = data->labels[i];
    return data->images + i * QNT_IMAGE_BYTES;
}

/* Sums of bytes and of their squares are exact integers, so the moments are the same on every machine. */
void qnt_dataset_moments(const qnt_dataset *data, float mean[4], float deviation[4])
{
    uint64_t sum[QNT_IMAGE_CHANNELS] = {0}, square[QNT_IMAGE_CHANNELS] = {0};
    if (!data || !mean || !deviation)
        return;
    const uint8_t *p = data->images, *end = p + data->n * QNT_IMAGE_BYTES;
    for (; p < end; p += QNT_IMAGE_CHANNELS)
        for (int c = 0; c < QNT_IMAGE_CHANNELS; c++) {
            sum[c] += p[c];
            square[c] += (uint32_t)p[c] * p[c];
        }
    double count = (double)data->n * QNT_IMAGE_SIDE * QNT_IMAGE_SIDE;
    for (int c = 0; c < 4; c++) {
        double m = c < QNT_IMAGE_CHANNELS ? (double)sum[c] / count : 0.0;
        double v = c < QNT_IMAGE_CHANNELS ? (double)square[c] / count - m * m : 0.0;
        mean[c] = (float)(m / 255.0);
        deviation[c] = v > 0.0 ? (float)(sqrt(v) / 255.0) : 1.0f;
    }
}
