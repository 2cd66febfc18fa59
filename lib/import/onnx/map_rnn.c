/* RNN, GRU, LSTM: x, w, r[, bias, lengths, first h, first c, peepholes]. The model's op gives everything as one line,
 * of which the outputs are parts. Where the session's batch is that of the sequences, an image is one sequence. */
#include <string.h>
#include "lib/import/onnx/maps.h"

static const struct cell {
    const char *onnx, *op, *activation[3];
    size_t gates;
} cells[] = {{"RNN", "rnn", {"Tanh"}, 1},
             {"GRU", "gru", {"Sigmoid", "Tanh"}, 3},
             {"LSTM", "lstm", {"Sigmoid", "Tanh", "Tanh"}, 4}};
enum { X, W, R, BIAS, LENGTHS, FIRST_H, FIRST_C, PEEPHOLES };

struct rnn {
    const struct onnx_node *n;
    const struct cell *cell;
    size_t t, sequences, i, h, d; /* of x [t][sequences][i]; d directions */
    bool batch_first, open;       /* open: the sequences are the session's batch */
    qnt_node_attr attr;
    int in[8];
    size_t n_in;
};

/* Only the functions that each cell has by default. */
static qnt_status check_functions(const struct rnn *r)
{
    const struct onnx_attr *a = qnt_onnx_attr(r->n, "activations");
    size_t each = 0;
    while (each < 3 && r->cell->activation[each])
        each++;
    for (size_t i = 0; a && i < a->n; i++)
        if (a->n != each * r->d || strcmp(a->strings[i], r->cell->activation[i % each]))
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, r->n, "activations[%zu] of %zu is '%s', expected '%s' of %zu", i,
                                 a->n, a->strings[i], r->cell->activation[i % each], each * r->d);
    if (qnt_onnx_attr(r->n, "clip") || qnt_onnx_attr_int(r->n, "input_forget", 0))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, r->n, "clip or input_forget, which are not supported");
    return QNT_OK;
}

static qnt_status begin(struct rnn *r, const struct onnx_value *x, const struct onnx_value *w)
{
    const struct onnx_node *n = r->n;
    const bool reverse = qnt_onnx_attr_is(n, "direction", "forward", "reverse");
    const bool both = qnt_onnx_attr_is(n, "direction", "forward", "bidirectional");
    char one[ONNX_SHAPE_TEXT], other[ONNX_SHAPE_TEXT];
    r->d = both ? 2 : 1;
    r->batch_first = qnt_onnx_attr_int(n, "layout", 0) != 0;
    if (!reverse && !both && !qnt_onnx_attr_is(n, "direction", "forward", "forward"))
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "direction '%s'", qnt_onnx_attr(n, "direction")->s);
    r->attr.mode = (reverse ? QNT_RNN_REVERSE : 0) | (both ? QNT_RNN_BOTH : 0) |
                   (qnt_onnx_attr_int(n, "linear_before_reset", 0) ? QNT_RNN_LINEAR : 0);
    if (x->shape.rank != 3 || w->shape.rank != 3 || w->shape.dim[1] % r->cell->gates)
        return qnt_onnx_fail(
            QNT_ERR_SHAPE, n, "input '%s' is %s and weights '%s' %s, expected three dimensions and %zu gates", x->name,
            qnt_onnx_shape_text(&x->shape, one), w->name, qnt_onnx_shape_text(&w->shape, other), r->cell->gates);
    r->t = x->shape.dim[r->batch_first];
    r->sequences = x->shape.dim[!r->batch_first];
    r->i = x->shape.dim[2];
    r->h = w->shape.dim[1] / r->cell->gates;
    return check_functions(r);
}

/* Input k, three dimensions of which the first two change places where the batch comes first. */
static qnt_status three(struct onnx_mapper *mp, struct rnn *r, size_t k, int *id)
{
    struct onnx_value *v = qnt_onnx_in(mp, r->n, k);
    const qnt_node_attr swap = {.axis = {1, 0, 2}};
    qnt_status status = v->kind == ONNX_CONSTANT ? qnt_onnx_spread_const(mp, r->n, v, v->shape.rank, false, id)
                                                 : qnt_onnx_as_tensor(mp, r->n, v, false, id);
    if (status || !r->batch_first)
        return status;
    if (v->kind == ONNX_CONSTANT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, r->n, "a constant '%s' with layout 1", v->name);
    return qnt_onnx_emit(mp, r->n, "transpose", &swap, id, 1, v->name, NULL, id);
}

