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

/* Narrow images: a call of the kernel for each line would cost more than its few outputs. */
enum { NARROW_LINE = 512, NARROW_IMAGE = 1 << 15 }; /* bytes of an output line, of a padded image */

static size_t padded_height(const struct qnt_conv_geom *g)
{
    return g->oh - 1 + (g->kh - 1) * g->dil_h + 1;
}

/* Whether an image is computed by one run over its padded lines, whose outputs at the seams are left out. */
static bool is_narrow(const struct qnt_conv_geom *g)
{
    const struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, 1, 0, NULL, NULL);
    return g->stride_h == 1 && g->stride_w == 1 && g->c == g->oc && g->oh > 1 && g->ow * g->oc <= NARROW_LINE &&
           padded_height(g) <= NARROW_IMAGE / r.line;
}

/* Of the padded image and the run's outputs. */
static size_t narrow_bytes(const struct qnt_conv_geom *g, const struct qnt_depthwise_lines *r)
{
    return qnt_round_up(padded_height(g) * r->line, 64) + g->oh * r->line;
}

size_t qnt_depthwise_scratch_bytes(const struct qnt_conv_geom *g)
{
    const struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, 1, 0, NULL, NULL);
    const size_t lines = qnt_depthwise_lines_bytes(g, 1), ring = r.in_place ? 0 : r.lines * r.line;
    return is_narrow(g) ? lines - ring + narrow_bytes(g, &r) : lines;
}

/* Output lines [line0, line1) of one image. */
static void run_narrow(const struct qnt_depthwise_call *c, const struct qnt_depthwise_lines *lines, size_t image,
                       size_t line0, size_t line1, int8_t *y)
{
    const struct qnt_conv_geom *g = c->geom;
    struct qnt_depthwise run = {.w = c->packed,
                                .bias = c->folded,
                                .tap = (const int8_t *const *)lines->tap,
                                .taps = g->kh * g->kw,
                                .step = g->oc,
                                .pixels = (line1 - line0 - 1) * lines->pw + g->ow,
                                .channels = g->oc};
    int8_t *out = (int8_t *)lines->ring + qnt_round_up(lines->lines * lines->line, 64);
    for (size_t l = line0; l < line1 + (g->kh - 1) * g->dil_h; l++)
        qnt_depthwise_lines_fill(lines, image, l);
    for (size_t ky = 0; ky < g->kh; ky++)
        for (size_t kx = 0; kx < g->kw; kx++)
            lines->tap[ky * g->kw + kx] = lines->ring + (line0 + ky * g->dil_h) * lines->line + kx * g->dil_w * g->oc;
    c->run(&run, out, NULL, g->oc, c->rq);
    for (size_t l = line0; l < line1; l++, out += lines->line)
        memcpy(y + (image * g->oh + l) * g->ow * g->oc, out, g->ow * g->oc);
}

void qnt_depthwise_run(const struct qnt_depthwise_call *c, const int8_t *images, int8_t *y, int32_t *acc, size_t line0,
                       size_t line1, void *scratch)
{
    const struct qnt_conv_geom *g = c->geom;
    if (!acc && is_narrow(g)) {
        struct qnt_depthwise_lines whole = qnt_depthwise_lines_of(g, 1, c->zero, images, scratch);
        whole.lines = padded_height(g);
        while (line0 < line1) {
            const size_t image = line0 / g->oh, end = (image + 1) * g->oh < line1 ? (image + 1) * g->oh : line1;
            run_narrow(c, &whole, image, line0 - image * g->oh, end - image * g->oh, y);
            line0 = end;
        }
        return;
    }
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
