/* 16 sums of two lines, 6 or 10 weights, 2 vectors of the image. */
#include "x86/v_avx512.h"
enum { DI_AHEAD = 1 };
#include "tmpl/depthwise_image_f32_tmpl.h"

#define SET(K, S)                                                                                                      \
    DI_FN(K, S, 2, 8, DI_INNER)                                                                                        \
    DI_FN(K, S, 2, 8, DI_EDGE)                                                                                         \
    DI_FN(K, S, 2, 7, DI_EDGE)                                                                                         \
    DI_FN(K, S, 2, 4, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 8, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 4, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 8, DI_PART)                                                                                         \
    DI_FN(K, S, 1, 4, DI_PART)
SET(3, 1)
SET(3, 2)
SET(5, 1)
SET(5, 2)

#define FNS(K, S)                                                                                                      \
    {                                                                                                                  \
        .inner = {[2] = {[8] = di_##K##_##S##_2x8_DI_INNER}},                                                          \
        .edge = {[1] = {[4] = di_##K##_##S##_1x4_DI_EDGE, [8] = di_##K##_##S##_1x8_DI_EDGE},                           \
                 [2] = {[4] = di_##K##_##S##_2x4_DI_EDGE,                                                              \
                        [7] = di_##K##_##S##_2x7_DI_EDGE,                                                              \
                        [8] = di_##K##_##S##_2x8_DI_EDGE}},                                                            \
        .part = {[4] = di_##K##_##S##_1x4_DI_PART, [8] = di_##K##_##S##_1x8_DI_PART},                                  \
    }
static const struct di_set di_sets[2][2] = {{FNS(3, 1), FNS(3, 2)}, {FNS(5, 1), FNS(5, 2)}};
#define DI_HALF qnt_depthwise_image_f32_avx2
#include "tmpl/depthwise_image_f32_run.h"
