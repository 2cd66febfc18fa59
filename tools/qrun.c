/* qrun: runs a model over raw input files or a test set on pinned cores; accuracy, latency, digest. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <jansson.h>
#include "tools/common/eval.h"
#include "tools/common/model.h"

struct args {
    const char *data, *raw_out;
    struct env_cpus cpus;
    uint32_t threads, batch, images, repeat;
    int u8, quantized, hash, layers, json;
    struct model_options model;
};

/* The images of all input files, one after the other. */
struct input {
    unsigned char *bytes;
    size_t size;
};

static int read_input(const struct opt_tool *tool, const char *path, struct input *in)
{
    struct stat st;
    int code = EXIT_FAILED;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
        opt_error(tool, code, "%s: cannot be read as a file", path);
        goto done;
    }
    size_t size = (size_t)st.st_size;
    unsigned char *grown = size < SIZE_MAX - in->size ? realloc(in->bytes, in->size + size + 1) : NULL;
    if (!grown) {
        code = opt_error(tool, EXIT_RESOURCE, "%s: out of memory: %zu bytes", path, size);
        goto done;
    }
    in->bytes = grown;
    if (fread(in->bytes + in->size, 1, size, file) != size)
        opt_error(tool, code, "%s: cannot be read to its end", path);
    else
        code = EXIT_OK;
    in->size += size;
done:
    if (file)
        fclose(file);
    return code;
}

static void print_class(void *user, size_t image, int class, float score)
{
    (void)user;
    printf("image %zu: class %d (%g)\n", image, class, (double)score);
}

static int print_layers(const struct opt_tool *tool, qnt_model *model, const struct args *a)
{
    qnt_session_config config = {.size = sizeof config, .max_batch = a->batch, .quantized_io = a->quantized};
    qnt_session *session;
    qnt_step_info step;
    qnt_status status = qnt_session_create(model, &config, &session);
    if (status)
        return opt_fail(tool, status);
    json_t *rows = json_array();
    if (!a->json)
        printf("%-3s %-20s %-16s %-28s %12s  %s\n", "", "step", "op", "kernel", "MACs/image", "writes");
    for (size_t i = 0; i < qnt_session_step_count(session) && qnt_session_step(session, i, &step) == QNT_OK; i++) {
        if (!a->json)
            printf("%-3zu %-20s %-16s %-28s %12llu  %s\n", i, step.name, step.op, *step.variant ? step.variant : "-",
                   (unsigned long long)step.macs, step.output);
        json_array_append_new(rows, json_pack("{ss,ss,ss,sI,ss}", "name", step.name, "op", step.op, "variant",
                                              step.variant, "macs", (json_int_t)step.macs, "output", step.output));
    }
    if (a->json)
        json_dumpf(rows, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(rows);
    qnt_session_free(session);
    return EXIT_OK;
}

static int print_json(const char *path, const qnt_model *model, const struct eval_config *c,
                      const struct eval_result *r)
{
    char digest[17];
    json_t *cpus = json_array();
    for (uint32_t i = 0; i < c->cpus.count && i < c->threads; i++)
        json_array_append_new(cpus, json_integer((json_int_t)c->cpus.cpu[i]));
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)r->digest);
    json_t *all = json_pack("{ss,sI,sI,si,si,so,sf,sf,sf,ss,sI}", "model", path, "weight_bytes",
                            (json_int_t)qnt_model_weight_bytes(model), "images", (json_int_t)r->images, "threads",
                            (int)c->threads, "batch", (int)c->batch, "cpus", cpus, "latency_median_us", r->median_us,
                            "latency_p99_us", r->p99_us, "images_per_second", r->images_per_second, "digest", digest,
                            "arena_bytes", (json_int_t)r->arena_bytes);
    if (all && r->labelled)
        json_object_set_new(all, "accuracy", json_real(r->accuracy));
    int bad = !all || json_dumpf(all, stdout, JSON_INDENT(2)) || putchar('\n') == EOF;
    json_decref(all);
    return bad ? EXIT_FAILED : EXIT_OK;
}

static void print_text(const char *path, const qnt_model *model, const struct eval_config *c,
                       const struct eval_result *r)
{
    printf("model:      %s, %llu bytes of weights, arena %zu bytes\n", path,
           (unsigned long long)qnt_model_weight_bytes(model), r->arena_bytes);
    printf("ran:        %zu images, batch %u, %u thread%s", r->images, c->batch, c->threads,
           c->threads == 1 ? "" : "s");
    for (uint32_t i = 0; i < c->cpus.count && i < c->threads; i++)
        printf("%s%u", i ? "," : c->threads == 1 ? " on CPU " : " on CPUs ", c->cpus.cpu[i]);
    printf("\n");
    if (r->labelled)
        printf("accuracy:   %.2f %% (%zu of %zu)\n", r->accuracy * 100, r->correct, r->labelled);
    printf("latency:    median %.1f us, p99 %.1f us a call of %u\n", r->median_us, r->p99_us, c->batch);
    printf("throughput: %.0f inferences/s\n", r->images_per_second);
    printf("digest:     %016llx\n", (unsigned long long)r->digest);
}

