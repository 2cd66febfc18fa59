/* com.microsoft.MatMulNBits: a matrix of 4 or 8 bits with a scale for each block of a row, whose values are taken at
 * import; the sums are floats, which is what accuracy_level asks for at least. QGemm: Gemm of codes. */
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

/* (code - zero) * scale; zero is half of the codes where it is not given. */
static qnt_status values(struct onnx_mapper *mp, const struct nbits *w, float *to)
{
    const uint8_t *b = w->b->data, *packed = w->zero ? w->zero->data : NULL;
    const bool floats = w->zero && qnt_onnx_is_float(w->zero->type);
    const float *scale = qnt_onnx_floats(mp, w->scale), *zeros = floats ? qnt_onnx_floats(mp, w->zero) : NULL;
    const size_t row = w->blocks * (w->block * w->bits / 8), zero_row = (w->blocks * w->bits + 7) / 8;
    if (!scale || (floats && !zeros))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->k; k++) {
            const size_t block = k / w->block;
            const float zero = zeros     ? zeros[i * w->blocks + block]
                               : w->zero ? (float)code(packed + i * zero_row, w->bits, block)
                                         : (float)(1u << (w->bits - 1));
            to[i * w->k + k] = ((float)code(b + i * row, w->bits, k) - zero) * scale[i * w->blocks + block];
        }
    return QNT_OK;
}

qnt_status qnt_onnx_map_matmulnbits(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .alpha = 1.0f, .beta = 1.0f};
    struct onnx_value *x, own = {.kind = ONNX_CONSTANT, .type = ONNX_FLOAT};
    struct nbits w;
    size_t places;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = sizes(mp, n, &w)) || (status = check(n, &w)) ||
        (qnt_onnx_in(mp, n, 5) && (status = qnt_onnx_constant(mp, n, 5, "bias", &l.bias))))
        return status;
    float *data = qnt_onnx_alloc(mp, w.n * w.k, sizeof *data, w.b->name);
    if (!data || (status = values(mp, &w, data)))
        return QNT_ERR_NOMEM;
    own.name = w.b->name;
    own.shape = (struct onnx_shape){2, {w.n, w.k}};
    own.data = data;
    l.w = &own;
    const struct onnx_right r = {.k = w.k, .n = w.n, .transposed = true};
    struct onnx_shape s = x->shape;
    if (!mp->whole && s.rank < 2)
        return qnt_onnx_touches(n);
    if ((status = qnt_onnx_check_inner(n, x, &own, w.k)) || (status = qnt_onnx_rows_in(mp, n, x, &places, &id)) ||
        (status = qnt_onnx_full(mp, &l, &r, places, id, &id)))
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
