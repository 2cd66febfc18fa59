/* Operations of two elements with broadcasting: add, sub, mul, div, min, max, prelu of floats; add, sub and mul of
 * codes where a QuantizeLinear follows. */
#include <string.h>
#include "lib/import/onnx/maps.h"

static const struct pair {
    const char *onnx, *op;
    bool codes, commutes, both; /* has an integer form; the operands may change places; either may be the constant */
} pairs[] = {
    {"Add", "add", true, true, false},  {"Sub", "sub", true, false, false},      {"Mul", "mul", true, true, false},
    {"Sum", "add", false, true, false}, {"Div", "div", false, false, true},      {"Min", "min", false, true, true},
    {"Max", "max", false, true, true},  {"PRelu", "prelu", false, false, false},
};

qnt_status qnt_onnx_broadcast(const struct onnx_node *n, const struct onnx_shape *a, const struct onnx_shape *b,
                              struct onnx_shape *s)
{
    char one[ONNX_SHAPE_TEXT], other[ONNX_SHAPE_TEXT];
    const uint32_t rank = a->rank > b->rank ? a->rank : b->rank;
    struct onnx_shape out = {.rank = rank};
    for (uint32_t d = 0; d < rank; d++) {
        const size_t x = d + a->rank < rank ? 1 : a->dim[d + a->rank - rank];
        const size_t y = d + b->rank < rank ? 1 : b->dim[d + b->rank - rank];
        if (x != y && x != 1 && y != 1)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "inputs of %s and %s do not fit together",
                                 qnt_onnx_shape_text(a, one), qnt_onnx_shape_text(b, other));
        out.dim[d] = x == 1 ? y : x;
    }
    *s = out;
    return QNT_OK;
}

/* Where element i of the stored tensor of shape t, whose dimension d is d_of[d] of shape s, lies in s. */
static size_t element(const struct onnx_shape *t, const struct onnx_shape *s, const uint32_t *d_of, size_t i)
{
    size_t stride[ONNX_MAX_RANK], size = 1, at = 0;
    for (uint32_t d = s->rank; d-- > 0; size *= s->dim[d])
        stride[d] = size;
    for (uint32_t d = t->rank; d-- > 0; i /= t->dim[d])
        at += i % t->dim[d] * stride[d_of[d]];
    return at;
}

/* The constant in the order of stored tensors; elements of `size` bytes. */
static qnt_status placed(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *v, uint32_t rank,
                         bool last, const void *from, size_t size, struct onnx_shape *t, void **to)
{
    struct onnx_shape s = {.rank = rank};
    uint32_t d_of[ONNX_MAX_RANK] = {0};
    for (uint32_t d = 0; d < rank; d++)
        s.dim[d] = d + v->shape.rank < rank ? 1 : v->shape.dim[d + v->shape.rank - rank];
    if (!mp->whole && rank && s.dim[0] != 1)
        return qnt_onnx_touches(n);
    *t = qnt_onnx_stored(mp, &s, last);
    if (t->rank > QNT_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "constant '%s' has %u dimensions, expected at most %d", v->name,
                             t->rank, QNT_MAX_RANK);
    for (uint32_t d = 0; d < rank; d++) {
        const int at = qnt_onnx_stored_axis(mp, rank, last, d);
        if (at >= 0)
            d_of[at] = d;
    }
    const size_t count = qnt_onnx_count(t);
    if (!(*to = qnt_onnx_alloc(mp, count, size, v->name)))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        memcpy((char *)*to + i * size, (const char *)from + (rank ? element(t, &s, d_of, i) : 0) * size, size);
    return QNT_OK;
}

qnt_status qnt_onnx_spread_const(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, uint32_t rank,
                                 bool last, int *id)
{
    const float *from = qnt_onnx_floats(mp, v);
    struct onnx_shape t;
    void *to = NULL;
    qnt_status status = from ? placed(mp, n, v, rank, last, from, sizeof *from, &t, &to) : QNT_ERR_NOMEM;
    return status ? status : qnt_onnx_emit_floats(mp, &t, to, v->name, id);
}

qnt_status qnt_onnx_spread_ints(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *v,
                                uint32_t rank, bool last, int *id)
{
    struct qnt_tensor c;
    struct onnx_shape t;
    void *to = NULL;
    qnt_status status = qnt_onnx_integer_type(n, v->type, &c);
    if (status || (status = placed(mp, n, v, rank, last, v->data, qnt_onnx_type_size(v->type), &t, &to)))
        return status;
    c.rank = t.rank;
    memcpy(c.dim, t.dim, t.rank * sizeof *t.dim);
    c.data = to;
    return qnt_onnx_emit_const(mp, &c, v->name, id);
}