static int run(const struct opt_tool *tool, const char *path, qnt_model *model, const struct args *a,
               const struct source *s)
{
    struct eval_config config = {
        .threads = a->threads, .batch = a->batch, .cpus = a->cpus, .quantized = a->quantized, .repeat = a->repeat};
    struct eval_result result;
    if (s->read && !s->data && !a->json && !a->hash)
        config.each = print_class;
    config.threads = env_cpus_default(&config.cpus, a->threads ? a->threads : a->cpus.count ? 0 : 1);
    if (a->raw_out && !(config.raw_out = fopen(a->raw_out, "wb")))
        return opt_error(tool, EXIT_FAILED, "%s: cannot be written", a->raw_out);
    int code = eval_run(tool, model, s, &config, &result);
    if (config.raw_out && (ferror(config.raw_out) | fclose(config.raw_out)) && code == EXIT_OK)
        code = opt_error(tool, EXIT_FAILED, "%s: cannot be written to its end", a->raw_out);
    if (code != EXIT_OK)
        return code;
    if (a->hash)
        printf("%016llx\n", (unsigned long long)result.digest);
    else if (a->json)
        code = print_json(path, model, &config, &result);
    else
        print_text(path, model, &config, &result);
    return code;
}

/* Runs the model on the files argv[2..], or else on the data set. */
static int with_model(const struct opt_tool *tool, qnt_ctx *ctx, qnt_model *model, const struct args *a, char **argv,
                      int n)
{
    struct input input = {0};
    struct source source;
    qnt_dataset *data = NULL;
    int code = EXIT_OK;
    if (a->layers)
        return print_layers(tool, model, a);
    for (int i = 2; i <= n && code == EXIT_OK; i++)
        code = read_input(tool, argv[i], &input);
    if (code == EXIT_OK && n > 1) {
        if (source_bytes(&source, input.bytes, input.size, !a->u8, model))
            code = opt_error(tool, EXIT_FAILED, "%s%s: %zu bytes are not whole %s images of the model's input", argv[2],
                             n > 2 ? " ..." : "", input.size, a->u8 ? "u8" : "f32");
        else if (a->images && a->images < source.count)
            source.count = a->images;
    } else if (code == EXIT_OK) {
        code = opt_fail(tool, env_data(ctx, a->data, QNT_TEST, a->images, &data));
        if (code == EXIT_OK)
            source_data(&source, data, model);
    }
    if (code == EXIT_OK)
        code = run(tool, argv[1], model, a, &source);
    qnt_dataset_free(data);
    free(input.bytes);
    return code;
}

int main(int argc, char **argv)
{
    struct args a = {.data = "builtin", .batch = 1, .repeat = 1};
    const struct opt options[] = {
        {"data", 'd', "WHERE", "test set: builtin (default) or a CIFAR-10 folder", OPT_STRING, &a.data, 0, 0, NULL},
        {"images", 'n', "N", "only the first N images", OPT_U32, &a.images, 1, UINT32_MAX, NULL},
        {"u8", 0, NULL, "INPUT files hold bytes (normalised by the model), not floats", OPT_FLAG, &a.u8, 0, 0, NULL},
        {"threads", 't', "N", "threads, each on a core (default 1, or as many as --cpus names)", OPT_U32, &a.threads, 1,
         1024, NULL},
        {"cpus", 'c', "LIST", "CPUs to run on, such as 0,2-3 (default: the usable cores)", OPT_CALL, &a.cpus, 0, 0,
         env_cpus_parse},
        {"batch", 'b', "N", "images a call (default 1)", OPT_U32, &a.batch, 1, 65536, NULL},
        {"repeat", 'r', "N", "passes over the images (default 1)", OPT_U32, &a.repeat, 1, 1000000, NULL},
        {"quantized", 'q', NULL, "feed and read the quantized bytes", OPT_FLAG, &a.quantized, 0, 0, NULL},
        {"raw-out", 'o', "FILE", "write all outputs to FILE", OPT_STRING, &a.raw_out, 0, 0, NULL},
        {"hash", 0, NULL, "print only the digest (xxh3) of all outputs", OPT_FLAG, &a.hash, 0, 0, NULL},
        {"layers", 'l', NULL, "print the prepared steps and their kernels, do not run", OPT_FLAG, &a.layers, 0, 0,
         NULL},
        {"json", 'j', NULL, "print JSON", OPT_FLAG, &a.json, 0, 0, NULL},
        MODEL_OPTIONS(a.model),
        {.name = NULL},
    };
    const struct opt_tool tool = {.name = "qrun",
                                  .summary = "runs a model on pinned cores and tells accuracy and speed",
                                  .operands = "MODEL [INPUT...]",
                                  .min_operands = 1,
                                  .max_operands = -1,
                                  .options = options};
    qnt_ctx *ctx = NULL;
    qnt_model *model = NULL;
    int n = 0, code = opt_parse(&tool, argc, argv, &n);
    if (code >= 0)
        return code;
    if (n == 1 || a.u8)
        a.model.channels_last = QNT_CHANNELS_LAST_INPUTS; /* as images are; floats are as the file says */
    code = opt_fail(&tool, env_context(&tool, &ctx));
    if (code == EXIT_OK)
        code = opt_fail(&tool, model_open(ctx, argv[1], &a.model, &model));
    if (code == EXIT_OK)
        code = with_model(&tool, ctx, model, &a, argv, n);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
    return code;
}
