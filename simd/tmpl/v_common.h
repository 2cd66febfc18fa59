#ifndef TMPL_V_COMMON_H
#define TMPL_V_COMMON_H
/* The vector vocabulary: what v_<isa>.h gives and the templates of this folder use. An elementwise kernel is written
 * once in it; a kernel file includes v_<isa>.h, then templates, which define V_FN(op) = qnt_<op>_<isa>.
 *
 * Types: vf VL floats, vi VL s32, vh 2 VL s16, vb 4 VL s8. They are compiler vectors: + - * / & | ^ << >> and casts of
 * bits are the language's own, and a scalar operand is spread.
 * Loads and stores take n, the number of elements wanted: n >= the full width (a constant in main loops, so the test
 * folds) moves a whole vector; less touches only n elements, and a load gives 0 in the other lanes.
 *
 *   vf_set(x)  vf_load(p, n)  vf_store(p, v, n)  vf_of(vi)      vf_fma(a, b, c) = a * b + c, rounded once
 *   vf_sqrt(x)
 *   vf_max(a, b) = a > b ? a : b    vf_min(a, b) = a < b ? a : b     vf_if_lt(a, b, x, y) = a < b ? x : y
 *   vf_if_eq(a, b, x, y) = a == b ? x : y
 *   vf_first(n, a, b): lanes below n from a, others from b    vf_or_nan(x, y): y, but 0x7fc00000 where x is NaN
 *   vf_nans(v, n): whether v[0..n) have a NaN
 *   vf_ldexp(x, e) = x * 2^e, rounded once: x within [0.5, 2), e within [-152, 150]
 *   vi_near(v): rne, |v| < 2^31     vi_round(v): rne, saturating, no NaN
 *   vi_min  vi_max   vi_load_u8(p, n): VL bytes
 *   vi_load4(v, p, is_u8): 4 VL bytes to v[0..3]       vi_widen(v, h): 2 VL s16 to v[0..1]
 *   vb_load(p, n)  vb_store(p, v, n)  vb_max  vb_min    vb_pack(v, zero): v[0..3] + zero to s8, saturating
 *   vh_pack(a, b): 2 VL s32 to s16, saturating, in the order that zero of vb_quant has
 *   vb_quant(v, zero): rne(v[0..3]) + zero[0..1] to s8, saturating; NaN gives zero
 *   vb_within(v, lo, hi, W): 1 where lo[k] <= v[k] <= hi[k], else 0, k < W (1, 2 or 4)
 *   vf_below(x, t), vb_below(x, t): bit i set where lane i of x[0..3] (of x) is < that of t, 4 VL bits
 *   vh_add_s8(h, p, n): h + p[0..n), n <= 2 VL       vi_load_s8(p, n): VL bytes
 *   vi_mix(a, b, w): a * the low half of w + b * the high half, all three of 16 bits
 *   V_REGS: vector registers of the machine
 *   vf_stream(p, v)  vb_stream(p, v): past the caches to a p aligned to a vector, done after v_stream_end(); where the
 *   machine has no such stores, V_STREAMS is 0
 *   Within the V_LANES parts of 16 bytes that a vector has:
 *   vb_lanes(p, at): part k from p + at[k]       vb_put(p, at, v): back
 *   vb_zip8(a, b, high), vb_zip32: the bytes or dwords of a and b in turn, of the lower or the upper half of each part
 */
#include <stdbool.h>
#include <string.h>
#include "kernels.h"

/* Elements left when `done` of n are. */
QNT_INLINE size_t v_left(size_t n, size_t done)
{
    return n > done ? n - done : 0;
}

/* Into the caches beyond the first; p may lie past the end of what is read. */
QNT_INLINE void v_prefetch(const void *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* n < 8 bytes, zero above. */
QNT_INLINE uint64_t v_load_bytes(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint32_t lo32, hi32;
    uint16_t lo16, hi16;
    if (n >= 4) { /* the two words overlap in equal bytes */
        memcpy(&lo32, b, 4);
        memcpy(&hi32, b + n - 4, 4);
        return lo32 | (uint64_t)hi32 << (8 * (n - 4));
    }
    if (n >= 2) {
        memcpy(&lo16, b, 2);
        memcpy(&hi16, b + n - 2, 2);
        return lo16 | (uint64_t)hi16 << (8 * (n - 2));
    }
    return n ? b[0] : 0;
}

QNT_INLINE void v_store_bytes(void *p, uint64_t v, size_t n)
{
    uint8_t *b = p;
    if (n & 4) {
        uint32_t w = (uint32_t)v;
        memcpy(b, &w, 4);
        b += 4;
        v >>= 32;
    }
    if (n & 2) {
        uint16_t w = (uint16_t)v;
        memcpy(b, &w, 2);
        b += 2;
        v >>= 16;
    }
    if (n & 1)
        *b = (uint8_t)v;
}
#endif
