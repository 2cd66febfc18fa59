/* DynamicQuantizeLinear, step by step as ONNX says: lo = min(0, min x), hi = max(0, max x), scale = (hi - lo) / 255,
 * zero = clamp(rne(-lo / scale)), y = clamp(rne(x / scale) + zero). Where all of x is 0 the scale is 1, as ONNX Runtime
 * has it. Where dimension 0 is the session's batch, each image is an x of its own: scale and zero point are then a
 * number for each image, and the result is that of a batch of one. */
#include "lib/import/onnx/maps.h"

/* A float constant of one element. */
static qnt_status number(struct onnx_mapper *mp, const struct onnx_node *n, float x, int *id)
{
    const struct onnx_shape one = {1, {1}};
    return qnt_onnx_emit_floats(mp, &one, &x, n->name, id);
}

static qnt_status with(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, int a, int b, int *id)
{
    const int in[2] = {a, b};
    return qnt_onnx_emit(mp, n, op, NULL, in, 2, n->out[0], NULL, id);
}

static qnt_status with_number(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, int a, float b,
                              int *id)
{
    int c;
    qnt_status status = number(mp, n, b, &c);
    return status ? status : with(mp, n, op, a, c, id);
}

/* The least or greatest of tensor x and 0, as one element. */
static qnt_status extreme(struct onnx_mapper *mp, const struct onnx_node *n, const char *reduce, const char *op, int x,
                          int *id)
{
    const struct onnx_shape one = {1, {1}};
    qnt_status status = qnt_onnx_emit(mp, n, reduce, NULL, &x, 1, n->out[0], NULL, id);
    if (status || (status = qnt_onnx_emit_reshape(mp, n, *id, &one, n->out[0], id)))
        return status;
    return with_number(mp, n, op, *id, 0.0f, id);
}

/* scale: (hi - lo) / 255, and 1 where that is 0: plus 1 - sign(scale). */
static qnt_status scale_of(struct onnx_mapper *mp, const struct onnx_node *n, int lo, int hi, int *scale)
{
    int width, sign;
    qnt_status status = with(mp, n, "sub", hi, lo, &width);
    if (status || (status = with_number(mp, n, "div", width, 255.0f, &width)) ||
        (status = qnt_onnx_emit(mp, n, "sign", NULL, &width, 1, n->out[0], NULL, &sign)) ||
        (status = with_number(mp, n, "mul", sign, -1.0f, &sign)) ||
        (status = with_number(mp, n, "add", sign, 1.0f, &sign)))
        return status;
    return with(mp, n, "add", width, sign, scale);
}

qnt_status qnt_onnx_map_dynamicquantize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    static const float one = 1.0f;
    static const int64_t none = 0;
    const struct onnx_shape scalar = {0};
    const struct onnx_quant number = {.type = ONNX_UINT8, .n = 1, .scale = &one, .zero = &none};
    const struct qnt_tensor t = qnt_onnx_code_tensor(&number); /* codes that mean themselves */
    struct onnx_value *x;
    int in, lo, hi, scale, zero, codes, y;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    const bool last = qnt_onnx_is_last(x);
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &in)) || (status = extreme(mp, n, "reduce_min", "min", in, &lo)) ||
        (status = extreme(mp, n, "reduce_max", "max", in, &hi)) || (status = scale_of(mp, n, lo, hi, &scale)) ||
        (status = with(mp, n, "div", lo, scale, &zero)) || (status = with_number(mp, n, "mul", zero, -1.0f, &zero)) ||
        (status = qnt_onnx_emit(mp, n, "round", NULL, &zero, 1, n->out[0], NULL, &zero)) ||
        (status = with(mp, n, "div", in, scale, &y)) ||
        (status = qnt_onnx_emit(mp, n, "round", NULL, &y, 1, n->out[0], NULL, &y)) ||
        (status = with(mp, n, "add", y, zero, &y)) ||
        (status = qnt_onnx_emit(mp, n, "quantize", NULL, &y, 1, n->out[0], &t, &codes)) ||
        (status = qnt_onnx_result(mp, n, 0, ONNX_UINT8, &x->shape, last, codes)) ||
        (status = qnt_onnx_result(mp, n, 1, ONNX_FLOAT, &scalar, false, scale)) ||
        (status = qnt_onnx_to_ints(mp, n, ONNX_UINT8, zero, &zero)))
        return status;
    return qnt_onnx_result(mp, n, 2, ONNX_UINT8, &scalar, false, zero);
}
