/* Tiles of s8 activations, with W of 8, 4 and 2 bits: what pack and run make of rows, taps and k blocks, against a
 * plain double loop and the scalar epilogue. */
#include <string.h>
#include "check_gemm.h"
#include "simd/ref/scalar.h"

enum { A, W, PACKED_A, PACKED_W, UNPACKED, C, BIAS, SCALE, W_ZERO, ROW_TERM, MOST = 256, TAPS = 160 };

/* One product. A is [taps][m][tap_k], so that the taps of a row lie apart; W is [n][k]. */
struct product {
    size_t m, n, taps, tap_k;
    size_t block; /* of k, a multiple of kr; 0: the whole */
    enum ck_fill fill_a, fill_w;
    enum ck_place place;
    uint8_t a_xor, w_xor; /* 0x80: the source holds u8 codes */
    bool s8, row_term, per_channel;
    float most;        /* of a scale, times k */
    uint32_t row, col; /* where the tile lies in the epilogue's arrays */
};

static struct product draw(struct ck *c, size_t m, size_t n, size_t taps, size_t tap_k)
{
    uint64_t r = ck_rand(c);
    const bool low = c->gemm->w_bits < 8;
    return (struct product){.m = m,
                            .n = n,
                            .taps = taps,
                            .tap_k = tap_k,
                            .place = (enum ck_place)(r % CK_PLACES),
                            .a_xor = r >> 8 & 1 ? 0x80 : 0,
                            .w_xor = r >> 9 & 1 && !low ? 0x80 : 0,
                            .s8 = r >> 10 & 1,
                            .row_term = r >> 11 & 1,
                            .per_channel = r >> 12 & 1,
                            .most = r >> 24 & 7 ? 64.0f : 0x1p38f, /* where no s32 holds the codes */
                            .row = r >> 16 & 7,
                            .col = r >> 20 & 7};
}

static size_t depth(const struct product *p)
{
    return p->taps * p->tap_k;
}

static size_t padded(const struct ck *c, size_t k)
{
    return (k + c->gemm->kr - 1) / c->gemm->kr * c->gemm->kr;
}

static int code(const int8_t *p, uint8_t in_xor)
{
    return (int8_t)((uint8_t)*p ^ in_xor);
}

static int32_t dot(const struct product *p, const int8_t *a, const int8_t *w, size_t i, size_t j)
{
    uint32_t sum = 0; /* wraps like the sums of a tile do */
    for (size_t t = 0; t < p->taps; t++)
        for (size_t l = 0; l < p->tap_k; l++)
            sum += (uint32_t)(code(a + (t * p->m + i) * p->tap_k + l, p->a_xor) *
                              code(w + j * depth(p) + t * p->tap_k + l, p->w_xor));
    return (int32_t)sum;
}

/* Codes that W of few bits can have: the extremes of s8 become theirs. */
static void narrow(const struct ck *c, int8_t *w, size_t n)
{
    for (size_t i = 0; c->gemm->w_bits < 8 && i < n; i++)
        w[i] = (int8_t)(w[i] >> (8 - c->gemm->w_bits));
}

/* The epilogue's arrays, each between guards, and its numbers. */
static struct qnt_epilogue epilogue(struct ck *c, const struct product *p, const int8_t *w, int32_t *bias)
{
    float *scale = ck_in(c, SCALE, CK_F32, p->per_channel ? p->col + p->n : 1, CK_NOISE, p->place);
    int32_t *tile_bias = ck_in(c, BIAS, CK_S32, p->col + p->n, CK_NOISE, p->place);
    int32_t *w_zero = ck_in(c, W_ZERO, CK_S32, p->col + p->n, CK_NOISE, p->place);
    int32_t *row_term = ck_in(c, ROW_TERM, CK_S32, p->row + p->m, CK_NOISE, p->place);
    for (size_t j = 0; j < p->n; j++) {
        uint32_t sum = 0;
        for (size_t l = 0; l < depth(p); l++)
            sum += (uint32_t)(qnt_gemm_extra(c->gemm, l, (int8_t)code(w + j * depth(p) + l, p->w_xor)));
        bias[j] = (int32_t)ck_below(c, 20001) - 10000;
        tile_bias[p->col + j] = (int32_t)((uint32_t)bias[j] - sum);
        w_zero[p->col + j] = (int32_t)ck_below(c, 256) - 128;
        if (j == 0 || p->per_channel)
            scale[p->per_channel ? p->col + j : 0] = ck_uniform(c, 0.0f, p->most / (float)(depth(p) + 1));
    }
    for (size_t i = 0; i < p->m; i++)
        row_term[p->row + i] = (int32_t)ck_below(c, 20001) - 10000;
    const struct qnt_requant rq = {.zero = (int32_t)ck_below(c, 256) - 128,
                                   .lo = (int32_t)ck_below(c, 100) - 128,
                                   .hi = 127 - (int32_t)ck_below(c, 100),
                                   .out_xor = ck_below(c, 2) ? 0x80 : 0,
                                   .per_channel = p->per_channel,
                                   .scale = scale};
    return (struct qnt_epilogue){.kind = p->s8 ? QNT_EPI_S8 : QNT_EPI_S32,
                                 .has_row_term = p->row_term,
                                 .bias = tile_bias,
                                 .rq = rq,
                                 .row_term = row_term,
                                 .w_zero = w_zero};
}

