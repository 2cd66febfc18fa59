#ifndef TESTS_COMMON_MODELS_H
#define TESTS_COMMON_MODELS_H
/* Small models that have every kind of tensor: input 6 x 6 x 3, output 4. The same values on every call. */
#include <stdbool.h>
#include <qnt/model.h>

enum { TEST_MODEL_IN = 6 * 6 * 3, TEST_MODEL_OUT = 4 };
/* conv2d, relu, maxpool, flatten, fully_connected (without bias), softmax. By the public builder. */
qnt_status test_model_float(qnt_ctx *ctx, qnt_model **out);
/* The same between quantize and dequantize, weights of `bits`, per channel, s32 biases. Internal builder. */
qnt_status test_model_quantized(qnt_ctx *ctx, uint32_t bits, qnt_model **out);
/* The other ops: batchnorm (float only), clamp, avgpool, global_avgpool, softmax (float only) or between quantize and
 * dequantize. Output 3. */
qnt_status test_model_pools(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Layers with weights of other kinds: a depthwise convolution of two outputs a channel with relu; a binary convolution
 * and a binary fully connected layer. And such without: add, sub and mul, one with an operand that is spread;
 * leaky_relu, hard_swish, tanh, sigmoid. quantized: s8 between quantize and dequantize. In models_layers.c. */
qnt_status test_model_depthwise(qnt_ctx *ctx, bool quantized, qnt_model **out);
qnt_status test_model_binary(qnt_ctx *ctx, bool quantized, qnt_model **out);
qnt_status test_model_pairs(qnt_ctx *ctx, bool quantized, qnt_model **out);
qnt_status test_model_functions(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Everything that moves elements: pads of each mode, slice, transpose, resize both ways, concat, reshape,
 * global_maxpool; quantized: with several scales. Output 3. In models_moves.c. */
qnt_status test_model_moves(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Two inputs and four outputs: a maxpool of their sum, the sum, the second input itself, the sum once more. Inputs 6 x
 * 6 x 3, outputs 3 x 3 x 3 and 6 x 6 x 3. In models_layers.c. */
qnt_status test_model_borders(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* What training does not know: functions of one value, div, min, max, prelu with constants on either side, matmul,
 * gather, layer_norm, reductions; and rnn, gru, lstm. In models_values.c. */
qnt_status test_model_values(qnt_ctx *ctx, bool quantized, qnt_model **out);
qnt_status test_model_recurrent(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Weights with zero points too far apart from some codes to be taken off them; then sums of s8 as the output, s32.
 * Output
 * 4. In models_layers.c. */
qnt_status test_model_integers(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Weights in blocks, of 4 bits with zero points, a bias and codes of x, then of 8. Output 4. In models_layers.c. */
qnt_status test_model_blocks(qnt_ctx *ctx, bool quantized, qnt_model **out);
/* Signs times signs, enough of them to fill vectors: binary_conv2d twice, with a maxpool between them and a stride, and
 * binary_fully_connected, s8 inside. Input 12 x 12 x 16, output 10 floats. */
qnt_status test_model_signs(qnt_ctx *ctx, qnt_model **out);
/* n input values. */
void test_model_images(float *dst, size_t n);
#endif
