#ifndef QNT_QUANTIZE_H
#define QNT_QUANTIZE_H
/** Post-training quantization: a float model and some of its inputs become a quantized model, without training. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_ptq qnt_ptq;

/** How a tensor's range follows from the values seen. All but MINMAX and AVERAGE choose on a histogram of 4096 bins,
 * whose width is a power of two, so that neither order nor batches of the inputs change it; 0 is always inside. */
typedef enum qnt_calibration {
    QNT_CALIBRATE_MSE = 0,    /**< the least squared error of values quantized in it */
    QNT_CALIBRATE_MINMAX,     /**< all that was seen */
    QNT_CALIBRATE_AVERAGE,    /**< the mean over the inputs of each one's extremes */
    QNT_CALIBRATE_PERCENTILE, /**< all but a share of `percentile` at each end */
    QNT_CALIBRATE_ENTROPY /**< the least Kullback-Leibler divergence of the histogram quantized in it (Migacz 2017) */
} qnt_calibration;
/** How weights become codes. LEARNED: of the two codes around each weight the one that together with the layer's others
 *  changes its sums least on the inputs seen, and of some scales below and above the one for the weights alone the best in
 *  that (8 bits and ternary: that one), by coordinate descent on the squared error that their second moments give
 *  (the objective of Nagel et al. 2020, arXiv:2004.10568, without its relaxation). */
typedef enum qnt_rounding { QNT_ROUND_NEAREST = 0, QNT_ROUND_LEARNED } qnt_rounding;

/** weight_bits of a node that stays in float. */
enum { QNT_BITS_FLOAT = 32 };
typedef enum qnt_granularity { QNT_PER_CHANNEL = 1, QNT_PER_TENSOR = 2 } qnt_granularity;
/** What becomes of one node of the model (batch norms that are folded are none). Fields are appended only; 0: as the
 * configuration says for all. */
typedef struct qnt_ptq_layer {
    size_t size;
    const char *name;         /**< of the node */
    uint32_t weight_bits;     /**< of weights: as below; QNT_BITS_FLOAT: the node, of any kind, stays in float */
    uint32_t activation_bits; /**< 2 to 8: of the codes that it gives, those behind a relu or clamp, also where these are
                                 an output of the model; of a node in float those that its values become for others. A
                                 node that passes on the codes it is given has none */
    qnt_granularity granularity; /**< of the weights' scales */
    uint32_t reserved;           /**< 0 */
} qnt_ptq_layer;

/** Fields are appended only; 0 means the default, which is said first. */
typedef struct qnt_ptq_config {
    size_t size;
    uint32_t weight_bits;     /**< 8; 2 to 8, 1 or QNT_BITS_TERNARY, as qnt_train_config says */
    uint32_t activation_bits; /**< 8; 2 to 8. The model's inputs and outputs keep 8 */
    uint32_t edge_bits;       /**< 0: as the others; bits of the first and the last layer with weights */
    qnt_calibration calibration;
    float percentile;            /**< 1e-5; below 0.5 */
    uint32_t per_tensor;         /**< 0: a weight scale for each output channel; 1: one a layer */
    uint32_t no_bias_correction; /**< 0: biases take back the mean error of a layer's sums, weights' errors times the
                                    mean inputs (Nagel et al. 2019, arXiv:1906.04721, section 4.2); 1: they do not. A
                                    layer without a bias gets none */
    uint32_t equalize; /**< 0; 1: channels between two layers with nothing, a relu or a pool between are scaled so
                            that both layers' weights span alike (the same paper, section 4.1), before all else */
    qnt_rounding rounding;
    uint32_t reserved;      /**< 0: no padding lies where a field may be */
    const char *layer_bits; /**< NULL; "conv1=8,fc1=2": overrides by layer name */
    const char *keep_float; /**< NULL; nodes that stay in float: names, '*' for any characters, separated by commas. A
                               name or pattern that fits no node is QNT_ERR_ARG */
    const char *only;       /**< NULL; the same for the nodes that do not: all others stay in float */
    const qnt_ptq_layer *layers; /**< NULL; n_layers of them, each of another node: over all that is said above but
                                    keep_float and only. Read by qnt_ptq_create alone */
    size_t n_layers;
} qnt_ptq_config;
#define QNT_PTQ_CONFIG_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(qnt_ptq_config), 0, 0, 0, QNT_CALIBRATE_MSE, 0.0f, 0, 0, 0, QNT_ROUND_NEAREST, 0, NULL, NULL, NULL, NULL, 0\
    }

