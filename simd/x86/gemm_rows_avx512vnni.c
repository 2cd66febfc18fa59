/* 8-bit tiles on vpdpbusd that read the rows of A where they lie, as a ^ 0x80 (that is a + 128: w_bias).
 *
 *   14x32  28 sums, 2 vectors of W, 1 broadcast: 31 of 32 registers; 28 vpdpbusd for 14 broadcasts and 2 loads
 *   14x16  14 sums, 1 vector of W; bound by the loads, for few output channels
 *
 * There is a function for each number of rows: fewer rows cost less, and nothing outside of them is read. Rows are
 * reached from one pointer for each four of them (+0, +1, +2, +3 strides). W panel [k/4][NR][4] of s8; the last panel
 * of 32 columns takes the functions of one vector where that does. Everything that is added to the sums is where they
 * start: 32 bits wrap, so the order does not count. */
#include <string.h>
#include "pack_low.h"
#include "x86/pack_avx512.h"
#include "x86/tile_avx512.h"
#include "x86/unpack_avx512.h"

enum { MR = 14, GROUP = 4, GROUPS = 4 };

QNT_INLINE __m512i bcast(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* One step: `q` points to the bytes of each fourth row, row strides r1 and r3 = 3 * r1. `x` is the left vector of each
 * row, `y` the right one. */
QNT_INLINE void step(const int M, const int V, const uint8_t *const *q, ptrdiff_t r1, ptrdiff_t r3, int p,
                     const int8_t *w, __m512i *x, __m512i *y)
{
    const __m512i w0 = _mm512_loadu_si512(w), w1 = V == 2 ? _mm512_loadu_si512(w + 64) : w0;
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const uint8_t *at = q[i / GROUP] + p;
        at += i % GROUP == 1 ? r1 : i % GROUP == 2 ? 2 * r1 : i % GROUP == 3 ? r3 : 0;
        const __m512i a = bcast(at);
        x[i] = _mm512_dpbusd_epi32(x[i], a, w0);
        if (V == 2)
            y[i] = _mm512_dpbusd_epi32(y[i], a, w1);
    }
}

QNT_INLINE void sums(const int M, const int V, const struct qnt_s8_operands *o, ptrdiff_t ws, __m512i *x, __m512i *y)
{
    const ptrdiff_t r1 = o->a_row, r3 = 3 * r1;
    const uint8_t *a = o->a;
    const int8_t *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        const uint8_t *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * r1;
        size_t p = o->run / 4;
        for (; p >= 2; p -= 2, w += 2 * ws) {
            step(M, V, q, r1, r3, 0, w, x, y);
            step(M, V, q, r1, r3, 4, w + ws, x, y);
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] += 8;
        }
        if (p) {
            step(M, V, q, r1, r3, 0, w, x, y);
            w += ws;
        }
    }
}

/* Where the sums of vector column v start. Stores at the end find their lines on the way. */
QNT_INLINE void start(const int M, const struct qnt_tile *t, const int v, __m512i *x)
{
    const struct qnt_epilogue *e = t->e;
    const __mmask16 mask = qnt_tail16_avx512(t->n, v);
    const __m512i bias = qnt_tile_bias_avx512(t, v);
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = bias;
    if (!t->first) {
        const int32_t *c = (const int32_t *)t->c + 16 * v;
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] = _mm512_add_epi32(x[i], _mm512_maskz_loadu_epi32(mask, c + (size_t)i * t->ldc));
    }
    if (t->last && e->has_row_term) {
        const __m512i zero = _mm512_maskz_loadu_epi32(mask, e->w_zero + t->col + 16 * v);
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] =
                _mm512_sub_epi32(x[i], _mm512_mullo_epi32(zero, _mm512_set1_epi32(e->row_term[t->row + (uint32_t)i])));
    }
}

QNT_INLINE void store_s32(const int M, const struct qnt_tile *t, const int v, const __m512i *x)
{
    const __mmask16 mask = qnt_tail16_avx512(t->n, v);
    int32_t *c = (int32_t *)t->c + 16 * v;
    if (mask == 0xffff) {
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            _mm512_storeu_si512(c + (size_t)i * t->ldc, x[i]);
    } else {
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            _mm512_mask_storeu_epi32(c + (size_t)i * t->ldc, mask, x[i]);
    }
}

