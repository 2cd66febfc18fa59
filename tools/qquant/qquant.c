/* qquant: quantizes a float model by some of its inputs, without training. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/export.h>
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

static int parse(struct settings *s, int argc, char **argv, struct opt_tool *tool)
{
    qnt_ptq_config *c = &s->config;
    static int per_tensor, plain_biases, equalize;
    const struct opt options[] = {
        /* clang-format off */
        {"calib", 'c', "WHERE",
         "calibration inputs: builtin (default) or a folder with CIFAR-10's binary files, training images; a PNG image, a "
         ".npy file of floats, a .npz archive of such, or raw floats; a folder of such files; @FILE: those named in it, a line each", OPT_STRING, &s->calib, 0, 0, NULL},
        {"images", 'n', "N", "as many of them (default 256)", OPT_U32, &s->images, 1, UINT32_MAX, NULL},
        {"out", 'o', "FILE", "the quantized model (default model.qnt)", OPT_STRING, &s->out, 0, 0, NULL},
        {"onnx", 0, "FILE", "write it as an ONNX model, too: QuantizeLinear and DequantizeLinear, images channels first", OPT_STRING, &s->onnx, 0, 0, NULL},
        {"opset", 0, "N", "of the ONNX file, 13 to 25 (default: the least that serves)", OPT_U32, &s->opset, 13, 25, NULL},
        {"int4", 0, NULL, "there, weights of 4 bits and less are int4 (opset 21), not int8", OPT_FLAG, &s->int4, 0, 0, NULL},
        {"bits", 'b', "N", "bits of the weights, 1 to 8 or ternary (default 8)", OPT_CALL, &c->weight_bits, 0, 0, set_bits},
        {"layer-bits", 0, "LIST", "other widths for some layers, such as conv1=8,fc1=2", OPT_STRING, &c->layer_bits, 0, 0,
         NULL},
        {"activation-bits", 'a', "N", "bits of the activations, 2 to 8 (default 8); the model's input and output keep 8", OPT_U32, &c->activation_bits, 2, 8, NULL},
        {"edge-bits", 0, "N", "bits of the first and the last layer (default: as the others)", OPT_CALL, &c->edge_bits, 0, 0,
         set_bits},
        {"keep-float", 0, "LIST", "layers that stay in float: names, * for any characters, separated by commas", OPT_STRING,
         &c->keep_float, 0, 0, NULL},
        {"only", 0, "LIST", "layers that do not: all others stay in float", OPT_STRING, &c->only, 0, 0, NULL},
        {"ranges", 'r', "HOW", "of activations: mse (default), minmax, average, percentile or entropy", OPT_CALL,
         &c->calibration, 0, 0, set_calibration},
        {"percentile", 0, "X", "share of values outside at each end, for percentile (default 1e-5)", OPT_F32, &c->percentile,
         0, 0.5, NULL},
        {"per-tensor", 0, NULL, "one weight scale a layer, not one a channel", OPT_FLAG, &per_tensor, 0, 0, NULL},
        {"no-bias-correction", 0, NULL, "leave biases as they are", OPT_FLAG, &plain_biases, 0, 0, NULL},
        {"equalize", 0, NULL, "balance channels between layers first", OPT_FLAG, &equalize, 0, 0, NULL},
        {"rounding", 0, "HOW", "of weights: nearest (default), or learned from the inputs", OPT_CALL, &c->rounding, 0, 0,
         set_rounding},
        IMAGE_OPTIONS(s->import),
        MODEL_OPTIONS(s->import),
        {"data", 'd', "WHERE", "tell the accuracy on the test images of builtin or a CIFAR-10 folder", OPT_STRING, &s->data,
         0, 0, NULL},
        {"test-images", 0, "N", "the first N of them", OPT_U32, &s->test_images, 1, UINT32_MAX, NULL},
        {"sensitivity", 's', NULL, "write no model; tell for each layer what quantizing it alone does, and all up to it",
         OPT_FLAG, &s->sensitivity, 0, 0, NULL},
        {"json", 'j', NULL, "print JSON", OPT_FLAG, &s->json, 0, 0, NULL},
        {.name = NULL},
    };
    tool->options = options;
    int code = opt_parse(tool, argc, argv, NULL);
    tool->options = NULL;
    s->model = argv[1];
    c->per_tensor = (uint32_t)per_tensor;
    c->no_bias_correction = (uint32_t)plain_biases;
    c->equalize = (uint32_t)equalize;
    return code;
}

