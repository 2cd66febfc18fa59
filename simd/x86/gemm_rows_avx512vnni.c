/* 8-bit tiles on vpdpbusd that read the rows of A where they lie, as a ^ 0x80 (that is a + 128: w_bias).
 *
 *   14x32  28 sums, 2 vectors of W, 1 broadcast: 31 of 32 registers; 28 vpdpbusd for 14 broadcasts and 2 loads
 *   28x16  28 sums, 1 vector of W; bound by the loads, for few output channels
 *
 * There is a function for each number of rows: fewer rows cost less, and nothing outside of them is read. Rows are
 * reached from one pointer for each four of them (+0, +1, +2, +3 strides). W panel [k/4][NR][4] of s8; the last panel
 * of 32 columns takes the functions of one vector where that does. Everything that is added to the sums is where they
 * start: 32 bits wrap, so the order does not count. */
#include <stdbool.h>
#include <string.h>
#include "pack_low.h"
#include "x86/pack_avx512.h"
#include "x86/rows_avx512.h"
#include "x86/unpack_avx512.h"

enum { GROUP = 4, GROUPS = 7 };

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

/* Few sums would wait for each other: two units take ten to hide five cycles. Every other step then has its own. */
QNT_INLINE void sums(const int M, const int V, const struct qnt_s8_operands *o, ptrdiff_t ws, __m512i *x, __m512i *y)
{
    const bool few = M * V <= 12;
    __m512i x2[12], y2[12];
    QNT_UNROLL
    for (int i = 0; few && i < M; i++) {
        x2[i] = y2[i] = _mm512_setzero_si512();
        __asm__ volatile("" : "+v"(x2[i])); /* not the constant: gcc 12 would copy the sums around the loop */
        if (V == 2)
            __asm__ volatile("" : "+v"(y2[i]));
    }
    const ptrdiff_t r1 = o->a_row, r3 = 3 * r1;
    const uint8_t *a = o->a;
    const int8_t *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        const uint8_t *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * r1;
        for (size_t pairs = o->run / 8; pairs > 0; pairs--) {
            step(M, V, q, r1, r3, 0, w, x, y);
            step(M, V, q, r1, r3, 4, w + ws, few ? x2 : x, few ? y2 : y);
            w += 2 * ws;
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] += 8;
        }
        if (o->run % 8) {
            step(M, V, q, r1, r3, 0, w, x, y);
            w += ws;
        }
    }
    QNT_UNROLL
    for (int i = 0; few && i < M; i++) {
        x[i] = _mm512_add_epi32(x[i], x2[i]);
        if (V == 2)
            y[i] = _mm512_add_epi32(y[i], y2[i]);
    }
}

/* Columns of vector v that t has. */
QNT_INLINE __mmask16 columns(const struct qnt_tile *t, const int v)
{
    return (__mmask16)(_bzhi_u64(~UINT64_C(0), t->n) >> 16 * v);
}

/* Where the sums of vector column v start. */
QNT_INLINE void start(const int M, const struct qnt_tile *t, const int v, __m512i *x)
{
    const struct qnt_epilogue *e = t->e;
    const __mmask16 mask = columns(t, v);
    const __m512i bias = t->last ? _mm512_maskz_loadu_epi32(mask, e->bias + t->col + 16 * v) : _mm512_setzero_si512();
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = bias;
    if (__builtin_expect(!t->first, 0)) {
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

QNT_INLINE void store_s32(const int M, const int V, const struct qnt_tile *t, const __m512i *x, const __m512i *y)
{
    const __mmask16 left = columns(t, 0), right = columns(t, 1);
    int32_t *c = t->c;
    if (t->n == 16u * (unsigned)V) {
        QNT_UNROLL
        for (int i = 0; i < M; i++, c += t->ldc) {
            _mm512_storeu_si512(c, x[i]);
            if (V == 2)
                _mm512_storeu_si512(c + 16, y[i]);
        }
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc) {
        _mm512_mask_storeu_epi32(c, left, x[i]);
        if (V == 2)
            _mm512_mask_storeu_epi32(c + 16, right, y[i]);
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

/* Masked stores are several times slower than plain ones on some machines. */
QNT_INLINE void store_row(const int V, const bool whole, int8_t *c, __mmask32 mask, __m256i b)
{
    if (!whole)
        _mm256_mask_storeu_epi8(c, mask, b);
    else if (V == 2)
        _mm256_storeu_si256((__m256i *)(void *)c, b);
    else
        _mm_storeu_si128((__m128i *)(void *)c, _mm256_castsi256_si128(b));
}

QNT_INLINE void store_rows(const int M, const int V, const bool whole, const struct qnt_tile *t, const struct codes *p,
                           const __m512i *x, const __m512i *y)
{
    const __mmask32 mask = (__mmask32)_bzhi_u64(~UINT64_C(0), t->n);
    const int rows = 4 / V; /* to a vector of codes */
    int8_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < M; i += rows) {
        const int j = i + 1 < M ? i + 1 : i, k = i + 2 < M ? i + 2 : i, l = i + 3 < M ? i + 3 : i;
        const __m512i b = V == 2 ? codes_pack(p, x[i], y[i], x[j], y[j]) : codes_pack(p, x[i], x[j], x[k], x[l]);
        store_row(V, whole, c, mask, _mm512_castsi512_si256(b));
        if (V == 2 && j > i)
            store_row(V, whole, c + t->ldc, mask, _mm512_extracti64x4_epi64(b, 1));
        if (V == 1 && j > i)
            store_row(V, whole, c + t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 1)));
        if (V == 1 && k > i)
            store_row(V, whole, c + 2 * t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 2)));
        if (V == 1 && l > i)
            store_row(V, whole, c + 3 * t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 3)));
        c += (size_t)rows * t->ldc;
    }
}

