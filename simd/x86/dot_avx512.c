/* Without VNNI: bytes are widened to s16 and multiplied in pairs into s32 (vpmaddwd), exact. Two accumulators; bytes
 * past the end are loaded as 0. */
#include <immintrin.h>
#include "kernels.h"

QNT_INLINE __m256i part(const void *p, size_t n) /* n < 32 */
{
    return _mm256_maskz_loadu_epi8(_bzhi_u32(~0u, (unsigned)n), p);
}

QNT_INLINE __m256i whole(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

QNT_INLINE __m512i step_s8(__m512i s, __m256i a, __m256i b)
{
    return _mm512_add_epi32(s, _mm512_madd_epi16(_mm512_cvtepi8_epi16(a), _mm512_cvtepi8_epi16(b)));
}

QNT_INLINE __m512i step_u8s8(__m512i s, __m256i a, __m256i b)
{
    return _mm512_add_epi32(s, _mm512_madd_epi16(_mm512_cvtepu8_epi16(a), _mm512_cvtepi8_epi16(b)));
}

#define DOT(op, type)                                                                                                  \
    int32_t qnt_dot_##op##_avx512(const type *a, const int8_t *b, size_t n)                                            \
    {                                                                                                                  \
        __m512i s = _mm512_setzero_si512(), t = s;                                                                     \
        size_t i = 0;                                                                                                  \
        for (; n - i >= 64; i += 64) {                                                                                 \
            s = step_##op(s, whole(a + i), whole(b + i));                                                              \
            t = step_##op(t, whole(a + i + 32), whole(b + i + 32));                                                    \
        }                                                                                                              \
        if (n - i >= 32) {                                                                                             \
            s = step_##op(s, whole(a + i), whole(b + i));                                                              \
            i += 32;                                                                                                   \
        }                                                                                                              \
        if (i < n)                                                                                                     \
            t = step_##op(t, part(a + i, n - i), part(b + i, n - i));                                                  \
        return _mm512_reduce_add_epi32(_mm512_add_epi32(s, t));                                                        \
    }
DOT(s8, int8_t)
DOT(u8s8, uint8_t)

/* a ^ 0x80 is a + 128 as u8; vpsadbw adds eight of those at once, and 128 * n is taken off at the end. */
QNT_INLINE __m512i sums(__m512i s, __m512i a)
{
    return _mm512_add_epi64(s, _mm512_sad_epu8(a, _mm512_setzero_si512()));
}

int32_t qnt_sum_s8_avx512(const int8_t *a, size_t n)
{
    const __m512i high = _mm512_set1_epi8(-128);
    __m512i s = _mm512_setzero_si512(), t = s;
    size_t i = 0;
    for (; n - i >= 128; i += 128) {
        s = sums(s, _mm512_xor_si512(_mm512_loadu_si512(a + i), high));
        t = sums(t, _mm512_xor_si512(_mm512_loadu_si512(a + i + 64), high));
    }
    if (n - i >= 64) {
        s = sums(s, _mm512_xor_si512(_mm512_loadu_si512(a + i), high));
        i += 64;
    }
    if (i < n) {
        const __mmask64 m = _bzhi_u64(~0ULL, (unsigned)(n - i));
        t = sums(t, _mm512_maskz_mov_epi8(m, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, a + i), high)));
    }
    return (int32_t)(_mm512_reduce_add_epi64(_mm512_add_epi64(s, t)) - 128 * (int64_t)n);
}
