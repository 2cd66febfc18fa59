/* Products of matrices with an activation, or a constant of codes that fully_connected has no form for, on the right:
 * the model's matmul. */
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

struct product {
    const struct onnx_node *n;
    struct onnx_value *a, *b;       /* as stored: floats, or codes */
    const struct onnx_quant *quant; /* of b, a constant of codes; else NULL */
    struct onnx_shape s;
};

/* A vector is a matrix of one row on the left, of one column on the right. */
static struct onnx_shape matrix(const struct onnx_shape *s, bool right)
{
    if (s->rank > 1)
        return *s;
    return right ? (struct onnx_shape){2, {s->dim[0], 1}} : (struct onnx_shape){2, {1, s->dim[0]}};
}

/* Codes of a constant as they are, u8 ones less 128; their zero points are taken care of by the op. */
static qnt_status code_constant(struct onnx_mapper *mp, const struct product *p, int *id)
{
    const struct onnx_value *v = p->b->codes ? p->b->codes : p->b;
    const struct onnx_shape s = matrix(&v->shape, true);
    const size_t count = qnt_onnx_count(&s);
    static const float one = 1.0f;
    struct qnt_tensor t = {.type = QNT_S8, .bits = 8, .rank = s.rank, .scales = 1, .scale = (float *)(uintptr_t)&one};
    if (s.rank > QNT_MAX_RANK || (v->type != ONNX_INT8 && v->type != ONNX_UINT8))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, p->n, "the right side '%s' is %s of %u dimensions", v->name,
                             qnt_onnx_type_name(v->type), s.rank);
    uint8_t *to = qnt_onnx_alloc(mp, count, 1, v->name);
    if (!to)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        to[i] = ((const uint8_t *)v->data)[i] ^ (v->type == ONNX_UINT8 ? 0x80 : 0);
    if (p->quant->n == 1) {
        t.scale = (float *)(uintptr_t)p->quant->scale;
        t.zero = (int32_t)p->quant->zero[0] - (v->type == ONNX_UINT8 ? 128 : 0);
    }
    const uint32_t front = !mp->whole && s.rank == p->a->shape.rank; /* the batch, which is 1 here */
    t.rank -= front;
    memcpy(t.dim, s.dim + front, t.rank * sizeof *s.dim);
    t.data = to;
    return qnt_onnx_emit_const(mp, &t, v->name, id);
}

/* Zero points by column. */
static qnt_status zeros(struct onnx_mapper *mp, const struct product *p, int *id)
{
    const bool positive = p->quant->type == ONNX_UINT8;
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = 1, .dim = {p->quant->n}};
    int32_t *to = qnt_onnx_alloc(mp, p->quant->n, sizeof *to, "zero points");
    for (size_t i = 0; to && i < p->quant->n; i++)
        to[i] = (int32_t)p->quant->zero[i] - (positive ? 128 : 0);
    t.data = to;
    return to ? qnt_onnx_emit_const(mp, &t, p->b->name, id) : QNT_ERR_NOMEM;
}

static qnt_status side(struct onnx_mapper *mp, const struct product *p, struct onnx_value *v, bool right, int *id)
{
    const struct onnx_shape s = matrix(&v->shape, right), stored = qnt_onnx_stored(mp, &s, false);
    if (v->kind == ONNX_CONSTANT) {
        struct onnx_value own = *v;
        own.shape = s;
        return qnt_onnx_spread_const(mp, p->n, &own, s.rank > p->a->shape.rank ? s.rank : p->a->shape.rank, false, id);
    }
    qnt_status status = qnt_onnx_as_tensor(mp, p->n, v, false, id);
    return status ? status : qnt_onnx_emit_reshape(mp, p->n, *id, &stored, v->name, id);
}

