/* qtrain: trains a model in float or with quantized weights and activations. */
#include <string.h>
#include "tools/common/json.h"
#include "qtrain.h"
#include "tools/common/file.h"

static const char *set_schedule(void *target, const char *value)
{
    qnt_schedule *schedule = target;
    if (strcmp(value, "constant") != 0 && strcmp(value, "cosine") != 0)
        return "expected constant or cosine";
    *schedule = value[2] == 's' ? QNT_LR_COSINE : QNT_LR_CONSTANT;
    return NULL;
}

static const char *set_optimizer(void *target, const char *value)
{
    qnt_optimizer *optimizer = target;
    if (strcmp(value, "sgd") != 0 && strcmp(value, "adam") != 0)
        return "expected sgd or adam";
    *optimizer = value[0] == 's' ? QNT_SGD : QNT_ADAM;
    return NULL;
}

static const char *set_on_off(void *target, const char *value)
{
    uint32_t *flag = target;
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return "expected on or off";
    *flag = value[1] == 'n';
    return NULL;
}

enum { BITS_USUAL = 9 }; /* none given */

/* Weights of 1 to 8 bits, ternary ones, or 0 for float. */
static const char *set_bits(void *target, const char *value)
{
    uint32_t *bits = target;
    if (!strcmp(value, "ternary")) {
        *bits = QNT_BITS_TERNARY;
        return NULL;
    }
    if (value[0] < '0' || value[0] > '8' || value[1])
        return "expected 1 to 8, ternary, or 0 for float";
    *bits = (uint32_t)(value[0] - '0');
    return NULL;
}

static const char *set_recipe(void *target, const char *value)
{
    struct settings scratch;
    *(const char **)target = value;
    return recipe_apply(value, &scratch) ? NULL : "expected article, improved, finetune, binary or signs";
}

/* Called once to learn the recipe and again, over the recipe's values, for all else: the order on the command line is
 * free. */
static int parse(struct settings *s, int argc, char **argv, const struct opt_tool *tool)
{
    qnt_train_config *c = &s->config;
    const struct opt options[] = {
        {"data", 'd', "WHERE", "builtin (default), or a folder with CIFAR-10's binary files", OPT_STRING, &s->data, 0,
         0, NULL},
        {"images", 'n', "N", "only the first N training images", OPT_U32, &s->images, 1, UINT32_MAX, NULL},
        {"test-images", 0, "N", "evaluate on the first N test images (default: all)", OPT_U32, &s->test_images, 1,
         UINT32_MAX, NULL},
        {"hold-out", 0, "N", "part the last N images off; tell their accuracy after each epoch", OPT_U32, &s->hold_out,
         1, UINT32_MAX, NULL},
        {"out", 'o', "FILE", "the trained model (default model.qnt)", OPT_STRING, &s->out, 0, 0, NULL},
        {"bits", 'b', "N",
         "bits of the weights, 1 to 8, ternary, or 0 for float (default 8; 0 for a model with binary layers)", OPT_CALL,
         &c->weight_bits, 0, 0, set_bits},
        {"layer-bits", 0, "LIST", "other widths for some layers, such as conv1=8,fc1=2", OPT_STRING, &c->layer_bits, 0,
         0, NULL},
        {"model", 'm', "NAME",
         "architecture, such as resnet-8; a name that is none lists them all (default article-cnn)", OPT_STRING,
         &s->model, 0, 0, NULL},
        {"from", 'f', "MODEL", "start from this float model", OPT_STRING, &s->from, 0, 0, NULL},
        {"recipe", 'r', "NAME",
         "article, improved, finetune, binary or signs: presets of what follows (default improved; with --from, "
         "finetune, "
         "or binary for 1 bit; for a model with binary layers, signs)",
         OPT_CALL, &s->recipe, 0, 0, set_recipe},
        {"epochs", 'e', "N", "passes over the training images", OPT_U32, &c->epochs, 1, 100000, NULL},
        {"batch", 0, "N", "images a step", OPT_U32, &c->batch, 1, 65536, NULL},
        {"lr", 0, "X", "learning rate", OPT_F32, &c->lr, 0, 1000, NULL},
        {"optimizer", 0, "NAME", "sgd or adam", OPT_CALL, &c->optimizer, 0, 0, set_optimizer},
        {"momentum", 0, "X", "momentum of SGD", OPT_F32, &c->momentum, 0, 1, NULL},
        {"weight-decay", 0, "X", "weight decay", OPT_F32, &c->weight_decay, 0, 1, NULL},
        {"schedule", 0, "NAME", "constant or cosine", OPT_CALL, &c->schedule, 0, 0, set_schedule},
        {"warm-up", 0, "N", "steps of linear warm-up", OPT_U32, &c->warmup_steps, 0, UINT32_MAX, NULL},
        {"augment", 0, "on|off", "random crop after padding by 4, random flip", OPT_CALL, &c->augment, 0, 0,
         set_on_off},
        {"normalise", 0, "on|off", "inputs with mean 0 and deviation 1 per channel, not 0..1", OPT_CALL, &s->normalise,
         0, 0, set_on_off},
        {"ema", 0, "X", "weight of a new batch in the activation ranges", OPT_F32, &c->ema, 0, 1, NULL},
        {"freeze-ranges", 0, "N", "epoch from which the ranges stay (default: the last)", OPT_U32,
         &c->freeze_ranges_epoch, 0, UINT32_MAX, NULL},
        {"norm-momentum", 0, "X", "weight of a new batch in the batch norms' averages (default 0.1)", OPT_F32,
         &c->batchnorm_momentum, 0, 1, NULL},
        {"kl", 0, "X", "add X * KL(p || q) to the loss, p from the teacher", OPT_F32, &c->kl, 0, 1000, NULL},
        {"kl-minus", 0, NULL, "subtract it, as the article prints (for reproduction only)", OPT_FLAG, &c->kl_minus, 0,
         0, NULL},
        {"teacher", 0, "MODEL", "float model for --kl (default: the one given by --from)", OPT_STRING, &s->teacher, 0,
         0, NULL},
        {"seed", 's', "N", "seed of weights, order and augmentation (default 1)", OPT_U64, &c->seed, 0, 0, NULL},
        {"threads", 't', "N", "threads (default: one per usable core); the result is the same", OPT_U32, &c->threads, 1,
         1024, NULL},
        {"checkpoint", 0, "FILE",
         "save the state here after each epoch and when interrupted (default: OUT.ckpt, when interrupted)", OPT_STRING,
         &s->checkpoint, 0, 0, NULL},
        {"resume", 0, "FILE", "go on from a checkpoint; needs the same options", OPT_STRING, &s->resume, 0, 0, NULL},
        {"json", 'j', NULL, "print the result as JSON, progress on stderr", OPT_FLAG, &s->json, 0, 0, NULL},
        {.name = NULL},
    };
    struct opt_tool with_options = *tool;
    with_options.options = options;
    return opt_parse(&with_options, argc, argv, NULL);
}

