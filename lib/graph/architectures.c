/* Layer tables. Where batch norms of the originals are left out, they are taken as folded: convolutions have biases. */
#include "builtin.h"

/* clang-format off */
#define CONV(n, out, k, s) {"conv2d", n, out, {k, k}, {s, s}, NULL, NULL}
#define OBLONG(n, out, h, w, s) {"conv2d", n, out, {h, w}, {s, s}, NULL, NULL}
#define DEPTHWISE(n, s) {"conv2d", n, 0, {3, 3}, {s, s}, NULL, NULL}
#define FULL(n, out) {"fully_connected", n, out, {0, 0}, {0, 0}, NULL, NULL}
#define PLAIN(op, n) {op, n, 0, {0, 0}, {0, 0}, NULL, NULL}
#define END {NULL, NULL, 0, {0, 0}, {0, 0}, NULL, NULL}
#define HEAD PLAIN("global_avgpool", "pool"), PLAIN("flatten", "flatten"), FULL("fc", QNT_CLASSES), END
#define NORM(n) PLAIN("batchnorm", n)
/* A convolution and its relu, the batch norm between them folded, or as it is trained. */
#define FOLDED(n, conv) conv, PLAIN("relu", n ".relu")
#define NORMED(n, conv) conv, NORM(n ".norm"), PLAIN("relu", n ".relu")
/* Depthwise, then pointwise. */
#define SEPARABLE(STEP, n, out, s) STEP("dw" n, DEPTHWISE("dw" n, s)), STEP("pw" n, CONV("pw" n, out, 1, 1))

static const struct qnt_layer article_cnn[] = {
    CONV("conv1", 16, 3, 1), PLAIN("relu", "relu1"), PLAIN("maxpool", "pool1"),
    CONV("conv2", 32, 3, 1), PLAIN("relu", "relu2"), PLAIN("maxpool", "pool2"),
    PLAIN("flatten", "flatten"), FULL("fc1", 128), PLAIN("relu", "relu3"), FULL("fc2", QNT_CLASSES), END};

/* MLPerf Tiny's image classification. */
#define SHORTCUT(n, out, from) {"conv2d", n, out, {1, 1}, {2, 2}, from, NULL}
#define ADD(n, one, other) {"add", n, 0, {0, 0}, {0, 0}, one, other}
static const struct qnt_layer resnet_8[] = {
    CONV("conv1", 16, 3, 1), PLAIN("relu", "relu1"),
    CONV("conv2", 16, 3, 1), PLAIN("relu", "relu2"), CONV("conv3", 16, 3, 1),
    ADD("add1", "relu1", "conv3"), PLAIN("relu", "relu3"),
    CONV("conv4", 32, 3, 2), PLAIN("relu", "relu4"), CONV("conv5", 32, 3, 1),
    SHORTCUT("shortcut2", 32, "relu3"), ADD("add2", "shortcut2", "conv5"), PLAIN("relu", "relu5"),
    CONV("conv6", 64, 3, 2), PLAIN("relu", "relu6"), CONV("conv7", 64, 3, 1),
    SHORTCUT("shortcut3", 64, "relu5"), ADD("add3", "shortcut3", "conv7"), PLAIN("relu", "relu7"),
    HEAD};

/* The same with the batch norms that it is trained with. */
static const struct qnt_layer resnet_8_bn[] = {
    CONV("conv1", 16, 3, 1), NORM("norm1"), PLAIN("relu", "relu1"),
    CONV("conv2", 16, 3, 1), NORM("norm2"), PLAIN("relu", "relu2"), CONV("conv3", 16, 3, 1), NORM("norm3"),
    ADD("add1", "relu1", "norm3"), PLAIN("relu", "relu3"),
    CONV("conv4", 32, 3, 2), NORM("norm4"), PLAIN("relu", "relu4"), CONV("conv5", 32, 3, 1), NORM("norm5"),
    SHORTCUT("shortcut2", 32, "relu3"), ADD("add2", "shortcut2", "norm5"), PLAIN("relu", "relu5"),
    CONV("conv6", 64, 3, 2), NORM("norm6"), PLAIN("relu", "relu6"), CONV("conv7", 64, 3, 1), NORM("norm7"),
    SHORTCUT("shortcut3", 64, "relu5"), ADD("add3", "shortcut3", "norm7"), PLAIN("relu", "relu7"),
    HEAD};

/* Its convolutions but the first and the last layer binary, as in Bi-Real Net (Liu et al. 2018, arXiv:1808.00278): a
 * shortcut in floats around each; where the image shrinks, the mean of 2 x 2 pixels through a float 1 x 1 convolution. */
