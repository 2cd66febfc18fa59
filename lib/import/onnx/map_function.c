/* Functions of one element: the model's op of that name, on floats, or as a table from codes to codes where a
 * QuantizeLinear follows; Relu and Clip as bounds. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

static const struct function {
    const char *onnx, *op;
    float lo, hi; /* the defaults of alpha and beta */
} functions[] = {
    {"Sigmoid", "sigmoid", 0, 0},
    {"Tanh", "tanh", 0, 0},
    {"HardSwish", "hard_swish", 0, 0},
    {"LeakyRelu", "leaky_relu", 0.01f, 0},
    {"Elu", "elu", 1.0f, 0},
    {"HardSigmoid", "hard_sigmoid", 0.2f, 0.5f},
    {"Gelu", "gelu", 0, 0},
    {"Erf", "erf", 0, 0},
    {"Exp", "exp", 0, 0},
    {"Log", "log", 0, 0},
    {"Sqrt", "sqrt", 0, 0},
    {"Reciprocal", "reciprocal", 0, 0},
    {"Abs", "abs", 0, 0},
    {"Neg", "neg", 0, 0},
    {"Sign", "sign", 0, 0},
    {"Floor", "floor", 0, 0},
    {"Ceil", "ceil", 0, 0},
    {"Round", "round", 0, 0},
};

qnt_status qnt_onnx_function_codes(struct onnx_mapper *mp, const struct onnx_node *n, const char *op,
                                   const qnt_node_attr *attr, struct onnx_value *codes, const struct onnx_after *after)
{
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after->quant);
    const bool last = qnt_onnx_is_last(codes);
    int id;
    qnt_status status = qnt_onnx_as_tensor(mp, n, codes, last, &id);
    if (status || (status = qnt_onnx_emit(mp, n, op, attr, &id, 1, n->out[0], &t, &id)))
        return status;
    return qnt_onnx_after_result(mp, after, &codes->shape, last, id);
}

static qnt_status apply(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, const qnt_node_attr *attr)
{
    struct onnx_value *x, *codes = qnt_onnx_codes(mp, n, 0);
    struct onnx_after after;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    const bool last = qnt_onnx_is_last(x);
    if (!codes || !qnt_onnx_after(mp, n, &after)) {
        if ((status = qnt_onnx_as_tensor(mp, n, x, last, &id)) ||
            (status = qnt_onnx_emit(mp, n, op, attr, &id, 1, n->out[0], NULL, &id)))
            return status;
        return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, last, id);
    }
    return qnt_onnx_function_codes(mp, n, op, attr, codes, &after);
}

qnt_status qnt_onnx_map_function(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct function *f = functions;
    while (strcmp(f->onnx, n->op))
        f++;
    qnt_node_attr attr = {.lo = qnt_onnx_attr_float(n, "alpha", f->lo), .hi = qnt_onnx_attr_float(n, "beta", f->hi)};
    if (!strcmp(n->op, "Gelu"))
        attr.mode = qnt_onnx_attr_is(n, "approximate", "none", "tanh") ? QNT_GELU_BY_TANH : QNT_GELU_BY_ERF;
    return apply(mp, n, f->op, &attr);
}

/* x to a constant power that multiplications, a root or a quotient make. */
qnt_status qnt_onnx_map_pow(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *power;
    int in[2], id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_constant(mp, n, 1, "the power", &power)))
        return status;
    const float *p = qnt_onnx_floats(mp, power);
    const float e = p && qnt_onnx_count(&power->shape) == 1 ? *p : NAN;
    const bool last = qnt_onnx_is_last(x);
    const char *op = e == 0.5f ? "sqrt" : e == -1.0f ? "reciprocal" : NULL;
    if (!op && e != 2.0f && e != 3.0f && e != 1.0f)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "power '%s', expected one of -1, 0.5, 1, 2 and 3", power->name);
    if (e == 1.0f) {
        qnt_onnx_alias(mp, n, 0, x);
        return QNT_OK;
    }
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &in[0])))
        return status;
    in[1] = in[0];
    status = qnt_onnx_emit(mp, n, op ? op : "mul", NULL, in, op ? 1 : 2, n->out[0], NULL, &id);
    in[1] = id;
    if (!status && e == 3.0f)
        status = qnt_onnx_emit(mp, n, "mul", NULL, in, 2, n->out[0], NULL, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, last, id);
}

qnt_status qnt_onnx_clip(struct onnx_mapper *mp, const struct onnx_node *n, float *lo, float *hi)
{
    float *to[2] = {lo, hi};
    *lo = qnt_onnx_attr_float(n, "min", -INFINITY);
    *hi = qnt_onnx_attr_float(n, "max", INFINITY);
    for (size_t k = 0; k < 2; k++) {
        struct onnx_value *v;
        qnt_status status = qnt_onnx_in(mp, n, k + 1) ? qnt_onnx_constant(mp, n, k + 1, k ? "max" : "min", &v) : QNT_OK;
        if (status)
            return status;
        if (!qnt_onnx_in(mp, n, k + 1))
            continue;
        const float *x = qnt_onnx_floats(mp, v);
        if (!x || qnt_onnx_count(&v->shape) != 1)
            return x ? qnt_onnx_fail(QNT_ERR_SHAPE, n, "bound '%s' is no scalar", v->name) : QNT_ERR_NOMEM;
        *to[k] = x[0];
    }
    *lo = *lo < *hi ? *lo : *hi; /* what is above max is max, whatever min is */
    return QNT_OK;
}

