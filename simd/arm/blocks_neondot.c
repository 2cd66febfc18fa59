/* Weights in blocks, codes: SDOT of signed ones; tiles of 1 x 32 outputs, 2 x 16 and 4 x 16 (16 sums, 2 x 4 vectors of
 * weights). */
#include "arm/v_neon.h"
#undef V_FN
#define V_FN(op) qnt_##op##_neondot
#define BLOCKS_TALL 0

QNT_INLINE vi v_dot4(vi s, vi w, vi x, const int BITS)
{
    (void)BITS;
    return vdotq_s32(s, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
}
enum { V_SIGNED_U8 = 1 };

#include "tmpl/blocks_s8_tmpl.h"
