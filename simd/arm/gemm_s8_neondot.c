/* 8-bit tiles on SDOT: four products of s8 x s8 into each s32.
 *
 * A panel [k/4][MR][4], W panel [k/4][NR][4]. One step of k: NV = NR / 4 vectors of W, MR / 4 of A whose lanes (four
 * bytes of one row) multiply them. Registers: MR * NV sums + NV + MR / 4:
 *
 *   8x12  24 + 3 + 2   the general one
 *   8x8   16 + 2 + 2   channels by 8 and 16
 *   4x16  16 + 4 + 1   few rows
 *   1x16  4 x 2 + ...  one row: even and odd steps have sums of their own to hide the latency
 *
 * W of 4 and 2 bits: 2 or 4 steps are a group (kr 8 or 16), whose step u is field u of the same NV vectors. */
#include <arm_neon.h>
#include "arm/low_neon.h"
#include "arm/sums_8x12_neondot.h"
#include "arm/tile_neon.h"
#include "pack_low.h"
#include "pack_rows.h"

QNT_INLINE int32x4_t dot_lane(int32x4_t acc, int8x16_t w, int8x16_t a, const int lane)
{
    switch (lane) {
    case 0:
        return vdotq_laneq_s32(acc, w, a, 0);
    case 1:
        return vdotq_laneq_s32(acc, w, a, 1);
    case 2:
        return vdotq_laneq_s32(acc, w, a, 2);
    default:
        return vdotq_laneq_s32(acc, w, a, 3);
    }
}

QNT_INLINE int8x16_t load_a(const int8_t *p, const int m)
{
    int32_t one;
    if (m >= 4)
        return vld1q_s8(p);
    memcpy(&one, p, sizeof one);
    return vreinterpretq_s8_s32(vdupq_n_s32(one));
}

/* One step into the set of sums `acc`; W is a field of the vectors at w. */
QNT_INLINE void step(int32x4_t *acc, const int8_t *a, const int8_t *w, const int m, const int nv, const int field,
                     const int BITS)
{
    int8x16_t av[2], wv[4];
    QNT_UNROLL
    for (int i = 0; i < (m + 3) / 4; i++)
        av[i] = load_a(a + 16 * i, m);
    QNT_UNROLL
    for (int v = 0; v < nv; v++)
        wv[v] = qnt_field_neon(vld1q_s8(w + 16 * v), field, BITS);
    QNT_UNROLL
    for (int i = 0; i < m; i++) {
        QNT_UNROLL
        for (int v = 0; v < nv; v++)
            acc[i * nv + v] = dot_lane(acc[i * nv + v], wv[v], av[i / 4], i % 4);
    }
}

/* W of one step, of two where four vectors hold them. */
QNT_INLINE void take_w(int8x16_t *wv, const int8_t **w, const int NV, const int nv)
{
    if (nv == NV) {
        qnt_take_neon(wv, w, NV == 2 ? 4 : NV);
        return;
    }
    QNT_UNROLL
    for (int v = 0; v < nv; v++)
        wv[v] = vld1q_s8(*w + 16 * v);
    *w += 16 * NV;
}

/* As many steps as four vectors hold of m rows of A, or of a row one vector. */
QNT_INLINE void steps(int32x4_t *acc, const int8_t **a, const int8_t **w, const int MR, const int NV, const int m,
                      const int nv, const int KU)
{
    const int U = m > 4 ? 2 : 4, two = NV == 2 && nv == 2;
    int8x16_t av[4], wv[4];
    if (m == MR) {
        qnt_take_neon(av, a, m * U / 4);
    } else {
        QNT_UNROLL
        for (int u = 0; u < U; u++)
            av[u] = vld1q_s8(*a + 4 * MR * u);
        *a += 4 * MR * U;
    }
    QNT_UNROLL
    for (int u = 0; u < U; u++) {
        if (!two || u % 2 == 0)
            take_w(wv, w, NV, nv);
        QNT_UNROLL
        for (int i = 0; i < m; i++) {
            QNT_UNROLL
            for (int v = 0; v < nv; v++) {
                int32x4_t *sum = acc + u % KU * m * nv + i * nv + v;
                *sum = dot_lane(*sum, wv[two ? u % 2 * 2 + v : v], av[(u * m + i) / 4], (u * m + i) % 4);
            }
        }
    }
}

