/* 8-bit tiles on SMULL, exact without saturation.
 *
 * W panel [k/4][4][4 columns x 2, 4 columns x 2]: the first two codes of four columns, then their next two. A panel
 * [k/4][rows][16]: the first two codes of a row four times, then its next two four times (a_size 4). So the lanes of a
 * sum are columns. Two products of s8 x s8 need 17 bits when all four codes are -128, so the second pair of A is stored
 * complemented (~a = -a - 1) and its product is subtracted:
 *
 *   t  = a.lo * w.lo           SMULL   [-16256, 16384]
 *   t -= ~a.hi * w.hi          SMLSL2  within +-32640: fits s16; adds a.hi * w.hi + w.hi
 *   acc += t.even + t.odd      SADALP  four columns
 *
 * Three instructions give 16 products, where SMULL + SADALP alone need four. What is too much, the sum of w.hi, is a
 * property of the column: w_more tells of it. Registers of 4x16: 16 sums, 4 of A, 4 of W, 4 products.
 *
 * W of 4 and 2 bits: four products of s8 by such codes fit s16 as they are, so two steps give one t. 16 sums, 8 of A,
 * one of W and its two fields, 4 products. */
#include <arm_neon.h>
#include "arm/low_neon.h"
#include "arm/sums_4x16_neon.h"
#include "arm/tile_neon.h"
#include "pack_low.h"
#include "pack_rows.h"

enum { KR = 4, NV = 4, NR = 16, ROWS = 16 };

/* Four sums of one step, x[i] * y into acc[i * by]. Written out, side by side for cores that run in order: gcc 12
 * copies the halves of vectors that it is told of by vget_low, then lacks registers and spills sums. */
QNT_INLINE void four(int32x4_t *acc, const int by, const int8x16_t x[4], int8x16_t y)
{
    int16x8_t t0, t1, t2, t3;
    __asm__("smull %[t0].8h, %[x0].8b, %[y].8b\n\t"
            "smull %[t1].8h, %[x1].8b, %[y].8b\n\t"
            "smull %[t2].8h, %[x2].8b, %[y].8b\n\t"
            "smull %[t3].8h, %[x3].8b, %[y].8b\n\t"
            "smlsl2 %[t0].8h, %[x0].16b, %[y].16b\n\t"
            "smlsl2 %[t1].8h, %[x1].16b, %[y].16b\n\t"
            "smlsl2 %[t2].8h, %[x2].16b, %[y].16b\n\t"
            "smlsl2 %[t3].8h, %[x3].16b, %[y].16b\n\t"
            "sadalp %[s0].4s, %[t0].8h\n\t"
            "sadalp %[s1].4s, %[t1].8h\n\t"
            "sadalp %[s2].4s, %[t2].8h\n\t"
            "sadalp %[s3].4s, %[t3].8h"
            : [t0] "=&w"(t0), [t1] "=&w"(t1), [t2] "=&w"(t2), [t3] "=&w"(t3), [s0] "+w"(acc[0]), [s1] "+w"(acc[by]),
              [s2] "+w"(acc[2 * by]), [s3] "+w"(acc[3 * by])
            : [x0] "w"(x[0]), [x1] "w"(x[1]), [x2] "w"(x[2]), [x3] "w"(x[3]), [y] "w"(y));
}

