/* Weights in blocks. Floats: dwords of codes, less half, shifted down from the top, converted; tiles of 1 x 32 outputs,
 * 2 x 16 and 4 x 16 (16 sums, 4 vectors of weights). Codes: products of 16 bits, at most 128 * 127, added in pairs. */
#include "arm/v_neon.h"
#define BLOCKS_TALL 0

QNT_INLINE vi v_codes(vi d, const int BITS)
{
    return d ^ (int32_t)(BITS == 4 ? 0x88888888 : 0x80808080);
}

QNT_INLINE vf v_code(vi d, const int BITS, const int i)
{
    const int at = BITS == 4 ? i % 4 * 8 + i / 4 * 4 : i * 8;
    return vf_of(d << (32 - BITS - at) >> (32 - BITS));
}

QNT_INLINE vi v_dot4(vi s, vi w, vi x, const int BITS)
{
    const int8x16_t a = vreinterpretq_s8_s32(w), b = vreinterpretq_s8_s32(x);
    (void)BITS;
    return s + vpaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b))), vpaddlq_s16(vmull_high_s8(a, b)));
}
enum { V_SIGNED_U8 = 1 };

#include "tmpl/blocks_f32_tmpl.h"
#include "tmpl/blocks_quantize_tmpl.h"
#include "tmpl/blocks_s8_tmpl.h"
