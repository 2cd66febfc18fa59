/* Popcounts of a xor b: nibbles from a table (vpshufb), bytes added up by vpsadbw; the tail is masked. */
#include <immintrin.h>
#include "kernels.h"

/* Popcounts of each eight bytes. */
QNT_INLINE __m512i count(__m512i x)
{
    const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i low = _mm512_set1_epi8(15);
    __m512i lo = _mm512_shuffle_epi8(bits, _mm512_and_si512(x, low));
    __m512i hi = _mm512_shuffle_epi8(bits, _mm512_and_si512(_mm512_srli_epi16(x, 4), low));
    return _mm512_sad_epu8(_mm512_add_epi8(lo, hi), _mm512_setzero_si512());
}

int32_t qnt_dot_b1_avx512(const uint8_t *a, const uint8_t *b, size_t n)
{
    const size_t bytes = (n + 7) / 8;
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    size_t i = 0;
    for (; bytes - i >= 128; i += 128) {
        s0 = _mm512_add_epi64(s0, count(_mm512_xor_si512(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i))));
        s1 = _mm512_add_epi64(s1,
                              count(_mm512_xor_si512(_mm512_loadu_si512(a + i + 64), _mm512_loadu_si512(b + i + 64))));
    }
    for (; i < bytes; i += 64) {
        __mmask64 m = bytes - i >= 64 ? ~0ULL : _bzhi_u64(~0ULL, (unsigned)(bytes - i));
        s0 = _mm512_add_epi64(
            s0, count(_mm512_xor_si512(_mm512_maskz_loadu_epi8(m, a + i), _mm512_maskz_loadu_epi8(m, b + i))));
    }
    return (int32_t)((uint32_t)n - 2 * (uint32_t)_mm512_reduce_add_epi64(_mm512_add_epi64(s0, s1)));
}
