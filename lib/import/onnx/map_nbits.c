/* com.microsoft.MatMulNBits: a matrix of 4 or 8 bits with a scale for each block of a row. accuracy_level is the least
 * that is asked for: 4 takes activations as codes, any other floats. QGemm: Gemm of codes. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

struct nbits {
    size_t k, n, bits, block, blocks;
    struct onnx_value *b, *scale,
        *zero; /* [n][blocks][block * bits / 8]; [n][blocks]; packed likewise, or floats, or NULL */
};

static qnt_status sizes(struct onnx_mapper *mp, const struct onnx_node *n, struct nbits *w)
{
    const int64_t k = qnt_onnx_attr_int(n, "K", 0), rows = qnt_onnx_attr_int(n, "N", 0);
    const int64_t bits = qnt_onnx_attr_int(n, "bits", 4), block = qnt_onnx_attr_int(n, "block_size", 0);
    if (k < 1 || rows < 1 || k > QNT_ONNX_MOST_FOLDED || rows > QNT_ONNX_MOST_FOLDED / k || (bits != 4 && bits != 8) ||
        block < 16 || block > QNT_ONNX_MOST_FOLDED || (block & (block - 1)))
        return qnt_onnx_fail(
            QNT_ERR_UNSUPPORTED, n,
            "K %lld, N %lld, bits %lld, block_size %lld, expected at most 2^28 elements of 4 or 8 bits, "
            "and blocks of a power of two from 16 to 2^28",
            (long long)k, (long long)rows, (long long)bits, (long long)block);
    *w = (struct nbits){.k = (size_t)k, .n = (size_t)rows, .bits = (size_t)bits, .block = (size_t)block};
    w->blocks = (w->k + w->block - 1) / w->block;
    qnt_status status = qnt_onnx_constant(mp, n, 1, "the weights", &w->b);
    if (status || (status = qnt_onnx_constant(mp, n, 2, "the scales", &w->scale)) ||
        (qnt_onnx_in(mp, n, 3) && (status = qnt_onnx_constant(mp, n, 3, "the zero points", &w->zero))))
        return status;
    if (qnt_onnx_in(mp, n, 4))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "g_idx '%s', which is not supported", n->in[4]);
    return QNT_OK;
}

static qnt_status check(const struct onnx_node *n, const struct nbits *w)
{
    const size_t row = (w->blocks * w->bits + 7) / 8; /* bytes of a row of packed zero points */
    const bool floats = w->zero && qnt_onnx_is_float(w->zero->type);
    if (w->b->type != ONNX_UINT8 || qnt_onnx_count(&w->b->shape) != w->n * w->blocks * (w->block * w->bits / 8))
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "weights '%s' are %zu of %s, expected %zu of uint8", w->b->name,
                             qnt_onnx_count(&w->b->shape), qnt_onnx_type_name(w->b->type),
                             w->n * w->blocks * (w->block * w->bits / 8));
    if (!qnt_onnx_is_float(w->scale->type) || qnt_onnx_count(&w->scale->shape) != w->n * w->blocks)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "scales '%s' are %zu of %s, expected %zu floats", w->scale->name,
                             qnt_onnx_count(&w->scale->shape), qnt_onnx_type_name(w->scale->type), w->n * w->blocks);
    if (w->zero && ((!floats && w->zero->type != ONNX_UINT8) ||
                    qnt_onnx_count(&w->zero->shape) != (floats ? w->n * w->blocks : w->n * row)))
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "zero points '%s' are %zu of %s", w->zero->name,
                             qnt_onnx_count(&w->zero->shape), qnt_onnx_type_name(w->zero->type));
    return QNT_OK;
}

static unsigned code(const uint8_t *data, size_t bits, size_t i)
{
    return bits == 8 ? data[i] : data[i / 2] >> i % 2 * 4 & 15u;
}

