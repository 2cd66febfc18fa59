#ifndef QNT_TRAIN_H
#define QNT_TRAIN_H
/** Data sets and training with fake quantization. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Labelled images in memory: u8, NHWC, 32 x 32 x 3 here. Read-only after creation: may be shared between threads. */
typedef struct qnt_dataset qnt_dataset;
typedef enum qnt_split { QNT_TRAIN = 0, QNT_TEST = 1 } qnt_split;

/** CIFAR-10 in its binary layout: QNT_TRAIN reads data_batch_1..5.bin, QNT_TEST test_batch.bin, of any number of 3073-byte
 *  records each (converted from planes to NHWC). A missing file is QNT_ERR_IO; a short or over-long one QNT_ERR_FORMAT naming
 *  file and record; a label over 9 the same. Thread-safe. */
QNT_API qnt_status qnt_dataset_cifar10(qnt_ctx *ctx, const char *folder, qnt_split split, qnt_dataset **out);
/** The built-in generated set: 10 classes of 32 x 32 x 3 textures and shapes with noise, the same bytes on every machine.
 *  count 0: 10,000 (train) or 2,000 (test). Thread-safe. */
QNT_API qnt_status qnt_dataset_builtin(qnt_ctx *ctx, qnt_split split, size_t count, qnt_dataset **out);
/** Parts the last n images off into *tail (validation); both stay usable, the first is shortened. 0 < n < size.
 *  Changes the data set. */
QNT_API qnt_status qnt_dataset_hold_out(qnt_dataset *data, size_t n, qnt_dataset **tail);
/** NULL is allowed. Frees the data set. */
QNT_API void qnt_dataset_free(qnt_dataset *data);
/** Images and classes. Read the data set. */
QNT_API size_t qnt_dataset_size(const qnt_dataset *data);
QNT_API size_t qnt_dataset_classes(const qnt_dataset *data);
/** Image i as 32 * 32 * 3 bytes, NHWC, and its label. NULL past the end. Reads the data set. */
QNT_API const uint8_t *qnt_dataset_image(const qnt_dataset *data, size_t i, int *label);
/** Mean and standard deviation of byte / 255 per channel; nothing where a pointer is NULL. Reads the data set. */
QNT_API void qnt_dataset_moments(const qnt_dataset *data, float mean[4], float deviation[4]);
/** Image i as the model's float input (its normalisation applied): 32 * 32 * 3 floats. Reads both. */
QNT_API qnt_status qnt_dataset_input(const qnt_dataset *data, const qnt_model *model, size_t i, float *dst, int *label);

typedef struct qnt_train qnt_train;
typedef enum qnt_optimizer { QNT_SGD = 0, QNT_ADAM = 1 } qnt_optimizer;
typedef enum qnt_schedule { QNT_LR_CONSTANT = 0, QNT_LR_COSINE = 1 } qnt_schedule;

/** weight_bits of ternary weights, which are -1, 0 or 1 (2 bits each) times a scale by output channel: w is 0 where |w| is at
 *  most 0.7 times its mean over the channel, and the scale is the mean of the larger ones (Li, Zhang and Liu 2016,
 *  arXiv:1605.04711). Their gradient goes to the master weights whole. In layer_bits: "ternary". */
enum { QNT_BITS_TERNARY = 0x102 };

/** Binary weights (1 bit) are sign(w), sign(0) = +1, times the mean of |w| over the output channel. Their gradient goes
 *  to the master weights whole, and these are not clipped to [-1, 1]: their scale follows the data and is far below 1.
 *  Binary layers of the model itself (binary_conv2d, binary_fully_connected) train with weight_bits 0, straight through: the
 *  gradient passes signs of values and of weights within [-1, 1], where the weights are kept.
 *  Batch norms: with weight_bits 0 they train as PyTorch's, on statistics of the mini-batch, whose activations are all
 *  held at once then; with quantized weights they are folded into the layers before them at the start, by their running
 *  averages.
 *  Each image weighs 1 / batch in its step's gradient. When batch does not divide the images, an epoch's last step is
 *  thus a smaller one; PyTorch's mean over what is left gives these few images a whole step, the last before evaluation.
 *  Fields are appended only. QNT_TRAIN_CONFIG_INIT sets the article's recipe. */
