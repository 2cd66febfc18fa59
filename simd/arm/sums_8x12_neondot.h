#ifndef ARM_SUMS_8X12_NEONDOT_H
#define ARM_SUMS_8X12_NEONDOT_H
/* The sums of 8x12 SDOT tiles. 24 of them leave eight registers: four of A, four of W, and each LD1 fills four. So four
 * steps are 96 SDOT and five loads, W running on across the steps (three vectors each):
 *
 *   step    0           1           2           3
 *   A       v24 v25     v26 v27     v24 v25     v26 v27
 *   W       28 29 30    31|28 29    30 31|28    29 30 31       | a load
 *
 * Compilers keep one register free, so they load W by threes, and copy the bias 24 times where eight loads do. Hence
 * the registers stand here: v(3i + j) is the sum of row i, vector j. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include "isa.h"

#define SDOT(acc, w, a, lane) "sdot v" #acc ".4s, v" #w ".16b, v" #a ".4b[" #lane "]\n\t"
/* Vector w of W with the eight rows of v(a), v(b): columns 0, 1 and 2. */
#define COLUMN0(w, a, b)                                                                                               \
    SDOT(0, w, a, 0)                                                                                                   \
    SDOT(3, w, a, 1) SDOT(6, w, a, 2) SDOT(9, w, a, 3) SDOT(12, w, b, 0) SDOT(15, w, b, 1) SDOT(18, w, b, 2)           \
        SDOT(21, w, b, 3)
#define COLUMN1(w, a, b)                                                                                               \
    SDOT(1, w, a, 0)                                                                                                   \
    SDOT(4, w, a, 1) SDOT(7, w, a, 2) SDOT(10, w, a, 3) SDOT(13, w, b, 0) SDOT(16, w, b, 1) SDOT(19, w, b, 2)          \
        SDOT(22, w, b, 3)
#define COLUMN2(w, a, b)                                                                                               \
    SDOT(2, w, a, 0)                                                                                                   \
    SDOT(5, w, a, 1) SDOT(8, w, a, 2) SDOT(11, w, a, 3) SDOT(14, w, b, 0) SDOT(17, w, b, 1) SDOT(20, w, b, 2)          \
        SDOT(23, w, b, 3)
#define LOAD_A "ld1 {v24.16b - v27.16b}, [%[a]], #64\n\t"
#define LOAD_W "ld1 {v28.16b - v31.16b}, [%[at]], #64\n\t"
#define FOUR_STEPS                                                                                                     \
    LOAD_A LOAD_W COLUMN0(28, 24, 25) COLUMN1(29, 24, 25) COLUMN2(30, 24, 25) COLUMN0(31, 26, 27)                      \
        LOAD_W COLUMN1(28, 26, 27) COLUMN2(29, 26, 27) LOAD_A COLUMN0(30, 24, 25) COLUMN1(31, 24, 25)                  \
            LOAD_W COLUMN2(28, 24, 25) COLUMN0(29, 26, 27) COLUMN1(30, 26, 27) COLUMN2(31, 26, 27)
/* Eight of the twelve columns: two steps are 32 SDOT and three loads. */
#define TWO_STEPS_OF_8                                                                                                 \
    LOAD_A "ld1 {v28.16b, v29.16b}, [%[at]], %[step]\n\t" COLUMN0(28, 24, 25)                                          \
        COLUMN1(29, 24, 25) "ld1 {v30.16b, v31.16b}, [%[at]], %[step]\n\t" COLUMN0(30, 26, 27) COLUMN1(31, 26, 27)
#define ROW(a, b, how) how " {v" #a ".4s - v" #b ".4s}, "
#define ROWS(how, from)                                                                                                \
    ROW(0, 2, how) from ROW(3, 5, how)                                                                                 \
    from ROW(6, 8, how)                                                                                                \
    from ROW(9, 11, how)                                                                                               \
    from ROW(12, 14, how)                                                                                              \
    from ROW(15, 17, how)                                                                                              \
    from ROW(18, 20, how)                                                                                              \
    from ROW(21, 23, how) from
#define ROWS_OF_8(how, from)                                                                                           \
    ROW(0, 1, how) from ROW(3, 4, how)                                                                                 \
    from ROW(6, 7, how)                                                                                                \
    from ROW(9, 10, how)                                                                                               \
    from ROW(12, 13, how)                                                                                              \
    from ROW(15, 16, how)                                                                                              \
    from ROW(18, 19, how)                                                                                              \
    from ROW(21, 22, how) from
