/* Weights: taken from the ONNX constant into rows, as floats or as codes.
 *
 * Codes of weights are s8. Zero points are taken off where all differences fit into 8 bits, which they do for symmetric
 * weights of any type; otherwise the codes stay, u8 ones less 128, and the zero points become an input of the layer. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/linear.h"

bool qnt_onnx_linear_quant(const struct onnx_rows *r, const struct onnx_quant *q)
{
    return qnt_onnx_is_small_int(q->type) && (q->n == 1 || (!q->block && q->axis == r->axis && q->n == r->rows));
}

static struct qnt_tensor shaped(const struct onnx_rows *r)
{
    struct qnt_tensor t = {.rank = r->rank};
    memcpy(t.dim, r->dim, r->rank * sizeof *r->dim);
    return t;
}

static qnt_status float_weights(struct onnx_mapper *mp, const struct onnx_linear *l, int *id)
{
    const struct onnx_rows *r = &l->rows;
    struct qnt_tensor t = shaped(r);
    const float *w = qnt_onnx_floats(mp, l->w);
    float *to = qnt_onnx_alloc(mp, r->rows * r->cols, sizeof *to, l->w->name);
    if (!w || !to)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < r->rows * r->cols; i++)
        to[i] = l->alpha == 1.0f ? w[r->from[i]] : w[r->from[i]] * l->alpha;
    t.type = QNT_F32;
    t.bits = 32;
    t.data = to;
    return qnt_onnx_emit_const(mp, &t, l->w->name, id);
}

static int64_t zero_of(const struct onnx_linear *l, size_t row)
{
    return l->w_quant.zero[l->w_quant.n == 1 ? 0 : row];
}

/* Code i of a type of up to 8 bits. */
static int64_t code_at(const struct onnx_value *v, size_t i)
{
    const bool sign = v->type == ONNX_INT8 || v->type == ONNX_INT4 || v->type == ONNX_INT2;
    return sign ? ((const int8_t *)v->data)[i] : ((const uint8_t *)v->data)[i];
}

/* All codes less their zero points fit into 8 bits. */
static bool fits(const struct onnx_linear *l, const struct onnx_value *w)
{
    const struct onnx_rows *r = &l->rows;
    for (size_t i = 0; i < r->rows * r->cols; i++) {
        const int64_t x = code_at(w, r->from[i]) - zero_of(l, i / r->cols);
        if (x < -128 || x > 127)
            return false;
    }
    return true;
}

/* Zero points by row, or one, of what stays in its own codes. */
static qnt_status zero_points(struct onnx_mapper *mp, const struct onnx_linear *l, bool is_unsigned, int *id)
{
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = 1, .dim = {l->w_quant.n}};
    int32_t *to = qnt_onnx_alloc(mp, l->w_quant.n, sizeof *to, l->w->name);
    for (size_t i = 0; to && i < l->w_quant.n; i++)
        to[i] = (int32_t)l->w_quant.zero[i] - (is_unsigned ? 128 : 0);
    t.data = to;
    return to ? qnt_onnx_emit_const(mp, &t, l->w->name, id) : QNT_ERR_NOMEM;
}

static const struct onnx_value *codes_of(const struct onnx_value *w)
{
    return w->codes ? w->codes : w;
}

/* *zeros: -1, or a constant of what the codes are off by. */
static qnt_status code_weights(struct onnx_mapper *mp, const struct onnx_linear *l, int *id, int *zeros)
{
    const struct onnx_rows *r = &l->rows;
    struct qnt_tensor t = shaped(r);
    const struct onnx_value *v = codes_of(l->w);
    int8_t *to = qnt_onnx_alloc(mp, r->rows * r->cols, 1, v->name);
    const bool is_unsigned = v->type == ONNX_UINT8;
    const uint32_t bits = qnt_onnx_type_bits(v->type);
    const int64_t low = -(INT64_C(1) << (bits - 1));
    bool narrow = bits < 8;
    qnt_status status = QNT_OK;
    if (!to)
        return QNT_ERR_NOMEM;
    const bool own = fits(l, v);
    if (!own && (status = zero_points(mp, l, is_unsigned, zeros)))
        return status;
    for (size_t i = 0; i < r->rows * r->cols; i++) {
        const int64_t off = own ? zero_of(l, i / r->cols) : is_unsigned ? 128 : 0;
        to[i] = (int8_t)(code_at(v, r->from[i]) - off);
        narrow = narrow && to[i] >= low && to[i] < -low;
    }
    t.type = QNT_S8;
    t.bits = narrow ? bits : 8;
    t.scales = (uint32_t)l->w_quant.n;
    t.scale = (float *)(uintptr_t)l->w_quant.scale;
    t.data = to;
    return qnt_onnx_emit_const(mp, &t, v->name, id);
}

