/* reshape (x): the same elements in the same order under another shape; moves nothing. */
#include "backward.h"
#include "infer.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const size_t *dim = n->attr.dim;
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    size_t count;
    qnt_status status = qnt_infer_moving(m, n, out);
    if (status)
        return status;
    out->rank = 0;
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        if (dim[d] && d > out->rank)
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': dimension %u of the new shape is 0 before others", n->name,
                            out->rank);
        out->dim[d] = dim[d];
        out->rank += dim[d] > 0;
    }
    if (!out->rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': the new shape has no dimension, expected 1 to %d", n->name,
                        QNT_MAX_RANK);
    if ((status = qnt_tensor_elements(out, &count)))
        return qnt_fail_in(status, "node '%s'", n->name);
    if (count != qnt_tensor_count(x))
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': new shape %s, expected as many elements as input '%s' of %s",
                        n->name, qnt_shape_text(out, one), x->name, qnt_shape_text(x, other));
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    (void)ctx;
    (void)max_batch;
    return qnt_same_codes(s->node, s->in[0], s->out);
}

const struct qnt_op_def qnt_op_reshape = {
    .name = "reshape", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .backward = qnt_identity_backward};