int quantize_once(struct run *r, const qnt_ptq_config *config, qnt_model **out)
{
    qnt_ptq *ptq;
    qnt_status status = qnt_ptq_create(r->start, config, &ptq);
    if (status)
        return opt_fail(r->tool, status);
    for (size_t i = 0; i < r->n && !status; i += 8)
        status = qnt_ptq_observe(ptq, r->inputs + i * r->elements, r->n - i < 8 ? r->n - i : 8);
    if (!status)
        status = qnt_ptq_model(ptq, out);
    int code = opt_fail(r->tool, status);
    qnt_ptq_free(ptq);
    return code;
}

int accuracy_of(struct run *r, qnt_model *model, double *value)
{
    struct source source;
    struct eval_config config = {.threads = 1, .batch = 1, .repeat = 1};
    struct eval_result result;
    source_data(&source, r->test, model);
    int code = eval_run(r->tool, model, &source, &config, &result);
    *value = result.accuracy;
    return code;
}

/* Whether both models give the same output for the first calibration input. */
static int compare(struct run *r, qnt_model *model, qnt_model *again, bool *same)
{
    qnt_session *session[2] = {NULL, NULL};
    qnt_tensor_info out;
    int code = opt_fail(r->tool, qnt_session_create(model, NULL, &session[0]));
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_session_create(again, NULL, &session[1]));
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_session_output(session[0], &out));
    size_t n = 1;
    for (uint32_t d = 0; code == EXIT_OK && d < out.rank; d++)
        n *= out.dim[d];
    float *y = code == EXIT_OK ? calloc(2 * n, sizeof *y) : NULL;
    for (size_t i = 0; y && i < 2; i++)
        if (code == EXIT_OK)
            code = opt_fail(r->tool, qnt_session_run(session[i], r->inputs, y + i * n, 1));
    *same = code == EXIT_OK && y && !memcmp(y, y + n, n * sizeof *y);
    free(y);
    qnt_session_free(session[0]);
    qnt_session_free(session[1]);
    return code;
}

static int other_values(struct run *r, const char *path)
{
    return opt_error(r->tool, EXIT_FAILED, "%s: the model that was written gives other values", path);
}

/* What was written must be a model that runs and gives what the one in memory gives. */
static int verify(struct run *r, qnt_model *model)
{
    qnt_model *again = NULL;
    bool same = false;
    int code = opt_fail(r->tool, qnt_model_load(r->ctx, r->s->out, &again));
    if (code == EXIT_OK)
        code = compare(r, model, again, &same);
    qnt_model_free(again);
    return code == EXIT_OK && !same ? other_values(r, r->s->out) : code;
}

static bool same_shape(const qnt_tensor_info *a, const qnt_tensor_info *b)
{
    return a->type == b->type && a->rank == b->rank && !memcmp(a->dim, b->dim, sizeof a->dim);
}

/* The same of the ONNX file, whose images may have their channels first: read as they are or turned, it must be this
 * model once. */
static int verify_onnx(struct run *r, qnt_model *model)
{
    qnt_tensor_info in[2], out[2];
    bool same = false;
    int code = EXIT_OK;
    for (uint32_t last = 0; last < 4 && code == EXIT_OK && !same; last++) {
        const qnt_import_config config = {.size = sizeof config, .format = "onnx", .channels_last = last};
        qnt_model *again = NULL;
        code = opt_fail(r->tool, qnt_model_import(r->ctx, r->s->onnx, &config, &again));
        if (code == EXIT_OK && !qnt_model_input(model, &in[0]) && !qnt_model_input(again, &in[1]) &&
            !qnt_model_output(model, &out[0]) && !qnt_model_output(again, &out[1]) && same_shape(&in[0], &in[1]) &&
            same_shape(&out[0], &out[1]))
            code = compare(r, model, again, &same);
        qnt_model_free(again);
    }
    return code == EXIT_OK && !same ? other_values(r, r->s->onnx) : code;
}