/* One element a row: a constant of one, of the rows, or of the rows behind dimensions of 1. */
static qnt_status check_bias(const struct onnx_linear *l)
{
    const struct onnx_shape *s = &l->bias->shape;
    char text[ONNX_SHAPE_TEXT];
    const size_t count = qnt_onnx_count(s);
    if (count == 1 || (count == l->rows.rows && s->dim[s->rank - 1] == count))
        return QNT_OK;
    return qnt_onnx_fail(QNT_ERR_SHAPE, l->n, "bias '%s' is %s, expected %zu elements", l->bias->name,
                         qnt_onnx_shape_text(s, text), l->rows.rows);
}

static qnt_status float_bias(struct onnx_mapper *mp, const struct onnx_linear *l, int *id)
{
    const struct onnx_shape s = {.rank = 1, .dim = {l->rows.rows}};
    const float *from = qnt_onnx_floats(mp, l->bias);
    float *to = qnt_onnx_alloc(mp, l->rows.rows, sizeof *to, l->bias->name);
    const bool one = qnt_onnx_count(&l->bias->shape) == 1;
    if (!from || !to)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < l->rows.rows; i++)
        to[i] = l->beta == 1.0f ? from[one ? 0 : i] : from[one ? 0 : i] * l->beta;
    return qnt_onnx_emit_floats(mp, &s, to, l->bias->name, id);
}

/* Codes in units of the sums are taken as they are; floats are rounded to them. */
static qnt_status code_bias(struct onnx_mapper *mp, const struct onnx_linear *l, int *id)
{
    struct onnx_value *b = l->bias;
    const size_t rows = l->rows.rows, one = qnt_onnx_count(&b->shape) == 1;
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = 1, .dim = {rows}};
    const bool codes = b->codes || !qnt_onnx_is_float(b->type);
    const int64_t *ints = codes ? qnt_onnx_ints(mp, b->codes ? b->codes : b) : NULL;
    const float *floats = b->codes || !codes ? qnt_onnx_floats(mp, b) : NULL;
    int32_t *to = qnt_onnx_alloc(mp, rows, sizeof *to, b->name);
    if (!to || (!ints && !floats))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < rows; i++) {
        const size_t k = one ? 0 : i, q = b->codes ? qnt_onnx_quant_index(&b->quant, &b->shape, k) : 0;
        const float unit = l->x_quant.scale[0] * l->w_quant.scale[l->w_quant.n == 1 ? 0 : i];
        const float own = b->codes ? b->quant.scale[q] : unit;
        const bool same = codes && (!b->codes || (fabsf(own - unit) <= 1e-4f * unit && !b->quant.zero[q]));
        const double sum = same ? (double)ints[k] : nearbyint((double)floats[k] / (double)unit);
        if (!(fabs(sum) < 0x1p31))
            return qnt_onnx_fail(QNT_ERR_RANGE, l->n, "bias '%s'[%zu] is %g sums, expected less than 2^31", b->name, k,
                                 sum);
        to[i] = (int32_t)sum;
    }
    t.data = to;
    return qnt_onnx_emit_const(mp, &t, b->name, id);
}

/* Sums that begin with 0. */
static qnt_status no_bias(struct onnx_mapper *mp, const struct onnx_linear *l, int *id)
{
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = 1, .dim = {l->rows.rows}};
    t.data = qnt_onnx_alloc(mp, l->rows.rows, sizeof(int32_t), l->base);
    return t.data ? qnt_onnx_emit_const(mp, &t, l->base, id) : QNT_ERR_NOMEM;
}

qnt_status qnt_onnx_linear_product(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id)
{
    int ins[2] = {in, -1};
    qnt_status status = float_weights(mp, l, &ins[1]);
    return status ? status : qnt_onnx_emit(mp, l->n, l->op, &l->attr, ins, 2, l->base, NULL, id);
}

qnt_status qnt_onnx_linear_bias(struct onnx_mapper *mp, const struct onnx_linear *l, int *id)
{
    qnt_status status = check_bias(l);
    return status ? status : l->codes ? code_bias(mp, l, id) : float_bias(mp, l, id);
}

qnt_status qnt_onnx_linear(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id)
{
    int ins[4] = {in, -1, -1, -1};
    struct qnt_tensor out = {0};
    if (!l->codes && mp->config->ort_x86)
        return qnt_onnx_linear_parts(mp, l, in, id);
    qnt_status status = l->codes ? code_weights(mp, l, &ins[1], &ins[3]) : float_weights(mp, l, &ins[1]);
    if (!status && l->bias)
        status = qnt_onnx_linear_bias(mp, l, &ins[2]);
    if (!status && !l->bias && ins[3] >= 0)
        status = no_bias(mp, l, &ins[2]);
    if (status)
        return status;
    const size_t n_in = ins[3] >= 0 ? 4 : ins[2] >= 0 ? 3 : 2;
    if (l->codes)
        out = l->out ? qnt_onnx_code_tensor(l->out) : (struct qnt_tensor){.type = QNT_S32, .bits = 32};
    return qnt_onnx_emit(mp, l->n, l->op, &l->attr, ins, n_in, l->base, l->codes ? &out : NULL, id);
}
