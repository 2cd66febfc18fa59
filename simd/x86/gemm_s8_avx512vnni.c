/* 8-bit tiles on vpdpbusd: four products of u8 x s8 into each s32, no saturation.
 *
 * A panel [k/4][MR][4] holds a ^ 0x80 as u8 (that is a + 128: w_bias), so signed and unsigned sources cost the same; W
 * panel [k/4][NR][4] holds s8. One step of k: NV = NR / 16 vectors of W are loaded, each of MR dwords of A is broadcast
 * once and used NV times. Registers: MR * NV sums + NV of W + one broadcast:
 *
 *   12x32  24 + 2 + 1   the general one: 14 loads for 24 vpdpbusd
 *   16x16  16 + 1 + 1   few output channels; 16 rows are a full vector, the fastest to pack
 *   4x64   16 + 4 + 1   few rows: as many as there are, 2 with 2 x 8 sums
 *   4x16   4 x 2 + ...  few rows and columns: even and odd steps have sums of their own to hide the latency
 *   1x64   4 x 2        one row: bound by the stream of weights
 *   1x16   1 x 8
 *
 * W of 4 and 2 bits, 16 columns: a code is left in the upper bits of its byte, which takes a shift and a mask, so that
 * the sums are 16 or 64 times too large until the end: |(a + 128) * code * 16| <= 255 * 128, times 2^16 is below 2^31.
 * A step is less than a vector: its bytes are loaded to each part of one and the parts shifted differently.
 *
 * 64 columns, few rows: nothing is shifted, and the upper field not masked. Fields below the first hold code + 8 (2
 * bits:
 * + 2), so that a byte is 16 h + l with 0 <= l < 16:
 *
 *   s = sum of a * byte, u = sum of a * (byte & 15)    sum of a * h = (s - u) / 16, sum of a * (l - 8) = u - 8 * sum of
 * a
 *
 * and so on for four fields. s and u may wrap, what is made of them does not. */
#include <stdbool.h>
#include "pack_low.h"
#include "x86/pack_avx512.h"
#include "x86/tile_avx512.h"

QNT_INLINE __m512i bcast(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* Vector r of the `bytes` of a step; fewer than 64 are in it several times. */
QNT_INLINE __m512i load_w(const uint8_t *w, const int r, const int bytes)
{
    if (bytes == 32)
        return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)w));
    if (bytes == 16)
        return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)w));
    return _mm512_loadu_si512(w + 64 * r);
}

/* Codes 64 v .. of a step from the vector that has them, from field to field BITS: below 64 bytes times 2^(8 - BITS),
 * else with all fields below. */
QNT_INLINE __m512i codes(__m512i x, const int v, const int bytes, const int BITS)
{
    const int field = 64 * v / bytes, s = BITS * field, t = s + BITS;
    const __m512i top = _mm512_set1_epi8((char)(0xff << (8 - BITS)));
    if (bytes >= 64)
        return field ? _mm512_and_si512(x, _mm512_set1_epi8((char)(0xff >> s))) : x;
    if (bytes == 32)
        x = _mm512_sllv_epi32(x, _mm512_setr_epi32(s, s, s, s, s, s, s, s, t, t, t, t, t, t, t, t));
    else
        x = _mm512_sllv_epi32(x, _mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6));
    return _mm512_and_si512(x, top);
}

/* Not the constant: from that gcc 12 would start all sums at once, and copy them around the loop. */
QNT_INLINE __m512i zero(void)
{
    __m512i x = _mm512_setzero_si512();
    __asm__ volatile("" : "+v"(x));
    return x;
}

/* Bytes ahead of which a row of 2-bit weights is fetched: its products wait for memory in the scheduler, whose entries
 * are fewer than the loads under way that memory needs. 8-bit ones keep as many lines under way by themselves. */
enum { AHEAD = 2048 };

/* KU steps of M rows in a panel of MR, step u into its own set of sums. */
QNT_INLINE void steps(__m512i *acc, const int8_t *a, const uint8_t *w, const int M, const int MR, const int NV,
                      const int KU, const int BITS)
{
    if (M == 1 && BITS == 2) {
        QNT_UNROLL
        for (int b = 0; b < 8 * NV * BITS * KU; b += 64)
            _mm_prefetch((const void *)((uintptr_t)w + AHEAD + (uintptr_t)b), _MM_HINT_T0);
    }
    const int bytes = 8 * NV * BITS, vectors = (bytes + 63) / 64;
    QNT_UNROLL
    for (int u = 0; u < KU; u++) {
        __m512i x[4], wv[4];
        QNT_UNROLL
        for (int r = 0; r < vectors; r++) {
            x[r] = load_w(w + bytes * u, r, bytes);
            if (M > 1 || BITS < 8)
                __asm__("" : "+v"(x[r])); /* or gcc 12 would load it anew for each of few uses */
        }
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = codes(x[v % vectors], v, bytes, BITS);
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            __m512i av = bcast(a + 4 * (u * MR + i));
            QNT_UNROLL
            for (int v = 0; v < NV; v++) {
                __m512i *s = &acc[(u * M + i) * NV + v];
                *s = _mm512_dpbusd_epi32(*s, av, wv[v]);
            }
        }
    }
}