/* A constant of codes. */
static qnt_status spread_codes(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *v,
                               uint32_t rank, bool last, int *id)
{
    struct qnt_tensor c = qnt_onnx_code_tensor(&v->quant);
    struct onnx_shape t;
    void *to = NULL;
    qnt_status status = placed(mp, n, v->codes, rank, last, v->codes->data, 1, &t, &to);
    if (status)
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&t) && v->quant.type == ONNX_UINT8; i++)
        ((uint8_t *)to)[i] ^= 0x80;
    c.rank = t.rank;
    memcpy(c.dim, t.dim, t.rank * sizeof *t.dim);
    c.data = to;
    return qnt_onnx_emit_const(mp, &c, v->name, id);
}

static bool codes_of(const struct onnx_value *v)
{
    return v->codes && qnt_onnx_is_plain(&v->quant);
}

/* An operand as a tensor that broadcasts with others of `rank` dimensions. */
static qnt_status operand(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, uint32_t rank,
                          bool last, bool codes, int *id)
{
    if (v->kind == ONNX_CONSTANT)
        return codes                        ? spread_codes(mp, n, v, rank, last, id)
               : qnt_onnx_is_float(v->type) ? qnt_onnx_spread_const(mp, n, v, rank, last, id)
                                            : qnt_onnx_spread_ints(mp, n, v, rank, last, id);
    if (!mp->whole && v->shape.rank != rank && qnt_onnx_count(&v->shape) != 1) /* a number goes with any shape */
        return qnt_onnx_touches(n);
    if (codes)
        return qnt_onnx_as_tensor(mp, n, v->codes, last, id);
    return v->type == ONNX_FLOAT ? qnt_onnx_as_tensor(mp, n, v, last, id) : qnt_onnx_integers(mp, n, v, last, id);
}

/* Channels last where all activations can be: one is, and none has fewer dimensions. */
static bool layout(const struct onnx_value *a, const struct onnx_value *b, uint32_t rank)
{
    const struct onnx_value *const both[] = {a, b};
    bool last = false;
    for (int i = 0; i < 2; i++) {
        if (both[i]->kind == ONNX_CONSTANT)
            continue;
        if (both[i]->shape.rank != rank)
            return false;
        last = last || qnt_onnx_is_last(both[i]);
    }
    return last;
}

/* a op b, both floats or of one integer type. */
static qnt_status floats(struct onnx_mapper *mp, const struct onnx_node *n, const struct pair *p, struct onnx_value *a,
                         struct onnx_value *b, struct onnx_shape *s, bool *last, int *id)
{
    int in[2];
    qnt_status status = qnt_onnx_broadcast(n, &a->shape, &b->shape, s);
    if (status)
        return status;
    *last = layout(a, b, s->rank);
    if (a->kind == ONNX_CONSTANT && p->commutes) {
        struct onnx_value *swap = a;
        a = b;
        b = swap;
    }
    if ((status = operand(mp, n, b, s->rank, *last, false, &in[1])))
        return status;
    if (a->kind == ONNX_CONSTANT && !p->both) { /* c - x is -1 * x + c, to the last bit */
        static const float minus = -1.0f;
        const struct onnx_shape one = {1, {1}};
        if (strcmp(p->op, "sub") || a->type != ONNX_FLOAT)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is a constant, expected an activation", a->name);
        int product[2] = {in[1], -1};
        if ((status = qnt_onnx_emit_floats(mp, &one, &minus, n->out[0], &product[1])) ||
            (status = qnt_onnx_emit(mp, n, "mul", NULL, product, 2, n->out[0], NULL, &in[0])) ||
            (status = operand(mp, n, a, s->rank, *last, false, &in[1])))
            return status;
        return qnt_onnx_emit(mp, n, "add", NULL, in, 2, n->out[0], NULL, id);
    }
    if ((status = operand(mp, n, a, s->rank, *last, false, &in[0])))
        return status;
    return qnt_onnx_emit(mp, n, p->op, NULL, in, 2, n->out[0], NULL, id);
}

qnt_status qnt_onnx_pair_codes(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *a,
                               struct onnx_value *b, const struct onnx_after *after)
{
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after->quant);
    struct onnx_shape s;
    int in[2], id;
    qnt_status status = qnt_onnx_broadcast(n, &a->shape, &b->shape, &s);
    if (status)
        return status;
    const bool last = layout(a, b, s.rank);
    if (a->kind == ONNX_CONSTANT) {
        struct onnx_value *swap = a;
        a = b;
        b = swap;
    }
    if ((status = operand(mp, n, a, s.rank, last, true, &in[0])) ||
        (status = operand(mp, n, b, s.rank, last, true, &in[1])) ||
        (status = qnt_onnx_emit(mp, n, op, NULL, in, 2, n->out[0], &t, &id)))
        return status;
    return qnt_onnx_after_result(mp, after, &s, last, id);
}