static void compare(struct ck *c, const struct product *p, const struct qnt_epilogue *e, const int8_t *a,
                    const int8_t *w, const int32_t *bias, const void *out, size_t ldc)
{
    int32_t want[MOST];
    int8_t want8[MOST];
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            uint32_t v = (uint32_t)dot(p, a, w, i, j) + (uint32_t)bias[j];
            if (p->row_term)
                v -= (uint32_t)e->w_zero[p->col + j] * (uint32_t)e->row_term[p->row + i];
            want[j] = (int32_t)v;
            want8[j] = qnt_requantize_one((int32_t)v, e->rq.scale[p->per_channel ? p->col + j : 0], &e->rq);
        }
        if (!(p->s8 ? ck_same(c, CK_S8, "row of the tile", want8, (const int8_t *)out + i * ldc, p->n)
                    : ck_same(c, CK_S32, "row of the tile", want, (const int32_t *)out + i * ldc, p->n)))
            return;
    }
}

/* Bytes that rows of k elements take when packed. */
static size_t packed_a_bytes(const struct ck *c, size_t k, size_t rows)
{
    const struct qnt_gemm *d = c->gemm;
    if (!d->run_rows)
        return padded(c, k) * ((rows + d->mr - 1) / d->mr * d->mr) * d->a_size;
    return k ? (rows - 1) * qnt_rows_pitch(k) + padded(c, k) : 0; /* the last one ends there */
}

static void multiply(const struct qnt_gemm *d, size_t k, size_t kp, const void *a, const void *w,
                     const struct qnt_tile *t)
{
    struct qnt_s8_operands o = {.a = a, .w = w, .a_row = (ptrdiff_t)qnt_rows_pitch(k), .run = kp, .runs = 1};
    o.ahead = k % 2 ? w : NULL;
    if (d->run_rows)
        d->run_rows(&o, t);
    else
        d->run(kp, a, w, t);
}

/* Bytes of W that a tile reads. */
static size_t w_bytes(const struct qnt_gemm *d, size_t kp)
{
    return d->unpack ? kp * d->nr : qnt_panel_w_bytes(d, kp);
}

/* The panel that a tile reads, of the packed one. */
static const void *unpacked(struct ck *c, const void *packed, size_t kp, enum ck_place place)
{
    const struct qnt_gemm *d = c->gemm;
    if (!d->unpack)
        return packed;
    int8_t *out = ck_out(c, UNPACKED, CK_S8, w_bytes(d, kp), place);
    CK_CALL(c, d->unpack(packed, kp, out));
    ck_seal(c, UNPACKED);
    return out;
}