/* What struct qnt_requant says, four vectors to 64 codes: the upper clamp is in float, because a conversion turns what
 * is too large into the least number; the lower one is on bytes, whose packing saturates. */
struct codes {
    __m512 hi; /* hi - zero */
    __m512i zero, lo, flip, order;
};

QNT_INLINE struct codes codes_load(const struct qnt_requant *r)
{
    return (struct codes){_mm512_set1_ps((float)(r->hi - r->zero)), _mm512_set1_epi16((short)r->zero),
                          _mm512_set1_epi8((char)r->lo), _mm512_set1_epi8((char)r->out_xor),
                          _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)};
}

QNT_INLINE __m512i codes_round(const struct codes *p, __m512i sum, __m512 scale)
{
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale), p->hi));
}

/* Rounded values of a, b, c, d in this order. */
QNT_INLINE __m512i codes_pack(const struct codes *p, __m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), p->zero);
    const __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), p->zero);
    const __m512i x = _mm512_permutexvar_epi32(p->order, _mm512_packs_epi16(ab, cd));
    return _mm512_xor_si512(_mm512_max_epi8(x, p->lo), p->flip);
}

QNT_INLINE void store_s8(const int M, const int V, const struct qnt_tile *t, __m512i *x, __m512i *y)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct codes p = codes_load(r);
    __m512 scale[2];
    QNT_UNROLL
    for (int v = 0; v < V; v++)
        scale[v] = r->per_channel ? _mm512_maskz_loadu_ps(qnt_tail16_avx512(t->n, v), r->scale + t->col + 16 * v)
                                  : _mm512_set1_ps(r->scale[0]);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        x[i] = codes_round(&p, x[i], scale[0]);
        if (V == 2)
            y[i] = codes_round(&p, y[i], scale[V - 1]);
    }
    const __mmask32 mask = t->n >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << t->n) - 1;
    int8_t *c = t->c;
    if (V == 2) {
        QNT_UNROLL
        for (int i = 0; i < M; i += 2, c += 2 * t->ldc) {
            const int j = i + 1 < M ? i + 1 : i;
            const __m512i b = codes_pack(&p, x[i], y[i], x[j], y[j]);
            _mm256_mask_storeu_epi8(c, mask, _mm512_castsi512_si256(b));
            if (j > i)
                _mm256_mask_storeu_epi8(c + t->ldc, mask, _mm512_extracti64x4_epi64(b, 1));
        }
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i += 4, c += 4 * t->ldc) {
        const int last = M - 1, j = i + 1 < M ? i + 1 : last, k = i + 2 < M ? i + 2 : last,
                  l = i + 3 < M ? i + 3 : last;
        const __m512i b = codes_pack(&p, x[i], x[j], x[k], x[l]);
        _mm_mask_storeu_epi8(c, (__mmask16)mask, _mm512_castsi512_si128(b));
        if (i + 1 < M)
            _mm_mask_storeu_epi8(c + t->ldc, (__mmask16)mask, _mm512_extracti32x4_epi32(b, 1));
        if (i + 2 < M)
            _mm_mask_storeu_epi8(c + 2 * t->ldc, (__mmask16)mask, _mm512_extracti32x4_epi32(b, 2));
        if (i + 3 < M)
            _mm_mask_storeu_epi8(c + 3 * t->ldc, (__mmask16)mask, _mm512_extracti32x4_epi32(b, 3));
    }
}

QNT_INLINE void tile(const int M, const int V, const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)
{
    __m512i x[MR], y[MR];
    start(M, t, 0, x);
    if (V == 2)
        start(M, t, 1, y);
    sums(M, V, o, ws, x, y);
    if (t->e->kind == QNT_EPI_S8) {
        store_s8(M, V, t, x, y);
        return;
    }
    store_s32(M, t, 0, x);
    if (V == 2)
        store_s32(M, t, 1, y);
}

