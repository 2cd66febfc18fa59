#ifndef QNT_MODEL_H
#define QNT_MODEL_H
/** Models: build, load, save, inspect. Activations are NHWC; dimension 0 is the batch and is left out of shapes here. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/cpu.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_model qnt_model;

enum { QNT_MAX_RANK = 6 };
/** QNT_TERNARY: weights whose codes are -1, 0 and 1, stored in 2 bits each. QNT_BOOL: bytes, 0 or 1. */
typedef enum qnt_dtype {
    QNT_F32 = 1,
    QNT_S8 = 2,
    QNT_U8 = 3,
    QNT_S32 = 4,
    QNT_TERNARY = 5,
    QNT_S16 = 6,
    QNT_U16 = 7,
    QNT_S64 = 8,
    QNT_BOOL = 9
} qnt_dtype;
/** Bytes of one element in memory (of codes: 1), and its name, "f32". Thread-safe. */
QNT_API size_t qnt_dtype_size(qnt_dtype type);
QNT_API const char *qnt_dtype_name(qnt_dtype type);

/** A tensor as the model describes it. Pointers stay valid while the model lives and is not changed. */
typedef struct qnt_tensor_info {
    const char *name;
    qnt_dtype type;
    uint32_t bits;      /**< width of the codes: 1..8 for S8 (1: codes -1 and 1), 2 for TERNARY, 4 or 8 for constants of
                             U8, else that of the type */
    uint32_t rank;      /**< activations: without the batch; constants: all */
    size_t dim[QNT_MAX_RANK];
    int constant;
    uint32_t scales;    /**< number of scales: 0 (not quantized), 1, or one per channel */
    const float *scale; /**< real = scale * (q - zero_point) */
    int32_t zero_point; /**< one for the tensor */
} qnt_tensor_info;

typedef struct qnt_node_info {
    const char *name, *op;
    uint64_t macs;          /**< per image */
    uint64_t weight_bytes;  /**< as stored in a .qnt file */
} qnt_node_info;

/** Loads a model file (.qnt) by mapping it; the file must not be changed while the model lives. Any damage is
 *  QNT_ERR_FORMAT with a text naming file, section, expected and found. *out is untouched on failure. Thread-safe. */
QNT_API qnt_status qnt_model_load(qnt_ctx *ctx, const char *path, qnt_model **out);
/** The same from memory, which is copied. Thread-safe. */
QNT_API qnt_status qnt_model_load_memory(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out);
/** Writes a .qnt file (to a temporary name, then renamed). Reads the model. */
QNT_API qnt_status qnt_model_save(const qnt_model *model, const char *path);
/** A built-in architecture with random weights and biases, uniform in +-1/sqrt(fan-in) (PyTorch's default), from seed:
 *  "article-cnn"; MLPerf Tiny's "resnet-8", "mobilenetv1-0.25" (96 x 96 x 3, 2 classes; with "-cifar": 32 x 32 x 3, 10),
 *  "ds-cnn" and "fc-autoencoder", batch norms taken as folded, without a softmax at the end; "resnet-8-bn",
 *  "mobilenetv1-0.25-bn" (and "-cifar-bn") and "ds-cnn-bn", with their batch norms, which deep networks need to train from here;
 *  "binary-resnet-8", all but its first and last layer and the shortcuts binary. Unknown: QNT_ERR_ARG listing the names.
 *  Thread-safe. */
QNT_API qnt_status qnt_model_build(qnt_ctx *ctx, const char *name, uint64_t seed, qnt_model **out);
/** The same network in floats, to compare with: constants become the values that their codes stand for, the nodes that
 *  quantize and dequantize are left out, all others keep their names. A binary layer becomes a convolution or fully connected
 *  layer with the values of its weights: as much work, but no signs are taken of what it is given, so its results are
 *  another network's. A model of floats gives a copy. A constant that two layers give different meanings is
 *  QNT_ERR_UNSUPPORTED. Reads the model. */