/* The sums of the first m rows and 4 * nv columns of a tile of MR rows and NV vectors: 4 or all, 2 or all. */
QNT_INLINE void sums(int32x4_t *acc, size_t k, const int8_t *pa, const int8_t *pw, const int MR, const int NV,
                     const int KU, const int BITS, const int m, const int nv)
{
    QNT_UNROLL
    for (int i = m * nv; i < m * nv * KU; i++)
        acc[i] = vdupq_n_s32(0);
    if (BITS == 8) {
        for (size_t n = k / 16; n; n--) {
            steps(acc, &pa, &pw, MR, NV, m, nv, KU);
            if (m > 4)
                steps(acc, &pa, &pw, MR, NV, m, nv, KU);
        }
        for (k %= 16; k; k -= 4, pa += 4 * MR, pw += 16 * NV)
            step(acc, pa, pw, m, nv, 0, BITS);
    } else {
        const int group = 8 / BITS;
        for (; k; k -= 4 * (size_t)group, pa += 4 * MR * group, pw += 16 * NV) {
            QNT_UNROLL
            for (int u = 0; u < group; u++)
                step(acc + u % KU * m * nv, pa + 4 * MR * u, pw, m, nv, u, BITS);
        }
    }
    QNT_UNROLL
    for (int i = 0; i < m * nv * (KU - 1); i++)
        acc[i] = vaddq_s32(acc[i], acc[m * nv + i]);
}

QNT_INLINE void part(size_t k, const int8_t *a, const int8_t *w, const struct qnt_tile *t, const int MR, const int NV,
                     const int KU, const int BITS, const int m, const int nv)
{
    int32x4_t acc[24], bias[4];
    qnt_tile_bias_neon(t, bias, nv);
    QNT_UNROLL
    for (int i = 0; i < m * nv; i++)
        acc[i] = bias[i % nv];
    sums(acc, k, a, w, MR, NV, KU, BITS, m, nv);
    qnt_tile_end_neon(t, acc, m, nv);
}

/* The whole panels of a tall tile whose columns are whole; what is left is in p. Returns where its panel begins. */
QNT_INLINE const int8_t *whole_panels(size_t k, const int8_t *a, const int8_t *w, struct qnt_tile *p, const int MR,
                                      const int NV, const int KU, const int BITS, const int nv)
{
    for (; p->m >= (uint32_t)MR; p->m -= (uint32_t)MR, a += (size_t)MR * k) {
        int32x4_t acc[24];
        qnt_tile_start_neon(p, acc, MR, nv);
        sums(acc, k, a, w, MR, NV, KU, BITS, MR, nv);
        qnt_tile_put_neon(p, acc, MR, nv);
        qnt_tile_next_neon(p, MR);
    }
    return a;
}

/* What is left of a matrix past its last whole tile does not cost a whole one. */
QNT_INLINE void run(size_t k, const int8_t *a, const int8_t *w, const struct qnt_tile *t, const int MR, const int NV,
                    const int KU, const int BITS)
{
    struct qnt_tile p = *t;
    if (qnt_tile_whole_neon(t, NV))
        a = whole_panels(k, a, w, &p, MR, NV, KU, BITS, NV);
    else if (NV == 3 && qnt_tile_whole_neon(t, 2))
        a = whole_panels(k, a, w, &p, MR, NV, KU, BITS, 2);
    for (uint32_t left = p.m; left; left -= p.m, a += (size_t)MR * k, qnt_tile_next_neon(&p, MR)) {
        p.m = left < (uint32_t)MR ? left : (uint32_t)MR;
        if (MR == 8 && p.m <= 4)
            part(k, a, w, &p, MR, NV, KU, BITS, 4, NV);
        else if (NV == 3 && p.n <= 8)
            part(k, a, w, &p, MR, NV, KU, BITS, MR, 2);
        else
            part(k, a, w, &p, MR, NV, KU, BITS, MR, NV);
    }
}

