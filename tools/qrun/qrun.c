/* qrun: runs a model over input files or a test set on pinned cores; accuracy, latency, digest. */
#include <stdlib.h>
#include "qrun.h"
#include "tools/common/file.h"

/* Runs and tells, with --raw-out open in the configuration if it is wanted. */
static int run_on(const struct run *r, struct eval_config *config, const struct source *s)
{
    struct eval_result result;
    struct classes names;
    int code = classes_open(r, &names);
    const bool tell = names.name || (s->files && !r->a->json);
    if (tell && !r->a->hash) {
        config->each = classes_tell;
        config->user = &names;
    }
    if (code == EXIT_OK)
        code = eval_run(r->tool, r->model, s, config, &result);
    if (code == EXIT_OK)
        code = report_run(r, config, &result, &names);
    classes_free(&names);
    return code;
}

static int run(const struct run *r, const struct source *s)
{
    const struct args *a = r->a;
    struct eval_config config = {.threads = a->threads,
                                 .batch = a->batch,
                                 .cpus = a->cpus,
                                 .quantized = a->quantized,
                                 .small_weights = a->small_weights,
                                 .repeat = a->repeat ? a->repeat : 1};
    config.threads = env_cpus_default(&config.cpus, a->threads ? a->threads : a->cpus.count ? 0 : 1);
    if (a->profile)
        return profile_run(r, &config, s);
    if (a->raw_out && !(config.raw_out = fopen(a->raw_out, "wb")))
        return opt_error(r->tool, EXIT_FAILED, "%s: cannot be written", a->raw_out);
    int code = run_on(r, &config, s);
    if (config.raw_out && (ferror(config.raw_out) | fclose(config.raw_out)) && code == EXIT_OK)
        code = opt_error(r->tool, EXIT_FAILED, "%s: cannot be written to its end", a->raw_out);
    return code;
}

static int on_files(const struct run *r, char **path, int n)
{
    struct inputs inputs;
    struct source source;
    int code = inputs_create(r->tool, r->model, &inputs);
    inputs.u8 = r->a->u8;
    inputs.resize = r->a->model.resize;
    for (int i = 0; i < n && code == EXIT_OK; i++)
        code = inputs_add(&inputs, path[i]);
    if (code == EXIT_OK)
        code = inputs_check(&inputs);
    if (code == EXIT_OK) {
        source_files(&source, &inputs, r->model);
        if (r->a->images && r->a->images < source.count)
            source.count = r->a->images;
        code = run(r, &source);
    }
    inputs_free(&inputs);
    return code;
}

static int on_data(const struct run *r, qnt_ctx *ctx)
{
    struct source source;
    qnt_dataset *data;
    int code = opt_fail(r->tool, env_data(ctx, r->a->data ? r->a->data : "builtin", QNT_TEST, r->a->images, &data));
    if (code != EXIT_OK)
        return code;
    source_data(&source, data, r->model);
    code = run(r, &source);
    qnt_dataset_free(data);
    return code;
}

/* On the files, or else on the data set; a profile without either on noise. */
static int with_model(const struct run *r, qnt_ctx *ctx, char **path, int n)
{
    struct source source;
    if (r->a->layers)
        return report_layers(r);
    if (n > 0)
        return on_files(r, path, n);
    if (!r->a->profile || r->a->data)
        return on_data(r, ctx);
    source_noise(&source, r->model);
    return run(r, &source);
}

/* As images are; arrays and raw floats are as the model's file says. */
static int are_images(const struct args *a, char **path, int n)
{
    int some = a->u8 || (n == 0 && (!a->profile || a->data));
    for (int i = 0; i < n; i++)
        some = some || inputs_is_image(path[i]);
    return some;
}

/* The model at path[0], with n inputs behind it. */
static int with_path(const struct opt_tool *tool, struct args *a, char **path, int n)
{
    struct run r = {.tool = tool, .a = a, .path = path[0]};
    qnt_ctx *ctx = NULL;
    a->model.channels_last |= are_images(a, path + 1, n);
    const char *const outputs[] = {a->raw_out, a->plot};
    int code = file_outputs(tool, outputs, 2, path, (size_t)n + 1);
    if (code == EXIT_OK)
        code = opt_fail(tool, env_context(tool, &ctx));
    if (code == EXIT_OK)
        code = opt_fail(tool, model_open(ctx, path[0], &a->model, &r.model));
    if (code == EXIT_OK)
        code = with_model(&r, ctx, path + 1, n);
    qnt_model_free(r.model);
    qnt_ctx_free(ctx);
    return code;
}