/* The same of two steps, x[i] * y + z[i] * w, of few bits: nothing is complemented. */
QNT_INLINE void four_low(int32x4_t *acc, const int by, const int8x16_t x[4], int8x16_t y, const int8x16_t z[4],
                         int8x16_t w)
{
    int16x8_t t0, t1, t2, t3;
    __asm__("smull %[t0].8h, %[x0].8b, %[y].8b\n\t"
            "smull %[t1].8h, %[x1].8b, %[y].8b\n\t"
            "smull %[t2].8h, %[x2].8b, %[y].8b\n\t"
            "smull %[t3].8h, %[x3].8b, %[y].8b\n\t"
            "smlal2 %[t0].8h, %[x0].16b, %[y].16b\n\t"
            "smlal2 %[t1].8h, %[x1].16b, %[y].16b\n\t"
            "smlal2 %[t2].8h, %[x2].16b, %[y].16b\n\t"
            "smlal2 %[t3].8h, %[x3].16b, %[y].16b\n\t"
            "smlal %[t0].8h, %[z0].8b, %[w].8b\n\t"
            "smlal %[t1].8h, %[z1].8b, %[w].8b\n\t"
            "smlal %[t2].8h, %[z2].8b, %[w].8b\n\t"
            "smlal %[t3].8h, %[z3].8b, %[w].8b\n\t"
            "smlal2 %[t0].8h, %[z0].16b, %[w].16b\n\t"
            "smlal2 %[t1].8h, %[z1].16b, %[w].16b\n\t"
            "smlal2 %[t2].8h, %[z2].16b, %[w].16b\n\t"
            "smlal2 %[t3].8h, %[z3].16b, %[w].16b\n\t"
            "sadalp %[s0].4s, %[t0].8h\n\t"
            "sadalp %[s1].4s, %[t1].8h\n\t"
            "sadalp %[s2].4s, %[t2].8h\n\t"
            "sadalp %[s3].4s, %[t3].8h"
            : [t0] "=&w"(t0), [t1] "=&w"(t1), [t2] "=&w"(t2), [t3] "=&w"(t3), [s0] "+w"(acc[0]), [s1] "+w"(acc[by]),
              [s2] "+w"(acc[2 * by]), [s3] "+w"(acc[3 * by])
            : [x0] "w"(x[0]), [x1] "w"(x[1]), [x2] "w"(x[2]), [x3] "w"(x[3]), [y] "w"(y), [z0] "w"(z[0]),
              [z1] "w"(z[1]), [z2] "w"(z[2]), [z3] "w"(z[3]), [w] "w"(w));
}

/* One step; nv vectors of columns are wanted. */
QNT_INLINE void step(int32x4_t *acc, const int8_t **a, const int8_t **w, const int MR, const int nv)
{
    int8x16_t av[4], wv[4];
    qnt_take_neon(av, a, MR);
    qnt_take_neon(wv, w, nv);
    *w += 16 * (NV - nv);
    if (MR == 1)
        four(acc, 1, wv, av[0]);
    QNT_UNROLL
    for (int v = 0; v < nv * (MR == 4); v++)
        four(acc + v, nv, av, wv[v]);
}

/* Two steps: fields `field` and the next one of the same vectors of W. */
QNT_INLINE void two_steps(int32x4_t *acc, const int8_t **a, const int8_t *w, const int MR, const int field,
                          const int BITS)
{
    int8x16_t av[2][4], wv[2][4];
    qnt_take_neon(av[0], a, MR);
    qnt_take_neon(av[1], a, MR);
    QNT_UNROLL
    for (int v = 0; v < NV; v++) {
        const int8x16_t raw = vld1q_s8(w + 16 * v);
        wv[0][v] = qnt_field_neon(raw, field, BITS);
        wv[1][v] = qnt_field_neon(raw, field + 1, BITS);
        if (MR == 4)
            four_low(acc + v, NV, av[0], wv[0][v], av[1], wv[1][v]);
    }
    if (MR == 1)
        four_low(acc, 1, wv[0], av[0][0], wv[1], av[1][0]);
}

/* The first nv vectors of columns of a tile: all, or with 8 bits two. */
QNT_INLINE void tile(size_t k, const int8_t *pa, const int8_t *pw, const struct qnt_tile *t, const int MR,
                     const int BITS, const int nv)
{
    int32x4_t acc[16], bias[4];
    qnt_tile_bias_neon(t, bias, nv);
    QNT_UNROLL
    for (int i = 0; i < MR * nv; i++)
        acc[i] = bias[i % nv];
    if (BITS == 8) {
        for (size_t n = k / (2 * KR); n; n--) {
            step(acc, &pa, &pw, MR, nv);
            step(acc, &pa, &pw, MR, nv);
        }
        if (k % (2 * KR))
            step(acc, &pa, &pw, MR, nv);
    } else {
        for (size_t n = k / (32 / BITS); n; n--, pw += 16 * NV) {
            QNT_UNROLL
            for (int field = 0; field < 8 / BITS; field += 2)
                two_steps(acc, &pa, pw, MR, field, BITS);
        }
    }
    if (qnt_tile_whole_neon(t, nv) && t->m == (uint32_t)MR)
        qnt_tile_put_neon(t, acc, MR, nv);
    else
        qnt_tile_end_neon(t, acc, MR, nv);
}