/* 8x12 of 8 bits into s32: the whole tiles by hand, what is left of the rows by the others. */
static void run_gemm_s8_8x12(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    const size_t rows = t->m & ~7u, pitch = t->ldc * sizeof(int32_t);
    struct qnt_tile p;
    if (t->e->kind != QNT_EPI_S32 || (t->n != 12 && t->n != 8) || !qnt_tile_whole_neon(t, (int)t->n / 4)) {
        run(k, a, w, t, 8, 3, 1, 8);
        return;
    }
    if (t->n == 12)
        qnt_sums_8x12_neondot(k, rows / 8, a, w, t->e->bias + t->col, t->c, pitch);
    else
        qnt_sums_8x8_of_12_neondot(k, rows / 8, a, w, t->e->bias + t->col, t->c, pitch);
    if (rows == t->m)
        return;
    p = *t;
    p.m -= (uint32_t)rows;
    qnt_tile_next_neon(&p, (int)rows);
    run(k, (const int8_t *)a + rows * k, w, &p, 8, 3, 1, 8);
}

/* Four rows, 16 bytes of k from each, xor'ed with flip: the first `steps` steps, a dword of each row, R rows apart. */
QNT_INLINE void pack_block(const int8_t *const row[4], size_t at, int8x16_t flip, int8_t *out, size_t steps,
                           const int R)
{
    int32x4x4_t x;
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x.val[i] = vreinterpretq_s32_s8(veorq_s8(vld1q_s8(row[i] + at), flip));
    vst4q_lane_s32((int32_t *)(void *)out, x, 0);
    if (steps > 1)
        vst4q_lane_s32((int32_t *)(void *)(out + 4 * R), x, 1);
    if (steps > 2)
        vst4q_lane_s32((int32_t *)(void *)(out + 8 * R), x, 2);
    if (steps > 3)
        vst4q_lane_s32((int32_t *)(void *)(out + 12 * R), x, 3);
}

/* The same of n times 32 bytes, n > 0, by the fewest instructions: ST4 moves its pointer on, which compilers do not
 * make use of. */
QNT_INLINE int8_t *pack_pairs(const int8_t *row[4], size_t n, int8_t *out, const ptrdiff_t R)
{
    __asm__ volatile(
        "1:\n\t"
        "ldp q0, q4, [%[r0]], #32\n\t"
        "ldp q1, q5, [%[r1]], #32\n\t"
        "ldp q2, q6, [%[r2]], #32\n\t"
        "ldp q3, q7, [%[r3]], #32\n\t"
        "st4 {v0.s - v3.s}[0], [%[out]], %[step]\n\t"
        "st4 {v0.s - v3.s}[1], [%[out]], %[step]\n\t"
        "st4 {v0.s - v3.s}[2], [%[out]], %[step]\n\t"
        "st4 {v0.s - v3.s}[3], [%[out]], %[step]\n\t"
        "st4 {v4.s - v7.s}[0], [%[out]], %[step]\n\t"
        "st4 {v4.s - v7.s}[1], [%[out]], %[step]\n\t"
        "st4 {v4.s - v7.s}[2], [%[out]], %[step]\n\t"
        "st4 {v4.s - v7.s}[3], [%[out]], %[step]\n\t"
        "sub %[n], %[n], #1\n\t"
        "cbnz %[n], 1b"
        : [out] "+r"(out), [r0] "+r"(row[0]), [r1] "+r"(row[1]), [r2] "+r"(row[2]), [r3] "+r"(row[3]), [n] "+r"(n)
        : [step] "r"(4 * R)
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "memory");
    return out;
}

/* The whole blocks of a span. */
QNT_INLINE void pack_span(const void *const *rows, size_t at, size_t bytes, uint8_t in_xor, int8_t *out, const int R)
{
    const size_t pairs = in_xor ? 0 : bytes / 32;
    for (int s = 0; s < R; s += 4, rows += 4, out += 16) {
        const int8_t *row[4];
        int8_t *to = out;
        QNT_UNROLL
        for (int i = 0; i < 4; i++)
            row[i] = (const int8_t *)rows[i] + at;
        if (pairs)
            to = pack_pairs(row, pairs, to, R);
        for (size_t j = 32 * pairs; j < bytes; j += 16, to += 16 * R)
            pack_block(row, j - 32 * pairs, vdupq_n_s8((int8_t)in_xor), to, 4, R);
    }
}

#define PACK_STEP 4
#include "arm/pack_panels_neon.h"

