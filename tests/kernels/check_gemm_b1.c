/* Binary tiles: what pack and run make of rows of bits, against plain loops and every epilogue. */
#include <math.h>
#include <string.h>
#include "ck.h"
#include "simd/ref/scalar.h"

enum { A, W, PACKED_A, PACKED_W, C, BIAS, SCALE, BIAS_F32, ROWS, TERMS, MOST = 256, TAPS = 32 };

/* A is [taps][m][tap_k] bytes, W [n][k]. */
struct product {
    size_t m, n, taps, tap_k;
    size_t block; /* of k, a multiple of kr; 0: the whole */
    enum ck_fill fill_a, fill_w;
    enum ck_place place;
    enum qnt_epilogue_kind kind;
    bool row_bias, per_channel, bias_f32;
    uint32_t row, col;
};

static struct product draw(struct ck *c, size_t m, size_t n, size_t taps, size_t tap_k)
{
    uint64_t r = ck_rand(c);
    return (struct product){.m = m,
                            .n = n,
                            .taps = taps,
                            .tap_k = tap_k,
                            .place = (enum ck_place)(r % CK_PLACES),
                            .kind = (enum qnt_epilogue_kind)(r >> 8 & 3),
                            .row_bias = r >> 11 & 1,
                            .per_channel = r >> 12 & 1,
                            .bias_f32 = r >> 13 & 1,
                            .row = r >> 16 & 7,
                            .col = 8 * (r >> 20 & 3)};
}

static size_t depth(const struct product *p)
{
    return p->taps * p->tap_k;
}

static size_t padded(const struct ck *c, size_t k)
{
    return (k + c->gemm->kr - 1) / c->gemm->kr * c->gemm->kr;
}

static enum ck_type type_of(const struct product *p)
{
    static const enum ck_type types[] = {
        [QNT_EPI_S32] = CK_S32, [QNT_EPI_S8] = CK_S8, [QNT_EPI_F32] = CK_F32, [QNT_EPI_BITS] = CK_U8};
    return types[p->kind];
}

static size_t width(const struct product *p)
{
    return p->kind == QNT_EPI_BITS ? (p->n + 7) / 8 : p->n;
}

static int32_t sum(const struct product *p, const uint8_t *a, const uint8_t *w, size_t i, size_t j)
{
    int32_t differ = 0;
    for (size_t t = 0; t < p->taps; t++)
        for (size_t l = 0; l < p->tap_k; l++)
            for (unsigned x = a[(t * p->m + i) * p->tap_k + l] ^ w[j * depth(p) + t * p->tap_k + l]; x; x &= x - 1)
                differ++;
    return -2 * differ;
}

static struct qnt_epilogue epilogue(struct ck *c, const struct product *p)
{
    const int32_t bits = 8 * (int32_t)depth(p);
    float *scale = ck_in(c, SCALE, CK_F32, p->per_channel ? p->col + p->n : 1, CK_NOISE, p->place);
    float *bias_f32 = ck_in(c, BIAS_F32, CK_F32, p->bias_f32 ? p->col + p->n : 0, CK_NOISE, p->place);
    int32_t *bias = ck_in(c, BIAS, CK_S32, p->col + p->n, CK_NOISE, p->place);
    const int32_t **rows = ck_in(c, ROWS, CK_U8, p->row_bias ? (p->row + p->m) * sizeof *rows : 0, CK_ZERO, CK_START);
    int32_t *terms = ck_in(c, TERMS, CK_S32, p->col + p->n, CK_NOISE, p->place);
    for (size_t j = 0; j < p->n; j++) {
        bias[p->col + j] = bits + (int32_t)ck_below(c, 9) - 4; /* sums around 0 */
        terms[p->col + j] = (int32_t)ck_below(c, 65) - 32;
    }
    for (size_t j = 0; j < (p->per_channel ? p->col + p->n : 1); j++)
        scale[j] = ck_uniform(c, 0.0f, 64.0f / (float)(bits + 1));
    for (size_t i = 0; p->row_bias && i < p->m; i++)
        rows[p->row + i] = ck_below(c, 2) ? terms : NULL;
    return (struct qnt_epilogue){.kind = p->kind,
                                 .bias = bias,
                                 .bias_f32 = p->bias_f32 ? bias_f32 : NULL,
                                 .lo = ck_below(c, 2) ? -INFINITY : -0.7f,
                                 .hi = ck_below(c, 2) ? INFINITY : 0.9f,
                                 .rq = {.zero = (int32_t)ck_below(c, 256) - 128,
                                        .lo = (int32_t)ck_below(c, 100) - 128,
                                        .hi = 127 - (int32_t)ck_below(c, 100),
                                        .out_xor = ck_below(c, 2) ? 0x80 : 0,
                                        .per_channel = p->per_channel,
                                        .scale = scale},
                                 .row_bias = p->row_bias ? rows : NULL};
}

