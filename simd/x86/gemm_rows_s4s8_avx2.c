/* A code of 4 bits times a u8 is within 2040 in magnitude: 8 steps of two make 32640 at most. */
enum { BITS = 4, BURST = 8 };
#include "x86/rows_low_avx2.h"
/* In the unit of gemm_low_avx2.c. */
LOW_TILE(gemm_s4s8, 156, 1760, 55, 2)