/* Packs block by block as the driver does: W once, A for each block of k. */
static void run(struct ck *c, const struct product *p)
{
    const struct qnt_gemm *d = c->gemm;
    const size_t k = depth(p), kp = padded(c, k), ldc = p->n + 3, panel = qnt_panel_w_bytes(d, kp);
    const bool parts = p->block && !p->s8 && p->n <= d->nr; /* of k */
    const size_t block = parts ? p->block : kp ? kp : 1, panels = (p->n + d->nr - 1) / d->nr;
    const void *a_rows[TAPS * MOST / 8], *w_rows[MOST];
    int32_t bias[MOST];
    ck_case(c, "m=%zu n=%zu taps=%zu x %zu block=%zu %s%s%s%s%s fill=%s,%s place=%s", p->m, p->n, p->taps, p->tap_k,
            block, p->s8 ? "s8" : "s32", p->a_xor ? " a:u8" : "", p->w_xor ? " w:u8" : "", p->row_term ? " rows" : "",
            p->per_channel ? " channels" : "", ck_fill_name(p->fill_a), ck_fill_name(p->fill_w),
            ck_place_name(p->place));
    const int8_t *a = ck_in(c, A, CK_S8, p->m * k, p->fill_a, p->place);
    int8_t *w = ck_in(c, W, CK_S8, p->n * k, p->fill_w, p->place);
    narrow(c, w, p->n * k);
    for (size_t r = 0; r < p->taps * p->m; r++)
        a_rows[r] = a + r * p->tap_k;
    for (size_t j = 0; j < p->n; j++)
        w_rows[j] = w + j * k;
    char *packed_w = ck_out(c, PACKED_W, CK_U8, panels * panel, p->place);
    for (size_t j = 0; j < p->n; j += d->nr)
        CK_CALL(c, d->pack_w(w_rows + j, k, 0, k, p->n - j < d->nr ? p->n - j : d->nr, p->w_xor,
                             packed_w + j / d->nr * panel));
    ck_seal(c, PACKED_W);
    const struct qnt_epilogue e = epilogue(c, p, w, bias);
    struct qnt_tile t = {ck_out_2d(c, C, p->s8 ? CK_S8 : CK_S32, p->m, p->n, ldc, p->place),
                         ldc,
                         (uint32_t)p->m,
                         (uint32_t)p->n,
                         p->row,
                         p->col,
                         1,
                         0,
                         &e};
    for (size_t k0 = 0; t.first || k0 < k; k0 += block, t.first = 0) {
        size_t part = k - k0 < block ? k - k0 : block, pp = padded(c, part);
        const char *w_part = packed_w + qnt_panel_w_bytes(d, k0);
        void *packed_a = ck_out(c, PACKED_A, CK_U8, packed_a_bytes(c, part, p->m), p->place);
        CK_CALL(c, d->pack_a(a_rows, p->tap_k, k0, part, p->m, p->a_xor, packed_a));
        ck_seal(c, PACKED_A);
        t.last = k0 + part >= k;
        const void *w_read = unpacked(c, w_part, pp, p->place);
        CK_CALL(c, multiply(d, part, pp, packed_a, w_read, &t));
    }
    compare(c, p, &e, a, w, bias, t.c, ldc);
}

/* Rows that one call takes. */
static size_t most_rows(const struct ck *c)
{
    return c->gemm->tall ? 3u * c->gemm->mr + 1 : c->gemm->mr;
}

/* Columns likewise. */
static size_t most_columns(const struct ck *c)
{
    return c->gemm->wide ? 9u * c->gemm->nr + 1 : c->gemm->nr;
}

/* Every number of rows and columns, shallow. */
static void sizes(struct ck *c)
{
    static const size_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33};
    const size_t count = sizeof depths / sizeof *depths, step = c->quick ? 3 : 1;
    for (size_t m = 1; m <= most_rows(c); m += m == 1 ? 1 : step)
        for (size_t n = 1; n <= most_columns(c); n += n == 1 ? 1 : step) {
            struct product p = draw(c, m, n, 1, depths[ck_below(c, count)]);
            p.fill_a = p.fill_w = CK_NOISE;
            run(c, &p);
        }
}

/* The full tile and one short of it, all pairs of fills: extremes are where a sum saturates. */
static void fills(struct ck *c)
{
    static const size_t depths[] = {1, 4, 16, 29, 64, 67, 144, 300};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        for (int f = 0; f < CK_INT_FILLS * CK_INT_FILLS; f++) {
            size_t less = c->gemm->mr > 1 ? ck_below(c, 2) : 0;
            const size_t columns = c->gemm->wide ? 5u * c->gemm->nr : c->gemm->nr;
            struct product p = draw(c, c->gemm->mr - less, columns - less, 1, depths[i]);
            p.fill_a = (enum ck_fill)(f / CK_INT_FILLS);
            p.fill_w = (enum ck_fill)(f % CK_INT_FILLS);
            if (!c->quick || f % 3 == 0)
                run(c, &p);
        }
}

/* Taps of all small sizes, whole and in blocks of k that begin anywhere in a tap. */
static void taps(struct ck *c)
{
    static const size_t counts[] = {1, 2, 3, 4, 5, 9, 25, 49};
    for (size_t tap_k = 1; tap_k <= 80; tap_k += c->quick && tap_k > 20 ? 7 : 1)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct product p =
                draw(c, 1 + ck_below(c, most_rows(c)), 1 + ck_below(c, most_columns(c)), counts[i], tap_k);
            if (tap_k * counts[i] > 800)
                continue;
            p.fill_a = p.fill_w = CK_NOISE;
            run(c, &p);
            p.s8 = false;
            p.block = c->gemm->kr * (1 + ck_below(c, 12));
            run(c, &p);
        }
}