static qnt_status constant_floats(struct onnx_mapper *mp, struct rnn *r, size_t k, const char *what)
{
    struct onnx_value *v;
    qnt_status status = qnt_onnx_constant(mp, r->n, k, what, &v);
    if (status)
        return status;
    const float *data = qnt_onnx_floats(mp, v);
    return data ? qnt_onnx_emit_floats(mp, &v->shape, data, v->name, &r->in[r->n_in++]) : QNT_ERR_NOMEM;
}

/* A first state of each image: a constant that is the same for all sequences. */
static qnt_status one_state(struct onnx_mapper *mp, struct rnn *r, size_t k, int *id)
{
    struct onnx_value *v;
    const struct onnx_shape s = {3, {r->d, 1, r->h}};
    qnt_status status = qnt_onnx_constant(mp, r->n, k, "a first state with an open batch", &v);
    if (status)
        return status;
    const struct onnx_shape *had = &v->shape;
    const size_t all = had->rank == 3 ? had->dim[!r->batch_first] : 0;
    const float *data = qnt_onnx_floats(mp, v);
    float *to = qnt_onnx_alloc(mp, r->d * r->h, sizeof *to, v->name);
    if (!data || !to)
        return QNT_ERR_NOMEM;
    if (all != mp->batch || had->dim[r->batch_first] != r->d || had->dim[2] != r->h)
        return qnt_onnx_touches(r->n);
    for (size_t d = 0; d < r->d; d++)
        for (size_t i = 0; i < all; i++) {
            const float *row = data + (r->batch_first ? i * r->d + d : d * all + i) * r->h;
            if (!i)
                memcpy(to + d * r->h, row, r->h * sizeof *to);
            else if (memcmp(to + d * r->h, row, r->h * sizeof *to))
                return qnt_onnx_touches(r->n);
        }
    return qnt_onnx_emit_floats(mp, &s, to, v->name, id);
}

static qnt_status lengths(struct onnx_mapper *mp, struct rnn *r)
{
    struct onnx_value *v;
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = 1};
    qnt_status status = qnt_onnx_constant(mp, r->n, LENGTHS, "the lengths", &v);
    if (status)
        return status;
    t.dim[0] = qnt_onnx_count(&v->shape);
    t.data = (void *)(uintptr_t)v->data;
    if (v->type != ONNX_INT32)
        return qnt_onnx_fail(QNT_ERR_TYPE, r->n, "lengths '%s' are %s, expected int32", v->name,
                             qnt_onnx_type_name(v->type));
    return qnt_onnx_emit_const(mp, &t, v->name, &r->in[r->n_in++]);
}

/* The optional inputs in the order of the model's op. */
static qnt_status options(struct onnx_mapper *mp, struct rnn *r)
{
    const struct onnx_node *n = r->n;
    qnt_status status = QNT_OK;
    if (qnt_onnx_in(mp, n, BIAS)) {
        r->attr.mode |= QNT_RNN_BIAS;
        if ((status = constant_floats(mp, r, BIAS, "the bias")))
            return status;
    }
    for (size_t k = FIRST_H; k <= FIRST_C; k++)
        if (qnt_onnx_in(mp, n, k)) {
            r->attr.mode |= k == FIRST_H ? QNT_RNN_FIRST_H : QNT_RNN_FIRST_C;
            status = r->open ? one_state(mp, r, k, &r->in[r->n_in++]) : three(mp, r, k, &r->in[r->n_in++]);
            if (status)
                return status;
        }
    if (qnt_onnx_in(mp, n, PEEPHOLES)) {
        r->attr.mode |= QNT_RNN_PEEPHOLES;
        if ((status = constant_floats(mp, r, PEEPHOLES, "the peepholes")))
            return status;
    }
    if (qnt_onnx_in(mp, n, LENGTHS) && r->open)
        return qnt_onnx_touches(n);
    if (qnt_onnx_in(mp, n, LENGTHS)) {
        r->attr.mode |= QNT_RNN_LENGTHS;
        status = lengths(mp, r);
    }
    return status;
}