QNT_INLINE void store_s8(const int M, const int V, const struct qnt_tile *t, __m512i *x, __m512i *y)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct codes p = codes_load(r);
    __m512 scale[2];
    QNT_UNROLL
    for (int v = 0; v < V; v++)
        scale[v] = r->per_channel ? _mm512_maskz_loadu_ps(columns(t, v), r->scale + t->col + 16 * v)
                                  : _mm512_set1_ps(r->scale[0]);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        x[i] = codes_round(&p, x[i], scale[0]);
        if (V == 2)
            y[i] = codes_round(&p, y[i], scale[V - 1]);
    }
    if (t->n == 16u * (unsigned)V)
        store_rows(M, V, true, t, &p, x, y);
    else
        store_rows(M, V, false, t, &p, x, y);
}

QNT_INLINE void tile(const int M, const int V, const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)
{
    __m512i x[28], y[14];
    start(M, t, 0, x);
    if (V == 2)
        start(M, t, 1, y);
    sums(M, V, o, ws, x, y);
    if (t->e->kind == QNT_EPI_S8) {
        store_s8(M, V, t, x, y);
        return;
    }
    store_s32(M, V, t, x, y);
}

/* ws: bytes of a step of the panel. */
typedef void rows_fn(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws);
#define TILE(m, v)                                                                                                     \
    static void tile_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)                \
    {                                                                                                                  \
        tile(m, v, o, t, ws);                                                                                          \
    }
QNT_ROWS_28(TILE, 1)
QNT_ROWS_14(TILE, 2)
#define NAME(m, v) tile_##m##x##v,
static rows_fn *const wide[] = {QNT_ROWS_14(NAME, 2)};
static rows_fn *const narrow[] = {QNT_ROWS_28(NAME, 1)};

static void run_14x32(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    (t->n > 16 ? wide : narrow)[t->m - 1](o, t, 128);
}

static void run_28x16(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    narrow[t->m - 1](o, t, 64);
}

QNT_INLINE int8_t *copy_run(const int8_t *from, size_t n, __m512i flip, int8_t *to)
{
    size_t j = 0;
    for (; j + 64 <= n; j += 64)
        _mm512_storeu_si512(to + j, _mm512_xor_si512(_mm512_loadu_si512(from + j), flip));
    if (j < n) {
        const __mmask64 m = _bzhi_u64(~UINT64_C(0), (unsigned)(n - j));
        _mm512_mask_storeu_epi8(to + j, m, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, from + j), flip));
    }
    return to + n;
}

/* Rows of taps side by side, each padded with zeros to whole steps. */
static void copy_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    const __m512i flip = _mm512_set1_epi8((char)(in_xor ^ 0x80));
    const size_t pitch = qnt_rows_pitch(k), pad = (size_t)-k % 4;
    int8_t *row = panel;
    if (k0 + k <= tap_k && !pad) { /* whole steps of one tap */
        for (size_t i = 0; i < used; i++, row += pitch)
            copy_run((const int8_t *)rows[i] + k0, k, flip, row);
        return;
    }
    for (size_t i = 0; i < used; i++, row += pitch) {
        const void *const *tap = rows + (k ? k0 / tap_k * used : 0) + i;
        int8_t *out = row;
        size_t off = k ? k0 % tap_k : 0;
        for (size_t left = k, run; left; left -= run, off = 0, tap += used) {
            run = tap_k - off < left ? tap_k - off : left;
            out = copy_run((const int8_t *)*tap + off, run, flip, out);
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

#define DESCRIPTOR(op, MR, NR, BITS, packw, unpackw, costunpack, step, start, least)                                   \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_avx512vnni = {                                                      \
        .name = #MR "x" #NR,                                                                                           \
        .run_rows = run_##MR##x##NR,                                                                                   \
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
        .cost_unpack = costunpack,                                                                                     \
        .m_least = least,                                                                                              \
    };
DESCRIPTOR(gemm_s8, 28, 16, 8, pack_w16, NULL, 0, 465, 1800, 8)
DESCRIPTOR(gemm_s8, 14, 32, 8, pack_w32, NULL, 0, 450, 1800, 5)
/* Unpacking takes the time of ten rows: its two lines a step go through the second level, in and out. */
DESCRIPTOR(gemm_s4s8, 14, 32, 4, pack_w32_s4, qnt_unpack32_s4_avx512, 320, 450, 1800, 5)
DESCRIPTOR(gemm_s2s8, 14, 32, 2, pack_w32_s2, qnt_unpack32_s2_avx512, 320, 450, 1800, 5)
