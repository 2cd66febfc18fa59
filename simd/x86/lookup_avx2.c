/* The table is 16 rows of 16 bytes. VPSHUFB looks the low nibble up in every row; the bits of the high nibble, moved to
 * the sign one after the other, choose among the 16 results in a tree of blends. */
#include "x86/v_avx2.h"

QNT_INLINE __m256i row(const int8_t *table, int k)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * k)));
}

QNT_INLINE __m256i lookup(const int8_t *table, __m256i x)
{
    const __m256i low = _mm256_and_si256(x, _mm256_set1_epi8(15));
    __m256i y[16], sign[4]; /* bits 4 to 7 */
    QNT_UNROLL
    for (int b = 0; b < 4; b++)
        sign[b] = _mm256_slli_epi16(x, 3 - b);
    QNT_UNROLL
    for (int k = 0; k < 16; k += 2)
        y[k / 2] = _mm256_blendv_epi8(_mm256_shuffle_epi8(row(table, k), low),
                                      _mm256_shuffle_epi8(row(table, k + 1), low), sign[0]);
    QNT_UNROLL
    for (int k = 0; k < 8; k += 2)
        y[k / 2] = _mm256_blendv_epi8(y[k], y[k + 1], sign[1]);
    QNT_UNROLL
    for (int k = 0; k < 4; k += 2)
        y[k / 2] = _mm256_blendv_epi8(y[k], y[k + 1], sign[2]);
    return _mm256_blendv_epi8(y[0], y[1], sign[3]);
}

void qnt_lookup_s8_avx2(const int8_t *src, int8_t *dst, size_t n, const int8_t *table)
{
    size_t i = 0;
    for (; n - i >= 32; i += 32)
        vb_store(dst + i, (vb)lookup(table, (__m256i)vb_load(src + i, 32)), 32);
    if (i < n)
        vb_store(dst + i, (vb)lookup(table, (__m256i)vb_load(src + i, n - i)), n - i);
}
