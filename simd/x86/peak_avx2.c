/* 8-bit products as the tiles have them (gemm_rows_avx2.c): 32 in vpxor, vpmaddubsw, vpmaddwd and vpaddd. The operand
 * is made opaque each time, or the product, which is always the same, would be taken out of the loop. Binary: nibbles
 * apart, as in the panels of the tiles: 128 values in vpxor, vpshufb, vpaddb; the bytes count up to 8 a step and are
 * added up before they overflow. */
#include "x86/v_avx2.h"
#include "tmpl/peak_tmpl.h"

enum { CHAINS = 8, COUNTERS = 8, ROUNDS = QNT_PEAK / (128 * COUNTERS) };

QNT_INLINE int32_t fold(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

int32_t qnt_peak_s8_avx2(const int8_t *a, const int8_t *b, size_t n)
{
    const __m256i one = _mm256_set1_epi16(1), w = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)b));
    const __m256i sign = _mm256_cmpgt_epi8(_mm256_setzero_si256(), w), size = _mm256_abs_epi8(w);
    __m256i av = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)a)), sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_setzero_si256();
    for (size_t left = n / (32 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        __asm__("" : "+x"(av));
        sum[i] =
            _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_xor_si256(av, sign)), one));
        __asm__("" : "+x"(sum[i])); /* stays where it is: gcc would move it about */
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    /* all of a negative b once too often, which |b| * -1 has */
    const int32_t more = fold(_mm256_madd_epi16(_mm256_maddubs_epi16(size, sign), one));
    return (int32_t)((uint32_t)fold(sum[0]) - (uint32_t)(n / 32) * (uint32_t)more);
}

/* Low nibbles of p, then high ones. */
QNT_INLINE __m256i nibbles(const uint8_t *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)p), low = _mm_set1_epi8(15);
    return _mm256_setr_m128i(_mm_and_si128(x, low), _mm_and_si128(_mm_srli_epi16(x, 4), low));
}

int32_t qnt_peak_b1_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
    const __m256i bits = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i one8 = _mm256_set1_epi8(1), one16 = _mm256_set1_epi16(1);
    __m256i av = nibbles(a), bv = nibbles(b), sum = _mm256_setzero_si256(), count[COUNTERS];
    for (size_t left = n / QNT_PEAK, some; left; left -= some) {
        size_t rounds = some = left < 10 ? left : 10; /* 10 * ROUNDS * 4 fits a byte */
        QNT_UNROLL
        for (int i = 0; i < COUNTERS; i++)
            count[i] = _mm256_setzero_si256();
        for (rounds *= ROUNDS; rounds; rounds--)
            QNT_UNROLL
        for (int i = 0; i < COUNTERS; i++) {
            __asm__("" : "+x"(av));
            count[i] = _mm256_add_epi8(count[i], _mm256_shuffle_epi8(bits, _mm256_xor_si256(av, bv)));
            __asm__("" : "+x"(count[i]));
        }
        QNT_UNROLL
        for (int i = 0; i < COUNTERS; i++)
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(count[i], one8), one16));
    }
    return fold(sum);
}
