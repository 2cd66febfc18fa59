#ifndef OP_BINARY_H
#define OP_BINARY_H
/* What binary_conv2d and binary_fully_connected share: signs of the input times binary weights, sums by popcount.
 *
 * Weights are codes of 1 bit, or floats: those of a model in training, of which the signs count, with the mean
 * magnitude of an output channel as its scale (Rastegari et al. 2016, arXiv:1603.05279, eq. 6). A plan may make the
 * values that such a layer hands to another one bits (type s8 of 1 bit, no scale): signs, packed as the kernels want
 * them. */
#include "lib/gemm/conv.h"
#include "op.h"

qnt_status qnt_binary_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_binary_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_binary_release(const qnt_ctx *ctx, struct qnt_step *s);

static inline bool qnt_is_binary(const struct qnt_node *n)
{
    return n->op == &qnt_op_binary_conv2d || n->op == &qnt_op_binary_fully_connected;
}
/* The activation is packed signs. */
static inline bool qnt_is_bits(const struct qnt_tensor *t)
{
    return !t->constant && t->type == QNT_S8 && t->bits == 1;
}
/* Bytes that one image of an activation takes. */
static inline size_t qnt_image_bytes(const struct qnt_tensor *t)
{
    const size_t elements = qnt_tensor_count(t), channels = t->rank ? t->dim[t->rank - 1] : 1;
    return qnt_is_bits(t) ? elements / channels * ((channels + 7) / 8) : elements * qnt_dtype_size(t->type);
}
/* Codes and scales (by channel) of float weights [channels][fan_in]. */
void qnt_binary_weights(const struct qnt_dsp *dsp, const float *w, size_t channels, size_t fan_in, int8_t *codes,
                        float *scale);

/* Padding that adds nothing. Its bits are 0, which is +1: what they give is taken back by terms that pixels with the
 * same taps outside share. */
struct qnt_binary_pad {
    size_t kinds_y, kinds_x;  /* of taps outside, by line and column; kind 0: none */
    int32_t *terms;           /* [kinds_y][kinds_x][oc] */
    const int32_t **row_bias; /* [groups][pixels]; NULL: no padding */
};
qnt_status qnt_binary_pad_create(const qnt_ctx *ctx, const struct qnt_conv_geom *g, const char *name,
                                 struct qnt_binary_pad *p);
/* w: codes [oc][kh][kw][c / groups]. */
void qnt_binary_pad_fill(const struct qnt_binary_pad *p, const struct qnt_conv_geom *g, const int8_t *w);
void qnt_binary_pad_release(const qnt_ctx *ctx, const struct qnt_binary_pad *p);
#endif
