/* argmax (x; f32, or integers with or without a scale) -> s64: the place of the greatest along a dimension, which
 * becomes 1; axis[0] dimensions lie after it. Of equal ones the first, mode 1: the last. NaN is no greatest; of nothing
 * else: 0. */
#include <math.h>
#include "infer.h"
#include "step.h"

struct state {
    size_t n, inner, results; /* elements `inner` apart; of one image */
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    if (x->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is a constant, expected an activation", n->name, x->name);
    if (x->type != QNT_F32 && x->type != QNT_S8 && x->type != QNT_U8 && x->type != QNT_S32)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32, s8, u8 or s32", n->name, x->name,
                        qnt_dtype_name(x->type));
    if (n->attr.axis[0] >= x->rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': axis %u before the last of '%s', expected at most %u", n->name,
                        n->attr.axis[0], x->name, x->rank - 1);
    if (n->attr.mode > 1)
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u, expected 0 or 1", n->name, n->attr.mode);
    if (out->type && (out->type != QNT_S64 || out->scales))
        return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s, expected s64", n->name, qnt_dtype_name(out->type));
    out->type = QNT_S64;
    out->bits = 64;
    qnt_infer_same_shape(m, n, out);
    out->dim[x->rank - 1 - n->attr.axis[0]] = 1;
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    const struct qnt_tensor *x = s->in[0];
    const uint32_t axis = x->rank - 1 - s->node->attr.axis[0];
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->n = x->dim[axis];
    st->inner = 1;
    for (uint32_t d = axis + 1; d < x->rank; d++)
        st->inner *= x->dim[d];
    st->results = qnt_tensor_count(s->out);
    s->variant = &qnt_no_variant;
    return QNT_OK;
}

#define GREATEST(T)                                                                                                    \
    do {                                                                                                               \
        const T *v = (const T *)x + first;                                                                             \
        for (size_t k = 1; k < st->n; k++)                                                                             \
            if (v[k * st->inner] > v[best * st->inner] || (last && v[k * st->inner] == v[best * st->inner]))           \
                best = k;                                                                                              \
    } while (0)

static size_t greatest(const struct state *st, qnt_dtype type, const void *x, size_t first, bool last)
{
    size_t best = 0;
    if (type == QNT_F32) {
        const float *v = (const float *)x + first;
        float most = v[0] != v[0] ? -INFINITY : v[0];
        bool any = v[0] == v[0];
        for (size_t k = 1; k < st->n; k++) {
            const float value = v[k * st->inner];
            if (value > most || (value == most && (last || !any))) {
                most = value;
                best = k;
            }
            any |= value == value;
        }
    } else if (type == QNT_S8) {
        GREATEST(int8_t);
    } else if (type == QNT_U8) {
        GREATEST(uint8_t);
    } else {
        GREATEST(int32_t);
    }
    return best;
}
#undef GREATEST

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    int64_t *to = qnt_step_out(s, x);
    size_t i0, i1;
    qnt_share(x->batch * st->results, x->part, x->parts, &i0, &i1);
    for (size_t i = i0; i < i1; i++) {
        const size_t first = i / st->inner * st->n * st->inner + i % st->inner;
        to[i] = (int64_t)greatest(st, s->in[0]->type, qnt_step_in(s, x), first, s->node->attr.mode);
    }
}

const struct qnt_op_def qnt_op_argmax = {
    .name = "argmax", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .run = run};
