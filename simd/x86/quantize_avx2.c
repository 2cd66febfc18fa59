/* Eight floats a step; tails by the reference's element. Codes fit 16 bits before zero is added and 8 after. */
#include <immintrin.h>
#include "ref/scalar.h"

/* max/min keep their second operand for NaN, so NaN becomes lo; the mask turns it into 0, which is code `zero`. */
QNT_INLINE __m128i codes(__m256 x, const struct qnt_quant *q, int32_t lo, int32_t hi)
{
    __m256 v = q->recip_exact ? _mm256_mul_ps(x, _mm256_set1_ps(q->recip)) : _mm256_div_ps(x, _mm256_set1_ps(q->scale));
    __m256 ok = _mm256_cmp_ps(v, v, _CMP_ORD_Q);
    v = _mm256_max_ps(v, _mm256_set1_ps((float)(lo - q->zero)));
    v = _mm256_and_ps(_mm256_min_ps(v, _mm256_set1_ps((float)(hi - q->zero))), ok);
    __m256i c = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(q->zero));
    return _mm_packs_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
}

void qnt_quantize_f32_s8_avx2(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i h = codes(_mm256_loadu_ps(src + i), q, -128, 127);
        _mm_storel_epi64((__m128i *)(dst + i), _mm_packs_epi16(h, h));
    }
    for (; i < n; i++)
        dst[i] = (int8_t)qnt_quantize_one(src[i], q->scale, q->zero, -128, 127);
}

void qnt_quantize_f32_u8_avx2(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i h = codes(_mm256_loadu_ps(src + i), q, 0, 255);
        _mm_storel_epi64((__m128i *)(dst + i), _mm_packus_epi16(h, h));
    }
    for (; i < n; i++)
        dst[i] = (uint8_t)qnt_quantize_one(src[i], q->scale, q->zero, 0, 255);
}