static int write_onnx(struct run *r, qnt_model *model)
{
    const qnt_export_config config = {
        .size = sizeof config, .format = "onnx", .opset = r->s->opset, .int4 = (uint32_t)r->s->int4};
    int code = opt_fail(r->tool, qnt_model_export(model, r->s->onnx, &config));
    if (code == EXIT_OK && (code = verify_onnx(r, model)) != EXIT_OK)
        unlink(r->s->onnx);
    return code;
}

static void print_text(const struct run *r, const qnt_model *model, const double *got)
{
    printf("%s: %zu inputs, %llu bytes of weights (float: %llu)\n", r->s->out, r->n,
           (unsigned long long)qnt_model_weight_bytes(model), (unsigned long long)qnt_model_weight_bytes(r->start));
    if (r->test)
        printf("accuracy: %.2f %% (float: %.2f %%) of %zu test images\n", got[1] * 100, got[0] * 100,
               qnt_dataset_size(r->test));
}

static int print_json(const struct run *r, const qnt_model *model, const double *got)
{
    json_t *all = json_pack("{ss,sI,sI,sI}", "model", r->s->out, "inputs", (json_int_t)r->n, "weight_bytes",
                            (json_int_t)qnt_model_weight_bytes(model), "float_weight_bytes",
                            (json_int_t)qnt_model_weight_bytes(r->start));
    if (all && r->test) {
        json_object_set_new(all, "accuracy", json_real(got[1]));
        json_object_set_new(all, "float_accuracy", json_real(got[0]));
        json_object_set_new(all, "test_images", json_integer((json_int_t)qnt_dataset_size(r->test)));
    }
    const int bad = !all || json_dumpf(all, stdout, JSON_INDENT(2)) || putchar('\n') == EOF;
    json_decref(all);
    return bad ? EXIT_FAILED : EXIT_OK;
}

static int quantize(struct run *r)
{
    qnt_model *model = NULL;
    double got[2] = {0.0, 0.0};
    int code = quantize_once(r, &r->s->config, &model);
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_model_save(model, r->s->out));
    if (code == EXIT_OK && (code = verify(r, model)) != EXIT_OK)
        unlink(r->s->out);
    if (code == EXIT_OK && r->s->onnx)
        code = write_onnx(r, model);
    if (code == EXIT_OK && r->test && (code = accuracy_of(r, r->start, &got[0])) == EXIT_OK)
        code = accuracy_of(r, model, &got[1]);
    if (code == EXIT_OK && r->s->json)
        code = print_json(r, model, got);
    else if (code == EXIT_OK)
        print_text(r, model, got);
    qnt_model_free(model);
    return code;
}

/* Images have their channels last; arrays and raw floats are as the model's file says. */
static int load_model(struct run *r, struct settings *s)
{
    if (!r->files.n || inputs_is_image(r->files.path[0]))
        s->import.channels_last = 1;
    return opt_fail(r->tool, model_open(r->ctx, s->model, &s->import, &r->start));
}

int main(int argc, char **argv)
{
    struct settings s = {.calib = "builtin", .out = "model.qnt", .images = 256, .config = QNT_PTQ_CONFIG_INIT};
    struct opt_tool tool = {.name = "qquant",
                            .summary = "quantizes a float model by some of its inputs, without training",
                            .operands = "MODEL",
                            .min_operands = 1,
                            .max_operands = 1};
    int code = parse(&s, argc, argv, &tool);
    if (code >= 0)
        return code;
    struct run r = {.tool = &tool, .s = &s};
    code = opt_fail(&tool, env_context(&tool, &r.ctx));
    if (code == EXIT_OK)
        code = calib_find(&r);
    if (code == EXIT_OK)
        code = load_model(&r, &s);
    if (code == EXIT_OK)
        code = calib_load(&r);
    if (code == EXIT_OK && s.data)
        code = opt_fail(&tool, env_data(r.ctx, s.data, QNT_TEST, s.test_images, &r.test));
    if (code == EXIT_OK)
        code = s.sensitivity ? sensitivity_run(&r) : quantize(&r);
    free(r.inputs);
    file_list_free(&r.files);
    qnt_dataset_free(r.test);
    qnt_model_free(r.start);
    qnt_ctx_free(r.ctx);
    return code;
}
