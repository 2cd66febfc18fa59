/* f32 tile 8x8: 16 accumulators, 8 vectors of A, 2 of W: 26 of 32 registers. Lanes run over columns of W; each output
 * is one chain of fma, by lane of a vector of A. Rows of A contiguous: four steps of k at a time, one load of four for
 * each row; 64 fma lanes for 16 loads. Columns contiguous: one load for each four rows of a step. A function for each
 * number of rows: nothing outside the operands is read. W panel: [k][8]. */
#include <arm_neon.h>
#include "gemm_f32_edge.h"
#include "gemm_f32_ends.h"

enum { MR = 8, NR = 8 };

QNT_INLINE float32x4_t fma_lane(float32x4_t acc, float32x4_t w, float32x4_t a, const int lane)
{
    switch (lane) {
    case 0:
        return vfmaq_laneq_f32(acc, w, a, 0);
    case 1:
        return vfmaq_laneq_f32(acc, w, a, 1);
    case 2:
        return vfmaq_laneq_f32(acc, w, a, 2);
    default:
        return vfmaq_laneq_f32(acc, w, a, 3);
    }
}

/* One step of rows [FROM, TO), whose elements of A are in lane `lane` of one vector a row. */
QNT_INLINE void step_rows(const int FROM, const int TO, const float32x4_t *a, const int lane, const float *w,
                          float32x4_t *x, float32x4_t *y)
{
    const float32x4_t w0 = vld1q_f32(w), w1 = vld1q_f32(w + 4);
    QNT_UNROLL
    for (int i = FROM; i < TO; i++) {
        x[i] = fma_lane(x[i], w0, a[i], lane);
        y[i] = fma_lane(y[i], w1, a[i], lane);
    }
}

/* `n` steps of rows [FROM, TO); returns W after them. */
QNT_INLINE const float *some(const int FROM, const int TO, size_t n, ptrdiff_t w_k, const float **row, const float *w,
                             float32x4_t *x, float32x4_t *y)
{
    float32x4_t v[MR];
    for (; n >= 4; n -= 4, w += 4 * w_k) {
        QNT_UNROLL
        for (int i = FROM; i < TO; i++) {
            v[i] = vld1q_f32(row[i]);
            row[i] += 4;
        }
        step_rows(FROM, TO, v, 0, w, x, y);
        step_rows(FROM, TO, v, 1, w + w_k, x, y);
        step_rows(FROM, TO, v, 2, w + 2 * w_k, x, y);
        step_rows(FROM, TO, v, 3, w + 3 * w_k, x, y);
    }
    for (; n > 0; n--, w += w_k) {
        QNT_UNROLL
        for (int i = FROM; i < TO; i++)
            v[i] = vld1q_dup_f32(row[i]++);
        step_rows(FROM, TO, v, 0, w, x, y);
    }
    return w;
}

QNT_INLINE void by_rows(const int M, const struct qnt_f32_operands *o, float32x4_t *x, float32x4_t *y)
{
    const float *a = o->a + o->at, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *row[MR];
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            row[i] = a + i * o->a_row;
        some(0, M, o->run, o->w_k, row, w, x, y);
    }
}

/* Where the first two rows lack elements at the begin of each run, and the last two at its end: each row from its first
 * element on. */
QNT_INLINE void by_ends(const int M, const struct qnt_f32_operands *o, float32x4_t *x, float32x4_t *y)
{
    const struct qnt_f32_ends e = qnt_f32_ends(o, M);
    const float *a = o->a, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *row[MR];
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            const ptrdiff_t at = o->at + i * o->a_row;
            row[i] = a + (i < 2 && at < 0 ? 0 : at);
        }
        const float *pw = some(2, M, e.head[1], o->w_k, row, w, x, y);
        pw = some(1, M, e.head[0] - e.head[1], o->w_k, row, pw, x, y);
        pw = some(0, M, e.all, o->w_k, row, pw, x, y);
        pw = some(0, M - 1, e.tail[0] - e.tail[1], o->w_k, row, pw, x, y);
        some(0, M - 2, e.tail[1], o->w_k, row, pw, x, y);
    }
}

QNT_INLINE void by_columns(const int M, const struct qnt_f32_operands *o, float32x4_t *x, float32x4_t *y)
{
    const float *a = o->a + o->at, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *pa = a, *pw = w;
        for (size_t p = o->run; p > 0; p--, pa += o->a_k, pw += o->w_k) {
            const float32x4_t w0 = vld1q_f32(pw), w1 = vld1q_f32(pw + 4);
            QNT_UNROLL
            for (int g = 0; g < M / 4; g++) {
                const float32x4_t v = vld1q_f32(pa + 4 * g);
                QNT_UNROLL
                for (int i = 0; i < 4; i++) {
                    x[4 * g + i] = fma_lane(x[4 * g + i], w0, v, i);
                    y[4 * g + i] = fma_lane(y[4 * g + i], w1, v, i);
                }
            }
            QNT_UNROLL
            for (int i = M / 4 * 4; i < M; i++) {
                const float32x4_t v = vld1q_dup_f32(pa + i);
                x[i] = vfmaq_f32(x[i], w0, v);
                y[i] = vfmaq_f32(y[i], w1, v);
            }
        }
    }
}

