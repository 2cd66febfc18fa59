/* f32 tiles, loops in gemm_f32_loops.h.
 *
 *   14x32  28 accumulators, 2 vectors of W, 1 broadcast: 31 of 32 registers; 28 fma for 14 broadcasts and 2 loads
 *   28x16  28 accumulators, 1 vector of W; every fma takes its element of A as a broadcast memory operand
 *
 * Both take any number of rows. W panel: [k][nr]. */
#include <immintrin.h>
#include "x86/pack_avx512.h"
#include "x86/rows_avx512.h"

typedef __m512 vec;
enum { LANES = 16, LONG = 64, AHEAD = 24 }; /* steps of k from a row of W to the one asked for meanwhile */

#define VEC_REG "v"
QNT_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

QNT_INLINE vec vec_set1(float x)
{
    return _mm512_set1_ps(x);
}

QNT_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

QNT_INLINE vec vec_fma_kept(vec a, vec b, vec c)
{
    return vec_fma(a, b, c);
}

QNT_INLINE vec vec_fma_at(vec a, const float *b, vec c)
{
    return vec_fma(a, vec_load(b), c);
}
#include "x86/gemm_f32_loops.h"

/* The first n, 1 to 16. */
QNT_INLINE __mmask16 lanes(uint32_t n)
{
    return (__mmask16)(0xffffu >> (LANES - n));
}

QNT_INLINE vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

QNT_INLINE void vec_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}

QNT_INLINE vec vec_part_load(const float *p, uint32_t n)
{
    return _mm512_maskz_loadu_ps(lanes(n), p);
}

QNT_INLINE void vec_part_store(float *p, vec x, uint32_t n)
{
    _mm512_mask_storeu_ps(p, lanes(n), x);
}

/* The second operand is taken where one is NaN. */
QNT_INLINE vec vec_at_least(vec lo, vec x)
{
    return _mm512_max_ps(lo, x);
}

QNT_INLINE vec vec_at_most(vec hi, vec x)
{
    return _mm512_min_ps(hi, x);
}

/* Stores at the end of a sum find their lines on the way, but where it is so short that it would wait for them. */
QNT_INLINE void find(const int M, const int V, const bool PART, const struct qnt_f32_operands *o,
                     const struct qnt_tile *t, const float *c)
{
    (void)PART;
    if (!o->far || !t->first || o->run * o->runs < LONG)
        return;
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc)
        QNT_UNROLL
    for (int v = 0; v < V; v++)
        _mm_prefetch((const char *)(c + v * LANES), _MM_HINT_T0);
}

#define F_ONE(m, F) F(m, 1, any)
#define F_TWO(m, F) F(m, 2, any)
#define ONES(F) QNT_ROWS_28(F_ONE, F)
#define TWOS(F) QNT_ROWS_14(F_TWO, F)
#define F32_ASKS 0 /* panels of W stream: AHEAD */
#define F32_APART 0
#define F32_SETS(S) S(28, ONES) S(14, TWOS)
enum { SUMS = 28, F32_MOST = 28 };
#include "tmpl/gemm_f32_tmpl.h"

/* 16 rows of 16 floats to 16 columns, one every `step` floats: a whole cache line of each row at a time. */
QNT_INLINE void transpose(const void *const *rows, size_t at, float *to, const int step)
{
    __m512 r[16], s[16];
    QNT_UNROLL
    for (int i = 0; i < 16; i++)
        r[i] = _mm512_loadu_ps((const float *)rows[i] + at);
    QNT_UNROLL
    for (int i = 0; i < 16; i += 4) { /* within lanes: s[i + c] lane l holds column 4l + c of rows i .. i + 3 */
        const __m512 ab0 = _mm512_unpacklo_ps(r[i], r[i + 1]), ab1 = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const __m512 cd0 = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), cd1 = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        s[i] = _mm512_shuffle_ps(ab0, cd0, 0x44);
        s[i + 1] = _mm512_shuffle_ps(ab0, cd0, 0xee);
        s[i + 2] = _mm512_shuffle_ps(ab1, cd1, 0x44);
        s[i + 3] = _mm512_shuffle_ps(ab1, cd1, 0xee);
    }
    QNT_UNROLL
    for (int c = 0; c < 4; c++) { /* lanes: 4 x 4 blocks of rows */
        const __m512 a = _mm512_shuffle_f32x4(s[c], s[4 + c], 0x44), b = _mm512_shuffle_f32x4(s[c], s[4 + c], 0xee);
        const __m512 d = _mm512_shuffle_f32x4(s[8 + c], s[12 + c], 0x44),
                     e = _mm512_shuffle_f32x4(s[8 + c], s[12 + c], 0xee);
        _mm512_storeu_ps(to + c * step, _mm512_shuffle_f32x4(a, d, 0x88));
        _mm512_storeu_ps(to + (4 + c) * step, _mm512_shuffle_f32x4(a, d, 0xdd));
        _mm512_storeu_ps(to + (8 + c) * step, _mm512_shuffle_f32x4(b, e, 0x88));
        _mm512_storeu_ps(to + (12 + c) * step, _mm512_shuffle_f32x4(b, e, 0xdd));
    }
}

/* The rest as a panel of bytes, four to a step. */
QNT_INLINE void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, float *to,
                          const int NR)
{
    size_t p = 0;
    for (; used == (size_t)NR && k0 + k <= tap_k && p + 16 <= k; p += 16)
        for (int i = 0; i < NR; i += 16)
            transpose(rows + i, k0 + p, to + p * NR + i, NR);
    if (p < k)
        qnt_pack_rows_avx512(rows, 4 * tap_k, 4 * (k0 + p), 4 * (k - p), used, 0, to + p * NR, NR);
}

static void pack_rows_32(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                         void *panel)
{
    (void)in_xor;
    pack_rows(rows, tap_k, k0, k, used, panel, 32);
}

static void pack_rows_16(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                         void *panel)
{
    (void)in_xor;
    pack_rows(rows, tap_k, k0, k, used, panel, 16);
}

QNT_INLINE void pack_cols(const int V, const void *const *lines, size_t k, size_t used, float *to)
{
    const uint32_t columns = (uint32_t)((UINT64_C(1) << used) - 1);
    for (size_t p = 0; p < k; p++, to += V * LANES) {
        const float *from = lines[p];
        QNT_UNROLL
        for (int v = 0; v < V; v++)
            _mm512_storeu_ps(to + v * LANES,
                             _mm512_maskz_loadu_ps((__mmask16)(columns >> v * LANES), from + v * LANES));
    }
}

static void pack_cols_32(const void *const *lines, size_t k, size_t used, void *panel)
{
    pack_cols(2, lines, k, used, panel);
}

static void pack_cols_16(const void *const *lines, size_t k, size_t used, void *panel)
{
    pack_cols(1, lines, k, used, panel);
}

const struct qnt_gemm qnt_gemm_f32_14x32_avx512 = {
    .name = "14x32",
    .run_f32 = run,
    .pack_w = pack_rows_32,
    .pack_w_cols = pack_cols_32,
    .mr = 14,
    .nr = 32,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 112,
    .cost_tile = 320,
    .k_run = 8192,
    .m_least = 4,
    .tall = 1,
};
const struct qnt_gemm qnt_gemm_f32_28x16_avx512 = {
    .name = "28x16",
    .run_f32 = run,
    .pack_w = pack_rows_16,
    .pack_w_cols = pack_cols_16,
    .mr = 28,
    .nr = 16,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 115,
    .cost_tile = 640,
    .k_run = 512,
    .m_least = 9,
    .tall = 1,
};
