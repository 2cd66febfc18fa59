/* f32 tile 8x8: 16 accumulators, 8 vectors of A, 2 of W: 26 of 32 registers. Lanes run over columns of W; each output
 * is one chain of fma, by lane of a vector of A. Rows of A contiguous: four steps of k at a time, one load of four for
 * each row; 64 fma lanes for 16 loads. Columns contiguous: one load for each four rows of a step. A function for each
 * number of rows and vectors: nothing outside the operands is read. W panel: [k][8]. */
#include <arm_neon.h>
#include <string.h>
#include "gemm_f32_ends.h"

typedef float32x4_t vec;
enum { MR = 8, NR = 8, LANES = 4, VECTORS = NR / LANES };

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
QNT_INLINE void step_rows(const int M, const int FROM, const int TO, const int V, const vec *a, const int lane,
                          const float *w, vec *s)
{
    vec b[VECTORS];
    QNT_UNROLL
    for (int v = 0; v < V; v++)
        b[v] = vld1q_f32(w + v * LANES);
    QNT_UNROLL
    for (int i = FROM; i < TO; i++)
        QNT_UNROLL
    for (int v = 0; v < V; v++)
        s[v * M + i] = fma_lane(s[v * M + i], b[v], a[i], lane);
}

/* `n` steps of rows [FROM, TO); returns W after them. */
QNT_INLINE const float *steps(const int M, const int FROM, const int TO, const int V, size_t n, ptrdiff_t w_k,
                              const float **row, const float *w, vec *s)
{
    vec a[MR];
    for (; n >= 4; n -= 4, w += 4 * w_k) {
        QNT_UNROLL
        for (int i = FROM; i < TO; i++) {
            a[i] = vld1q_f32(row[i]);
            row[i] += 4;
        }
        step_rows(M, FROM, TO, V, a, 0, w, s);
        step_rows(M, FROM, TO, V, a, 1, w + w_k, s);
        step_rows(M, FROM, TO, V, a, 2, w + 2 * w_k, s);
        step_rows(M, FROM, TO, V, a, 3, w + 3 * w_k, s);
    }
    for (; n > 0; n--, w += w_k) {
        QNT_UNROLL
        for (int i = FROM; i < TO; i++)
            a[i] = vld1q_dup_f32(row[i]++);
        step_rows(M, FROM, TO, V, a, 0, w, s);
    }
    return w;
}

QNT_INLINE void by_rows(const int M, const int V, const struct qnt_f32_operands *o, const struct qnt_f32_wanted *next,
                        vec *s)
{
    const float *a = o->a + o->at, *w = o->w;
    (void)next;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *row[MR];
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            row[i] = a + i * o->a_row;
        steps(M, 0, M, V, o->run, o->w_k, row, w, s);
    }
}

/* Where the first two rows lack elements at the begin of each run, and the last two at its end: each row from its first
 * element on. */
QNT_INLINE void by_ends(const int M, const int V, const struct qnt_f32_operands *o, const struct qnt_f32_wanted *next,
                        vec *s)
{
    const struct qnt_f32_ends e = qnt_f32_ends(o, M);
    const float *a = o->a, *w = o->w;
    (void)next;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *row[MR];
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            const ptrdiff_t at = o->at + i * o->a_row;
            row[i] = a + (i < 2 && at < 0 ? 0 : at);
        }
        const float *pw = steps(M, 2, M, V, e.head[1], o->w_k, row, w, s);
        pw = steps(M, 1, M, V, e.head[0] - e.head[1], o->w_k, row, pw, s);
        pw = steps(M, 0, M, V, e.all, o->w_k, row, pw, s);
        pw = steps(M, 0, M - 1, V, e.tail[0] - e.tail[1], o->w_k, row, pw, s);
        steps(M, 0, M - 2, V, e.tail[1], o->w_k, row, pw, s);
    }
}

QNT_INLINE void by_columns(const int M, const int V, const struct qnt_f32_operands *o, vec *s)
{
    const float *a = o->a + o->at, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *pa = a, *pw = w;
        for (size_t p = o->run; p > 0; p--, pa += o->a_k, pw += o->w_k) {
            vec b[VECTORS];
            QNT_UNROLL
            for (int v = 0; v < V; v++)
                b[v] = vld1q_f32(pw + v * LANES);
            QNT_UNROLL
            for (int i = 0; i < M; i++) {
                const int four = i / 4 * 4;
                const vec x = four + 4 <= M ? vld1q_f32(pa + four) : vld1q_dup_f32(pa + i);
                QNT_UNROLL
                for (int v = 0; v < V; v++)
                    s[v * M + i] = fma_lane(s[v * M + i], b[v], x, four + 4 <= M ? i % 4 : 0);
            }
        }
    }
}

QNT_INLINE vec vec_zero(void)
{
    return vdupq_n_f32(0);
}

QNT_INLINE vec vec_set1(float x)
{
    return vdupq_n_f32(x);
}

QNT_INLINE vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

QNT_INLINE void vec_store(float *p, vec x)
{
    vst1q_f32(p, x);
}

QNT_INLINE vec vec_part_load(const float *p, uint32_t n)
{
    float x[LANES] = {0};
    for (uint32_t i = 0; i < n; i++)
        x[i] = p[i];
    return vld1q_f32(x);
}

QNT_INLINE void vec_part_store(float *p, vec x, uint32_t n)
{
    vst1q_lane_f32(p, x, 0);
    if (n > 1)
        vst1q_lane_f32(p + 1, x, 1);
    if (n > 2)
        vst1q_lane_f32(p + 2, x, 2);
}

/* NaN fails both comparisons. */
QNT_INLINE vec vec_at_least(vec lo, vec x)
{
    return vbslq_f32(vcltq_f32(x, lo), lo, x);
}

QNT_INLINE vec vec_at_most(vec hi, vec x)
{
    return vbslq_f32(vcgtq_f32(x, hi), hi, x);
}

QNT_INLINE void find(const int M, const int V, const bool PART, const struct qnt_f32_operands *o,
                     const struct qnt_tile *t, const float *c)
{
    (void)M, (void)V, (void)PART, (void)o, (void)t, (void)c;
}

/* Less than a vector, one, two. */
#define PARTS(F) F(1, 1, part) F(2, 1, part) F(3, 1, part) F(4, 1, part)
#define EIGHT(F, V)                                                                                                    \
    F(1, V, whole)                                                                                                     \
    F(2, V, whole) F(3, V, whole) F(4, V, whole) F(5, V, whole) F(6, V, whole) F(7, V, whole) F(8, V, whole)
#define ONES(F) EIGHT(F, 1)
#define TWOS(F) EIGHT(F, 2)
#define F32_ASKS 0
#define F32_APART 1
#define F32_SETS(S) S(4, PARTS) S(8, ONES) S(8, TWOS)
enum { SUMS = 16, F32_MOST = 8 };
#include "tmpl/gemm_f32_tmpl.h"

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
    .tall = 1,
};
