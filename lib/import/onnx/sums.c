/* Sums of floats in the order in which ONNX Runtime 1.30 adds on x86-64 with AVX-512, found by comparing bits with it:
 * a part of the products is added up from 0 (each by one fma, taps before channels), then the parts one to another. Its
 * convolutions add the bias last; the rows of its matrices begin with it. */
#include <string.h>
#include "lib/import/onnx/linear.h"

enum { ROW = 256, POINT = 128, BLOCK = 16 }; /* channels of a part: of a matrix, in 1 x 1 convolutions, in others */

static bool is_matrix(const struct onnx_linear *l)
{
    return l->rows.rank == 2;
}

static size_t channels_of(const struct onnx_linear *l)
{
    return l->rows.dim[l->rows.rank - 1];
}

/* Channels of a part; 0: the order is not known. */
static size_t part_of(const struct onnx_linear *l)
{
    const size_t channels = channels_of(l), groups = l->attr.groups;
    if (is_matrix(l))
        return ROW;
    if (channels == 1 || (l->w->shape.rank == 4 && groups == 1 && channels < BLOCK))
        return 1;
    if (l->w->shape.rank != 4 || channels % (groups == 1 ? 4 : BLOCK))
        return 0;
    const size_t part = l->rows.dim[1] * l->rows.dim[2] == 1 ? POINT : BLOCK;
    return groups == 1 || channels <= part ? part : 0;
}

/* The layer of channels [first, end), without a bias. */
static qnt_status product(struct onnx_mapper *mp, const struct onnx_linear *l, size_t first, size_t end, int in,
                          int *id)
{
    const size_t channels = channels_of(l), taps = l->rows.cols / channels, n = end - first;
    const uint32_t last = l->rows.rank - 1;
    struct onnx_linear part = *l;
    size_t *from = qnt_onnx_alloc(mp, l->rows.rows * taps * n, sizeof *from, l->w->name);
    if (!from)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < l->rows.rows * taps; i++)
        memcpy(from + i * n, l->rows.from + i * channels + first, n * sizeof *from);
    part.rows.cols = taps * n;
    part.rows.dim[last] = n;
    part.rows.from = from;
    if (n != channels && l->attr.groups <= 1) {
        const uint32_t axis = mp->model->tensor[in].rank - 1;
        qnt_node_attr attr = {0};
        attr.begin[axis] = (int64_t)first;
        attr.end[axis] = (int64_t)end;
        attr.step[axis] = 1;
        qnt_status status = qnt_onnx_emit(mp, l->n, "slice", &attr, &in, 1, l->w->name, NULL, &in);
        if (status)
            return status;
    }
    return qnt_onnx_linear_product(mp, &part, in, id);
}

static qnt_status add(struct onnx_mapper *mp, const struct onnx_linear *l, int to, int *id)
{
    const int both[] = {to, *id};
    return qnt_onnx_emit(mp, l->n, "add", NULL, both, 2, l->base, NULL, id);
}

qnt_status qnt_onnx_linear_parts(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id)
{
    const size_t channels = channels_of(l), part = part_of(l);
    int bias = -1, sum = -1, one = -1;
    qnt_status status = QNT_OK;
    if (!part || l->alpha != 1.0f || l->beta != 1.0f)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, l->n,
                             "weights '%s' of %zu channels in %u groups, alpha %g and beta %g: the order in which ONNX "
                             "Runtime adds floats is not known",
                             l->w->name, channels, l->attr.groups, (double)l->alpha, (double)l->beta);
    if (l->bias && (status = qnt_onnx_linear_bias(mp, l, &bias)))
        return status;
    sum = is_matrix(l) ? bias : -1;
    for (size_t c = 0; c < channels && !status; c += part) {
        status = product(mp, l, c, channels - c < part ? channels : c + part, in, &one);
        if (!status && sum >= 0)
            status = add(mp, l, sum, &one);
        sum = one;
    }
    if (!status && bias >= 0 && !is_matrix(l))
        status = add(mp, l, bias, &sum);
    *id = sum;
    return status;
}