/* Zero points as codes, a byte each; *whole is false where floats are none. NULL: out of memory. */
static uint8_t *zero_codes(struct onnx_mapper *mp, const struct nbits *w, bool *whole)
{
    const bool floats = qnt_onnx_is_float(w->zero->type);
    const float *values = floats ? qnt_onnx_floats(mp, w->zero) : NULL;
    const size_t row = (w->blocks * w->bits + 7) / 8;
    uint8_t *to = qnt_onnx_alloc(mp, w->n, w->blocks, w->zero->name);
    *whole = true;
    if (!to || (floats && !values))
        return NULL;
    for (size_t i = 0; i < w->n * w->blocks; i++) {
        const float x = floats ? values[i] : 0.0f;
        if (!floats)
            to[i] = (uint8_t)code((const uint8_t *)w->zero->data + i / w->blocks * row, w->bits, i % w->blocks);
        else if (x >= 0.0f && x < (float)(1u << w->bits) && x == floorf(x))
            to[i] = (uint8_t)x;
        else
            *whole = false;
    }
    return to;
}

static qnt_status bias_of(struct onnx_mapper *mp, const struct onnx_node *n, const struct nbits *w,
                          struct onnx_value *bias, int *id)
{
    const struct onnx_shape s = {1, {w->n}};
    const float *data = qnt_onnx_floats(mp, bias);
    if (!data)
        return QNT_ERR_NOMEM;
    if (qnt_onnx_count(&bias->shape) != w->n)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "bias '%s' has %zu elements, expected %zu", bias->name,
                             qnt_onnx_count(&bias->shape), w->n);
    return qnt_onnx_emit_floats(mp, &s, data, bias->name, id);
}

/* The codes stay as they are. zero: by block, or NULL. */
static qnt_status by_blocks(struct onnx_mapper *mp, const struct onnx_node *n, const struct nbits *w,
                            const uint8_t *zero, struct onnx_value *bias, int in, int *id)
{
    const struct qnt_tensor codes = {.type = QNT_U8,
                                     .bits = (uint32_t)w->bits,
                                     .rank = 2,
                                     .dim = {w->n, w->blocks * w->block},
                                     .data = (void *)(uintptr_t)w->b->data};
    const struct qnt_tensor zeros = {
        .type = QNT_U8, .bits = 8, .rank = 2, .dim = {w->n, w->blocks}, .data = (void *)(uintptr_t)zero};
    const struct onnx_shape blocks = {2, {w->n, w->blocks}};
    const float *scale = qnt_onnx_floats(mp, w->scale);
    qnt_node_attr attr = {.dim = {w->block}};
    int ins[5] = {in};
    size_t n_in = 3;
    if (!scale)
        return QNT_ERR_NOMEM;
    if (qnt_onnx_attr_int(n, "accuracy_level", 0) == 4 && w->block <= 1 << 16)
        attr.mode |= QNT_BLOCK_CODES;
    qnt_status status = qnt_onnx_emit_const(mp, &codes, w->b->name, &ins[1]);
    if (status || (status = qnt_onnx_emit_floats(mp, &blocks, scale, w->scale->name, &ins[2])))
        return status;
    if (zero) {
        attr.mode |= QNT_BLOCK_ZEROS;
        if ((status = qnt_onnx_emit_const(mp, &zeros, w->zero->name, &ins[n_in++])))
            return status;
    }
    if (bias) {
        attr.mode |= QNT_BLOCK_BIAS;
        if ((status = bias_of(mp, n, w, bias, &ins[n_in++])))
            return status;
    }
    return qnt_onnx_emit(mp, n, "block_fully_connected", &attr, ins, n_in, n->out[0], NULL, id);
}

/* (code - zero) * scale in floats: of zero points between the codes. */
static qnt_status values(struct onnx_mapper *mp, const struct nbits *w, float *to)
{
    const uint8_t *b = w->b->data;
    const float *scale = qnt_onnx_floats(mp, w->scale), *zero = qnt_onnx_floats(mp, w->zero);
    const size_t row = w->blocks * (w->block * w->bits / 8);
    if (!scale || !zero)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->k; k++) {
            const size_t block = i * w->blocks + k / w->block;
            to[i * w->k + k] = ((float)code(b + i * row, w->bits, k) - zero[block]) * scale[block];
        }
    return QNT_OK;
}