/* The sum of row i of the first M in all lanes of sum[i]; a panel of MR rows, 1 or 4: a vector holds all of them. */
QNT_INLINE void row_sums(size_t k, const uint8_t *a, __m512i *sum, const int M, const int MR)
{
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i x = _mm512_setzero_si512();
    size_t left = k * (size_t)MR;
    for (; left >= 64; left -= 64, a += 64)
        x = _mm512_dpbusd_epi32(x, _mm512_loadu_si512(a), ones);
    if (left)
        x = _mm512_dpbusd_epi32(x, _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - left), a), ones);
    x = _mm512_add_epi32(x, _mm512_shuffle_i32x4(x, x, 0x4e));
    x = _mm512_add_epi32(x, _mm512_shuffle_i32x4(x, x, 0xb1));
    if (MR == 1) {
        x = _mm512_add_epi32(x, _mm512_shuffle_epi32(x, 0x4e));
        sum[0] = _mm512_add_epi32(x, _mm512_shuffle_epi32(x, 0xb1));
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        sum[i] = _mm512_permutexvar_epi32(_mm512_set1_epi32(i), x);
}

/* What the sums of `vectors` vectors and their fields say of the codes. */
QNT_INLINE void split_fields(__m512i *acc, __m512i sum, const int NV, const int vectors, const int BITS)
{
    QNT_UNROLL
    for (int v = 0; v < NV; v++) {
        const int low = 8 - BITS * (v / vectors + 1); /* bits below the field */
        __m512i x = acc[v];
        if (low)
            x = _mm512_srai_epi32(_mm512_sub_epi32(x, acc[v + vectors]), (unsigned)low);
        if (v >= vectors)
            x = _mm512_sub_epi32(x, _mm512_slli_epi32(sum, BITS - 1));
        acc[v] = x;
    }
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int M, const int MR,
                     const int NV, const int KU, const int BITS)
{
    const bool late = KU > 1 || BITS < 8,
               fields = BITS < 8 && NV == 4; /* late: the bias stays out of the chain of sums */
    const int8_t *pa = a;
    const uint8_t *pw = w;
    __m512i acc[32], bias[4];
    if (!late) {
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            bias[v] = qnt_tile_bias_avx512(t, v);
    }
    QNT_UNROLL
    for (int i = 0; i < M * NV; i++)
        acc[i] = late ? zero() : bias[i % NV];
    QNT_UNROLL
    for (int i = M * NV; i < M * NV * KU; i++)
        acc[i] = zero();
    size_t left = k / 4;
    for (; left >= (size_t)KU; left -= (size_t)KU, pa += 4 * MR * KU, pw += 8 * NV * BITS * KU)
        steps(acc, pa, pw, M, MR, NV, KU, BITS);
    if (KU > 1) {
        QNT_UNROLL
        for (int h = KU / 2; h; h /= 2) {
            if (!(left & (size_t)h))
                continue;
            steps(acc, pa, pw, M, MR, NV, h, BITS);
            pa += 4 * MR * h;
            pw += 8 * NV * BITS * h;
        }
        QNT_UNROLL
        for (int h = KU / 2; h; h /= 2)
            QNT_UNROLL
        for (int i = 0; i < M * NV * h; i++)
            acc[i] = _mm512_add_epi32(acc[i], acc[M * NV * h + i]);
    }
    if (late) {
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            bias[v] = qnt_tile_bias_avx512(t, v);
        QNT_UNROLL
        for (int i = 0; i < M * NV; i++)
            __asm__("" : "+v"(acc[i])); /* or gcc 12 would put the sums on the stack */
        if (fields) {
            __m512i sum[4];
            row_sums(k, a, sum, M, MR);
            QNT_UNROLL
            for (int i = 0; i < M; i++)
                split_fields(acc + i * NV, sum[i], NV, NV * BITS / 8, BITS);
        }
        QNT_UNROLL
        for (int i = 0; i < M * NV; i++)
            acc[i] = _mm512_add_epi32(BITS < 8 && !fields ? _mm512_srai_epi32(acc[i], 8 - BITS) : acc[i], bias[i % NV]);
    }
    qnt_tile_store_avx512(t, acc, M, NV);
}

#define PACK(R)                                                                                                        \
    static void pack_a##R(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,     \
                          void *panel)                                                                                 \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor ^ 0x80, panel, R);                                       \
    }
#define PACK_W(R)                                                                                                      \
    static void pack_w##R(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,     \
                          void *panel)                                                                                 \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor, panel, R);                                              \
    }
