#ifndef ARM_LOW_NEON_H
#define ARM_LOW_NEON_H
/* Codes of 4 and 2 bits out of the bytes that hold them. */
#include <arm_neon.h>
#include "isa.h"

/* Field `field`, counted from the top bits, of every byte, as s8. BITS 8: the byte. */
QNT_INLINE int8x16_t qnt_field_neon(int8x16_t x, const int field, const int BITS)
{
    switch (BITS * field) {
    case 0:
        break;
    case 2:
        x = vshlq_n_s8(x, 2);
        break;
    case 4:
        x = vshlq_n_s8(x, 4);
        break;
    default:
        x = vshlq_n_s8(x, 6);
    }
    return BITS == 8 ? x : BITS == 4 ? vshrq_n_s8(x, 4) : vshrq_n_s8(x, 6);
}
#endif