static qnt_status product_shape(const struct onnx_mapper *mp, struct product *p)
{
    const struct onnx_shape a = matrix(&p->a->shape, false), b = matrix(&p->b->shape, true);
    struct onnx_shape fa = a, fb = b;
    const bool constant = p->b->kind == ONNX_CONSTANT;
    if (!mp->whole && (a.rank < 3 || (!constant && b.rank != a.rank) || b.rank > a.rank ||
                       (constant && b.rank == a.rank && b.dim[0] != 1)))
        return qnt_onnx_touches(p->n);
    fa.rank -= 2;
    fb.rank -= 2;
    if (a.dim[a.rank - 1] != b.dim[b.rank - 2])
        return qnt_onnx_fail(QNT_ERR_SHAPE, p->n,
                             "inputs '%s' and '%s' have %zu columns and %zu rows, which do not fit", p->a->name,
                             p->b->name, a.dim[a.rank - 1], b.dim[b.rank - 2]);
    qnt_status status = qnt_onnx_broadcast(p->n, &fa, &fb, &p->s);
    if (p->a->shape.rank > 1)
        p->s.dim[p->s.rank++] = a.dim[a.rank - 2];
    if (p->b->shape.rank > 1)
        p->s.dim[p->s.rank++] = b.dim[b.rank - 1];
    return status;
}

/* out: NULL for floats. */
static qnt_status multiply(struct onnx_mapper *mp, struct product *p, const struct qnt_tensor *out, int *id)
{
    int in[3];
    size_t n = 2;
    if (!p->a->shape.rank || !p->b->shape.rank)
        return qnt_onnx_fail(QNT_ERR_SHAPE, p->n, "a side is a scalar, expected a matrix");
    qnt_status status = product_shape(mp, p);
    if (status || (status = side(mp, p, p->a, false, &in[0])) ||
        (status = p->quant ? code_constant(mp, p, &in[1]) : side(mp, p, p->b, true, &in[1])))
        return status;
    if (p->quant && p->quant->n > 1) {
        if ((status = zeros(mp, p, &in[2])))
            return status;
        n = 3;
    }
    const struct onnx_shape stored = qnt_onnx_stored(mp, &p->s, false);
    if ((status = qnt_onnx_emit(mp, p->n, "matmul", NULL, in, n, p->n->out[0], out, id)))
        return status;
    return qnt_onnx_emit_reshape(mp, p->n, *id, &stored, p->n->out[0], id);
}

qnt_status qnt_onnx_matmul_activations(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct product p = {.n = n, .a = qnt_onnx_in(mp, n, 0), .b = qnt_onnx_in(mp, n, 1)};
    struct onnx_value *const a = qnt_onnx_codes(mp, n, 0), *const b = qnt_onnx_codes(mp, n, 1);
    struct onnx_after after;
    int id;
    if (p.b->type != ONNX_FLOAT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is %s, expected float", p.b->name,
                             qnt_onnx_type_name(p.b->type));
    if (p.b->kind == ONNX_CONSTANT || !a || !b || !qnt_onnx_after(mp, n, &after)) {
        qnt_status status = multiply(mp, &p, NULL, &id);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &p.s, false, id);
    }
    return qnt_onnx_matmul_codes(mp, n, a, b, NULL, &after);
}

qnt_status qnt_onnx_matmul_codes(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *a,
                                 struct onnx_value *b, const struct onnx_quant *b_quant, const struct onnx_after *after)
{
    struct product p = {.n = n, .a = a, .b = b, .quant = b->kind == ONNX_CONSTANT ? b_quant : NULL};
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32};
    int id;
    if (after)
        t = qnt_onnx_code_tensor(&after->quant);
    if (after && p.quant && p.quant->n > 1)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "'%s' has %zu scales and zero points that leave 8 bits, or more than "
                             "two dimensions; expected one scale",
                             b->name, p.quant->n);
    qnt_status status = multiply(mp, &p, &t, &id);
    if (status)
        return status;
    return after ? qnt_onnx_after_result(mp, after, &p.s, false, id)
                 : qnt_onnx_result(mp, n, 0, ONNX_INT32, &p.s, false, id);
}
