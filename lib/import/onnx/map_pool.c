/* MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool. */
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_pool(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                         const struct qnt_tensor *out, int *id, struct onnx_shape *s)
{
    struct onnx_windows w;
    qnt_status status = qnt_onnx_windows(n, &x->shape, NULL, &w);
    w.attr.mode = (qnt_onnx_attr_int(n, "count_include_pad", 0) ? QNT_POOL_COUNT_PADDING : 0) |
                  (qnt_onnx_attr_int(n, "ceil_mode", 0) ? QNT_POOL_CEIL : 0);
    if (status || (status = qnt_onnx_image(mp, n, x, id)) ||
        (status = qnt_onnx_emit(mp, n, op, &w.attr, id, 1, n->out[0], out, id)))
        return status;
    return qnt_onnx_image_back(mp, n, &x->shape, x->shape.dim[1], &w, n->out[0], id, s);
}

/* All places of an image [..][c] as its lines one below the other; *s: ONNX shape of the result. */
qnt_status qnt_onnx_pool_all(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                             const struct qnt_tensor *out, int *id, struct onnx_shape *s)
{
    struct onnx_shape image = {0};
    char text[ONNX_SHAPE_TEXT];
    size_t lines = 1; /* 0 where there are none, which the reshape is refused */
    *s = x->shape;
    if (x->shape.rank < 3)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' is %s, expected dimensions behind the channels", x->name,
                             qnt_onnx_shape_text(&x->shape, text));
    for (uint32_t d = 2; d < s->rank; d++) {
        lines *= d + 1 < s->rank ? s->dim[d] : 1;
        s->dim[d] = 1;
    }
    if (mp->whole)
        image.dim[image.rank++] = x->shape.dim[0];
    image.dim[image.rank++] = lines;
    image.dim[image.rank++] = x->shape.dim[s->rank - 1];
    image.dim[image.rank++] = x->shape.dim[1];
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, true);
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, true, id);
    if (status || (status = qnt_onnx_emit_reshape(mp, n, *id, &image, x->name, id)) ||
        (status = qnt_onnx_emit(mp, n, op, NULL, id, 1, n->out[0], out, id)))
        return status;
    return qnt_onnx_emit_reshape(mp, n, *id, &stored, n->out[0], id);
}

typedef qnt_status pool_fn(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                           const struct qnt_tensor *out, int *id, struct onnx_shape *s);

/* Codes and floats alike. */
static qnt_status greatest(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, pool_fn *pool)
{
    struct onnx_value *x;
    struct onnx_shape s;
    int id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = pool(mp, n, op, x, NULL, &id, &s)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, &s, true, id);
}

/* Codes where they become codes again. */
static qnt_status mean(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, pool_fn *pool)
{
    struct onnx_value *x, *codes = qnt_onnx_codes(mp, n, 0);
    struct onnx_after after;
    struct onnx_shape s;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    if (!codes || !qnt_onnx_after(mp, n, &after)) {
        status = pool(mp, n, op, x, NULL, &id, &s);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, true, id);
    }
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after.quant);
    status = pool(mp, n, op, codes, &t, &id, &s);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, true, id);
}

qnt_status qnt_onnx_map_maxpool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    if (qnt_onnx_out(mp, n, 1) && (qnt_onnx_out(mp, n, 1)->readers || qnt_onnx_out(mp, n, 1)->given))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "output '%s' (indices) is asked for, which is not supported",
                             n->out[1]);
    return greatest(mp, n, "maxpool", qnt_onnx_pool);
}

qnt_status qnt_onnx_map_averagepool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    return mean(mp, n, "avgpool", qnt_onnx_pool);
}

qnt_status qnt_onnx_map_globalmaxpool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    return greatest(mp, n, "global_maxpool", qnt_onnx_pool_all);
}

qnt_status qnt_onnx_map_globalaveragepool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    return mean(mp, n, "global_avgpool", qnt_onnx_pool_all);
}
