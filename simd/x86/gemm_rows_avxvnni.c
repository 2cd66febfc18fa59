/* 8-bit tiles on vpdpbusd with 256-bit vectors that read the rows of A where they lie, as a ^ 0x80 (that is a + 128:
 * w_bias).
 *
 *   6x16  12 sums, 2 vectors of W, 1 broadcast: 15 of 16 registers; 12 vpdpbusd for 6 broadcasts and 2 loads
 *
 * There is a function for each number of rows: fewer rows cost less, and nothing outside of them is read. Rows are
 * reached from one pointer for each four of them (+0, +1, +2, +3 strides). W panel [k/4][16][4] of s8.
 *
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
#include <immintrin.h>
#include <string.h>
#include "x86/pack_u8_avx2.h"
#include "x86/tile_avx2.h"

enum { MR = 6, NR = 16, STEP = 4 * NR, GROUP = 4, GROUPS = 2 };

QNT_INLINE __m256i bcast(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* One step: `q` points to the bytes of each fourth row, row strides r1 and r3 = 3 * r1. */
QNT_INLINE void step(const int M, const uint8_t *const *q, ptrdiff_t r1, ptrdiff_t r3, const int8_t *w, __m256i *acc)
{
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w),
                  w1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + STEP / 2));
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const uint8_t *at = q[i / GROUP];
        at += i % GROUP == 1 ? r1 : i % GROUP == 2 ? 2 * r1 : i % GROUP == 3 ? r3 : 0;
        const __m256i a = bcast(at);
        acc[2 * i] = _mm256_dpbusd_epi32(acc[2 * i], a, w0);
        acc[2 * i + 1] = _mm256_dpbusd_epi32(acc[2 * i + 1], a, w1);
    }
}

QNT_INLINE void sums(const int M, const struct qnt_s8_operands *o, __m256i *acc)
{
    const ptrdiff_t r1 = o->a_row, r3 = 3 * r1;
    const uint8_t *a = o->a;
    const int8_t *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        const uint8_t *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * r1;
        for (size_t p = o->run; p > 0; p -= 4, w += STEP) {
            step(M, q, r1, r3, w, acc);
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] += 4;
        }
    }
}

QNT_INLINE void tile(const int M, const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    __m256i acc[2 * MR];
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        acc[i] = bias[i % 2];
    sums(M, o, acc);
    qnt_tile_store_avx2(t, acc, M);
}

#define TILE(m)                                                                                                        \
    static void tile_##m(const struct qnt_s8_operands *o, const struct qnt_tile *t)                                    \
    {                                                                                                                  \
        tile(m, o, t);                                                                                                 \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)

static void run(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    static qnt_gemm_rows_fn *const by_m[MR] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    by_m[t->m - 1](o, t);
}

/* n bytes, less than a vector has. */
QNT_INLINE void copy_few(const int8_t *from, int8_t *to, size_t n, uint8_t flip)
{
    for (const uint64_t flips = 0x0101010101010101u * flip; n >= 8; n -= 8, from += 8, to += 8) {
        uint64_t x;
        memcpy(&x, from, sizeof x);
        x ^= flips;
        memcpy(to, &x, sizeof x);
    }
    for (; n; n--)
        *to++ = (int8_t)(*from++ ^ flip);
}

/* Rows of taps side by side, each padded with zeros to whole steps. */
static void copy_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    const uint8_t flips = in_xor ^ 0x80;
    const __m256i flip = _mm256_set1_epi8((char)flips);
    const size_t pitch = qnt_rows_pitch(k), first = k ? k0 / tap_k : 0, from = k ? k0 % tap_k : 0;
    int8_t *row = panel;
    for (size_t i = 0; i < used; i++, row += pitch) {
        const void *const *tap = rows + first * used + i;
        int8_t *out = row;
        size_t off = from;
        for (size_t left = k, run; left; left -= run, off = 0, tap += used, out += run) {
            run = tap_k - off < left ? tap_k - off : left;
            const int8_t *src = (const int8_t *)*tap + off;
            size_t j = 0;
            for (; j + 32 <= run; j += 32)
                _mm256_storeu_si256(
                    (__m256i *)(void *)(out + j),
                    _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(src + j)), flip));
            copy_few(src + j, out + j, run - j, flips);
        }
        memset(out, 0, (size_t)-k % 4);
    }
}

static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor, panel, NR);
}

/* In the unit of gemm_s8_avxvnni.c. */
const struct qnt_gemm qnt_gemm_s8_6x16_avxvnni = {
    .name = "6x16",
    .run_rows = run,
    .pack_a = copy_rows,
    .pack_w = pack_w,
    .mr = MR,
    .nr = NR,
    .kr = 4,
    .a_size = 1,
    .w_bits = 8,
    .w_bias = 128,
    .cost_step = 125,
    .cost_tile = 1200,
    .m_least = 4,
};