/* ws: bytes of a step of the panel. */
typedef void rows_fn(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws);
#define TILE(m, v)                                                                                                     \
    static void tile_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)                \
    {                                                                                                                  \
        tile(m, v, o, t, ws);                                                                                          \
    }
#define TILES(v)                                                                                                       \
    TILE(1, v)                                                                                                         \
    TILE(2, v)                                                                                                         \
    TILE(3, v)                                                                                                         \
    TILE(4, v)                                                                                                         \
    TILE(5, v) TILE(6, v) TILE(7, v) TILE(8, v) TILE(9, v) TILE(10, v) TILE(11, v) TILE(12, v) TILE(13, v) TILE(14, v)
TILES(1)
TILES(2)
#define NAMES(v)                                                                                                       \
    {                                                                                                                  \
        tile_1x##v, tile_2x##v, tile_3x##v, tile_4x##v, tile_5x##v, tile_6x##v, tile_7x##v, tile_8x##v, tile_9x##v,    \
            tile_10x##v, tile_11x##v, tile_12x##v, tile_13x##v, tile_14x##v                                            \
    }
static rows_fn *const narrow[MR] = NAMES(1), *const wide[MR] = NAMES(2);

static void run_14x32(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    (t->n > 16 ? wide : narrow)[t->m - 1](o, t, 128);
}

static void run_14x16(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    narrow[t->m - 1](o, t, 64);
}

/* Rows of taps side by side, each padded with zeros to whole steps. */
static void copy_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    const __m512i flip = _mm512_set1_epi8((char)(in_xor ^ 0x80));
    const size_t pitch = qnt_rows_pitch(k), pad = (size_t)-k % 4, first = k ? k0 / tap_k : 0, from = k ? k0 % tap_k : 0;
    int8_t *row = panel;
    for (size_t i = 0; i < used; i++, row += pitch) {
        const void *const *tap = rows + first * used + i;
        int8_t *out = row;
        size_t off = from;
        for (size_t left = k, run; left; left -= run, off = 0, tap += used) {
            run = tap_k - off < left ? tap_k - off : left;
            const int8_t *src = (const int8_t *)*tap + off;
            size_t j = 0;
            for (; j + 64 <= run; j += 64)
                _mm512_storeu_si512(out + j, _mm512_xor_si512(_mm512_loadu_si512(src + j), flip));
            if (j < run) {
                const __mmask64 m = ~(__mmask64)0 >> (64 - (run - j));
                _mm512_mask_storeu_epi8(out + j, m, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, src + j), flip));
            }
            out += run;
        }
        memset(out, 0, pad);
    }
}

#define PACK_W(NR)                                                                                                     \
    static void pack_w##NR(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,    \
                           void *panel)                                                                                \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor, panel, NR);                                             \
    }
PACK_W(16)
PACK_W(32)

QNT_PACK_LOW(pack_w32_s4, pack_w32, 32, 4, 4)
QNT_PACK_LOW(pack_w32_s2, pack_w32, 32, 4, 2)

#define DESCRIPTOR(op, NR, BITS, packw, unpackw, step, start, least)                                                   \
    const struct qnt_gemm qnt_##op##_14x##NR##_avx512vnni = {                                                          \
        .name = "14x" #NR,                                                                                             \
        .run_rows = run_14x##NR,                                                                                       \
        .pack_a = copy_rows,                                                                                           \
        .pack_w = packw,                                                                                               \
        .unpack = unpackw,                                                                                             \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 128,                                                                                                 \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .m_least = least,                                                                                              \
    };
DESCRIPTOR(gemm_s8, 16, 8, pack_w16, NULL, 240, 900, 5)
DESCRIPTOR(gemm_s8, 32, 8, pack_w32, NULL, 450, 1800, 5)
/* Unpacking takes the time of a row or two. */
DESCRIPTOR(gemm_s4s8, 32, 4, pack_w32_s4, qnt_unpack32_s4_avx512, 450, 1800, 7)
DESCRIPTOR(gemm_s2s8, 32, 2, pack_w32_s2, qnt_unpack32_s2_avx512, 450, 1800, 7)
