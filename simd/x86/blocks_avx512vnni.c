/* Weights in blocks, codes: VPDPBUSD of unsigned ones and those of x, which it takes as a broadcast memory operand.
 * Tiles of up to 12 x 32: 24 sums, 2 x 2 vectors of weights, the mask. */
#include "x86/v_avx512.h"
#undef V_FN
#define V_FN(op) qnt_##op##_avx512vnni
#define BLOCKS_TALL 1

QNT_INLINE vi v_dot4(vi s, vi w, vi x, const int BITS)
{
    (void)BITS;
    return (vi)_mm512_dpbusd_epi32((__m512i)s, (__m512i)w, (__m512i)x);
}
enum { V_SIGNED_U8 = 0 };

#include "tmpl/blocks_s8_tmpl.h"
