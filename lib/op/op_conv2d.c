/* conv2d (x [h][w][c], w [oc][kh][kw][c / groups][, b [oc]]) -> [oh][ow][oc]. */
#include "backward.h"
#include "infer.h"
#include "linear.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *w = &m->tensor[n->in[1]];
    const qnt_node_attr *a = &n->attr;
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_linear(m, n, 4, out);
    if (status || (status = qnt_infer_rank(m, n, 3, "height x width x channels")))
        return status;
    if (x->dim[2] % a->groups || w->dim[0] % a->groups)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': %u groups do not divide %zu input and %zu output channels", n->name,
                        a->groups, x->dim[2], w->dim[0]);
    if (w->dim[3] != x->dim[2] / a->groups || w->dim[1] != a->kernel[0] || w->dim[2] != a->kernel[1])
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected %zu x %u x %u x %zu", n->name, w->name,
                        qnt_shape_text(w, shape), w->dim[0], a->kernel[0], a->kernel[1], x->dim[2] / a->groups);
    out->dim[2] = w->dim[0];
    return qnt_infer_windows(m, n, out);
}

const struct qnt_op_def qnt_op_conv2d = {
    .name = "conv2d",
    .min_in = 2,
    .max_in = 3,
    .infer = infer,
    .prepare = qnt_linear_prepare,
    .run = qnt_linear_run,
    .release = qnt_linear_release,
    .backward = qnt_conv_backward,
    .backward_prepare = qnt_conv_backward_prepare,
    .backward_release = qnt_conv_backward_release,
    .run_acc = qnt_linear_run_acc,
};
