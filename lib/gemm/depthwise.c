#include <string.h>
#include "depthwise.h"

size_t qnt_depthwise_packed_bytes(const struct qnt_conv_geom *g)
{
    return (g->kh * g->kw + 3) / 4 * 4 * g->oc;
}

void qnt_depthwise_pack(const struct qnt_conv_geom *g, const int8_t *w, int32_t zero, const int32_t *bias,
                        int8_t *packed, int32_t *folded)
{
    const size_t taps = g->kh * g->kw;
    memset(packed, 0, qnt_depthwise_packed_bytes(g));
    for (size_t c = 0; c < g->oc; c++, w += taps) {
        uint32_t sum = 0; /* may wrap, as the sums it is taken off */
        for (size_t t = 0; t < taps; t++) {
            packed[(t / 4 * g->oc + c) * 4 + t % 4] = w[t];
            sum += (uint32_t)w[t];
        }
        folded[c] = (int32_t)((uint32_t)(bias ? bias[c] : 0) - (uint32_t)zero * sum);
    }
}

void qnt_depthwise_run(const struct qnt_depthwise_call *c, const int8_t *images, int8_t *y, int32_t *acc, size_t line0,
                       size_t line1, void *scratch)
{
    const struct qnt_conv_geom *g = c->geom;
    struct qnt_depthwise_lines lines = qnt_depthwise_lines_of(g, 1, c->zero, images, scratch);
    struct qnt_depthwise run = {.w = c->packed,
                                .bias = c->folded,
                                .taps = g->kh * g->kw,
                                .step = g->stride_w * g->oc,
                                .pixels = g->ow,
                                .channels = g->oc};
    for (size_t line = line0; line < line1; line++) {
        const size_t at = line * g->ow * g->oc;
        run.tap = (const int8_t *const *)qnt_depthwise_lines_taps(&lines, line);
        c->run(&run, y + at, acc ? acc + at : NULL, g->oc, c->rq);
    }
}
