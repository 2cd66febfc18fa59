/* Binary tiles by table: popcounts of nibbles of a xor w from vpshufb.
 *
 * Both panels hold their nibbles apart, [k/4][2][R][4]: masks and shifts are done once, while packing. Dword lanes are
 * columns, and the four bytes of a lane count on their own for STEPS steps (8 at most in each), before two multiplies
 * by ones add them up. Registers of 4x16: 8 counters, 2 of W, one of A, the table, 2 in flight; the sums of the
 * steps wait in memory. (Carry-save adders over several words, Harley-Seal, need state for every sum: there
 * are no registers for it.) */
#include "pack_b1.h"
#include "x86/dwords_avx2.h"
#include "x86/tile_avx2.h"

enum { STEPS = 31 };

/* Counts of `n` steps into acc. */
QNT_INLINE void count(__m256i *acc, const uint8_t *a, const uint8_t *w, size_t n, const int MR)
{
    const __m256i bits = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        acc[i] = _mm256_setzero_si256();
    for (n *= 2; n; n--, a += 4 * MR, w += 64) { /* low nibbles, high nibbles, low ... */
        __m256i w0 = _mm256_loadu_si256((const __m256i *)w), w1 = _mm256_loadu_si256((const __m256i *)(w + 32));
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m256i av = qnt_dword_avx2(a + 4 * i);
            acc[2 * i] = _mm256_add_epi8(acc[2 * i], _mm256_shuffle_epi8(bits, _mm256_xor_si256(av, w0)));
            acc[2 * i + 1] = _mm256_add_epi8(acc[2 * i + 1], _mm256_shuffle_epi8(bits, _mm256_xor_si256(av, w1)));
            /* row by row: gcc 12 would compute all counts first, and put counters on the stack */
            __asm__("" : "+x"(acc[2 * i]), "+x"(acc[2 * i + 1]) : : "memory");
        }
    }
}

QNT_INLINE void store(const struct qnt_tile *t, __m256i *acc, const int MR)
{
    const struct qnt_epilogue *e = t->e;
    if (e->kind == QNT_EPI_BITS) {
        uint8_t *c = t->c;
        QNT_UNROLL
        for (int i = 0; i < MR; i++, c += t->ldc) {
            if ((uint32_t)i >= t->m)
                break;
            uint32_t bits = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(acc[2 * i])) |
                            (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(acc[2 * i + 1])) << 8;
            bits &= (1u << t->n) - 1;
            c[0] = (uint8_t)bits;
            if (t->n > 8)
                c[1] = (uint8_t)(bits >> 8);
        }
        return;
    }
    if (e->kind == QNT_EPI_F32) { /* its stores are those of s32 */
        QNT_UNROLL
        for (int v = 0; v < 2; v++) {
            const float *s = e->rq.scale;
            __m256 scale =
                e->rq.per_channel ? _mm256_castsi256_ps(qnt_tile_load_avx2(s + t->col, t->n, v)) : _mm256_set1_ps(s[0]);
            QNT_UNROLL
            for (int i = 0; i < MR; i++) {
                __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(acc[2 * i + v]), scale);
                if (e->bias_f32)
                    x = _mm256_add_ps(x, _mm256_castsi256_ps(qnt_tile_load_avx2(e->bias_f32 + t->col, t->n, v)));
                x = _mm256_max_ps(_mm256_set1_ps(e->lo), _mm256_min_ps(_mm256_set1_ps(e->hi), x));
                acc[2 * i + v] = _mm256_castps_si256(x);
            }
        }
    }
    qnt_tile_store_avx2(t, acc, MR);
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV)
{
    const uint8_t *pa = a, *pw = w;
    const __m256i one8 = _mm256_set1_epi8(1), one16 = _mm256_set1_epi16(1);
    __m256i acc[8], sum[8];
    (void)NV;
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        sum[i] = _mm256_setzero_si256();
    for (size_t left = k / 4, n; left; left -= n, pa += 8 * n * (size_t)MR, pw += 128 * n) {
        n = left < STEPS ? left : STEPS;
        count(acc, pa, pw, n, MR);
        QNT_UNROLL
        for (int i = 0; i < 2 * MR; i++)
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(acc[i], one8), one16));
    }
    QNT_UNROLL
    for (int v = 0; v < 2; v++) {
        __m256i bias = qnt_tile_bias_avx2(t, v);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            const int32_t *row =
                t->last && t->e->row_bias && (uint32_t)i < t->m ? t->e->row_bias[t->row + (uint32_t)i] : NULL;
            __m256i from = row ? _mm256_add_epi32(bias, qnt_tile_load_avx2(row + t->col, t->n, v)) : bias;
            sum[2 * i + v] = _mm256_sub_epi32(from, _mm256_slli_epi32(sum[2 * i + v], 1));
        }
    }
    store(t, sum, MR);
}

QNT_PACK_B1(pack_a1, qnt_pack_b1, 1, 1)
QNT_PACK_B1(pack_a4, qnt_pack_b1, 4, 1)
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 1)
/* Costs in 1/16 cycle, estimated from the instructions of a step, with half of the packing of A. */
QNT_TILE_B1(1, 16, avx2, 1, pack_a1, pack_w16, 90, 900)
QNT_TILE_B1(4, 16, avx2, 1, pack_a4, pack_w16, 200, 1600)
