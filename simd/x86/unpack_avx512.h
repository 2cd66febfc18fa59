#ifndef X86_UNPACK_AVX512_H
#define X86_UNPACK_AVX512_H
/* W panels of 32 columns and steps of 4, from 4 and 2 bits a code to s8: two vectors a step. A field is brought down to
 * the low bits of its byte, and a table gives it its sign. */
#include <immintrin.h>
#include "kernels.h"

/* 4 bits: 64 bytes a step, the upper fields are the first vector. */
static void qnt_unpack32_s4_avx512(const void *panel, size_t k, int8_t *out)
{
    const __m512i low = _mm512_set1_epi8(15);
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    const uint8_t *w = panel;
    for (; k; k -= 4, w += 64, out += 128) {
        const __m512i x = _mm512_loadu_si512(w);
        const __m512i a = _mm512_and_si512(_mm512_srli_epi32(x, 4), low), b = _mm512_and_si512(x, low);
        _mm512_storeu_si512(out, _mm512_shuffle_epi8(table, a));
        _mm512_storeu_si512(out + 64, _mm512_shuffle_epi8(table, b));
    }
}

/* 2 bits: 32 bytes a step in both halves of a vector, from the upper fields to the lower: 0 1, then 2 3. */
static void qnt_unpack32_s2_avx512(const void *panel, size_t k, int8_t *out)
{
    const __m512i low = _mm512_set1_epi8(3), first = _mm512_setr_epi64(6, 6, 6, 6, 4, 4, 4, 4),
                  second = _mm512_setr_epi64(2, 2, 2, 2, 0, 0, 0, 0);
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1));
    const uint8_t *w = panel;
    for (; k; k -= 4, w += 32, out += 128) {
        const __m512i x = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)w));
        const __m512i a = _mm512_and_si512(_mm512_srlv_epi64(x, first), low);
        const __m512i b = _mm512_and_si512(_mm512_srlv_epi64(x, second), low);
        _mm512_storeu_si512(out, _mm512_shuffle_epi8(table, a));
        _mm512_storeu_si512(out + 64, _mm512_shuffle_epi8(table, b));
    }
}
#endif