static void compare(struct ck *c, const struct product *p, const struct qnt_epilogue *e, const uint8_t *a,
                    const uint8_t *w, const void *out, size_t ldc)
{
    for (size_t i = 0; i < p->m; i++) {
        int32_t s32[MOST];
        float f32[MOST];
        int8_t s8[MOST];
        uint8_t bits[MOST / 8] = {0};
        const void *want[] = {[QNT_EPI_S32] = s32, [QNT_EPI_S8] = s8, [QNT_EPI_F32] = f32, [QNT_EPI_BITS] = bits};
        const int32_t *term = p->row_bias ? e->row_bias[p->row + i] : NULL;
        for (size_t j = 0; j < p->n; j++) {
            size_t col = p->col + j;
            float scale = e->rq.scale[p->per_channel ? col : 0];
            s32[j] = sum(p, a, w, i, j) + e->bias[col] + (term ? term[col] : 0);
            s8[j] = qnt_requantize_one(s32[j], scale, &e->rq);
            bits[j / 8] |= (uint8_t)((s32[j] < 0) << j % 8);
            f32[j] = (float)s32[j] * scale;
            f32[j] = p->bias_f32 ? f32[j] + e->bias_f32[col] : f32[j];
            f32[j] = f32[j] < e->lo ? e->lo : f32[j] > e->hi ? e->hi : f32[j];
        }
        size_t size = p->kind == QNT_EPI_S8 || p->kind == QNT_EPI_BITS ? 1 : 4;
        if (!ck_same(c, type_of(p), "row of the tile", want[p->kind], (const char *)out + i * ldc * size, width(p)))
            return;
    }
}

static void run(struct ck *c, const struct product *p)
{
    static const char *const kinds[] = {"s32", "s8", "f32", "bits"};
    const struct qnt_gemm *d = c->gemm;
    const size_t k = depth(p), kp = padded(c, k), ldc = width(p) + 3;
    const size_t block = p->block && p->kind == QNT_EPI_S32 ? p->block : kp ? kp : 1;
    const void *a_rows[TAPS * MOST / 8], *w_rows[MOST];
    ck_case(c, "m=%zu n=%zu taps=%zu x %zu block=%zu %s%s%s%s fill=%s,%s place=%s", p->m, p->n, p->taps, p->tap_k,
            block, kinds[p->kind], p->row_bias ? " rows" : "", p->per_channel ? " channels" : "",
            p->bias_f32 ? " bias" : "", ck_fill_name(p->fill_a), ck_fill_name(p->fill_w), ck_place_name(p->place));
    const uint8_t *a = ck_in(c, A, CK_U8, p->m * k, p->fill_a, p->place);
    const uint8_t *w = ck_in(c, W, CK_U8, p->n * k, p->fill_w, p->place);
    for (size_t r = 0; r < p->taps * p->m; r++)
        a_rows[r] = a + r * p->tap_k;
    for (size_t j = 0; j < p->n; j++)
        w_rows[j] = w + j * k;
    void *packed_w = ck_out(c, PACKED_W, CK_U8, qnt_panel_w_bytes(d, kp), p->place);
    CK_CALL(c, d->pack_w(w_rows, k, 0, k, p->n, 0, packed_w));
    ck_seal(c, PACKED_W);
    const struct qnt_epilogue e = epilogue(c, p);
    struct qnt_tile t = {.c = ck_out_2d(c, C, type_of(p), p->m, width(p), ldc, p->place),
                         .ldc = ldc,
                         .m = (uint32_t)p->m,
                         .n = (uint32_t)p->n,
                         .row = p->row,
                         .col = p->col,
                         .first = 1,
                         .e = &e};
    for (size_t k0 = 0; t.first || k0 < k; k0 += block, t.first = 0) {
        size_t part = k - k0 < block ? k - k0 : block, pp = padded(c, part);
        void *packed_a = ck_out(c, PACKED_A, CK_U8, pp * d->mr * d->a_size, p->place);
        CK_CALL(c, d->pack_a(a_rows, p->tap_k, k0, part, p->m, 0, packed_a));
        ck_seal(c, PACKED_A);
        t.last = k0 + part >= k;
        CK_CALL(c, d->run(pp, packed_a, (const char *)packed_w + qnt_panel_w_bytes(d, k0), &t));
    }
    compare(c, p, &e, a, w, t.c, ldc);
}

/* Every number of rows and columns with every epilogue, shallow. */
static void sizes(struct ck *c)
{
    static const size_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33};
    const size_t count = sizeof depths / sizeof *depths, step = c->quick ? 3 : 1;
    for (size_t m = 1; m <= c->gemm->mr; m += m == 1 ? 1 : step)
        for (size_t n = 1; n <= c->gemm->nr; n += n == 1 ? 1 : step)
            for (int kind = QNT_EPI_S32; kind <= QNT_EPI_BITS; kind++) {
                struct product p = draw(c, m, n, 1, depths[ck_below(c, count)]);
                p.fill_a = p.fill_w = CK_NOISE;
                p.kind = (enum qnt_epilogue_kind)kind;
                run(c, &p);
            }
}

/* All pairs of fills, deep enough that counters of 8 and 16 bits run over where they may. */
static void fills(struct ck *c)
{
    static const size_t depths[] = {1, 4, 29, 64, 124, 125, 128, 132, 300, 1030, 9001};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        for (int f = 0; f < CK_INT_FILLS * CK_INT_FILLS; f++) {
            size_t less = c->gemm->mr > 1 ? ck_below(c, 2) : 0;
            struct product p = draw(c, c->gemm->mr - less, c->gemm->nr - less, 1, depths[i]);
            p.fill_a = (enum ck_fill)(f / CK_INT_FILLS);
            p.fill_w = (enum ck_fill)(f % CK_INT_FILLS);
            if ((depths[i] < 1000 || f < 12) && (!c->quick || f % 3 == 0))
                run(c, &p);
        }
}

/* Taps of all small sizes, whole and in blocks of k that begin anywhere in a tap. */
static void taps(struct ck *c)
{
    static const size_t counts[] = {1, 2, 3, 4, 5, 9, 25};
    for (size_t tap_k = 1; tap_k <= 80; tap_k += c->quick && tap_k > 20 ? 7 : 1)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct product p = draw(c, 1 + ck_below(c, c->gemm->mr), 1 + ck_below(c, c->gemm->nr), counts[i], tap_k);
            if (tap_k * counts[i] > 400)
                continue;
            p.fill_a = p.fill_w = CK_NOISE;
            run(c, &p);
            p.kind = QNT_EPI_S32;
            p.block = c->gemm->kr * (1 + ck_below(c, 12));
            run(c, &p);
        }
}

/* A tile whose panels stay in the first cache; k in values. */
static void bench_run(struct ck *c, const char *label, size_t k)
{
    const struct qnt_gemm *d = c->gemm;
    const size_t kp = padded(c, k / 8);
    ck_case(c, "bench");
    const void *a = ck_in(c, A, CK_U8, kp * d->mr * d->a_size, CK_ZERO, CK_START);
    const void *w = ck_in(c, W, CK_U8, qnt_panel_w_bytes(d, kp), CK_ZERO, CK_START);
    const int32_t *bias = ck_in(c, BIAS, CK_S32, d->nr, CK_ZERO, CK_START);
    void *out = ck_out(c, C, CK_U8, (size_t)d->mr * d->nr / 8, CK_START);
    const struct qnt_epilogue e = {.kind = QNT_EPI_BITS, .bias = bias};
    const struct qnt_tile t = {out, d->nr / 8, d->mr, d->nr, 0, 0, 1, 1, &e};
    CK_BENCH(c, label, CK_MACS, (double)(d->mr * d->nr * k), d->run(kp, a, w, &t));
}

void check_gemm_b1(struct ck *c);
void check_gemm_b1(struct ck *c)
{
    ck_plain(c);
    sizes(c);
    fills(c);
    taps(c);
    bench_run(c, "k=4608", 4608);
    bench_run(c, "k=576", 576);
}