/* Bounds that are codes themselves (Clip between QuantizeLinear and DequantizeLinear), as what these mean. */
static qnt_status bounded_codes(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, int id,
                                float lo, float hi)
{
    const struct qnt_tensor *t = &mp->model->tensor[id];
    const float zero = (float)t->zero + (x->type == ONNX_UINT8 ? 128.0f : 0.0f);
    const qnt_node_attr attr = {.lo = (fmaxf(lo, -1024.0f) - zero) * t->scale[0],
                                .hi = (fminf(hi, 1024.0f) - zero) * t->scale[0]};
    qnt_status status = qnt_onnx_emit(mp, n, "clamp", &attr, &id, 1, n->out[0], NULL, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, x->type, &x->shape, qnt_onnx_is_last(x), id);
}

/* max with lo and min with hi, where these cut anything off. */
static qnt_status bounded_integers(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, float lo,
                                   float hi)
{
    const bool last = qnt_onnx_is_last(x);
    int64_t range[2], bound;
    int in[2];
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, &in[0]);
    if (status || mp->model->tensor[in[0]].scales)
        return status ? status : bounded_codes(mp, n, x, in[0], lo, hi);
    qnt_onnx_int_range(x->type, &range[0], &range[1]);
    for (int k = 0; k < 2 && !status; k++) {
        const float f = k ? hi : lo;
        struct onnx_value v = {.name = x->name, .kind = ONNX_CONSTANT, .type = x->type, .data = &bound};
        if (k ? f >= (float)range[1] : f <= (float)range[0])
            continue;
        if (fabsf(f) > 0x1p24f)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "bound %g of integers, expected at most 2^24", (double)f);
        qnt_onnx_put_int(&bound, x->type, 0, qnt_onnx_whole(f));
        if (!(status = qnt_onnx_spread_ints(mp, n, &v, 0, last, &in[1])))
            status = qnt_onnx_emit(mp, n, k ? "min" : "max", NULL, in, 2, n->out[0], NULL, &in[0]);
    }
    return status ? status : qnt_onnx_result(mp, n, 0, x->type, &x->shape, last, in[0]);
}

/* Bounds of floats, or of codes that keep their meaning. */
static qnt_status bounded(struct onnx_mapper *mp, const struct onnx_node *n, float lo, float hi)
{
    const qnt_node_attr attr = {.lo = lo, .hi = hi};
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *codes = qnt_onnx_codes(mp, n, 0);
    const bool last = qnt_onnx_is_last(x);
    struct onnx_after after;
    int id;
    if (codes && qnt_onnx_after(mp, n, &after) && qnt_onnx_same_quant(&after.quant, &x->quant)) {
        const float low = after.lo, high = after.hi;
        after.lo = fminf(fmaxf(lo, low), high);
        after.hi = fminf(fmaxf(hi, low), high);
        qnt_status status = qnt_onnx_as_tensor(mp, n, codes, last, &id);
        return status ? status : qnt_onnx_after_result(mp, &after, &x->shape, last, id);
    }
    if (x->type != ONNX_FLOAT)
        return bounded_integers(mp, n, x, lo, hi);
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, &id);
    if (status || (status = qnt_onnx_emit(mp, n, lo == 0.0f && hi == INFINITY ? "relu" : "clamp", &attr, &id, 1,
                                          n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, x->type, &x->shape, last, id);
}

qnt_status qnt_onnx_map_relu(struct onnx_mapper *mp, const struct onnx_node *n)
{
    return bounded(mp, n, 0.0f, INFINITY);
}

qnt_status qnt_onnx_fold_clip(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const bool floats = x->type == ONNX_FLOAT;
    float lo, hi;
    void *to;
    qnt_status status = qnt_onnx_clip(mp, n, &lo, &hi);
    if (status || (status = qnt_onnx_give(mp, n, 0, x->type, &x->shape, &to)))
        return status;
    if (!floats && (qnt_onnx_type_bits(x->type) > 16 || qnt_onnx_is_float(x->type)))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a constant of %s, expected float or at most 16 bits",
                             qnt_onnx_type_name(x->type));
    const float *from = qnt_onnx_floats(mp, x);
    if (!from)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < qnt_onnx_count(&x->shape); i++) {
        const float y = fminf(fmaxf(from[i], lo), hi);
        if (floats)
            ((float *)to)[i] = from[i] != from[i] ? from[i] : y;
        else
            qnt_onnx_put_int(to, x->type, i, qnt_onnx_whole(y));
    }
    return QNT_OK;
}

qnt_status qnt_onnx_map_clip(struct onnx_mapper *mp, const struct onnx_node *n)
{
    float lo, hi;
    qnt_status status = qnt_onnx_clip(mp, n, &lo, &hi);
    if (status)
        return status;
    if (lo > -INFINITY || hi < INFINITY)
        return bounded(mp, n, lo, hi);
    qnt_onnx_alias(mp, n, 0, qnt_onnx_in(mp, n, 0));
    return QNT_OK;
}
