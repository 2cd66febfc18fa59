/* Scales and zero points, and the pattern DequantizeLinear - operation - QuantizeLinear. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/map.h"

static qnt_status check_scales(const struct onnx_node *n, const struct onnx_quant *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (!(q->scale[i] > 0.0f) || !isfinite(q->scale[i]))
            return qnt_onnx_fail(QNT_ERR_TYPE, n, "scale '%s'[%zu] is %g, expected finite and > 0", name, i,
                                 (double)q->scale[i]);
    return QNT_OK;
}

/* Per tensor, per index of an axis or per block: by the shape of the scales. */
static qnt_status quant_shape(const struct onnx_node *n, const struct onnx_value *scale, const struct onnx_shape *s,
                              int64_t axis, int64_t block, struct onnx_quant *q)
{
    char found[ONNX_SHAPE_TEXT], of[ONNX_SHAPE_TEXT];
    qnt_status status;
    q->n = qnt_onnx_count(&scale->shape);
    if (q->n == 1 && !block)
        return QNT_OK;
    if ((status = qnt_onnx_axis(n, axis, s->rank, false, &q->axis)))
        return status;
    bool fits = block ? scale->shape.rank == s->rank : scale->shape.rank == 1 && q->n == s->dim[q->axis];
    for (uint32_t d = 0; block > 0 && fits && d < s->rank; d++) {
        const size_t b = (size_t)block;
        fits = scale->shape.dim[d] == (d == q->axis ? s->dim[d] / b + (s->dim[d] % b != 0) : s->dim[d]);
    }
    if (!fits || block < 0)
        return qnt_onnx_fail(
            QNT_ERR_SHAPE, n,
            "scale '%s' is %s, expected one, one per index of axis %u, or one per block of %lld there: "
            "the codes are %s",
            scale->name, qnt_onnx_shape_text(&scale->shape, found), q->axis, (long long)block,
            qnt_onnx_shape_text(s, of));
    q->block = (size_t)block;
    return QNT_OK;
}

qnt_status qnt_onnx_zeros(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_quant *q)
{
    struct onnx_value *zero;
    qnt_status status;
    if (qnt_onnx_type_bits(q->type) > 32) /* so that differences do not overflow */
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "codes of type %s, expected integers of up to 32 bits",
                             qnt_onnx_type_name(q->type));
    if (!qnt_onnx_in(mp, n, k)) {
        q->zero = qnt_onnx_alloc(mp, q->n, sizeof *q->zero, "zero points");
        return q->zero ? QNT_OK : mp->lost;
    }
    if ((status = qnt_onnx_constant(mp, n, k, "zero point", &zero)))
        return status;
    if (zero->type != q->type)
        return qnt_onnx_fail(QNT_ERR_TYPE, n, "zero point '%s' is %s, expected %s as the codes", zero->name,
                             qnt_onnx_type_name(zero->type), qnt_onnx_type_name(q->type));
    if (qnt_onnx_count(&zero->shape) != q->n)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "zero point '%s' has %zu elements, expected %zu", zero->name,
                             qnt_onnx_count(&zero->shape), q->n);
    q->zero = qnt_onnx_ints(mp, zero);
    return q->zero ? QNT_OK : mp->lost;
}

qnt_status qnt_onnx_quant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                          const struct onnx_shape *s, int64_t axis, int64_t block, struct onnx_quant *q)
{
    struct onnx_value *scale;
    qnt_status status = qnt_onnx_constant(mp, n, k, "scale", &scale);
    if (status)
        return status;
    *q = (struct onnx_quant){.type = type};
    if (!qnt_onnx_is_float(scale->type))
        return qnt_onnx_fail(QNT_ERR_TYPE, n, "scale '%s' is %s, expected floats", scale->name,
                             qnt_onnx_type_name(scale->type));
    if ((status = quant_shape(n, scale, s, axis, block, q)))
        return status;
    if (!(q->scale = qnt_onnx_floats(mp, scale)))
        return QNT_ERR_NOMEM;
    status = qnt_onnx_zeros(mp, n, k + 1, q);
    return status ? status : check_scales(n, q, scale->name);
}

bool qnt_onnx_is_plain(const struct onnx_quant *q)
{
    return q->n == 1 && (q->type == ONNX_INT8 || q->type == ONNX_UINT8);
}

struct qnt_tensor qnt_onnx_code_tensor(const struct onnx_quant *q)
{
    return (struct qnt_tensor){.type = QNT_S8,
                               .bits = 8,
                               .scales = 1,
                               .scale = (float *)(uintptr_t)q->scale,
                               .zero = (int32_t)(q->type == ONNX_UINT8 ? q->zero[0] - 128 : q->zero[0])};
}