static int load_data(struct run *r)
{
    const struct settings *s = r->s;
    qnt_status status = env_data(r->ctx, s->data, QNT_TRAIN, s->images, &r->train_set);
    if (status == QNT_OK && s->hold_out)
        status = qnt_dataset_hold_out(r->train_set, s->hold_out, &r->held_out);
    if (status == QNT_OK)
        status = env_data(r->ctx, s->data, QNT_TEST, s->test_images, &r->test_set);
    return opt_fail(r->tool, status);
}

/* The model to start from, and what kind it is. */
static int load_start(struct run *r)
{
    const struct settings *s = r->s;
    qnt_status status = s->from ? qnt_model_load(r->ctx, s->from, &r->start)
                                : qnt_model_build(r->ctx, s->model, s->config.seed, &r->start);
    for (size_t i = 0; status == QNT_OK && i < qnt_model_node_count(r->start); i++) {
        qnt_node_info node;
        status = qnt_model_node(r->start, i, &node);
        r->binary |= status == QNT_OK && !strncmp(node.op, "binary_", 7);
    }
    return opt_fail(r->tool, status);
}

static int load_models(struct run *r)
{
    const struct settings *s = r->s;
    float mean[4], deviation[4];
    qnt_status status = QNT_OK;
    if (!s->from && s->normalise) {
        qnt_dataset_moments(r->train_set, mean, deviation);
        status = qnt_model_set_normalisation(r->start, mean, deviation);
    }
    if (status == QNT_OK && s->config.kl > 0 && (s->teacher || s->from))
        status = qnt_model_load(r->ctx, s->teacher ? s->teacher : s->from, &r->teacher);
    return opt_fail(r->tool, status);
}