QNT_API qnt_status qnt_model_dequantize(const qnt_model *model, qnt_model **out);
/** Models are reference-counted by their sessions; free drops the caller's reference. NULL is allowed. Frees the model for
 *  the caller; sessions that were created before go on, also on other threads. */
QNT_API void qnt_model_free(qnt_model *model);

/** Counts, and what is known of node or tensor i; QNT_ERR_ARG past the end. Read the model. */
QNT_API size_t qnt_model_node_count(const qnt_model *model);
QNT_API qnt_status qnt_model_node(const qnt_model *model, size_t i, qnt_node_info *out);
QNT_API size_t qnt_model_tensor_count(const qnt_model *model);
QNT_API qnt_status qnt_model_tensor(const qnt_model *model, size_t i, qnt_tensor_info *out);
/** How many inputs and outputs the model has, and number i of them, in the order they were added; QNT_ERR_ARG past the
 *  end. Read the model. */
QNT_API size_t qnt_model_input_count(const qnt_model *model);
QNT_API size_t qnt_model_output_count(const qnt_model *model);
QNT_API qnt_status qnt_model_input_at(const qnt_model *model, size_t i, qnt_tensor_info *out);
QNT_API qnt_status qnt_model_output_at(const qnt_model *model, size_t i, qnt_tensor_info *out);
/** The first input and output. Read the model. */
QNT_API qnt_status qnt_model_input(const qnt_model *model, qnt_tensor_info *out);
QNT_API qnt_status qnt_model_output(const qnt_model *model, qnt_tensor_info *out);
/** Bytes of all weights and biases as stored in a .qnt file (k-bit codes packed). Reads the model. */
QNT_API uint64_t qnt_model_weight_bytes(const qnt_model *model);
/** How images become inputs: x[c] = (byte / 255 - mean[c]) / deviation[c]. Arrays of 4; channels past the model's are 0 and 1.
 *  NULL is left out. Reads the model. */
QNT_API void qnt_model_normalisation(const qnt_model *model, float mean[4], float deviation[4]);

/** pad: what lies around the input. REFLECT: mirrored at the outermost elements, which are not repeated; EDGE: these. */
typedef enum qnt_pad_mode { QNT_PAD_CONSTANT, QNT_PAD_REFLECT, QNT_PAD_EDGE } qnt_pad_mode;
/** resize: the value of the nearest pixel, or linear interpolation between the nearest two of each axis. */
typedef enum qnt_resize_mode { QNT_RESIZE_NEAREST, QNT_RESIZE_LINEAR } qnt_resize_mode;
/** maxpool, avgpool; flags. COUNT_PADDING: an average counts the padding's zeros too (not what lies beyond it). CEIL: as many
 *  windows as begin before the padding at the end, that is, in the image or the padding before it. */
typedef enum qnt_pool_mode { QNT_POOL_COUNT_PADDING = 1, QNT_POOL_CEIL = 2 } qnt_pool_mode;
/** rnn, gru, lstm; flags. REVERSE: from the last element back; BOTH: forwards, and backwards beside it; LINEAR: gru's
 *  linear_before_reset. And which inputs follow x, w and r, in this order: bias [d][2 g h], first h and c [d][n][h],
 *  peepholes [d][3 h] (i, o, f), lengths [n]. */
typedef enum qnt_rnn_mode {
    QNT_RNN_REVERSE = 1,
    QNT_RNN_BOTH = 2,
    QNT_RNN_LINEAR = 4,
    QNT_RNN_BIAS = 8,
    QNT_RNN_FIRST_H = 16,
    QNT_RNN_FIRST_C = 32,
    QNT_RNN_PEEPHOLES = 64,
    QNT_RNN_LENGTHS = 128
} qnt_rnn_mode;
/** block_fully_connected; flags. ZEROS, BIAS: zero points [out][blocks] and then a bias [out] follow x, w and the scales
 *  [out][blocks]; CODES: each block of x becomes codes of 8 bits, with a scale of its own, before it is multiplied. */
