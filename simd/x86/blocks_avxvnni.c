/* Weights in blocks, codes: as with AVX-512, in 8 lanes; tiles of 1 x 32 outputs, 2 x 16 and 4 x 16. */
#include "x86/v_avx2.h"
#undef V_FN
#define V_FN(op) qnt_##op##_avxvnni
#define BLOCKS_TALL 0

QNT_INLINE vi v_dot4(vi s, vi w, vi x, const int BITS)
{
    (void)BITS;
    return (vi)_mm256_dpbusd_epi32((__m256i)s, (__m256i)w, (__m256i)x);
}
enum { V_SIGNED_U8 = 0 };

#include "tmpl/blocks_s8_tmpl.h"