/* Output k: `count` elements from `at` on of what the op gives, as s; there axes are as perm says. */
static qnt_status part(struct onnx_mapper *mp, const struct rnn *r, size_t k, int all, size_t at, struct onnx_shape s,
                       const uint32_t *perm)
{
    const size_t count = qnt_onnx_count(&s);
    const qnt_node_attr slice = {.begin = {(int64_t)at}, .end = {(int64_t)(at + count)}, .step = {1}};
    qnt_node_attr transpose = {0};
    const char *name = k < r->n->n_out ? r->n->out[k] : "";
    int id;
    if (!*name)
        return QNT_OK;
    qnt_status status = qnt_onnx_emit(mp, r->n, "slice", &slice, &all, 1, name, NULL, &id);
    if (status || (status = qnt_onnx_emit_reshape(mp, r->n, id, &s, name, &id)))
        return status;
    if (r->batch_first) {
        const struct onnx_shape from = s;
        for (uint32_t d = 0; d < s.rank; d++) {
            transpose.axis[d] = perm[d];
            s.dim[d] = from.dim[perm[d]];
        }
        if ((status = qnt_onnx_emit(mp, r->n, "transpose", &transpose, &id, 1, name, NULL, &id)))
            return status;
    }
    return qnt_onnx_result(mp, r->n, k, ONNX_FLOAT, &s, false, id);
}

/* The same where an image is one sequence: s has the batch in dimension `batch`, or in front. */
static qnt_status part_of_image(struct onnx_mapper *mp, const struct rnn *r, size_t k, int all, size_t at,
                                struct onnx_shape s, uint32_t batch)
{
    const size_t count = qnt_onnx_count(&s) / s.dim[batch];
    const qnt_node_attr slice = {.begin = {(int64_t)at}, .end = {(int64_t)(at + count)}, .step = {1}};
    const char *name = k < r->n->n_out ? r->n->out[k] : "";
    int id;
    if (!*name)
        return QNT_OK;
    for (; r->batch_first && batch > 0; batch--) {
        const size_t d = s.dim[batch];
        s.dim[batch] = s.dim[batch - 1];
        s.dim[batch - 1] = d;
    }
    qnt_status status = qnt_onnx_emit(mp, r->n, "slice", &slice, &all, 1, name, NULL, &id);
    return status ? status : qnt_onnx_batch_result(mp, r->n, k, &s, batch, id);
}

/* x [t][1][i] of an image. */
static qnt_status one_sequence(struct onnx_mapper *mp, struct rnn *r, struct onnx_value *x, int *id)
{
    const struct onnx_shape s = {3, {r->t, 1, r->i}};
    qnt_status status = qnt_onnx_batch_tensor(mp, r->n, x, id);
    return status ? status : qnt_onnx_emit_reshape(mp, r->n, *id, &s, x->name, id);
}

qnt_status qnt_onnx_map_rnn(struct onnx_mapper *mp, const struct onnx_node *n)
{
    static const uint32_t y_perm[] = {2, 0, 1, 3}, h_perm[] = {1, 0, 2};
    struct rnn r = {.n = n, .cell = cells, .n_in = 3};
    struct onnx_value *x, *w;
    int all;
    while (strcmp(r.cell->onnx, n->op))
        r.cell++;
    qnt_status status = qnt_onnx_float_in(mp, n, X, &x);
    if (status || (status = qnt_onnx_constant(mp, n, W, "weights", &w)) || (status = begin(&r, x, w)))
        return status;
    r.open = !mp->whole;
    if (r.open && x->batch != (r.batch_first ? 0u : 1u))
        return qnt_onnx_touches(n);
    r.n_in = W;
    if ((status = constant_floats(mp, &r, W, "weights")) ||
        (status = constant_floats(mp, &r, R, "recurrent weights")) ||
        (status = r.open ? one_sequence(mp, &r, x, &r.in[X]) : three(mp, &r, X, &r.in[X])) ||
        (status = options(mp, &r)) ||
        (status = qnt_onnx_emit(mp, n, r.cell->op, &r.attr, r.in, r.n_in, n->name, NULL, &all)))
        return status;
    const struct onnx_shape y = {4, {r.t, r.d, r.sequences, r.h}}, h = {3, {r.d, r.sequences, r.h}};
    if (r.open) {
        const size_t y_image = r.t * r.d * r.h, h_image = r.d * r.h;
        if ((status = part_of_image(mp, &r, 0, all, 0, y, 2)) ||
            (status = part_of_image(mp, &r, 1, all, y_image, h, 1)))
            return status;
        return part_of_image(mp, &r, 2, all, y_image + h_image, h, 1);
    }
    const size_t ys = qnt_onnx_count(&y), hs = qnt_onnx_count(&h);
    if ((status = part(mp, &r, 0, all, 0, y, y_perm)) || (status = part(mp, &r, 1, all, ys, h, h_perm)))
        return status;
    return part(mp, &r, 2, all, ys + hs, h, h_perm);
}