/* Sums near the end of s32, where an offset representation of the codes runs past it and must come back. */
static void deep(struct ck *c)
{
    static const enum ck_fill extremes[] = {CK_MIN, CK_MAX};
    for (int f = 0; f < 4; f++) {
        const size_t columns = c->gemm->wide ? most_columns(c) / 2 : c->gemm->nr < 2 ? 1 : 2;
        struct product p = draw(c, 1, columns, 1, c->gemm->w_bits < 8 ? 65536 : 131000);
        p.a_xor = p.w_xor = p.row_term = 0;
        p.fill_a = extremes[f / 2];
        p.fill_w = extremes[f % 2];
        run(c, &p);
    }
}

static void bench_pack(struct ck *c, const char *label, size_t taps, size_t tap_k)
{
    const struct qnt_gemm *d = c->gemm;
    const size_t k = taps * tap_k;
    const void *rows[TAPS * MOST / 8];
    ck_case(c, "bench");
    const int8_t *a = ck_in(c, A, CK_S8, d->mr * k, CK_NOISE, CK_INSIDE);
    void *panel = ck_out(c, PACKED_A, CK_U8, packed_a_bytes(c, k, d->mr), CK_START);
    for (size_t t = 0; t < taps; t++)
        for (size_t i = 0; i < d->mr; i++)
            rows[t * d->mr + i] = a + i * k + t * tap_k;
    CK_BENCH(c, label, CK_BYTES, (double)(d->mr * k), d->pack_a(rows, tap_k, 0, k, d->mr, 0, panel));
}

/* A tile whose panels stay in the first cache. */
static void bench_run(struct ck *c, const char *label, size_t k)
{
    const struct qnt_gemm *d = c->gemm;
    const size_t kp = padded(c, k);
    ck_case(c, "bench");
    const void *a = ck_in(c, A, CK_S8, packed_a_bytes(c, k, d->mr), CK_NOISE, CK_START);
    const void *w = ck_in(c, W, CK_S8, w_bytes(d, kp), CK_NOISE, CK_START);
    const int32_t *bias = ck_in(c, BIAS, CK_S32, d->nr, CK_ZERO, CK_START);
    float *scale = ck_in(c, SCALE, CK_F32, d->nr, CK_ZERO, CK_START);
    void *out = ck_out(c, C, CK_S8, d->mr * d->nr, CK_START);
    for (size_t j = 0; j < d->nr; j++)
        scale[j] = 0.001f;
    const struct qnt_epilogue e = {
        .kind = QNT_EPI_S8, .bias = bias, .rq = {.lo = -128, .hi = 127, .per_channel = 1, .scale = scale}};
    const struct qnt_tile t = {out, d->nr, d->mr, d->nr, 0, 0, 1, 1, &e};
    CK_BENCH(c, label, CK_MACS, (double)(d->mr * d->nr * k), multiply(d, k, kp, a, w, &t));
}

static void bench_unpack(struct ck *c, size_t k)
{
    const struct qnt_gemm *d = c->gemm;
    ck_case(c, "bench");
    const void *panel = ck_in(c, PACKED_W, CK_U8, qnt_panel_w_bytes(d, k), CK_NOISE, CK_START);
    int8_t *out = ck_out(c, UNPACKED, CK_S8, w_bytes(d, k), CK_START);
    CK_BENCH(c, "unpack W", CK_BYTES, (double)w_bytes(d, k), d->unpack(panel, k, out));
}

void check_gemm_s8(struct ck *c);
void check_gemm_s8(struct ck *c)
{
    ck_plain(c);
    sizes(c);
    fills(c);
    taps(c);
    deep(c);
    if (c->gemm->run_rows)
        ck_gemm_rows(c);
    if (c->gemm->winograd)
        ck_winograd(c);
    bench_run(c, "k=512", 512);
    bench_run(c, "k=144", 144);
    bench_run(c, "k=27", 27);
    bench_pack(c, "pack A, taps 9x16", 9, 16);
    bench_pack(c, "pack A, taps 3x9", 3, 9);
    bench_pack(c, "pack A, taps 9x3", 9, 3);
    if (c->gemm->unpack)
        bench_unpack(c, 2304);
}

/* Of few bits: the same. */
void check_gemm_s4s8(struct ck *c);
void check_gemm_s4s8(struct ck *c)
{
    check_gemm_s8(c);
}

void check_gemm_s2s8(struct ck *c);
void check_gemm_s2s8(struct ck *c)
{
    check_gemm_s8(c);
}
