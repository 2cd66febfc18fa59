/* The options of qquant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "qquant.h"

static const char *set_bits(void *target, const char *value)
{
    uint32_t *bits = target;
    if (!strcmp(value, "ternary")) {
        *bits = QNT_BITS_TERNARY;
        return NULL;
    }
    if (value[0] < '1' || value[0] > '8' || value[1])
        return "expected 1 to 8 or ternary";
    *bits = (uint32_t)(value[0] - '0');
    return NULL;
}

static const char *set_calibration(void *target, const char *value)
{
    static const char *const names[] = {"mse", "minmax", "average", "percentile", "entropy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            *(qnt_calibration *)target = (qnt_calibration)i;
            return NULL;
        }
    return "expected mse, minmax, average, percentile or entropy";
}

static const char *set_rounding(void *target, const char *value)
{
    qnt_rounding *rounding = target;
    if (strcmp(value, "nearest") != 0 && strcmp(value, "learned") != 0)
        return "expected nearest or learned";
    *rounding = value[0] == 'n' ? QNT_ROUND_NEAREST : QNT_ROUND_LEARNED;
    return NULL;
}

/* "64K" */
static const char *set_size(void *target, const char *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long n = strtoull(value, &end, 10);
    const unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;
    if (*value < '0' || *value > '9' || errno || n == 0 || n > UINT64_MAX >> shift || end[shift != 0])
        return "expected a number of bytes above 0, or such with K or M";
    *(uint64_t *)target = (uint64_t)n << shift;
    return NULL;
}

/* What goes together. */
static int check(const struct settings *s, const struct opt_tool *tool)
{
    if (s->plot && !s->sensitivity)
        return opt_usage(tool, "--plot draws what --sensitivity tells");
    if (!s->automatic && (s->max_drop >= 0 || s->target_size || s->target_latency > 0))
        return opt_usage(tool, "--max-drop, --target-size and --target-latency are of --auto");
    if (s->automatic && (s->plan || s->sensitivity))
        return opt_usage(tool, "--auto: expected without --plan and --sensitivity");
    if (s->block_codes && !s->block)
        return opt_usage(tool, "--block-codes is of --block");
    if (s->block && (s->automatic || s->sensitivity || s->plan || s->plan_out || s->config.layer_bits ||
                     s->config.activation_bits || s->config.edge_bits))
        return opt_usage(tool, "--block: expected without options of activations, of single layers and of plans");
    if (s->sensitivity && s->plan_out)
        return opt_usage(tool, "--plan-out: expected without --sensitivity");
    return -1;
}