static qnt_status by_values(struct onnx_mapper *mp, const struct onnx_node *n, const struct nbits *w,
                            struct onnx_value *bias, int in, int *id)
{
    struct onnx_value own = {.name = w->b->name, .kind = ONNX_CONSTANT, .type = ONNX_FLOAT, .shape = {2, {w->n, w->k}}};
    struct onnx_linear l = {.n = n, .base = n->out[0], .alpha = 1.0f, .beta = 1.0f, .w = &own, .bias = bias};
    const struct onnx_right r = {.k = w->k, .n = w->n, .transposed = true};
    float *data = qnt_onnx_alloc(mp, w->n * w->k, sizeof *data, w->b->name);
    if (!data || values(mp, w, data))
        return QNT_ERR_NOMEM;
    own.data = data;
    return qnt_onnx_full(mp, &l, &r, 1, in, id);
}

qnt_status qnt_onnx_map_matmulnbits(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *bias = NULL;
    struct nbits w;
    uint8_t *zero = NULL;
    bool whole = true;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = sizes(mp, n, &w)) || (status = check(n, &w)) ||
        (qnt_onnx_in(mp, n, 5) && (status = qnt_onnx_constant(mp, n, 5, "bias", &bias))))
        return status;
    struct onnx_shape s = x->shape;
    if (!mp->whole && s.rank < 2)
        return qnt_onnx_touches(n);
    if (w.zero && !(zero = zero_codes(mp, &w, &whole)))
        return QNT_ERR_NOMEM;
    if ((status = qnt_onnx_check_inner(n, x, w.b, w.k)) || (status = qnt_onnx_as_tensor(mp, n, x, false, &id)) ||
        (status = whole ? by_blocks(mp, n, &w, zero, bias, id, &id) : by_values(mp, n, &w, bias, id, &id)))
        return status;
    s.dim[s.rank - 1] = w.n;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, false, id);
}

/* a, its scale and zero point, b, its, c of sums, y's scale and zero point. */
qnt_status qnt_onnx_map_qgemm(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true, .alpha = 1.0f, .beta = 1.0f};
    struct onnx_right r = {.transposed = qnt_onnx_attr_int(n, "transB", 0) != 0};
    struct onnx_quant out;
    struct onnx_value *x;
    size_t places;
    int id;
    qnt_status status = qnt_onnx_constant(mp, n, 3, "the right side", &l.w);
    if (status || (qnt_onnx_in(mp, n, 6) && (status = qnt_onnx_constant(mp, n, 6, "bias", &l.bias))))
        return status;
    if (!qnt_onnx_in(mp, n, 7) || qnt_onnx_attr_int(n, "transA", 0) || qnt_onnx_attr_float(n, "alpha", 1.0f) != 1.0f ||
        l.w->shape.rank != 2)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "floats as the result, transA, or alpha, expected codes, 0 and 1");
    if ((status = qnt_onnx_code_in(mp, n, 0, 1, &x, &l.x_quant)) ||
        (status = qnt_onnx_quant(mp, n, 4, l.w->type, &l.w->shape, r.transposed ? 0 : 1, 0, &l.w_quant)) ||
        (status = qnt_onnx_code_out(mp, n, 7, &out)))
        return status;
    r.k = l.w->shape.dim[r.transposed];
    r.n = l.w->shape.dim[!r.transposed];
    l.rows.axis = !r.transposed;
    l.out = &out;
    if (x->shape.rank != 2 || (status = qnt_onnx_check_inner(n, x, l.w, r.k)))
        return status ? status : qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' is no matrix", x->name);
    const struct onnx_shape s = {2, {x->shape.dim[0], r.n}};
    if ((status = qnt_onnx_rows_in(mp, n, x, &places, &id)) || (status = qnt_onnx_full(mp, &l, &r, places, id, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, out.type, &s, false, id);
}
