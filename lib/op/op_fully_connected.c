/* fully_connected (x [in], w [out][in][, b [out]]) -> [out]. */
#include "backward.h"
#include "infer.h"
#include "linear.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *w = &m->tensor[n->in[1]];
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_linear(m, n, 2, out);
    if (status || (status = qnt_infer_rank(m, n, 1, "one dimension (a flatten before it)")))
        return status;
    if (w->dim[1] != x->dim[0])
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected %zu x %zu", n->name, w->name,
                        qnt_shape_text(w, shape), w->dim[0], x->dim[0]);
    out->rank = 1;
    out->dim[0] = w->dim[0];
    return QNT_OK;
}

const struct qnt_op_def qnt_op_fully_connected = {
    .name = "fully_connected",
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