/* Few columns past the last whole tile do not cost a whole one. */
QNT_INLINE void run(size_t k, const int8_t *a, const int8_t *w, const struct qnt_tile *t, const int MR, const int BITS)
{
    const size_t panel = (size_t)MR * k * 4;
    struct qnt_tile p = *t;
    for (uint32_t left = t->m; left; left -= p.m, a += panel, qnt_tile_next_neon(&p, MR)) {
        p.m = left < (uint32_t)MR ? left : (uint32_t)MR;
        if (BITS == 8 && MR == 4 && t->n <= 8)
            tile(k, a, w, &p, MR, BITS, 2);
        else
            tile(k, a, w, &p, MR, BITS, NV);
    }
}

/* 4x16 of 8 bits. Whole tiles of s32 go to c; sums of others wait in memory, as many panels as fit. */
static void run_gemm_s8_4x16(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    const int8_t *pa = a;
    struct qnt_tile p = *t;
    if (t->n <= 8) {
        run(k, a, w, t, 4, 8);
        return;
    }
    if (t->e->kind == QNT_EPI_S32 && qnt_tile_whole_neon(t, NV)) {
        const uint32_t rows = t->m & ~3u;
        qnt_sums_4x16_neon(k, rows / 4, pa, w, t->e->bias + t->col, t->c, t->ldc * sizeof(int32_t));
        pa += rows * k * 4;
        p.m -= rows;
        qnt_tile_next_neon(&p, (int)rows);
    }
    int32_t out[16 * ROWS], tmp[16];
    const int32_t *bias = qnt_padded_neon(t->e->bias + t->col, t->last ? t->n : 0, 16, tmp);
    for (uint32_t left = p.m; left; left -= p.m, pa += ROWS * k * 4, qnt_tile_next_neon(&p, ROWS)) {
        p.m = left < ROWS ? left : ROWS;
        qnt_sums_4x16_neon(k, (p.m + 3) / 4, pa, w, bias, out, 16 * sizeof *out);
        qnt_tile_store4_neon(&p, out);
    }
}

/* Of four rows of W 16 bytes of k: the first `steps` steps. */
QNT_INLINE void pack_w_block(const void *const *rows, size_t at, int8x16_t flip, int8_t *out, size_t steps)
{
    int16x8_t x[4], y[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x[i] = vreinterpretq_s16_s8(veorq_s8(vld1q_s8((const int8_t *)rows[i] + at), flip));
    y[0] = vzip1q_s16(x[0], x[2]);
    y[1] = vzip1q_s16(x[1], x[3]);
    y[2] = vzip2q_s16(x[0], x[2]);
    y[3] = vzip2q_s16(x[1], x[3]);
    QNT_UNROLL
    for (size_t s = 0; s < 4; s++)
        if (s < steps)
            vst1q_s8(out + KR * NR * s, vreinterpretq_s8_s16(s % 2 ? vzip2q_s16(y[s / 2 * 2], y[s / 2 * 2 + 1])
                                                                   : vzip1q_s16(y[s / 2 * 2], y[s / 2 * 2 + 1])));
}

static void pack_w16(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     void *panel)
{
    struct qnt_rows r;
    int8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, NR);
    while (qnt_rows_next(&r, 16))
        for (size_t j = 0; j < r.bytes; j += 16, out += 16 * NR) {
            const size_t bytes = r.bytes - j < 16 ? r.bytes - j : 16;
            for (int s = 0; s < NR; s += 4)
                pack_w_block(r.row + s, r.at + j, qnt_flip_neon(in_xor, bytes), out + 16 * (s / 4),
                             (bytes + KR - 1) / KR);
        }
}