int options_parse(struct settings *s, int argc, char **argv, struct opt_tool *tool)
{
    qnt_ptq_config *c = &s->config;
    static int per_tensor, plain_biases, equalize;
    const struct opt options[] = {
        /* clang-format off */
        {"calib", 'c', "WHERE", "calibration inputs: builtin (default) or a folder with CIFAR-10's binary files, training images; a PNG image, a .npy file of floats, a .npz archive of such, or raw floats; a folder of such files; @FILE: those named in it, a line each; for several inputs in turn, or archives whose arrays have their names", OPT_STRING, &s->calib, 0, 0, NULL},
        {"images", 'n', "N", "as many of them (default 256)", OPT_U32, &s->images, 1, UINT32_MAX, NULL},
        {"out", 'o', "FILE", "the quantized model (default model.qnt)", OPT_STRING, &s->out, 0, 0, NULL},
        {"onnx", 0, "FILE", "write it as an ONNX model, too: QuantizeLinear and DequantizeLinear, images channels first", OPT_STRING, &s->onnx, 0, 0, NULL},
        {"opset", 0, "N", "of the ONNX file, 13 to 25 (default: the least that serves)", OPT_U32, &s->opset, 13, 25, NULL},
        {"int4", 0, NULL, "there, weights of 4 bits and less are int4 (opset 21), not int8", OPT_FLAG, &s->int4, 0, 0, NULL},
        {"bits", 'b', "N", "bits of the weights, 1 to 8 or ternary (default 8)", OPT_CALL, &c->weight_bits, 0, 0, set_bits},
        {"block", 0, "N", "weights alone: those of fully connected layers get a scale for each N along their inputs (a multiple of 16) and 4 --bits (default), or 8; all else stays in float", OPT_U32, &s->block, 16, 65536, NULL},
        {"block-codes", 0, NULL, "there, what such a layer is given becomes codes of 8 bits as it runs, with a scale for each N", OPT_FLAG, &s->block_codes, 0, 0, NULL},
        {"layer-bits", 0, "LIST", "other widths for some layers, such as conv1=8,fc1=2", OPT_STRING, &c->layer_bits, 0, 0, NULL},
        {"activation-bits", 'a', "N", "bits of the activations, 2 to 8 (default 8); the model's input and output keep 8", OPT_U32, &c->activation_bits, 2, 8, NULL},
        {"edge-bits", 0, "N", "bits of the first and the last layer (default: as the others)", OPT_CALL, &c->edge_bits, 0, 0, set_bits},
        {"keep-float", 0, "LIST", "layers that stay in float: names, * for any characters, separated by commas", OPT_STRING, &c->keep_float, 0, 0, NULL},
        {"only", 0, "LIST", "layers that do not: all others stay in float", OPT_STRING, &c->only, 0, 0, NULL},
        {"ranges", 'r', "HOW", "of activations: mse (default), minmax, average, percentile or entropy", OPT_CALL, &c->calibration, 0, 0, set_calibration},
        {"percentile", 0, "X", "share of values outside at each end, for percentile (default 1e-5)", OPT_F32, &c->percentile, 0, 0.5, NULL},
        {"per-tensor", 0, NULL, "one weight scale a layer, not one a channel", OPT_FLAG, &per_tensor, 0, 0, NULL},
        {"no-bias-correction", 0, NULL, "leave biases as they are", OPT_FLAG, &plain_biases, 0, 0, NULL},
        {"equalize", 0, NULL, "balance channels between layers first", OPT_FLAG, &equalize, 0, 0, NULL},
        {"rounding", 0, "HOW", "of weights: nearest (default), or learned from the inputs", OPT_CALL, &c->rounding, 0, 0, set_rounding},
        IMAGE_OPTIONS(s->import),
        MODEL_OPTIONS(s->import),
        {"data", 'd', "WHERE", "tell the accuracy on the test images of builtin or a CIFAR-10 folder", OPT_STRING, &s->data, 0, 0, NULL},
        {"test-images", 0, "N", "the first N of them", OPT_U32, &s->test_images, 1, UINT32_MAX, NULL},
        {"plan", 'p', "FILE", "what becomes of layers: a line each of name, weights, activations and scales, as --plan-out writes it; over the options above but --keep-float and --only", OPT_STRING, &s->plan, 0, 0, NULL},
        {"plan-out", 0, "FILE", "write the plan that was used: with the same options and inputs it gives the same model", OPT_STRING, &s->plan_out, 0, 0, NULL},
        {"auto", 0, NULL, "look for widths of the weights, layer by layer, from those of the options down: the fewest bytes that lose no more than --max-drop, or what meets the targets", OPT_FLAG, &s->automatic, 0, 0, NULL},
        {"max-drop", 0, "X", "there, points of accuracy that may be lost (default 0.5; on the test images of --data, else of the data set of --calib); without test images dB of SQNR below the options' widths (default 3)", OPT_F32, &s->max_drop, 0, 100, NULL},
        {"target-size", 0, "N[K|M]", "there, bytes of weights to come down to; ends with status 1 and writes nothing if it cannot", OPT_CALL, &s->target_size, 0, 0, set_size},
        {"target-latency", 0, "US", "there, microseconds of an image on one core to come down to, by the time that layers of each width take here; the same else", OPT_F32, &s->target_latency, 1e-3, 1e9, NULL},
        {"sensitivity", 's', NULL, "write no model; tell for each layer what quantizing it alone does, and all up to it", OPT_FLAG, &s->sensitivity, 0, 0, NULL},
        {"plot", 0, "FILE", "with --sensitivity: write a chart of it as SVG", OPT_STRING, &s->plot, 0, 0, NULL},
        {"json", 'j', NULL, "print JSON", OPT_FLAG, &s->json, 0, 0, NULL},
        {.name = NULL},
    };
    tool->options = options;
    int code = opt_parse(tool, argc, argv, NULL);
    tool->options = NULL;
    s->model = argv[1];
    if (code < 0)
        code = check(s, tool);
    c->per_tensor = (uint32_t)per_tensor;
    c->no_bias_correction = (uint32_t)plain_biases;
    c->equalize = (uint32_t)equalize;
    return code;
}
