/* The built-in set: textured shapes on a shaded background, in integer arithmetic only, so the bytes are the same on
 * every machine. A class is a shape (disk, ring, square, triangle, cross) with one of two textures (stripes, checks).
 * Place, size, turn, colours, contrast, an occluding bar and noise are drawn per image from a stream keyed by split and
 * index. */
#include "lib/train/dataset.h"
#include "lib/core/rng.h"

enum { SIDE = QNT_IMAGE_SIDE, SHAPES = 5, TRAIN_COUNT = 10000, TEST_COUNT = 2000, SEED = 0x717e7 };

/* round(256 cos(2 pi i / 64)), first quarter. */
static const int16_t quarter[17] = {256, 255, 251, 245, 237, 226, 213, 198, 181, 162, 142, 121, 98, 74, 50, 25, 0};

static int32_t cosine(uint32_t i)
{
    i &= 63;
    return i <= 16 ? quarter[i] : i <= 32 ? -quarter[32 - i] : i <= 48 ? -quarter[i - 32] : quarter[64 - i];
}

struct scene {
    int32_t cx, cy, r;        /* 1/16 pixel */
    int32_t cos, sin;         /* turn of the shape, 1/256 */
    int32_t tex_cos, tex_sin; /* turn of the texture */
    int32_t period, phase_u, phase_v;
    int32_t corner[4][QNT_IMAGE_CHANNELS];                      /* background */
    int32_t ink[QNT_IMAGE_CHANNELS], depth[QNT_IMAGE_CHANNELS]; /* shape: colour, and what the texture adds */
    int32_t bar, bar_width, bar_upright;                        /* occluder */
    int32_t noise;
    uint32_t shape, checks;
};

static void draw_scene(struct qnt_rng *r, uint32_t class, struct scene *s)
{
    uint32_t turn = (uint32_t)qnt_rng_between(r, -3, 3), tex_turn = (uint32_t)qnt_rng_between(r, -4, 4);
    s->shape = class % SHAPES;
    s->checks = class / SHAPES;
    s->r = qnt_rng_between(r, 7 * 16, 11 * 16);
    s->cx = qnt_rng_between(r, 12 * 16, 20 * 16);
    s->cy = qnt_rng_between(r, 12 * 16, 20 * 16);
    s->cos = cosine(turn);
    s->sin = cosine(turn + 48);
    s->tex_cos = cosine(tex_turn);
    s->tex_sin = cosine(tex_turn + 48);
    s->period = qnt_rng_between(r, 40, 56); /* 2.5 to 4 pixels a half wave */
    s->phase_u = qnt_rng_between(r, 0, 1023);
    s->phase_v = qnt_rng_between(r, 0, 1023);
    for (int c = 0; c < QNT_IMAGE_CHANNELS; c++) {
        for (int k = 0; k < 4; k++)
            s->corner[k][c] = qnt_rng_between(r, 40, 215);
        s->ink[c] = qnt_rng_between(r, 20, 235);
        s->depth[c] = qnt_rng_between(r, 25, 80) * (qnt_rng_between(r, 0, 1) * 2 - 1);
    }
    s->bar = qnt_rng_between(r, 0, SIDE - 1);
    s->bar_width = qnt_rng_between(r, 0, 5);
    s->bar_upright = qnt_rng_between(r, 0, 1);
    s->noise = qnt_rng_between(r, 20, 70);
}

/* (u, v): place in the turned frame of the shape, 1/16 pixel. */
static bool inside(const struct scene *s, int32_t u, int32_t v)
{
    int32_t au = u < 0 ? -u : u, av = v < 0 ? -v : v, r = s->r, d = u * u + v * v;
    switch (s->shape) {
    case 0:
        return d < r * r;
    case 1:
        return d < r * r && d * 4 > r * r;
    case 2:
        return au < r * 7 / 8 && av < r * 7 / 8;
    case 3:
        return v < r / 2 && au * 7 < (v + r) * 4;
    default:
        return (au < r / 3 && av < r) || (av < r / 3 && au < r);
    }
}

static int32_t texture(const struct scene *s, int32_t x, int32_t y)
{
    int32_t u = ((x * s->tex_cos + y * s->tex_sin) >> 8) + s->phase_u + 4096;
    int32_t v = ((y * s->tex_cos - x * s->tex_sin) >> 8) + s->phase_v + 4096;
    return (u / s->period + (s->checks ? v / s->period : 0)) & 1;
}

static uint8_t to_byte(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void draw_pixel(const struct scene *s, int32_t px, int32_t py, uint64_t bits, uint8_t *dst)
{
    int32_t x = px * 16 + 8 - s->cx, y = py * 16 + 8 - s->cy;
    int32_t across = (s->bar_upright ? px : py) - s->bar;
    bool hidden = across >= 0 && across < s->bar_width;
    bool shape = !hidden && inside(s, (x * s->cos + y * s->sin) >> 8, (y * s->cos - x * s->sin) >> 8);
    int32_t wave = shape && texture(s, x, y);
    for (int c = 0; c < QNT_IMAGE_CHANNELS; c++) {
        int32_t top = s->corner[0][c] * (31 - px) + s->corner[1][c] * px;
        int32_t low = s->corner[2][c] * (31 - px) + s->corner[3][c] * px;
        int32_t v = shape ? s->ink[c] + wave * s->depth[c] : (top * (31 - py) + low * py) / (31 * 31);
        int32_t n = (int32_t)(bits & 255) + (int32_t)(bits >> 8 & 255) - 255; /* triangular, deviation 104 */
        dst[c] = to_byte(v + n * s->noise / 256);
        bits >>= 16;
    }
}

qnt_status qnt_dataset_builtin(qnt_ctx *ctx, qnt_split split, size_t count, qnt_dataset **out)
{
    qnt_dataset *d;
    qnt_status status;
    if (!ctx || !out)
        return qnt_fail(QNT_ERR_ARG, "built-in data set: a pointer is NULL");
    if (split != QNT_TRAIN && split != QNT_TEST)
        return qnt_fail(QNT_ERR_ARG, "built-in data set: split %d, expected 0 (train) or 1 (test)", (int)split);
    if (!count)
        count = split == QNT_TRAIN ? TRAIN_COUNT : TEST_COUNT;
    if ((status = qnt_dataset_alloc(ctx, count, &d)))
        return status;
    for (size_t i = 0; i < count; i++) {
        struct qnt_rng r = qnt_rng_key(SEED, (uint64_t)split, i);
        struct scene s;
        uint32_t class = (uint32_t)(i % QNT_IMAGE_CLASSES);
        uint8_t *dst = d->store->images + i * QNT_IMAGE_BYTES;
        d->store->labels[i] = (uint8_t) class;
        draw_scene(&r, class, &s);
        for (int32_t y = 0; y < SIDE; y++)
            for (int32_t x = 0; x < SIDE; x++, dst += QNT_IMAGE_CHANNELS)
                draw_pixel(&s, x, y, qnt_rng_next(&r), dst);
    }
    *out = d;
    return QNT_OK;
}