/* R rows of A, 16 bytes of k, xor'ed with flip: the first `steps` steps, rows side by side. */
QNT_INLINE void pack_a_block(const int8_t *const *row, size_t at, int8x16_t flip, const uint8x16_t *pairs, int8_t *out,
                             size_t steps, const int R)
{
    int8x16_t x[4];
    QNT_UNROLL
    for (int i = 0; i < R; i++)
        x[i] = veorq_s8(vld1q_s8(row[i] + at), flip);
    QNT_UNROLL
    for (size_t s = 0; s < 4; s++) {
        QNT_UNROLL
        for (int i = 0; i < R; i++)
            if (s < steps)
                vst1q_s8(out + 16 * ((size_t)R * s + (size_t)i), vqtbl1q_s8(x[i], pairs[s]));
    }
}

/* Four steps of four rows by the fewest instructions: ST1 of four vectors. */
#define STEP(pairs)                                                                                                    \
    "tbl v4.16b, {v0.16b}, %[" pairs "].16b\n\t"                                                                       \
    "tbl v5.16b, {v1.16b}, %[" pairs "].16b\n\t"                                                                       \
    "tbl v6.16b, {v2.16b}, %[" pairs "].16b\n\t"                                                                       \
    "tbl v7.16b, {v3.16b}, %[" pairs "].16b\n\t"                                                                       \
    "st1 {v4.16b - v7.16b}, [%[out]], #64\n\t"
QNT_INLINE int8_t *pack_four(const int8_t *row[4], int8x16_t flip, const uint8x16_t *pairs, int8_t *out)
{
    __asm__ volatile("ldr q0, [%[r0]], #16\n\t"
                     "ldr q1, [%[r1]], #16\n\t"
                     "ldr q2, [%[r2]], #16\n\t"
                     "ldr q3, [%[r3]], #16\n\t"
                     "eor v0.16b, v0.16b, %[flip].16b\n\t"
                     "eor v1.16b, v1.16b, %[flip].16b\n\t"
                     "eor v2.16b, v2.16b, %[flip].16b\n\t"
                     "eor v3.16b, v3.16b, %[flip].16b\n\t" STEP("p0") STEP("p1") STEP("p2") STEP("p3")
                     : [out] "+r"(out), [r0] "+r"(row[0]), [r1] "+r"(row[1]), [r2] "+r"(row[2]), [r3] "+r"(row[3])
                     : [flip] "w"(flip), [p0] "w"(pairs[0]), [p1] "w"(pairs[1]), [p2] "w"(pairs[2]), [p3] "w"(pairs[3])
                     : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "memory");
    return out;
}
#undef STEP

/* One panel: `used` of its R rows, of which those of a tap lie `stride` apart in `rows`. `high` is xor'ed to the second
 * pairs, also of the padding: it meets zeros of W. */
QNT_INLINE void pack_panel(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t stride, size_t used,
                           uint8_t in_xor, int8_t *out, const int R, const uint8_t high, const size_t kr)
{
    const int8x16_t up = vreinterpretq_s8_u32(vdupq_n_u32(high * 0x01010000u));
    const int8x16_t flip = veorq_s8(vdupq_n_s8((int8_t)in_xor), up);
    const uint8x16_t first = {0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3};
    const uint8x16_t pairs[] = {first, vaddq_u8(first, vdupq_n_u8(KR)), vaddq_u8(first, vdupq_n_u8(2 * KR)),
                                vaddq_u8(first, vdupq_n_u8(3 * KR))};
    const int8_t *row[4];
    struct qnt_rows r;
    const int plain = qnt_rows_plain(tap_k, k0, k, used, R, 16);
    for (rows += plain ? k0 / tap_k * stride : 0; plain && k; k -= tap_k, rows += stride) {
        QNT_UNROLL
        for (int i = 0; i < R; i++)
            row[i] = rows[i];
        for (size_t j = 0; j < tap_k && R == 4; j += 16)
            out = pack_four(row, flip, pairs, out);
        for (size_t j = 0; j < tap_k && R == 1; j += 16, out += 64)
            pack_a_block(row, j, flip, pairs, out, 4, 1);
    }
    if (plain)
        return;
    qnt_rows_init(&r, rows, tap_k, k0, k, stride, R);
    r.known = used;
    while (qnt_rows_next(&r, 16)) {
        size_t j = 0;
        QNT_UNROLL
        for (int i = 0; i < R; i++)
            row[i] = (const int8_t *)r.row[i] + r.at;
        for (; j + 16 <= r.bytes; j += 16, out += 64 * R)
            pack_a_block(row, j, flip, pairs, out, 4, R);
        if (j < r.bytes)
            pack_a_block(row, j, veorq_s8(qnt_flip_neon(in_xor, r.bytes - j), up), pairs, out,
                         (r.bytes - j + kr - 1) / kr * (kr / KR), R);
    }
}

