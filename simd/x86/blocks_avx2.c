/* Weights in blocks. Floats: dwords of codes, less half, shifted down from the top, converted; tiles of 1 x 32 outputs,
 * 2 x 16 and 4 x 16 (8 sums, 2 vectors of weights, 1 broadcast). Codes: VPMADDUBSW of codes of 4 bits, whose pairs are
 * at most 15 * 127 * 2; of 8 bits products of 16. */
#include "x86/v_avx2.h"
#define BLOCKS_TALL 0

QNT_INLINE vi v_codes(vi d, const int BITS)
{
    return d ^ (int32_t)(BITS == 4 ? 0x88888888 : 0x80808080);
}

QNT_INLINE vf v_code(vi d, const int BITS, const int i)
{
    const int at = BITS == 4 ? i % 4 * 8 + i / 4 * 4 : i * 8;
    return vf_of(d << (32 - BITS - at) >> (32 - BITS));
}

/* The lower and the upper byte of each word, as words. */
QNT_INLINE __m256i even(vi v)
{
    return _mm256_srai_epi16(_mm256_slli_epi16((__m256i)v, 8), 8);
}

QNT_INLINE __m256i odd(vi v)
{
    return _mm256_srai_epi16((__m256i)v, 8);
}

QNT_INLINE vi v_dot4(vi s, vi w, vi x, const int BITS)
{
    if (BITS == 4)
        return s + (vi)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)w, (__m256i)x), _mm256_set1_epi16(1));
    return s + (vi)_mm256_madd_epi16(even(w), even(x)) + (vi)_mm256_madd_epi16(odd(w), odd(x));
}
enum { V_SIGNED_U8 = 1 };

#include "tmpl/blocks_f32_tmpl.h"
#include "tmpl/blocks_quantize_tmpl.h"
#include "tmpl/blocks_s8_tmpl.h"