typedef enum qnt_block_mode { QNT_BLOCK_ZEROS = 1, QNT_BLOCK_BIAS = 2, QNT_BLOCK_CODES = 4 } qnt_block_mode;
/** gelu: x / 2 times 1 + erf(x / sqrt(2)), or 1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)). */
typedef enum qnt_gelu_mode { QNT_GELU_BY_ERF, QNT_GELU_BY_TANH } qnt_gelu_mode;
/** resize: where on an axis of `in` pixels output o of `out` lies, with s = out / in or the scale given:
 *  (o + 1/2) / s - 1/2;  o * (in - 1) / (out - 1), 0 for one output;  o / s;  as the first, but 0 for one output. */
typedef enum qnt_resize_position {
    QNT_RESIZE_HALF_PIXEL,
    QNT_RESIZE_ALIGN_CORNERS,
    QNT_RESIZE_ASYMMETRIC,
    QNT_RESIZE_PYTORCH_HALF_PIXEL
} qnt_resize_position;
/** resize: which pixel is nearest to a place: rounded with halves down, with halves up, always down, always up. */
typedef enum qnt_resize_rounding {
    QNT_RESIZE_PREFER_FLOOR,
    QNT_RESIZE_PREFER_CEIL,
    QNT_RESIZE_FLOOR,
    QNT_RESIZE_CEIL
} qnt_resize_rounding;

/** Attributes of a node to add; only the fields of its op count. Arrays of QNT_MAX_RANK: by dimension, without the batch;
 *  0 past the rank. */
typedef struct qnt_node_attr {
    size_t size; /**< sizeof(qnt_node_attr) */
    uint32_t kernel[2], stride[2], dilation[2]; /**< h, w; 0 means 1 (kernel of conv2d: the weights'). conv2d,
                                                     binary_conv2d, maxpool, avgpool */
    uint32_t pad[4];                            /**< top, left, bottom, right */
    uint32_t groups;                            /**< conv2d, binary_conv2d; 0 means 1 */
    float lo, hi;                               /**< clamp; lo: leaky_relu's slope below 0; elu's factor; what
                                                     binary_conv2d's padding holds: 0, 1 or -1; hard_sigmoid: lo * x + hi; quantize_by: the
                                                     least and greatest code, both 0: of the type */
    float epsilon;                              /**< batchnorm, layer_norm */
    /** slice: every step-th element from begin on and before end; both count from the end when negative and are cut to
     *  the dimension, a step below 0 goes backwards (end below -dim: to the first). Step 0 means 1; all three 0: the whole
     *  dimension. pad: elements added before (begin) and after (end). */
    int64_t begin[QNT_MAX_RANK], end[QNT_MAX_RANK], step[QNT_MAX_RANK];
    size_t dim[QNT_MAX_RANK];    /**< reshape: the new shape; resize: new height and width, 0: floor(scale * old);
                                      quantize_by, dequantize_by: places that share a scale, 0 means 1;
                                      block_fully_connected: dim[0] codes of a row share one, a multiple of 16 */
    uint32_t axis[QNT_MAX_RANK]; /**< transpose: dimension d of the output is axis[d] of the input; all 0: reversed.
                                      concat: axis[0]. softmax, log_softmax, argmax: axis[0] dimensions lie after the one that is
                                      meant; layer_norm: after the first one that is. gather: axis[0]. reduce_*: axis[d] = 1: over dimension d; all 0: over all */
    float scale[2];              /**< resize: of height and width, 0: new / old */
    float value;                 /**< pad: the constant, in real numbers */
    uint32_t mode;               /**< pad: qnt_pad_mode; resize: qnt_resize_mode; gelu: qnt_gelu_mode;
                                      block_fully_connected: qnt_block_mode;
                                      maxpool, avgpool: qnt_pool_mode; rnn, gru, lstm: qnt_rnn_mode; argmax: 1: the last of
                                      equal ones; cast: 2 or 4: to so many bits in s8 or u8 */
    uint32_t position, rounding; /**< resize: qnt_resize_position, qnt_resize_rounding (nearest) */
} qnt_node_attr;

