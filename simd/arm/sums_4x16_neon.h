#ifndef ARM_SUMS_4X16_NEON_H
#define ARM_SUMS_4X16_NEON_H
/* The sums of 4x16 tiles without SDOT (gemm_s8_neon.c says what the panels hold): v(4i + j) is the sum of row i, vector
 * j. A step is two LD1 of four vectors, v16.. of A and v20.. of W, and 48 instructions of arithmetic, four sums side by
 * side for cores that run in order. Compilers copy sums around a loop of several steps, hence the registers stand here.
 */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include "isa.h"

/* Vector w of W with the four rows. */
#define COLUMN(s0, s1, s2, s3, w)                                                                                      \
    "smull v24.8h, v16.8b, v" #w ".8b\n\t"                                                                             \
    "smull v25.8h, v17.8b, v" #w ".8b\n\t"                                                                             \
    "smull v26.8h, v18.8b, v" #w ".8b\n\t"                                                                             \
    "smull v27.8h, v19.8b, v" #w ".8b\n\t"                                                                             \
    "smlsl2 v24.8h, v16.16b, v" #w ".16b\n\t"                                                                          \
    "smlsl2 v25.8h, v17.16b, v" #w ".16b\n\t"                                                                          \
    "smlsl2 v26.8h, v18.16b, v" #w ".16b\n\t"                                                                          \
    "smlsl2 v27.8h, v19.16b, v" #w ".16b\n\t"                                                                          \
    "sadalp v" #s0 ".4s, v24.8h\n\t"                                                                                   \
    "sadalp v" #s1 ".4s, v25.8h\n\t"                                                                                   \
    "sadalp v" #s2 ".4s, v26.8h\n\t"                                                                                   \
    "sadalp v" #s3 ".4s, v27.8h\n\t"
#define STEP                                                                                                           \
    "ld1 {v16.16b - v19.16b}, [%[a]], #64\n\t"                                                                         \
    "ld1 {v20.16b - v23.16b}, [%[at]], #64\n\t" COLUMN(0, 4, 8, 12, 20) COLUMN(1, 5, 9, 13, 21)                        \
        COLUMN(2, 6, 10, 14, 22) COLUMN(3, 7, 11, 15, 23)
#define ROWS(how, from)                                                                                                \
    how " {v0.4s - v3.4s}, " from how " {v4.4s - v7.4s}, " from how " {v8.4s - v11.4s}, " from how                     \
        " {v12.4s - v15.4s}, " from

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings" /* 4095 bytes are not enough for a loop */
/* Tiles of `panels` panels of A, k (a multiple of 4) deep, and one of W: each row goes to `to`, `pitch` bytes further
 * than the one before, from the 16 of bias on. */
QNT_INLINE void qnt_sums_4x16_neon(size_t k, size_t panels, const int8_t *a, const int8_t *w, const int32_t *bias,
                                   int32_t *to, size_t pitch)
{
    for (; panels; panels--) {
        const int8_t *at;
        size_t n;
        __asm__ volatile(
            ROWS("ld1", "[%[bias]]\n\t") "mov %[at], %[w]\n\t"
                                         "mov %[n], %[whole]\n\t"
                                         "cbz %[n], 2f\n"
                                         "1:\n\t" STEP STEP STEP STEP STEP STEP STEP STEP "sub %[n], %[n], #1\n\t"
                                         "cbnz %[n], 1b\n"
                                         "2:\n\t"
                                         "cbz %[rest], 4f\n\t"
                                         "mov %[n], %[rest]\n"
                                         "3:\n\t" STEP "sub %[n], %[n], #1\n\t"
                                         "cbnz %[n], 3b\n"
                                         "4:\n\t" ROWS("st1", "[%[to]], %[pitch]\n\t")
            : [n] "=&r"(n), [at] "=&r"(at), [a] "+r"(a), [to] "+r"(to)
            : [w] "r"(w), [bias] "r"(bias), [pitch] "r"(pitch), [whole] "r"(k / 32), [rest] "r"(k / 4 % 8)
            : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
              "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "memory");
    }
}
#pragma GCC diagnostic pop
#undef COLUMN
#undef STEP
#undef ROWS
#endif