/* What ONNX Runtime on x86-64 computes in floats, for config.ort_x86: it has integer operations for uint8 alone, so
 * int8 codes become uint8 on their way from a QuantizeLinear to a DequantizeLinear that is read once. Others stay.
 * real: the DequantizeLinear's. */
static bool in_floats(const struct onnx_mapper *mp, const struct onnx_value *codes, const struct onnx_value *real)
{
    return mp->config->ort_x86 && codes->type == ONNX_INT8 &&
           (codes->input || codes->given || codes->readers != 1 || !real || real->readers + real->given != 1);
}

/* The same of codes that a QuantizeLinear is about to give. */
static bool leaves_floats(struct onnx_mapper *mp, const struct onnx_node *quantize, int32_t type)
{
    const struct onnx_value *v = qnt_onnx_out(mp, quantize, 0);
    const struct onnx_node *r = v && v->readers == 1 ? &mp->g->node[v->reader] : NULL;
    struct onnx_value codes = v ? *v : (struct onnx_value){.readers = 0};
    codes.type = type; /* which it does not have yet */
    return in_floats(mp, &codes, r && !strcmp(r->op, "DequantizeLinear") ? qnt_onnx_out(mp, r, 0) : NULL);
}

struct onnx_value *qnt_onnx_codes(struct onnx_mapper *mp, const struct onnx_node *n, size_t k)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    return v && v->kind == ONNX_ACTIVATION && v->codes && qnt_onnx_is_plain(&v->quant) && !in_floats(mp, v->codes, v)
               ? v->codes
               : NULL;
}

static bool known(struct onnx_mapper *mp, const struct onnx_node *n, size_t k)
{
    const struct onnx_value *v = qnt_onnx_in(mp, n, k);
    return !v || v->kind == ONNX_CONSTANT;
}

/* Bounds of a Relu or Clip whose bounds are known. */
static bool bounds(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_after *a)
{
    float lo = 0.0f, hi = INFINITY;
    if (!strcmp(n->op, "Clip") && (!known(mp, n, 1) || !known(mp, n, 2) || qnt_onnx_clip(mp, n, &lo, &hi)))
        return false;
    a->lo = fminf(fmaxf(a->lo, lo), hi);
    a->hi = fminf(fmaxf(a->hi, lo), hi);
    return true;
}

bool qnt_onnx_after(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_after *a)
{
    const struct onnx_value *v = qnt_onnx_out(mp, n, 0);
    *a = (struct onnx_after){.lo = -INFINITY, .hi = INFINITY};
    while (v && v->readers == 1 && !v->given && a->n_taken < sizeof a->taken / sizeof *a->taken) {
        const struct onnx_node *r = &mp->g->node[v->reader];
        if (*r->domain || !r->n_in || strcmp(r->in[0], v->name))
            return false;
        a->taken[a->n_taken++] = v->reader;
        if (!strcmp(r->op, "QuantizeLinear")) {
            a->last = r;
            return known(mp, r, 1) && known(mp, r, 2) && !qnt_onnx_quantize_params(mp, r, &v->shape, &a->quant) &&
                   qnt_onnx_is_plain(&a->quant) && !leaves_floats(mp, r, a->quant.type);
        }
        if ((strcmp(r->op, "Relu") && strcmp(r->op, "Clip")) || !bounds(mp, r, a))
            return false;
        v = qnt_onnx_out(mp, r, 0);
    }
    return false;
}

/* The code that a real bound becomes. */
static float code_of(float bound, const struct qnt_tensor *t)
{
    const float code = nearbyintf(bound / t->scale[0]) + (float)t->zero;
    return code < -128.0f ? -128.0f : code > 127.0f ? 127.0f : code;
}

qnt_status qnt_onnx_after_result(struct onnx_mapper *mp, const struct onnx_after *a, const struct onnx_shape *s,
                                 bool last, int id)
{
    const struct qnt_tensor t = qnt_onnx_code_tensor(&a->quant);
    const qnt_node_attr attr = {.lo = a->lo, .hi = a->hi};
    const bool bounded = code_of(a->lo, &t) > -128.0f || code_of(a->hi, &t) < 127.0f;
    qnt_status status = QNT_OK;
    if (bounded) /* on codes: rounding keeps order, so bounds may come before or after it */
        status = qnt_onnx_emit(mp, a->last, "clamp", &attr, &id, 1, a->last->out[0], NULL, &id);
    for (size_t i = 0; i < a->n_taken; i++)
        mp->done[a->taken[i]] = true;
    return status ? status : qnt_onnx_result(mp, a->last, 0, a->quant.type, s, last, id);
}