#define BINARY(n, out, s, around)                                                                                      \
    {"binary_conv2d", "conv" n, out, {3, 3}, {s, s}, NULL, NULL}, NORM("norm" n), ADD("add" n, around, "norm" n)
#define SHRINK(n, out, from)                                                                                           \
    {"avgpool", "pool" n, 0, {2, 2}, {2, 2}, from, NULL}, CONV("shortcut" n, out, 1, 1), NORM("around" n),             \
    {"binary_conv2d", "conv" n, out, {3, 3}, {2, 2}, from, NULL}, NORM("norm" n), ADD("add" n, "around" n, "norm" n)
static const struct qnt_layer binary_resnet_8[] = {
    CONV("conv1", 16, 3, 1), NORM("norm1"), BINARY("2", 16, 1, "norm1"), BINARY("3", 16, 1, "add2"),
    SHRINK("4", 32, "add3"), BINARY("5", 32, 1, "add4"), SHRINK("6", 64, "add5"), BINARY("7", 64, 1, "add6"),
    HEAD};

/* MLPerf Tiny's visual wake words, a quarter of MobileNetV1's channels. */
#define MOBILENET(STEP)                                                                                                \
    STEP("conv1", CONV("conv1", 8, 3, 2)), SEPARABLE(STEP, "2", 16, 1), SEPARABLE(STEP, "3", 32, 2),                   \
    SEPARABLE(STEP, "4", 32, 1), SEPARABLE(STEP, "5", 64, 2), SEPARABLE(STEP, "6", 64, 1),                             \
    SEPARABLE(STEP, "7", 128, 2), SEPARABLE(STEP, "8", 128, 1), SEPARABLE(STEP, "9", 128, 1),                          \
    SEPARABLE(STEP, "10", 128, 1), SEPARABLE(STEP, "11", 128, 1), SEPARABLE(STEP, "12", 128, 1),                       \
    SEPARABLE(STEP, "13", 256, 2), SEPARABLE(STEP, "14", 256, 1), HEAD
static const struct qnt_layer mobilenet_v1[] = {MOBILENET(FOLDED)}, mobilenet_v1_bn[] = {MOBILENET(NORMED)};

/* MLPerf Tiny's keyword spotting: 49 windows of 10 coefficients. */
#define DS_CNN(STEP)                                                                                                   \
    STEP("conv1", OBLONG("conv1", 64, 10, 4, 2)),                                                                      \
    SEPARABLE(STEP, "2", 64, 1), SEPARABLE(STEP, "3", 64, 1), SEPARABLE(STEP, "4", 64, 1),                             \
    SEPARABLE(STEP, "5", 64, 1), HEAD
static const struct qnt_layer ds_cnn[] = {DS_CNN(FOLDED)}, ds_cnn_bn[] = {DS_CNN(NORMED)};

/* MLPerf Tiny's anomaly detection. */
#define HIDDEN(n, out) FULL("fc" n, out), PLAIN("relu", "relu" n)
static const struct qnt_layer fc_autoencoder[] = {
    HIDDEN("1", 128), HIDDEN("2", 128), HIDDEN("3", 128), HIDDEN("4", 128), HIDDEN("5", 8), HIDDEN("6", 128),
    HIDDEN("7", 128), HIDDEN("8", 128), HIDDEN("9", 128), FULL("fc10", QNT_CLASSES), END};

const struct qnt_architecture qnt_architectures[] = {
    {"article-cnn", 3, {32, 32, 3}, 10, article_cnn},
    {"resnet-8", 3, {32, 32, 3}, 10, resnet_8},
    {"resnet-8-bn", 3, {32, 32, 3}, 10, resnet_8_bn},
    {"binary-resnet-8", 3, {32, 32, 3}, 10, binary_resnet_8},
    {"mobilenetv1-0.25", 3, {96, 96, 3}, 2, mobilenet_v1},
    {"mobilenetv1-0.25-bn", 3, {96, 96, 3}, 2, mobilenet_v1_bn},
    {"mobilenetv1-0.25-cifar", 3, {32, 32, 3}, 10, mobilenet_v1},
    {"mobilenetv1-0.25-cifar-bn", 3, {32, 32, 3}, 10, mobilenet_v1_bn},
    {"ds-cnn", 3, {49, 10, 1}, 12, ds_cnn},
    {"ds-cnn-bn", 3, {49, 10, 1}, 12, ds_cnn_bn},
    {"fc-autoencoder", 1, {640}, 640, fc_autoencoder},
    {NULL, 0, {0}, 0, NULL},
};
