#ifndef X86_PART_AVX2_H
#define X86_PART_AVX2_H
/* The first n of eight dwords, 0 in the other lanes; n >= 8 is a whole vector. Not by VPMASKMOVD: where the lanes left
 * out lie on an absent page, processors take a slow path and emulators have faulted (qemu 7.2). */
#include <immintrin.h>
#include <stddef.h>
#include "isa.h"

QNT_INLINE __m128i qnt_part4_avx2(const char *p, size_t n) /* n < 4 */
{
    if (n < 2)
        return n ? _mm_loadu_si32(p) : _mm_setzero_si128();
    __m128i x = _mm_loadl_epi64((const __m128i *)p);
    return n == 3 ? _mm_unpacklo_epi64(x, _mm_loadu_si32(p + 8)) : x;
}

QNT_INLINE __m256i qnt_part8_avx2(const void *src, size_t n)
{
    const char *p = src;
    if (n >= 8)
        return _mm256_loadu_si256((const __m256i *)p);
    if (n < 4)
        return _mm256_zextsi128_si256(qnt_part4_avx2(p, n));
    return _mm256_set_m128i(qnt_part4_avx2(p + 16, n - 4), _mm_loadu_si128((const __m128i *)p));
}

/* All bits in the first n - 8 v of eight dwords: what masked stores take. */
QNT_INLINE __m256i qnt_tail8_avx2(uint32_t n, int v)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n - 8 * v), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif
