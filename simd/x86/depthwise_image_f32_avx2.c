/* 3 x 3: 8 sums of two lines, 6 weights, 2 vectors of the image. 5 x 5: 8 sums of one line, 5 weights, 2 vectors. */
#include "x86/v_avx2.h"
#include "tmpl/depthwise_image_f32_tmpl.h"

#define SET_3(S)                                                                                                       \
    DI_FN(3, S, 2, 4, DI_INNER)                                                                                        \
    DI_FN(3, S, 2, 4, DI_EDGE)                                                                                         \
    DI_FN(3, S, 1, 4, DI_EDGE)                                                                                         \
    DI_FN(3, S, 1, 4, DI_PART)
SET_3(1)
SET_3(2)
#define SET_5(S)                                                                                                       \
    DI_FN(5, S, 1, 8, DI_INNER)                                                                                        \
    DI_FN(5, S, 1, 8, DI_EDGE)                                                                                         \
    DI_FN(5, S, 1, 4, DI_EDGE)                                                                                         \
    DI_FN(5, S, 1, 4, DI_PART)
SET_5(1)
SET_5(2)

#define FNS_3(S)                                                                                                       \
    {                                                                                                                  \
        .inner = {[1] = {[4] = di_3_##S##_2x4_DI_INNER}},                                                              \
        .edge = {{[4] = di_3_##S##_1x4_DI_EDGE}, {[4] = di_3_##S##_2x4_DI_EDGE}},                                      \
        .part = {[4] = di_3_##S##_1x4_DI_PART},                                                                        \
    }
#define FNS_5(S)                                                                                                       \
    {                                                                                                                  \
        .inner = {{[8] = di_5_##S##_1x8_DI_INNER}},                                                                    \
        .edge = {{[4] = di_5_##S##_1x4_DI_EDGE, [8] = di_5_##S##_1x8_DI_EDGE}},                                        \
        .part = {[4] = di_5_##S##_1x4_DI_PART},                                                                        \
    }
static const struct di_set di_sets[2][2] = {{FNS_3(1), FNS_3(2)}, {FNS_5(1), FNS_5(2)}};
#include "tmpl/depthwise_image_f32_run.h"