typedef struct qnt_train_config {
    size_t size;
    uint32_t epochs;       /**< 10 */
    uint32_t batch;        /**< 64 */
    float lr;              /**< 0.01 */
    float momentum;        /**< 0; SGD only */
    float weight_decay;    /**< 0; on weights and biases, added to the gradient as PyTorch's SGD and Adam do */
    qnt_schedule schedule;
    uint32_t warmup_steps; /**< linear, before the schedule */
    uint32_t augment;      /**< 1: pad 4 (zeros, after normalisation) + random crop, horizontal flip */
    uint32_t weight_bits;  /**< 0: float training; 2..8: fake quantization; 1: signs; QNT_BITS_TERNARY */
    const char *layer_bits; /**< "conv1=8,fc1=2": overrides by layer name; NULL: none */
    uint32_t activation_bits; /**< 8 (the only width supported now) */
    float ema;             /**< weight of a new batch in the range average, 0.01; the first batch sets it */
    uint32_t freeze_ranges_epoch; /**< ranges are frozen from this epoch on; 0: for the last epoch when epochs > 1 */
    float kl;              /**< lambda of + lambda * KL(p || q), p from the frozen teacher; 0: none */
    int kl_minus;          /**< 1: the article's printed sign, for reproduction only */
    uint64_t seed;
    uint32_t threads;      /**< 0: one per usable core. Never changes the result. */
    qnt_optimizer optimizer; /**< QNT_SGD; QNT_ADAM: betas 0.9 and 0.999, epsilon 1e-8 */
    float batchnorm_momentum; /**< weight of a mini-batch in the running averages, at most 1; 0: 0.1, PyTorch's */
    uint32_t reserved;        /**< 0: no padding lies where the next field will */
} qnt_train_config;
#define QNT_TRAIN_CONFIG_INIT                                                                                           \
    {                                                                                                                   \
        sizeof(qnt_train_config), 10, 64, 0.01f, 0.0f, 0.0f, QNT_LR_CONSTANT, 0, 0, 0, NULL, 8, 0.01f, 0, 0.0f, 0, 1, 0, \
            QNT_SGD, 0.0f, 0                                                                                            \
    }

typedef struct qnt_train_progress {
    uint32_t epoch, epochs; /**< epoch counts from 0 */
    uint32_t step, steps;   /**< within the epoch */
    double loss, accuracy;  /**< running means over the epoch's training images so far (accuracy 0..1) */
    double images_per_second, seconds_left;
} qnt_train_progress;

/** Starts training a copy of the float model `start` on `data`, which must outlive the trainer; `teacher` (float) is needed
 *  when config->kl > 0, else NULL. The teacher is kept as by a session. Reads the models; the
 *  data are read until the trainer is freed. */
QNT_API qnt_status qnt_train_create(const qnt_model *start, const qnt_model *teacher, const qnt_dataset *data,
                                    const qnt_train_config *config, qnt_train **out);
/** NULL is allowed. Frees the trainer. */
QNT_API void qnt_train_free(qnt_train *train);
/** One optimizer step; *finished becomes 1 after the last. Deterministic: same seed, same weights, for any thread count.
 *  Changes the trainer. */
QNT_API qnt_status qnt_train_step(qnt_train *train, qnt_train_progress *progress, int *finished);
/** The model as trained so far: float weights (of binary layers signs and scales), or with weight_bits the quantized model
 *  (s8 activations, k-bit weights). Reads the trainer. */
QNT_API qnt_status qnt_train_model(const qnt_train *train, qnt_model **out);
/** The float master weights as a model. Reads the trainer. */
QNT_API qnt_status qnt_train_float_model(const qnt_train *train, qnt_model **out);
/** Everything needed to go on: weights, momentum, ranges, position, random state. Resuming gives the same bytes as not stopping.
 *  restore needs a trainer created with the same configuration and data: anything else is QNT_ERR_STATE naming the field.
 *  checkpoint: Reads the trainer; restore: Changes it. */
QNT_API qnt_status qnt_train_checkpoint(const qnt_train *train, const char *path);
QNT_API qnt_status qnt_train_restore(qnt_train *train, const char *path);
/** Evaluation forward pass (ranges and batch norms frozen) of `batch` normalised float images: the trainer's own, without
 *  converting; with batch norms in float training that of the model as it stands, where they are folded.
 *  logits: [batch][classes]. tensor, data, info: when tensor is not NULL, the named activation as computed, see
 *  qnt_session_peek. For the test that what trains is what runs. Changes the trainer. */
QNT_API qnt_status qnt_train_forward(qnt_train *train, const float *images, size_t batch, float *logits,
                                     const char *tensor, const void **data, qnt_tensor_info *info);

#ifdef __cplusplus
}
#endif
#endif
