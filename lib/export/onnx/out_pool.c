/* Pools and resizing. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/op.h"

/* The greatest of codes is that of what they mean. */
void qnt_onnx_put_maxpool(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    if (!qnt_onnx_is_image(e, n))
        return;
    const char *in = qnt_onnx_value(e, n->in[0], ONNX_FIRST);
    const char *out = qnt_onnx_new_name(e, e->m->tensor[n->out].name, "");
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, &in, 1, out);
    qnt_onnx_put_windows(e, node, n);
    if (n->attr.mode & QNT_POOL_CEIL)
        qnt_onnx_set_int(e, node, "ceil_mode", 1);
    qnt_onnx_moved_to(e, n, ONNX_FIRST, out);
}

void qnt_onnx_put_avgpool(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    if (!qnt_onnx_is_image(e, n))
        return;
    const char *in = qnt_onnx_as_floats(e, n->in[0], ONNX_FIRST), *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, &in, 1, out);
    qnt_onnx_put_windows(e, node, n);
    if (n->attr.mode & QNT_POOL_CEIL)
        qnt_onnx_set_int(e, node, "ceil_mode", 1);
    if (n->attr.mode & QNT_POOL_COUNT_PADDING)
        qnt_onnx_set_int(e, node, "count_include_pad", 1);
    qnt_onnx_put_result(e, n, ONNX_FIRST, out);
}

void qnt_onnx_put_global_pool(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    if (!qnt_onnx_is_image(e, n))
        return;
    const char *in = qnt_onnx_as_floats(e, n->in[0], ONNX_FIRST), *out = qnt_onnx_result_name(e, n);
    qnt_onnx_put_node(e, n->name, as, &in, 1, out);
    qnt_onnx_put_result(e, n, ONNX_FIRST, out);
}

/* Height and width alone are named; a linear one of codes rounds its weights as ONNX does not. */
void qnt_onnx_put_resize(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    static const char *const position[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"},
                             *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    const qnt_node_attr *a = &n->attr;
    const bool scaled = a->scale[0] > 0.0f && a->scale[1] > 0.0f, sized = a->scale[0] == 0.0f && a->scale[1] == 0.0f;
    const char *in[4] = {"", "", "", ""};
    if (!qnt_onnx_is_image(e, n))
        return;
    if (a->mode == QNT_RESIZE_LINEAR && qnt_onnx_has_codes(&e->m->tensor[n->in[0]]))
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "linear interpolation between codes, expected floats");
    if (!scaled && !sized)
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "a scale of one dimension alone, expected of both or none");
    in[0] = qnt_onnx_value(e, n->in[0], ONNX_FIRST);
    const char *out = qnt_onnx_new_name(e, e->m->tensor[n->out].name, "");
    if (scaled)
        in[2] = qnt_onnx_put_const(e, out, "_scales", ONNX_FLOAT, 1, (size_t[]){2}, a->scale);
    else
        in[3] = qnt_onnx_put_const_ints(e, out, "_sizes", (int64_t[]){(int64_t)a->dim[0], (int64_t)a->dim[1]}, 2);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, scaled ? 3 : 4, out);
    qnt_onnx_set_ints(e, node, "axes", (int64_t[]){2, 3}, 2);
    qnt_onnx_set_text(e, node, "mode", a->mode == QNT_RESIZE_LINEAR ? "linear" : "nearest");
    qnt_onnx_set_text(e, node, "coordinate_transformation_mode", position[a->position & 3]);
    qnt_onnx_set_text(e, node, "nearest_mode", rounding[a->rounding & 3]);
    qnt_onnx_moved_to(e, n, ONNX_FIRST, out);
}