/* An operand of floats, or of integers that mean themselves, with which the model computes as their type does. */
static qnt_status number_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value **v)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, k);
    struct qnt_tensor t;
    if (!x || qnt_onnx_is_float(x->type) || !strcmp(n->op, "PRelu"))
        return qnt_onnx_float_in(mp, n, k, v);
    *v = x;
    return qnt_onnx_type_bits(x->type) < 8 ? qnt_onnx_float_in(mp, n, k, v) : qnt_onnx_integer_type(n, x->type, &t);
}

/* Before opset 7 the dimensions of b are those of a from an axis on (PRelu: its channels), not its last ones: b with
 * dimensions of 1 behind. */
static qnt_status place_from_axis(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *a,
                                  struct onnx_value **b)
{
    const bool slopes = !strcmp(n->op, "PRelu") && (*b)->shape.rank == 1 && qnt_onnx_count(&(*b)->shape) > 1;
    const struct onnx_attr *attr = qnt_onnx_attr(n, "axis");
    uint32_t axis;
    if (mp->g->opset >= 7 || (!attr && !slopes))
        return attr ? qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "attribute 'axis', which opset 7 has dropped") : QNT_OK;
    qnt_status status = qnt_onnx_axis(n, attr ? attr->i : 1, a->shape.rank, false, &axis);
    if (status || axis + (*b)->shape.rank == a->shape.rank)
        return status;
    if ((*b)->kind != ONNX_CONSTANT || axis + (*b)->shape.rank > a->shape.rank)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "'%s' is placed from axis %u on, expected a constant that fits there", (*b)->name, axis);
    struct onnx_value *own = qnt_onnx_alloc(mp, 1, sizeof *own, (*b)->name);
    if (!own)
        return QNT_ERR_NOMEM;
    *own = **b;
    while (axis + own->shape.rank < a->shape.rank)
        own->shape.dim[own->shape.rank++] = 1;
    *b = own;
    return QNT_OK;
}

qnt_status qnt_onnx_map_pair(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct pair *p = pairs;
    struct onnx_after after;
    struct onnx_shape s;
    struct onnx_value *a, *b;
    bool last;
    int id;
    while (strcmp(p->onnx, n->op))
        p++;
    qnt_status status = number_in(mp, n, 0, &a);
    if (n->n_in == 1 && !status) { /* Sum, Min, Max of one */
        qnt_onnx_alias(mp, n, 0, a);
        return QNT_OK;
    }
    if (status || (status = number_in(mp, n, 1, &b)) || (status = place_from_axis(mp, n, a, &b)))
        return status;
    if (a->type != b->type)
        return qnt_onnx_fail(QNT_ERR_TYPE, n, "inputs of %s and %s", qnt_onnx_type_name(a->type),
                             qnt_onnx_type_name(b->type));
    if (p->codes && codes_of(a) && codes_of(b) && (a->kind != ONNX_CONSTANT || p->commutes) &&
        qnt_onnx_after(mp, n, &after))
        return qnt_onnx_pair_codes(mp, n, p->op, a, b, &after);
    if ((status = floats(mp, n, p, a, b, &s, &last, &id)))
        return status;
    for (size_t k = 2; k < n->n_in; k++) {
        struct onnx_value so_far = {
            .name = a->name, .kind = ONNX_ACTIVATION, .type = a->type, .shape = s, .id = {-1, -1}};
        so_far.id[last && s.rank > 2] = id;
        if ((status = number_in(mp, n, k, &b)) || (status = floats(mp, n, p, &so_far, b, &s, &last, &id)))
            return status;
    }
    return qnt_onnx_result(mp, n, 0, a->type, &s, last, id);
}

qnt_status qnt_onnx_add_to(struct onnx_mapper *mp, const struct onnx_node *n, int in, const struct onnx_shape *s,
                           struct onnx_value *c, int *id)
{
    struct onnx_value x = {
        .name = (char *)(uintptr_t)n->out[0], .kind = ONNX_ACTIVATION, .type = ONNX_FLOAT, .shape = *s, .id = {in, -1}};
    struct onnx_shape sum;
    bool last;
    return floats(mp, n, &pairs[0], &x, c, &sum, &last, id);
}