PACK(4)
PACK(12)
PACK(16)
PACK_W(16)
PACK_W(32)
PACK_W(64)

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    (void)used;
    qnt_pack_row_avx512(rows, tap_k, k0, k, in_xor ^ 0x80, panel);
}

/* 64 columns of BITS bits: the fields below the first get their offset, which flips their sign bits. */
#define PACK_FIELDS(BITS, signs)                                                                                       \
    QNT_PACK_LOW(pack_plain_s##BITS, pack_w64, 64, 4, BITS)                                                            \
    static void pack_w64_s##BITS(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,              \
                                 uint8_t in_xor, void *panel)                                                          \
    {                                                                                                                  \
        uint8_t *p = panel;                                                                                            \
        pack_plain_s##BITS(rows, tap_k, k0, k, used, in_xor, panel);                                                   \
        for (size_t i = 0; i < (k + 3) / 4 * 32 * BITS; i++)                                                           \
            p[i] ^= signs;                                                                                             \
    }

/* A panel of MR rows of which t->m are computed: one loop for each number of them. */
QNT_INLINE void tile_rows(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int NV,
                          const int BITS)
{
    switch (t->m) {
    case 1:
        tile(k, a, w, t, 1, 4, NV, 2, BITS);
        return;
    case 2:
        tile(k, a, w, t, 2, 4, NV, 2, BITS);
        return;
    case 3:
        tile(k, a, w, t, 3, 4, NV, 1, BITS);
        return;
    default:
        tile(k, a, w, t, 4, 4, NV, 1, BITS);
    }
}

#define DESCRIPTOR(op, MR, NR, BITS, packw, step, start, row, least)                                                   \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_avx512vnni = {                                                      \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##op##_##MR##x##NR,                                                                                 \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 128,                                                                                                 \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .cost_row = row,                                                                                               \
        .m_least = least,                                                                                              \
    };
#define TILE(op, MR, NR, KU, BITS, packw, step, start, row)                                                            \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        tile(k, a, w, t, MR, MR, NR / 16, KU, BITS);                                                                   \
    }                                                                                                                  \
    DESCRIPTOR(op, MR, NR, BITS, packw, step, start, row, 0)
#define TILE_FEW(op, NR, BITS, packw, step, start, row, least)                                                         \
    static void run_##op##_4x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                    \
    {                                                                                                                  \
        tile_rows(k, a, w, t, NR / 16, BITS);                                                                          \
    }                                                                                                                  \
    DESCRIPTOR(op, 4, NR, BITS, packw, step, start, row, least)
/* Costs in 1/16 cycle, measured on a Zen 4 core, with half of the packing of A in the step. */
TILE(gemm_s8, 1, 16, 8, 8, pack_w16, 32, 900, 0)
TILE(gemm_s8, 1, 64, 2, 8, pack_w64, 115, 1200, 0)
TILE(gemm_s8, 4, 16, 2, 8, pack_w16, 90, 1000, 0)
TILE_FEW(gemm_s8, 64, 8, pack_w64, 300, 3400, 0, 2)
TILE(gemm_s8, 16, 16, 1, 8, pack_w16, 306, 2000, 0)
TILE(gemm_s8, 12, 32, 1, 8, pack_w32, 445, 3100, 0)
/* The others by qbench tune on a Xeon (Emerald Rapids), packing apart: where all columns are one panel it is half of
 * the time. */
QNT_PACK_LOW(pack_w16_s4, pack_w16, 16, 4, 4)
PACK_FIELDS(4, 0x08)
TILE(gemm_s4s8, 1, 16, 8, 4, pack_w16_s4, 49, 1200, 46)
TILE(gemm_s4s8, 1, 64, 2, 4, pack_w64_s4, 99, 2000, 25)
TILE(gemm_s4s8, 4, 16, 2, 4, pack_w16_s4, 98, 1500, 40)
TILE_FEW(gemm_s4s8, 64, 4, pack_w64_s4, 293, 4000, 40, 2)
TILE(gemm_s4s8, 16, 16, 1, 4, pack_w16_s4, 310, 3500, 19)
QNT_PACK_LOW(pack_w16_s2, pack_w16, 16, 4, 2)
PACK_FIELDS(2, 0x2a)
TILE(gemm_s2s8, 1, 16, 8, 2, pack_w16_s2, 50, 1400, 47)
TILE(gemm_s2s8, 1, 64, 2, 2, pack_w64_s2, 108, 2500, 32)
TILE(gemm_s2s8, 4, 16, 2, 2, pack_w16_s2, 100, 1800, 40)
TILE_FEW(gemm_s2s8, 64, 2, pack_w64_s2, 300, 4700, 50, 2)
TILE(gemm_s2s8, 16, 16, 1, 2, pack_w16_s2, 315, 4300, 19)