/* `many` steps at a time, then `few`, then one. */
#define STEPS(many, few, one)                                                                                          \
    "mov %[at], %[w]\n\t"                                                                                              \
    "mov %[n], %[whole]\n\t"                                                                                           \
    "cbz %[n], 2f\n"                                                                                                   \
    "1:\n\t" many "sub %[n], %[n], #1\n\t"                                                                             \
    "cbnz %[n], 1b\n"                                                                                                  \
    "2:\n\t"                                                                                                           \
    "cbz %[rest], 6f\n\t"                                                                                              \
    "lsr %[n], %[rest], #2\n\t"                                                                                        \
    "cbz %[n], 4f\n"                                                                                                   \
    "3:\n\t" few "sub %[n], %[n], #1\n\t"                                                                              \
    "cbnz %[n], 3b\n"                                                                                                  \
    "4:\n\t"                                                                                                           \
    "ands %[n], %[rest], #3\n\t"                                                                                       \
    "b.eq 6f\n"                                                                                                        \
    "5:\n\t" one "sub %[n], %[n], #1\n\t"                                                                              \
    "cbnz %[n], 5b\n"                                                                                                  \
    "6:\n\t"
#define CLOBBERS                                                                                                       \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",       \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", \
        "memory"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings" /* 4095 bytes are not enough for a loop */
/* Tiles of `panels` panels of A, k (a multiple of 4) deep, and one of W: each row goes to `to`, `pitch` bytes further
 * than the one before, from the 12 of bias on. */
QNT_INLINE void qnt_sums_8x12_neondot(size_t k, size_t panels, const int8_t *a, const int8_t *w, const int32_t *bias,
                                      int32_t *to, size_t pitch)
{
    for (; panels; panels--) {
        const int8_t *at;
        size_t n;
        __asm__ volatile(ROWS("ld1", "[%[bias]]\n\t")
                             STEPS(FOUR_STEPS FOUR_STEPS FOUR_STEPS FOUR_STEPS, FOUR_STEPS,
                                   "ld1 {v24.16b, v25.16b}, [%[a]], #32\n\t"
                                   "ld1 {v28.16b - v30.16b}, [%[at]], #48\n\t" COLUMN0(28, 24, 25) COLUMN1(29, 24, 25)
                                       COLUMN2(30, 24, 25)) ROWS("st1", "[%[to]], %[pitch]\n\t")
                         : [n] "=&r"(n), [at] "=&r"(at), [a] "+r"(a), [to] "+r"(to)
                         : [w] "r"(w), [bias] "r"(bias), [pitch] "r"(pitch), [whole] "r"(k / 64), [rest] "r"(k / 4 % 16)
                         : CLOBBERS);
    }
}

/* The same of the first 8 of a panel's 12 columns. */
QNT_INLINE void qnt_sums_8x8_of_12_neondot(size_t k, size_t panels, const int8_t *a, const int8_t *w,
                                           const int32_t *bias, int32_t *to, size_t pitch)
{
    for (; panels; panels--) {
        const int8_t *at;
        size_t n;
        __asm__ volatile(ROWS_OF_8("ld1", "[%[bias]]\n\t")
                             STEPS(TWO_STEPS_OF_8 TWO_STEPS_OF_8 TWO_STEPS_OF_8 TWO_STEPS_OF_8 TWO_STEPS_OF_8
                                       TWO_STEPS_OF_8 TWO_STEPS_OF_8 TWO_STEPS_OF_8,
                                   TWO_STEPS_OF_8 TWO_STEPS_OF_8,
                                   "ld1 {v24.16b, v25.16b}, [%[a]], #32\n\t"
                                   "ld1 {v28.16b, v29.16b}, [%[at]], %[step]\n\t" COLUMN0(28, 24, 25)
                                       COLUMN1(29, 24, 25)) ROWS_OF_8("st1", "[%[to]], %[pitch]\n\t")
                         : [n] "=&r"(n), [at] "=&r"(at), [a] "+r"(a), [to] "+r"(to)
                         : [w] "r"(w), [bias] "r"(bias), [pitch] "r"(pitch), [whole] "r"(k / 64),
                           [rest] "r"(k / 4 % 16), [step] "r"((size_t)48)
                         : CLOBBERS);
    }
}
#pragma GCC diagnostic pop
#undef TWO_STEPS_OF_8
#undef ROWS_OF_8
#undef STEPS
#undef CLOBBERS
#undef SDOT
#undef COLUMN0
#undef COLUMN1
#undef COLUMN2
#undef LOAD_A
#undef LOAD_W
#undef FOUR_STEPS
#undef ROW
#undef ROWS
#endif