static int print_result(const struct run *r, const struct eval_result *got, const struct eval_result *plain,
                        uint64_t bytes, uint64_t plain_bytes)
{
    const struct settings *s = r->s;
    if (s->json) {
        json_t *all = json_pack("{ss,si,sb,si,sf,sI,sO}", "model", s->out, "bits", (int)(s->config.weight_bits & 15),
                                "ternary", s->config.weight_bits == QNT_BITS_TERNARY, "images", (int)got->images,
                                "accuracy", got->accuracy, "weight_bytes", (json_int_t)bytes, "epochs", r->epochs);
        if (all && plain) {
            json_object_set_new(all, "float_accuracy", json_real(plain->accuracy));
            json_object_set_new(all, "float_weight_bytes", json_integer((json_int_t)plain_bytes));
        }
        return json_out(all, 0);
    }
    if (plain) {
        printf("Accuracy of %s: %.2f %%  (%llu bytes of weights)\n",
               s->from ? "Float CNN (start)" : "Float CNN (master weights)", plain->accuracy * 100,
               (unsigned long long)plain_bytes);
        printf("Accuracy of Quantized CNN: %.2f %%  (%llu bytes of weights, integer session, %zu test images)\n",
               got->accuracy * 100, (unsigned long long)bytes, got->images);
    } else
        printf("Accuracy of %s CNN: %.2f %%  (%llu bytes of weights, %zu test images)\n",
               r->binary ? "Binary" : "Float", got->accuracy * 100, (unsigned long long)bytes, got->images);
    printf("saved: %s\n", s->out);
    return EXIT_OK;
}

/* Saves the trained model and tells what it is worth, beside the float one it stands for. */
static int finish(struct run *r)
{
    qnt_model *model = NULL, *plain = NULL;
    struct eval_result got, beside;
    int quantized = r->s->config.weight_bits > 0;
    int code = opt_fail(r->tool, qnt_train_model(r->train, &model));
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_model_save(model, r->s->out));
    if (code == EXIT_OK)
        code = loop_evaluate(r, model, r->test_set, &got);
    if (code == EXIT_OK && quantized && !r->s->from)
        code = opt_fail(r->tool, qnt_train_float_model(r->train, &plain));
    qnt_model *other = plain ? plain : r->start;
    if (code == EXIT_OK && quantized)
        code = loop_evaluate(r, other, r->test_set, &beside);
    if (code == EXIT_OK)
        code = print_result(r, &got, quantized ? &beside : NULL, qnt_model_weight_bytes(model),
                            qnt_model_weight_bytes(other));
    qnt_model_free(plain);
    qnt_model_free(model);
    return code;
}

static int train(struct run *r)
{
    int code = load_data(r);
    if (code == EXIT_OK)
        code = load_models(r);
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_train_create(r->start, r->teacher, r->train_set, &r->s->config, &r->train));
    if (code == EXIT_OK && r->s->resume)
        code = opt_fail(r->tool, qnt_train_restore(r->train, r->s->resume));
    if (code == EXIT_OK)
        code = loop_run(r);
    if (code == EXIT_OK)
        code = finish(r);
    qnt_train_free(r->train);
    qnt_model_free(r->teacher);
    qnt_dataset_free(r->test_set);
    qnt_dataset_free(r->held_out);
    qnt_dataset_free(r->train_set);
    return code;
}

/* What the options leave open, by the model. */
static int settle(struct settings *s, int binary, int argc, char **argv, struct opt_tool *tool)
{
    if (s->config.weight_bits == BITS_USUAL)
        s->config.weight_bits = binary ? 0 : 8;
    const char *usual = binary ? "signs" : !s->from ? "improved" : s->config.weight_bits == 1 ? "binary" : "finetune";
    int adam = s->config.optimizer == QNT_ADAM;
    recipe_apply(s->recipe ? s->recipe : usual, s);
    if (adam) /* a recipe's momentum is for its SGD; Adam has its own */
        s->config.momentum = 0.0f;
    parse(s, argc, argv, tool);
    if (s->config.kl > 0 && !s->teacher && !s->from)
        return opt_usage(tool, "--kl needs a teacher: give --teacher or --from");
    if (s->config.kl <= 0 && (s->teacher || s->config.kl_minus))
        return opt_usage(tool, "--teacher and --kl-minus are of --kl");
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    struct settings s = {
        .data = "builtin", .model = "article-cnn", .out = "model.qnt", .config = QNT_TRAIN_CONFIG_INIT};
    struct opt_tool tool = {.name = "qtrain", .summary = "trains a CNN in float or quantized", .operands = ""};
    s.config.weight_bits = BITS_USUAL;
    int code = parse(&s, argc, argv, &tool);
    if (code >= 0)
        return code;
    struct run r = {.tool = &tool, .s = &s, .epochs = json_array()};
    const char *const outputs[] = {s.out, s.checkpoint};
    code = file_outputs(&tool, outputs, 2, NULL, 0);
    if (code == EXIT_OK)
        code = opt_fail(&tool, env_context(&tool, &r.ctx));
    if (code == EXIT_OK)
        code = load_start(&r);
    if (code == EXIT_OK)
        code = settle(&s, r.binary, argc, argv, &tool);
    if (code == EXIT_OK)
        code = train(&r);
    qnt_model_free(r.start);
    qnt_ctx_free(r.ctx);
    json_decref(r.epochs);
    return code;
}