QNT_INLINE void pack_row(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                         void *panel, const size_t kr)
{
    const int8x16_t flip = vdupq_n_s8((int8_t)in_xor); /* A's padding meets zeros of W */
    struct qnt_rows r;
    int8_t *out = panel, part[16];
    qnt_rows_init(&r, rows, tap_k, k0, k, used, 1);
    while (qnt_rows_next(&r, 16)) {
        const int8_t *p = (const int8_t *)r.row[0] + r.at;
        size_t j = 0;
        for (; j + 16 <= r.bytes; j += 16, out += 16)
            vst1q_s8(out, veorq_s8(vld1q_s8(p + j), flip));
        if (j < r.bytes) {
            vst1q_s8(part, veorq_s8(vld1q_s8(p + j), flip));
            memcpy(out, part, (r.bytes - j + kr - 1) / kr * kr);
        }
    }
}

#define PACK_AS(name, how, ...)                                                                                        \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        how(rows, tap_k, k0, k, used, in_xor, panel, __VA_ARGS__);                                                     \
    }
#define PACK(R) PACK_AS(pack##R, pack, R, 4)
/* A to whole groups of steps. */
#define PACK_GROUPS(kr)                                                                                                \
    PACK_AS(pack1_##kr, pack_row, kr)                                                                                  \
    PACK_AS(pack4_##kr, pack, 4, kr)                                                                                   \
    PACK_AS(pack8_##kr, pack, 8, kr)
PACK_AS(pack1, pack_row, 4)
PACK(4)
PACK(8)
PACK(12)
PACK(16)
PACK_GROUPS(8)
PACK_GROUPS(16)

#define RUN(op, MR, NR, KU, BITS)                                                                                      \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        run(k, a, w, t, MR, NR / 4, KU, BITS);                                                                         \
    }
RUN(gemm_s8, 1, 16, 2, 8)
RUN(gemm_s8, 4, 16, 1, 8)
RUN(gemm_s8, 8, 8, 1, 8)
RUN(gemm_s4s8, 1, 16, 2, 4)
RUN(gemm_s4s8, 4, 16, 1, 4)
RUN(gemm_s4s8, 8, 8, 1, 4)
RUN(gemm_s4s8, 8, 12, 1, 4)
RUN(gemm_s2s8, 1, 16, 2, 2)
RUN(gemm_s2s8, 4, 16, 1, 2)
RUN(gemm_s2s8, 8, 8, 1, 2)
RUN(gemm_s2s8, 8, 12, 1, 2)

#define TILE(op, MR, NR, BITS, packa, packw, step, start)                                                              \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_neondot = {                                                         \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##op##_##MR##x##NR,                                                                                 \
        .pack_a = packa,                                                                                               \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 32 / BITS,                                                                                               \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .tall = MR > 1,                                                                                                \
    };
QNT_PACK_LOW(pack8_s4, pack8, 8, 8, 4)
QNT_PACK_LOW(pack12_s4, pack12, 12, 8, 4)
QNT_PACK_LOW(pack16_s4, pack16, 16, 8, 4)
QNT_PACK_LOW(pack8_s2, pack8, 8, 16, 2)
QNT_PACK_LOW(pack12_s2, pack12, 12, 16, 2)
QNT_PACK_LOW(pack16_s2, pack16, 16, 16, 2)
/* Costs in 1/16 cycle of a core with two SDOT a cycle, with half of the packing of A in the step. */
TILE(gemm_s8, 1, 16, 8, pack1, pack16, 50, 500)
TILE(gemm_s8, 4, 16, 8, pack4, pack16, 150, 500)
TILE(gemm_s8, 8, 8, 8, pack8, pack8, 148, 500)
TILE(gemm_s8, 8, 12, 8, pack8, pack12, 205, 640)
/* ... and of groups: shifts share the pipes of SDOT. */
TILE(gemm_s4s8, 1, 16, 4, pack1_8, pack16_s4, 180, 800)
TILE(gemm_s4s8, 4, 16, 4, pack4_8, pack16_s4, 410, 1500)
TILE(gemm_s4s8, 8, 8, 4, pack8_8, pack8_s4, 365, 1400)
TILE(gemm_s4s8, 8, 12, 4, pack8_8, pack12_s4, 530, 2000)
TILE(gemm_s2s8, 1, 16, 2, pack1_16, pack16_s2, 390, 800)
TILE(gemm_s2s8, 4, 16, 2, pack4_16, pack16_s2, 850, 1500)
TILE(gemm_s2s8, 8, 8, 2, pack8_16, pack8_s2, 745, 1400)
TILE(gemm_s2s8, 8, 12, 2, pack8_16, pack12_s2, 1080, 2000)