/** Starts on a copy of a float model; batch norms are folded. Nodes without a quantized form stay in float, between a
 * dequantize and a quantize, and so do inputs and outputs that are integers. config may be NULL. Reads the model. */
QNT_API qnt_status qnt_ptq_create(const qnt_model *model, const qnt_ptq_config *config, qnt_ptq **out);
/** Runs `batch` inputs, [batch][input shape] floats, of a model with one input, and notes what the tensors hold. Memory
 * does not grow with the inputs; with QNT_ROUND_LEARNED it is the square of a layer's sum length for each layer.
 * QNT_ERR_RANGE: a float is no finite number; nothing of the batch is noted. Changes it. */
QNT_API qnt_status qnt_ptq_observe(qnt_ptq *ptq, const float *inputs, size_t batch);
/** The same of any model: in[i] is input i, in the order and of the type of the model. Changes it. */
QNT_API qnt_status qnt_ptq_observe_io(qnt_ptq *ptq, const void *const *in, size_t batch);
/** The quantized model by what was noted so far; at least one input must have been. The same bytes for any batches that
 * the inputs came in, on every instruction set (ENTROPY: up to what the C library's log decides). Changes it. */
QNT_API qnt_status qnt_ptq_model(qnt_ptq *ptq, qnt_model **out);
/** What becomes of each node, `layers` of the configuration included: how many there are, and number i (fills the first
 * `size` bytes; QNT_ERR_ARG past the last), in the order they run. weight_bits is 0 for a node without weights that
 * nobody keeps in float, activation_bits and granularity are 0 where there are none. Given to a configuration, or to
 * qnt_ptq_choose, all together ask for the same model. Names are valid until it is freed. Read it. */
QNT_API size_t qnt_ptq_layer_count(const qnt_ptq *ptq);
QNT_API qnt_status qnt_ptq_layer_at(const qnt_ptq *ptq, size_t i, qnt_ptq_layer *out);
/** Other layers instead of the configuration's or of those chosen before; what was observed stays, and the next
 * qnt_ptq_model is the one that would have come of a configuration with these. On failure nothing is changed. Changes
 * it. */
QNT_API qnt_status qnt_ptq_choose(qnt_ptq *ptq, const qnt_ptq_layer *layers, size_t n);
/** NULL is allowed. Frees it. */
QNT_API void qnt_ptq_free(qnt_ptq *ptq);

/** Weights alone, without any inputs. Fields are appended only; 0 means the default, which is said first. */
typedef struct qnt_block_config {
    size_t size;
    uint32_t block; /**< 32; so many weights of a row share a scale: a multiple of 16, up to 65536 */
    uint32_t bits;  /**< 4; or 8 */
    uint32_t codes; /**< 0: activations stay in float; 1: those that a layer is given become codes of 8 bits as it runs, each
                         block with a scale of its own */
    uint32_t reserved;      /**< 0 */
    const char *keep_float; /**< NULL; as qnt_ptq_config says */
    const char *only;       /**< NULL; likewise */
} qnt_block_config;
/** A copy of the model whose fully_connected layers of floats are block_fully_connected, the scale of each block the one of
 *  least squared error; all other nodes stay as they are. QNT_ERR_UNSUPPORTED when there is no such layer. config may be
 *  NULL. Reads the model. */
QNT_API qnt_status qnt_model_quantize_blocks(const qnt_model *model, const qnt_block_config *config, qnt_model **out);

#ifdef __cplusplus
}
#endif
#endif
