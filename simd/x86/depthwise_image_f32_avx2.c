/* 8 sums, 3 to 6 weights, a vector or two of the image. More instructions than fma is what binds, so longer runs of one
 * line beat two lines that share their loads. Two columns apart, half of the columns serve one fma and loads bind:
 * those of both halves of a line of the cache can be had at once (Zen), hence two vectors of channels. */
#include "x86/v_avx2.h"
enum { DI_AHEAD = 0 };
#include "tmpl/depthwise_image_f32_tmpl.h"

#define SET(K, S)                                                                                                      \
    DI_FN(K, S, 1, 8, DI_INNER)                                                                                        \
    DI_FN(K, S, 1, 7, DI_INNER)                                                                                        \
    DI_FN(K, S, 1, 8, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 7, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 4, DI_EDGE)                                                                                         \
    DI_FN(K, S, 1, 4, DI_PART)
SET(3, 1)
SET(3, 2)
SET(5, 1)
SET(5, 2)
DI_FN(3, 2, 0, 4, DI_INNER)
DI_FN(3, 2, 0, 4, DI_EDGE)

#define FNS(K, S)                                                                                                      \
    .inner[1] = {[7] = di_##K##_##S##_1x7_DI_INNER, [8] = di_##K##_##S##_1x8_DI_INNER},                                \
    .edge[1] = {[4] = di_##K##_##S##_1x4_DI_EDGE, [7] = di_##K##_##S##_1x7_DI_EDGE, [8] = di_##K##_##S##_1x8_DI_EDGE}, \
    .part = {[4] = di_##K##_##S##_1x4_DI_PART}
static const struct di_set di_sets[2][2] = {
    {{FNS(3, 1)}, {FNS(3, 2), .inner[0] = {[4] = di_3_2_0x4_DI_INNER}, .edge[0] = {[4] = di_3_2_0x4_DI_EDGE}}},
    {{FNS(5, 1)}, {FNS(5, 2)}},
};
#define DI_GATHER
#include "tmpl/depthwise_image_f32_run.h"