/** Building by hand. An id is a tensor's index (>= 0). Names are copied and must be unique. A model
 *  is changed only before sessions or trainers are made from it. This one is thread-safe. */
QNT_API qnt_status qnt_model_new(qnt_ctx *ctx, qnt_model **out);
/** Another float input of shape dim (without the batch). Changes the model. */
QNT_API qnt_status qnt_model_add_input(qnt_model *model, const char *name, uint32_t rank, const size_t *dim, int *id);
/** A float constant, copied. conv2d weights are [oc][kh][kw][ic / groups], fully_connected's [out][in];
 *  the binary ones' alike. Changes the model. */
QNT_API qnt_status qnt_model_add_const(qnt_model *model, const char *name, uint32_t rank, const size_t *dim,
                                       const float *data, int *id);
/** A node: op is conv2d (x, w[, b]), fully_connected (x, w[, b]), relu, clamp, maxpool, avgpool, global_avgpool, flatten,
 *  softmax, log_softmax, batchnorm (x, gamma, beta, mean, variance; likewise), leaky_relu, hard_swish,
 *  sigmoid, tanh, add, sub, mul (a, b; b may be a constant; shapes are broadcast, aligned at the last dimension),
 *  div, min, max and prelu likewise, of which either operand may be the constant (prelu: b is the slope below 0);
 *  elu, gelu, hard_sigmoid, erf, exp, log, sqrt, reciprocal, abs, neg, sign, floor, ceil, round (halves to even);
 *  reduce_mean, reduce_sum, reduce_max, reduce_min (the dimensions stay, as 1); layer_norm (x, gamma[, beta]);
 *  matmul (a, b: [..][m][k] and [..][k][n], one may be a constant); rnn, gru and lstm (x [t][n][i], w [d][g h][i],
 *  r [d][g h][h], ..: y, last h and last c one after another); gather (x, index: a constant of s32 or s64);
 *  cast; argmax; quantize_by and dequantize_by (x, scale[, zero]: by index or block of dimensions);
 *  global_maxpool, reshape, transpose, concat (up to 16 activations of one type), pad, slice, resize (height and width) or
 *  recode (u8 to s8, of the same values, or back).
 *  binary_conv2d and binary_fully_connected (x, w[, b]) take the signs of x and w, sign(0) = +1, times the mean of |w| over
 *  the output channel; training them gives a model that holds the signs, as bits.
 *  block_fully_connected (x, w, scales[, zero points][, b]): w of u8 in blocks, from ONNX files and quantization.
 *  Training knows no gradient of softmax and log_softmax, nor of what is named from div to dequantize_by, and with quantized
 *  weights no constant as b and no concat. avgpool's mean is that of the window's pixels inside the image, unless mode says;
 *  every pool window must hold one. fully_connected works on the last dimension (a flatten, whose order is height, width,
 *  channels, makes an image one), conv2d, pools and resize on the last three; more in front are images of their own, which
 *  training does not know. conv2d's padding adds nothing, whatever the weights there are: not a NaN where one is infinite.
 *  Shapes are inferred now: a misfit is an error naming the node. *id receives its output tensor, named as the node. Changes the model. */
QNT_API qnt_status qnt_model_add_node(qnt_model *model, const char *op, const char *name, const qnt_node_attr *attr,
                                      const int *inputs, size_t n_inputs, int *id);
/** The one activation that a session gives, instead of those before; or another one after them. It may be an input, and
 *  the same one again. Training knows models of one input and one output. Changes the model. */
QNT_API qnt_status qnt_model_set_output(qnt_model *model, int id);
QNT_API qnt_status qnt_model_add_output(qnt_model *model, int id);
/** See qnt_model_normalisation; finite, deviations > 0. Changes the model. */
QNT_API qnt_status qnt_model_set_normalisation(qnt_model *model, const float mean[4], const float deviation[4]);

#ifdef __cplusplus
}
#endif
#endif