QNT_INLINE void start(const int M, const struct qnt_tile *t, int v, float32x4_t *x)
{
    const float *bias = t->e->bias_f32, *c = (const float *)t->c + v;
    const float32x4_t from = bias ? vld1q_f32(bias + t->col + v) : vdupq_n_f32(0);
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = t->first ? from : vld1q_f32(c + (size_t)i * t->ldc);
}

QNT_INLINE void finish(const int M, const struct qnt_tile *t, int v, float32x4_t *x)
{
    float *c = (float *)t->c + v;
    if (t->last) {
        const float32x4_t lo = vdupq_n_f32(t->e->lo), hi = vdupq_n_f32(t->e->hi);
        QNT_UNROLL
        for (int i = 0; i < M; i++) { /* NaN fails both comparisons */
            const float32x4_t z = x[i];
            x[i] = vbslq_f32(vcltq_f32(z, lo), lo, vbslq_f32(vcgtq_f32(z, hi), hi, z));
        }
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        vst1q_f32(c + (size_t)i * t->ldc, x[i]);
}

QNT_INLINE void tile(const int M, const bool ends, const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    float32x4_t x[MR], y[MR];
    start(M, t, 0, x);
    start(M, t, 4, y);
    if (ends)
        by_ends(M, o, x, y);
    else if (o->a_k == 1)
        by_rows(M, o, x, y);
    else
        by_columns(M, o, x, y);
    finish(M, t, 0, x);
    finish(M, t, 4, y);
}

#define TILE(m)                                                                                                        \
    static void tile_##m(const struct qnt_f32_operands *o, const struct qnt_tile *t)                                   \
    {                                                                                                                  \
        tile(m, false, o, t);                                                                                          \
    }                                                                                                                  \
    static void ends_##m(const struct qnt_f32_operands *o, const struct qnt_tile *t)                                   \
    {                                                                                                                  \
        tile(m, true, o, t);                                                                                           \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)

static void full(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    static qnt_gemm_f32_fn *const by_m[MR] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6, tile_7, tile_8};
    static qnt_gemm_f32_fn *const ends[MR] = {ends_1, ends_2, ends_3, ends_4, ends_5, ends_6, ends_7, ends_8};
    qnt_f32_run(o, t, by_m[t->m - 1], ends[t->m - 1], full);
}

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    if (t->n == NR)
        full(o, t);
    else
        qnt_f32_edge(o, t, NR, full);
}

/* Four rows of four floats to four columns. */
QNT_INLINE void transpose(const void *const *rows, size_t at, float *to)
{
    const float *r0 = (const float *)rows[0] + at, *r1 = (const float *)rows[1] + at, *r2 = (const float *)rows[2] + at,
                *r3 = (const float *)rows[3] + at;
    const float32x4_t a = vld1q_f32(r0), b = vld1q_f32(r1), c = vld1q_f32(r2), d = vld1q_f32(r3);
    const float64x2_t ab0 = vreinterpretq_f64_f32(vtrn1q_f32(a, b)), ab1 = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    const float64x2_t cd0 = vreinterpretq_f64_f32(vtrn1q_f32(c, d)), cd1 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    vst1q_f32(to, vreinterpretq_f32_f64(vtrn1q_f64(ab0, cd0)));
    vst1q_f32(to + NR, vreinterpretq_f32_f64(vtrn1q_f64(ab1, cd1)));
    vst1q_f32(to + 2 * NR, vreinterpretq_f32_f64(vtrn2q_f64(ab0, cd0)));
    vst1q_f32(to + 3 * NR, vreinterpretq_f32_f64(vtrn2q_f64(ab1, cd1)));
}

/* `n` elements of `used` rows from element `at` of their taps. */
static void pack_run(const void *const *rows, size_t at, size_t n, size_t used, float *to)
{
    size_t p = 0;
    for (; used == NR && p + 4 <= n; p += 4, to += 4 * NR) {
        transpose(rows, at + p, to);
        transpose(rows + 4, at + p, to + 4);
    }
    for (; p < n; p++, to += NR)
        for (size_t i = 0; i < NR; i++)
            to[i] = i < used ? ((const float *)rows[i])[at + p] : 0.0f;
}

static void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    float *to = panel;
    (void)in_xor;
    for (size_t n; k > 0; k -= n, k0 += n, to += n * NR) {
        const size_t at = k0 % tap_k;
        n = tap_k - at < k ? tap_k - at : k;
        pack_run(rows + k0 / tap_k * used, at, n, used, to);
    }
}

static void pack_cols(const void *const *lines, size_t k, size_t used, void *panel)
{
    float *to = panel;
    for (size_t p = 0; p < k; p++, to += NR) {
        memset(to, 0, NR * sizeof *to);
        memcpy(to, lines[p], used * sizeof *to);
    }
}

const struct qnt_gemm qnt_gemm_f32_8x8_neon = {
    .name = "8x8",
    .run_f32 = run,
    .pack_w = pack_rows,
    .pack_w_cols = pack_cols,
    .mr = MR,
    .nr = NR,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 34,
    .cost_tile = 160,
    .k_run = 1024,
    .m_least = 4,
};
