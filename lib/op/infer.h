#ifndef OP_INFER_H
#define OP_INFER_H
/* What the ops' infer functions share. Each refuses with a text naming the node, what was expected and what was found.
 */
#include "op.h"

/* Input 0 is an activation of type f32, or of s8 with one scale. */
qnt_status qnt_infer_data(const struct qnt_model *m, const struct qnt_node *n);
/* The output is f32; a preset must agree. */
qnt_status qnt_infer_f32(const struct qnt_node *n, struct qnt_tensor *out);
/* The output is of input 0's type. s8: with a scale of its own if preset, else input 0's. */
qnt_status qnt_infer_same_type(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* The same, and s8 codes pass unchanged: a preset must be input 0's scale and zero point. */
qnt_status qnt_infer_passing(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* Ops that move elements: input 0 is an activation of any type, the output of the same type, scale and zero point; a
 * preset must agree. */
qnt_status qnt_infer_moving(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* The output must be preset as s8 with one scale. */
qnt_status qnt_infer_quantized(const struct qnt_node *n, const struct qnt_tensor *out);
/* conv2d, fully_connected: types of weights, bias and output. Weights: rank as given, channels first; bias: [channels].
 */
qnt_status qnt_infer_linear(const struct qnt_model *m, const struct qnt_node *n, uint32_t weight_rank,
                            struct qnt_tensor *out);
/* binary_conv2d, binary_fully_connected: the same, with weights of 1 bit or, for an f32 output, in f32; the output is
 * f32 with an f32 bias, or preset as s8 with an s32 bias. */
qnt_status qnt_infer_binary(const struct qnt_model *m, const struct qnt_node *n, uint32_t weight_rank,
                            struct qnt_tensor *out);
/* Shapes of input, weights and output of a convolution, and of a fully connected layer. */
qnt_status qnt_infer_conv(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_infer_full(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* Windows of the node's attributes over an image [h][w][c]: out->dim[0], [1]. */
qnt_status qnt_infer_windows(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* Pools: every window holds at least one pixel of the image; the channels stay. */
qnt_status qnt_infer_pool(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* Pools of a whole image: [1][1][channels]. */
qnt_status qnt_infer_global_pool(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* Shape as input 0. */
void qnt_infer_same_shape(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
/* t is a constant of this type; what: its part, for the error text. */
qnt_status qnt_infer_constant(const struct qnt_node *n, const struct qnt_tensor *t, qnt_dtype type, const char *what);
qnt_status qnt_infer_rank(const struct qnt_model *m, const struct qnt_node *n, uint32_t rank, const char *layout);

/* Codes pass from x to y unchanged: scales (0 or 1 of them) and zero points are the same; also asked at prepare, since
 * training moves scales. */
qnt_status qnt_same_codes(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *y);
/* The codes that an s8 activation of 2 to 8 bits may have. */
static inline int32_t qnt_least_code(const struct qnt_tensor *t)
{
    return -(1 << (t->bits - 1));
}
static inline int32_t qnt_most_code(const struct qnt_tensor *t)
{
    return (1 << (t->bits - 1)) - 1;
}
/* A usable scale and zero point of an s8 activation. */
qnt_status qnt_check_quant(const struct qnt_node *n, const struct qnt_tensor *t);
#endif
