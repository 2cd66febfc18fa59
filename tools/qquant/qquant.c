/* qquant: quantizes a float model by some of its inputs, without training. */
#include <stdlib.h>
#include "tools/common/json.h"
#include "search.h"

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
    return json_out(all, 0);
}

/* Of weights alone. */
static qnt_status by_blocks(const struct run *r, qnt_model **model)
{
    const qnt_ptq_config *c = &r->s->config;
    const qnt_block_config config = {.size = sizeof config,
                                     .block = r->s->block,
                                     .bits = c->weight_bits,
                                     .codes = (uint32_t)r->s->block_codes,
                                     .keep_float = c->keep_float,
                                     .only = c->only};
    return qnt_model_quantize_blocks(r->start, &config, model);
}

static int quantize(struct run *r)
{
    qnt_model *model = NULL;
    double got[2] = {0.0, 0.0};
    int code = opt_fail(r->tool, r->s->block ? by_blocks(r, &model) : qnt_ptq_model(r->ptq, &model));
    if (code == EXIT_OK)
        code = write_model(r, model);
    if (code == EXIT_OK && r->test && (code = accuracy_of(r, r->start, &got[0])) == EXIT_OK)
        code = accuracy_of(r, model, &got[1]);
    if (code == EXIT_OK && r->s->json)
        code = print_json(r, model, got);
    else if (code == EXIT_OK)
        print_text(r, model, got);
    qnt_model_free(model);
    return code;
}

/* The plan is read first: what is wrong with it is told before the inputs are run. */
static int observe(struct run *r)
{
    enum { SOME = 8 };
    const void **at = calloc(r->n_in, sizeof *at);
    if (!at)
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n_in);
    int code = opt_fail(r->tool, qnt_ptq_create(r->start, &r->s->config, &r->ptq));
    if (code == EXIT_OK && r->s->plan)
        code = plan_read(r, r->s->plan);
    for (size_t i = 0; i < r->n && code == EXIT_OK; i += SOME) {
        for (size_t k = 0; k < r->n_in; k++)
            at[k] = r->in[k].data + i * r->in[k].bytes;
        code = opt_fail(r->tool, qnt_ptq_observe_io(r->ptq, at, r->n - i < SOME ? r->n - i : SOME));
    }
    free(at);
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
    struct settings s = {
        .calib = "builtin", .out = "model.qnt", .images = 256, .max_drop = -1, .config = QNT_PTQ_CONFIG_INIT};
    struct opt_tool tool = {.name = "qquant",
                            .summary = "quantizes a float model by some of its inputs, without training",
                            .operands = "MODEL",
                            .min_operands = 1,
                            .max_operands = 1};
    int code = options_parse(&s, argc, argv, &tool);
    if (code >= 0)
        return code;
    struct run r = {.tool = &tool, .s = &s};
    r.threads = env_cpus_default(&r.cpus, 0);
    const char *const outputs[] = {s.out, s.onnx, s.plan_out, s.plot};
    char *read[] = {(char *)(uintptr_t)s.calib}; /* a model may be replaced */
    code = file_outputs(&tool, outputs, 4, read, 1);
    if (code == EXIT_OK)
        code = opt_fail(&tool, env_context(&tool, &r.ctx));
    if (code == EXIT_OK)
        code = calib_find(&r);
    if (code == EXIT_OK)
        code = load_model(&r, &s);
    if (code == EXIT_OK)
        code = calib_load(&r);
    if (s.automatic && !s.data && !r.files.n)
        s.data = s.calib;
    if (code == EXIT_OK && s.data)
        code = opt_fail(&tool, env_data(r.ctx, s.data, QNT_TEST, s.test_images, &r.test));
    if (code == EXIT_OK && !s.block)
        code = observe(&r);
    if (code == EXIT_OK)
        code = s.sensitivity ? sensitivity_run(&r) : s.automatic ? auto_run(&r) : quantize(&r);
    qnt_ptq_free(r.ptq);
    calib_free(&r);
    file_list_free(&r.files);
    qnt_dataset_free(r.test);
    qnt_model_free(r.start);
    qnt_ctx_free(r.ctx);
    return code;
}
