/* MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool. A padding that averages count is put around the image; what a
 * window of ceil_mode reaches beyond that is not there. */
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

/* Padding at the end that lets the last window of ceil_mode in. */
static void reach_out(const struct onnx_shape *x, struct onnx_windows *w)
{
    for (uint32_t d = 0; d < w->places; d++) {
        const uint32_t to = d + 2 - w->places;
        const size_t reach = (w->kernel[d] - 1) * w->attr.dilation[to] + 1;
        const size_t need = (w->out[d] - 1) * w->attr.stride[to] + reach, has = x->dim[2 + d] + w->attr.pad[to];
        if (need > has + w->attr.pad[to + 2])
            w->attr.pad[to + 2] = (uint32_t)(need - has);
    }
}

/* Zeros around the image in place of the windows' padding. */
static qnt_status pad_counted(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_windows *w, int *id)
{
    const uint32_t at = mp->whole ? 1 : 0;
    qnt_node_attr attr = {.mode = QNT_PAD_CONSTANT};
    bool any = false;
    for (uint32_t d = 0; d < 2; d++) {
        attr.begin[at + d] = w->attr.pad[d];
        attr.end[at + d] = w->attr.pad[d + 2];
        any = any || w->attr.pad[d] || w->attr.pad[d + 2];
        w->attr.pad[d] = w->attr.pad[d + 2] = 0;
    }
    return any ? qnt_onnx_emit(mp, n, "pad", &attr, id, 1, n->out[0], NULL, id) : QNT_OK;
}

/* op over tensor images of x; the result's shape. out: what it means, or NULL: as x. */
static qnt_status pool(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                       const struct qnt_tensor *out, int *id, struct onnx_shape *s)
{
    struct onnx_windows w;
    struct onnx_shape padded = x->shape;
    qnt_status status = qnt_onnx_windows(n, &x->shape, NULL, &w);
    if (status || (status = qnt_onnx_image(mp, n, x, id)))
        return status;
    if (qnt_onnx_attr_int(n, "count_include_pad", 0)) {
        for (uint32_t d = 0; d < w.places; d++)
            padded.dim[2 + d] += w.attr.pad[d + 2 - w.places] + w.attr.pad[d + 4 - w.places];
        if ((status = pad_counted(mp, n, &w, id)))
            return status;
    }
    reach_out(&padded, &w);
    if ((status = qnt_onnx_emit(mp, n, op, &w.attr, id, 1, n->out[0], out, id)))
        return status;
    return qnt_onnx_image_back(mp, n, &x->shape, x->shape.dim[1], &w, n->out[0], id, s);
}

qnt_status qnt_onnx_map_maxpool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct onnx_shape s;
    int id;
    if (qnt_onnx_out(mp, n, 1) && (qnt_onnx_out(mp, n, 1)->readers || qnt_onnx_out(mp, n, 1)->given))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "output '%s' (indices) is asked for, which is not supported",
                             n->out[1]);
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = pool(mp, n, "maxpool", x, NULL, &id, &s)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, &s, true, id);
}

qnt_status qnt_onnx_map_averagepool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *codes = qnt_onnx_codes(mp, n, 0);
    struct onnx_after after;
    struct onnx_shape s;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    if (!codes || !qnt_onnx_after(mp, n, &after)) {
        status = pool(mp, n, "avgpool", x, NULL, &id, &s);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, true, id);
    }
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after.quant);
    status = pool(mp, n, "avgpool", codes, &t, &id, &s);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, true, id);
}

/* All places of an image [..][c] as one line of pixels; *s: ONNX shape of the result. */
static qnt_status global(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                         const struct qnt_tensor *out, int *id, struct onnx_shape *s)
{
    struct onnx_shape image = {0};
    char text[ONNX_SHAPE_TEXT];
    size_t places = 1;
    *s = x->shape;
    if (x->shape.rank < 3)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' is %s, expected dimensions behind the channels", x->name,
                             qnt_onnx_shape_text(&x->shape, text));
    for (uint32_t d = 2; d < s->rank; d++) {
        places *= s->dim[d];
        s->dim[d] = 1;
    }
    if (mp->whole)
        image.dim[image.rank++] = x->shape.dim[0];
    image.dim[image.rank++] = places / x->shape.dim[s->rank - 1];
    image.dim[image.rank++] = x->shape.dim[s->rank - 1];
    image.dim[image.rank++] = x->shape.dim[1];
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, true);
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, true, id);
    if (status || (status = qnt_onnx_emit_reshape(mp, n, *id, &image, x->name, id)) ||
        (status = qnt_onnx_emit(mp, n, op, NULL, id, 1, n->out[0], out, id)))
        return status;
    return qnt_onnx_emit_reshape(mp, n, *id, &stored, n->out[0], id);
}

qnt_status qnt_onnx_map_globalmaxpool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct onnx_shape s;
    int id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = global(mp, n, "global_maxpool", x, NULL, &id, &s)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, &s, true, id);
}

qnt_status qnt_onnx_map_globalaveragepool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *codes = qnt_onnx_codes(mp, n, 0);
    struct onnx_after after;
    struct onnx_shape s;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    if (!codes || !qnt_onnx_after(mp, n, &after)) {
        status = global(mp, n, "global_avgpool", x, NULL, &id, &s);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, true, id);
    }
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after.quant);
    status = global(mp, n, "global_avgpool", codes, &t, &id, &s);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, true, id);
}
