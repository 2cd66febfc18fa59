/* The table is 128 words in four vectors. Even and odd bytes are looked up apart: two VPERMI2W take a code's word from
 * the lower and the upper half of the table, bit 7 of the code chooses between them and bit 0 the byte. 4 vectors of
 * table, about 10 at work. */
#include "x86/v_avx512.h"

/* x: codes as words. Returns the looked up bytes in the low bytes of the words; what lies above is not told. */
QNT_INLINE __m512i words(const __m512i t[4], __m512i x)
{
    const __m512i at = _mm512_srli_epi16(x, 1);
    __m512i lower = _mm512_permutex2var_epi16(t[0], at, t[1]), upper = _mm512_permutex2var_epi16(t[2], at, t[3]);
    __m512i y = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(x, _mm512_set1_epi16(0x80)), lower, upper);
    return _mm512_mask_srli_epi16(y, _mm512_test_epi16_mask(x, _mm512_set1_epi16(1)), y, 8);
}

QNT_INLINE __m512i lookup(const __m512i t[4], __m512i x)
{
    __m512i even = words(t, _mm512_and_si512(x, _mm512_set1_epi16(0xff))), odd = words(t, _mm512_srli_epi16(x, 8));
    return _mm512_mask_blend_epi8(0xaaaaaaaaaaaaaaaa, even, _mm512_slli_epi16(odd, 8));
}

void qnt_lookup_s8_avx512(const int8_t *src, int8_t *dst, size_t n, const int8_t *table)
{
    __m512i t[4];
    size_t i = 0;
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        t[k] = _mm512_loadu_si512(table + 64 * k);
    for (; n - i >= 64; i += 64)
        vb_store(dst + i, (vb)lookup(t, (__m512i)vb_load(src + i, 64)), 64);
    if (i < n)
        vb_store(dst + i, (vb)lookup(t, (__m512i)vb_load(src + i, n - i)), n - i);
}