QNT_INLINE void pack_a(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                       void *panels, const int R, const uint8_t high, const size_t kr)
{
    int8_t *out = panels;
    for (size_t i = 0; i < used; i += (size_t)R, out += (k + kr - 1) / kr * kr * 4 * (size_t)R)
        pack_panel(rows + i, tap_k, k0, k, used, used - i < (size_t)R ? used - i : (size_t)R, in_xor, out, R, high, kr);
}

#define PACK_A(R, BITS, high)                                                                                          \
    static void pack_a##R##_##BITS(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,            \
                                   uint8_t in_xor, void *panel)                                                        \
    {                                                                                                                  \
        pack_a(rows, tap_k, k0, k, used, in_xor, panel, R, high, 32 / BITS);                                           \
    }
PACK_A(1, 8, 0xff)
PACK_A(4, 8, 0xff)
PACK_A(1, 4, 0)
PACK_A(4, 4, 0)
PACK_A(1, 2, 0)
PACK_A(4, 2, 0)

#define RUN(op, MR, BITS)                                                                                              \
    static void run_##op##_##MR##x16(size_t k, const void *a, const void *w, const struct qnt_tile *t)                 \
    {                                                                                                                  \
        run(k, a, w, t, MR, BITS);                                                                                     \
    }
RUN(gemm_s8, 1, 8)
RUN(gemm_s4s8, 1, 4)
RUN(gemm_s4s8, 4, 4)
RUN(gemm_s2s8, 1, 2)
RUN(gemm_s2s8, 4, 2)

#include "arm/winograd_neon.h"

#define TILE(op, MR, BITS, how, packw, more, step, start)                                                              \
    const struct qnt_gemm qnt_##op##_##MR##x16_neon = {                                                                \
        .name = #MR "x16",                                                                                             \
        .run = how,                                                                                                    \
        .pack_a = pack_a##MR##_##BITS,                                                                                 \
        .pack_w = packw,                                                                                               \
        .winograd = MR == 4 ? winograd : NULL,                                                                         \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 32 / BITS,                                                                                               \
        .a_size = 4,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .w_more = more,                                                                                                \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .tall = MR > 1,                                                                                                \
    };
QNT_PACK_LOW(pack_w16_s4, pack_w16, NR, 8, 4)
QNT_PACK_LOW(pack_w16_s2, pack_w16, NR, 16, 2)
/* Costs in 1/16 cycle of a core with one vector instruction a cycle, with half of the packing of A in the step. */
TILE(gemm_s8, 1, 8, run_gemm_s8_1x16, pack_w16, 0xcc, 300, 800)
TILE(gemm_s8, 4, 8, run_gemm_s8_4x16, pack_w16, 0xcc, 850, 1600)
TILE(gemm_s4s8, 1, 4, run_gemm_s4s8_1x16, pack_w16_s4, 0, 650, 800)
TILE(gemm_s4s8, 4, 4, run_gemm_s4s8_4x16, pack_w16_s4, 0, 1650, 1600)
TILE(gemm_s2s8, 1, 2, run_gemm_s2s8_1x16, pack_w16_s2, 0, 1300, 800)
TILE(gemm_s2s8, 4, 2, run_gemm_s2s8_4x16, pack_w16_s2, 0, 3300, 1600)
