#include <string.h>
#include "ref/scalar.h"
#include "x86/requant_avx2.h"

void qnt_requantize_s32_s8_avx2(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,
                                const struct qnt_requant *r)
{
    struct qnt_requant_avx2 p = qnt_requant_load_avx2(r);
    const __m128i flip = _mm_set1_epi8((char)r->out_xor);
    for (size_t i = 0; i < rows; i++, src += lds, dst += ldd) {
        size_t c = 0;
        for (; c + 8 <= cols; c += 8) {
            __m256 scale = r->per_channel ? _mm256_loadu_ps(r->scale + c) : _mm256_set1_ps(r->scale[0]);
            __m256i v = qnt_requant_step_avx2(_mm256_loadu_si256((const __m256i *)(src + c)), scale, &p);
            __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
            _mm_storel_epi64((__m128i *)(dst + c), _mm_xor_si128(_mm_packs_epi16(h, h), flip));
        }
        for (; c < cols; c++)
            dst[c] = qnt_requantize_one(src[c], r->scale[r->per_channel ? c : 0], r);
    }
}
