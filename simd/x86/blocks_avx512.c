/* Weights in blocks, floats: codes of 4 bits are the index of VPERMPS, which looks at no other bits, in a table of them
 * less half. Tiles of up to 12 x 32: 24 sums, 2 vectors of weights, 2 of dwords, the table. */
#include "x86/v_avx512.h"
#define BLOCKS_TALL 1

QNT_INLINE vi v_codes(vi d, const int BITS)
{
    return BITS == 4 ? d : d ^ (int32_t)0x80808080;
}

QNT_INLINE vf v_code(vi d, const int BITS, const int i)
{
    const vf table = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    if (BITS == 8)
        return vf_of(d << (24 - i * 8) >> 24);
    return _mm512_permutexvar_ps(_mm512_srli_epi32((__m512i)d, (unsigned)(i % 4 * 8 + i / 4 * 4)), table);
}

#include "tmpl/blocks_f32_tmpl.h"
#include "tmpl/blocks_quantize_tmpl.h"
