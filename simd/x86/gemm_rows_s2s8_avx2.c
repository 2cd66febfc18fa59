/* A code of 2 bits times a u8 is within 510 in magnitude: 32 steps of two make 32640 at most. */
enum { BITS = 2, BURST = 32 };
#include "x86/rows_low_avx2.h"
/* In the unit of gemm_low_avx2.c. */
LOW_TILE(gemm_s2s8, 157, 1800, 65, 4)
