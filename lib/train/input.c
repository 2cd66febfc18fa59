/* Image bytes -> float input. */
#include <string.h>
#include "lib/train/input.h"
#include "lib/core/rng.h"

enum { SIDE = QNT_IMAGE_SIDE, CHANNELS = QNT_IMAGE_CHANNELS, PAD = 4, PURPOSE_AUGMENT = 1 };

void qnt_input_map_init(struct qnt_input_map *m, const float mean[4], const float deviation[4])
{
    for (int c = 0; c < CHANNELS; c++)
        for (int v = 0; v < 256; v++)
            m->value[c][v] = ((float)v / 255.0f - mean[c]) / deviation[c];
}

struct qnt_augment qnt_augment_draw(uint64_t seed, uint32_t epoch, size_t index)
{
    struct qnt_rng r = qnt_rng_key(seed, (uint64_t)PURPOSE_AUGMENT << 32 | epoch, index);
    struct qnt_augment a;
    a.dy = qnt_rng_between(&r, -PAD, PAD);
    a.dx = qnt_rng_between(&r, -PAD, PAD);
    a.flip = qnt_rng_between(&r, 0, 1);
    return a;
}

static void write_run(const struct qnt_input_map *m, const uint8_t *src, size_t pixels, float *dst)
{
    for (size_t i = 0; i < pixels; i++, src += CHANNELS, dst += CHANNELS) {
        dst[0] = m->value[0][src[0]];
        dst[1] = m->value[1][src[1]];
        dst[2] = m->value[2][src[2]];
    }
}

static void write_mirrored(const struct qnt_input_map *m, const uint8_t *src, size_t pixels, float *dst)
{
    for (src += pixels * CHANNELS; pixels > 0; pixels--, dst += CHANNELS) {
        src -= CHANNELS;
        dst[0] = m->value[0][src[0]];
        dst[1] = m->value[1][src[1]];
        dst[2] = m->value[2][src[2]];
    }
}

static float *write_border(size_t pixels, float *dst)
{
    memset(dst, 0, pixels * CHANNELS * sizeof *dst);
    return dst + pixels * CHANNELS;
}

void qnt_input_write(const struct qnt_input_map *m, const uint8_t *image, struct qnt_augment a, float *dst)
{
    /* Of an output row, before the flip, columns [left, right) come from the image. */
    int32_t left = a.dx < 0 ? -a.dx : 0, right = a.dx > 0 ? SIDE - a.dx : SIDE;
    int32_t first = a.flip ? SIDE - right : left; /* where they begin after it */
    size_t width = (size_t)(right - left);
    for (int32_t y = 0; y < SIDE; y++, dst += SIDE * CHANNELS) {
        int32_t from = y + a.dy;
        if (from < 0 || from >= SIDE) {
            write_border(SIDE, dst);
            continue;
        }
        const uint8_t *src = image + (from * SIDE + left + a.dx) * CHANNELS;
        float *to = write_border((size_t)first, dst);
        (a.flip ? write_mirrored : write_run)(m, src, width, to);
        write_border(SIDE - width - (size_t)first, to + width * CHANNELS);
    }
}

qnt_status qnt_dataset_input(const qnt_dataset *data, const qnt_model *model, size_t i, float *dst, int *label)
{
    float mean[4], deviation[4];
    if (!data || !model || !dst)
        return qnt_fail(QNT_ERR_ARG, "data set input: a pointer is NULL");
    if (i >= data->n)
        return qnt_fail(QNT_ERR_ARG, "data set input: image %zu of %zu", i, data->n);
    qnt_model_normalisation(model, mean, deviation);
    const uint8_t *image = data->images + i * QNT_IMAGE_BYTES;
    for (int k = 0; k < QNT_IMAGE_BYTES; k++) /* as qnt_input_map_init, without the table */
        dst[k] = ((float)image[k] / 255.0f - mean[k % CHANNELS]) / deviation[k % CHANNELS];
    if (label)
        *label = data->labels[i];
    return QNT_OK;
}