int main(int argc, char **argv)
{
    struct args a = {.batch = 1};
    const struct opt options[] = {
        {"data", 'd', "WHERE", "test set: builtin (default) or a CIFAR-10 folder", OPT_STRING, &a.data, 0, 0, NULL},
        {"images", 'n', "N", "only the first N images", OPT_U32, &a.images, 1, UINT32_MAX, NULL},
        {"u8", 0, NULL, "raw INPUT files and arrays of u1 hold images' bytes (normalised by the model), not values",
         OPT_FLAG, &a.u8, 0, 0, NULL},
        {"threads", 't', "N", "threads, each on a core (default 1, or as many as --cpus names)", OPT_U32, &a.threads, 1,
         1024, NULL},
        {"cpus", 'c', "LIST", "CPUs to run on, such as 0,2-3 (default: the usable cores)", OPT_CALL, &a.cpus, 0, 0,
         env_cpus_parse},
        {"batch", 'b', "N", "images a call (default 1)", OPT_U32, &a.batch, 1, 65536, NULL},
        {"repeat", 'r', "N", "passes over the images (default 1); with --profile runs of the first batch (default 100)",
         OPT_U32, &a.repeat, 1, 1000000, NULL},
        {"quantized", 'q', NULL, "feed and read the quantized bytes", OPT_FLAG, &a.quantized, 0, 0, NULL},
        {"small-weights", 0, NULL,
         "weights in about the bytes of their codes: 3 x 3 layers are slower, results the same", OPT_FLAG,
         &a.small_weights, 0, 0, NULL},
        {"raw-out", 'o', "FILE", "write the outputs to FILE: of each image all outputs, one after the other",
         OPT_STRING, &a.raw_out, 0, 0, NULL},
        {"hash", 0, NULL, "print only the digest (xxh3) of all outputs", OPT_FLAG, &a.hash, 0, 0, NULL},
        {"layers", 'l', NULL, "print the prepared steps and their kernels, do not run", OPT_FLAG, &a.layers, 0, 0,
         NULL},
        {"labels", 0, "FILE", "names of the classes, a line each: tells of each image the best five", OPT_STRING,
         &a.labels, 0, 0, NULL},
        {"profile", 'p', NULL,
         "tell what each layer takes, instead of results; without INPUT and --data on noise (integers: zeros)",
         OPT_FLAG, &a.profile, 0, 0, NULL},
        {"plot", 0, "FILE.svg", "draw that, too", OPT_STRING, &a.plot, 0, 0, NULL},
        {"json", 'j', NULL, "print JSON", OPT_FLAG, &a.json, 0, 0, NULL},
        IMAGE_OPTIONS(a.model),
        MODEL_OPTIONS(a.model),
        {.name = NULL},
    };
    const struct opt_tool tool = {.name = "qrun",
                                  .summary = "runs a model on pinned cores and tells accuracy and speed",
                                  .operands = "MODEL [INPUT...]",
                                  .text =
                                      "An INPUT is a PNG image, a .npy array, a .npz archive of such, or raw elements "
                                      "(floats, for inputs that are floats or codes of them); its content tells "
                                      "which. Files, and the arrays of an archive, are taken in turn for the inputs "
                                      "of MODEL, unless an archive has their names.",
                                  .min_operands = 1,
                                  .max_operands = -1,
                                  .options = options};
    int n = 0;
    const int code = opt_parse(&tool, argc, argv, &n);
    if (code >= 0)
        return code;
    if (a.profile && (a.raw_out || a.hash || a.labels || a.layers))
        return opt_usage(&tool, "--profile gives no results: without --raw-out, --hash, --labels, --layers");
    if (a.data && n > 1)
        return opt_usage(&tool, "--data and INPUT: expected one of them");
    if (a.plot && !a.profile)
        return opt_usage(&tool, "--plot draws what --profile tells");
    return with_path(&tool, &a, argv + 1, n - 1);
}
