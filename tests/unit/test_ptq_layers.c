/* Quantization layer by layer: what is told of the layers asks for the same model again, other layers need no other
 * look at the inputs; models with several inputs and outputs, some of them integers, and weights that two layers share.
 */
#include <math.h>
#include "ptq_util.h"

enum { FEW = 5, MOST_LAYERS = 24 };

static qnt_ptq *observed(qnt_model *f, const qnt_ptq_config *config)
{
    qnt_ptq *p;
    OK(qnt_ptq_create(f, config, &p));
    OK(qnt_ptq_observe(p, inputs, FEW));
    return p;
}

static size_t layers_of(const qnt_ptq *p, qnt_ptq_layer layer[MOST_LAYERS])
{
    const size_t n = qnt_ptq_layer_count(p);
    ck_assert_uint_le(n, MOST_LAYERS);
    for (size_t i = 0; i < n; i++) {
        layer[i].size = sizeof *layer;
        OK(qnt_ptq_layer_at(p, i, &layer[i]));
    }
    return n;
}

static void same_and_free(qnt_ptq *p, qnt_ptq *q)
{
    qnt_model *a, *b;
    OK(qnt_ptq_model(p, &a));
    OK(qnt_ptq_model(q, &b));
    same_model(a, b);
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_ptq_free(p);
    qnt_ptq_free(q);
}

static qnt_status depthwise(qnt_ctx *c, qnt_model **out)
{
    return test_model_depthwise(c, false, out);
}
static qnt_status (*const build[])(qnt_ctx *, qnt_model **) = {test_model_float, depthwise};

#define CONFIG(...)                                                                                                    \
    {                                                                                                                  \
        .size = sizeof(qnt_ptq_config), __VA_ARGS__                                                                    \
    }
static const qnt_ptq_config ways[] = {
    CONFIG(.weight_bits = 4, .activation_bits = 5, .edge_bits = 7),
    CONFIG(.weight_bits = 3, .per_tensor = 1, .activation_bits = 6, .rounding = QNT_ROUND_LEARNED),
    CONFIG(.weight_bits = QNT_BITS_TERNARY, .equalize = 1),
    CONFIG(.activation_bits = 3),
};

/* All that is chosen by widths, edges and patterns is in the layers: these alone give the model again. */
START_TEST(layers_ask_for_the_same_model)
{
    qnt_ptq_config way = ways[_i % 4];
    qnt_ptq_layer layer[MOST_LAYERS];
    qnt_ptq_config plain = CONFIG(.rounding = way.rounding, .equalize = way.equalize, .layers = layer);
    qnt_model *f;
    OK(build[_i / 4](ctx, &f));
    way.keep_float = _i % 4 == 3 ? f->node[0].name : NULL;
    qnt_ptq *p = observed(f, &way);
    plain.n_layers = layers_of(p, layer);
    same_and_free(p, observed(f, &plain));
    qnt_model_free(f);
}
END_TEST

/* Chosen after the inputs were seen, one choice after the other, as if each had been there from the start. */
START_TEST(other_layers_for_the_same_inputs)
{
    static const struct {
        const char *name;
        uint32_t bits, activation_bits;
        qnt_granularity granularity;
    } choice[] = {{"conv", 3, 5, QNT_PER_TENSOR},
                  {"conv", QNT_BITS_FLOAT, 0, 0},
                  {"pool", QNT_BITS_FLOAT, 4, 0},
                  {"fc", QNT_BITS_FLOAT, 3, 0},
                  {"fc", 1, 4, 0},
                  {"relu", QNT_BITS_FLOAT, 0, 0}};
    qnt_model *f, *a, *b, *before;
    qnt_ptq_config config = CONFIG(.rounding = _i ? QNT_ROUND_LEARNED : QNT_ROUND_NEAREST, .n_layers = 1);
    OK(test_model_float(ctx, &f));
    qnt_ptq *p = observed(f, &(qnt_ptq_config)CONFIG(.rounding = config.rounding));
    OK(qnt_ptq_model(p, &before));
    for (size_t i = 0; i < sizeof choice / sizeof *choice; i++) {
        const qnt_ptq_layer l = {.size = sizeof l,
                                 .name = choice[i].name,
                                 .weight_bits = choice[i].bits,
                                 .activation_bits = choice[i].activation_bits,
                                 .granularity = choice[i].granularity};
        OK(qnt_ptq_choose(p, &l, 1));
        config.layers = &l;
        qnt_ptq *q = observed(f, &config);
        OK(qnt_ptq_model(p, &a));
        OK(qnt_ptq_model(q, &b));
        same_model(a, b);
        qnt_ptq_free(q);
        qnt_model_free(a);
        qnt_model_free(b);
    }
    OK(qnt_ptq_choose(p, NULL, 0));
    OK(qnt_ptq_model(p, &a));
    same_model(a, before);
    qnt_model_free(a);
    qnt_model_free(before);
    qnt_ptq_free(p);
    qnt_model_free(f);
}
END_TEST

static const struct qnt_tensor *weights_of(const qnt_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!strcmp(m->node[i].name, name))
            return &m->tensor[m->node[i].in[1]];
    ck_abort_msg("no node '%s'", name);
}

/* A layer's own words are over what is said for all. */
START_TEST(a_layer_has_its_widths)
{
    const qnt_ptq_layer layer[] = {
        {.size = sizeof *layer, .name = "conv", .weight_bits = 3, .activation_bits = 4, .granularity = QNT_PER_TENSOR},
        {.size = sizeof *layer, .name = "fc", .weight_bits = 6, .activation_bits = 5, .granularity = QNT_PER_CHANNEL}};
    const qnt_ptq_config config = CONFIG(.weight_bits = 5, .activation_bits = 7, .edge_bits = 2, .per_tensor = 1,
                                         .layer_bits = "conv=7", .layers = layer, .n_layers = 2);
    qnt_model *f, *q;
    OK(test_model_float(ctx, &f));
    qnt_ptq *p = observed(f, &config);
    OK(qnt_ptq_model(p, &q));
    const struct qnt_tensor *conv = weights_of(q, "conv"), *fc = weights_of(q, "fc");
    ck_assert_uint_eq(conv->bits, 3);
    ck_assert_uint_eq(fc->bits, 6);
    ck_assert(conv->scale[0] == conv->scale[1] && fc->scale[0] != fc->scale[1]);
    for (size_t i = 0; i < q->n_nodes; i++) {
        const struct qnt_tensor *out = &q->tensor[q->node[i].out];
        if (out->type == QNT_S8) /* the input keeps 8; the pool passes on */
            ck_assert_uint_eq(out->bits, q->node[i].in[0] == q->inputs.id[0] ? 8
                                         : !strcmp(q->node[i].name, "fc")    ? 5
                                                                             : 4);
    }
    qnt_model_free(q);
    qnt_ptq_free(p);
    qnt_model_free(f);
}
END_TEST

START_TEST(refusals)
{
    static const qnt_ptq_layer good = {.size = sizeof good, .name = "conv", .weight_bits = 4};
    static const struct {
        qnt_ptq_layer layer;
        const char *text;
    } row[] = {
        {{.name = "nobody"}, "'nobody': the model has no node of this name"},
        {{.name = NULL}, "'': the model has no node of this name"},
        {{.name = "conv"}, "'conv': the second of this name"},
        {{.name = "fc", .weight_bits = 9}, "'fc': weight_bits is 9, expected 0 to 8"},
        {{.name = "relu", .weight_bits = 8}, "'relu': weight_bits is 8, expected 0 or QNT_BITS_FLOAT"},
        {{.name = "fc", .activation_bits = 1}, "'fc': activation_bits is 1, expected 0, or 2 to 8"},
        {{.name = "fc", .activation_bits = 9}, "activation_bits is 9"},
        {{.name = "fc", .granularity = (qnt_granularity)3}, "granularity is 3"},
        {{.name = "fc", .reserved = 1}, "reserved is 1"},
    };
    qnt_ptq_config config = CONFIG(.n_layers = 2);
    qnt_ptq_layer pair[2] = {good};
    qnt_model *f, *a, *b;
    qnt_ptq *p, *none;
    OK(test_model_float(ctx, &f));
    ck_assert_int_eq(qnt_ptq_create(f, &config, &none), QNT_ERR_ARG);
    ck_assert(strstr(qnt_last_error(), "n_layers is 2"));
    config.layers = pair;
    p = observed(f, NULL);
    OK(qnt_ptq_choose(p, &good, 1));
    OK(qnt_ptq_model(p, &a));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        pair[1] = row[i].layer;
        pair[1].size = sizeof *pair;
        ck_assert_int_eq(qnt_ptq_choose(p, pair, 2), QNT_ERR_ARG);
        ck_assert_msg(strstr(qnt_last_error(), row[i].text), "'%s' has no '%s'", qnt_last_error(), row[i].text);
        ck_assert_int_eq(qnt_ptq_create(f, &config, &none), QNT_ERR_ARG);
    }
    pair[1].size = 24;
    ck_assert_int_eq(qnt_ptq_choose(p, pair, 2), QNT_ERR_ARG);
    ck_assert(strstr(qnt_last_error(), "layer 1: its size is not that of the first"));
    ck_assert_int_eq(qnt_ptq_choose(p, NULL, 1), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_ptq_layer_at(p, qnt_ptq_layer_count(p), pair), QNT_ERR_ARG);
    OK(qnt_ptq_model(p, &b)); /* nothing has changed */
    same_model(a, b);
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_ptq_free(p);
    qnt_model_free(f);
}
END_TEST

enum { PIXELS = 6 * 6, IN = PIXELS * 3, OUT = 5 };
/* conv(a) + conv(b), of the same weights and biases; a layer on that, onto which whole numbers are added: outputs are
 * this, the sum, and the whole numbers in
 * 64 bits. */
static qnt_model *two_inputs(void)
{
    static const size_t image[] = {6, 6, 3}, kernel[] = {3, 1, 1, 3}, fc[] = {OUT, IN}, channels[] = {3}, out[] = {OUT};
    const struct qnt_tensor whole = {.name = "whole", .type = QNT_S32, .bits = 32, .rank = 1, .dim = {OUT}};
    qnt_model *m;
    const struct qnt_tensor s64 = {.type = QNT_S64, .bits = 64};
    int a, b, n, w, bias, sum, y, wide;
    unit_seed();
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "a", 3, image, &a));
    OK(qnt_model_add_input(m, "b", 3, image, &b));
    OK(qnt_model_append_input(m, &whole, &n));
    w = add_floats(m, "w", 4, kernel, 1.0f);
    bias = add_floats(m, "bias", 1, channels, 1.0f);
    OK(qnt_model_add_node(m, "conv2d", "left", NULL, (int[]){a, w, bias}, 3, &a));
    OK(qnt_model_add_node(m, "conv2d", "right", NULL, (int[]){b, w, bias}, 3, &b));
    OK(qnt_model_add_node(m, "add", "sum", NULL, (int[]){a, b}, 2, &sum));
    OK(qnt_model_add_node(m, "flatten", "flat", NULL, &sum, 1, &y));
    w = add_floats(m, "fc.w", 2, fc, 0.1f);
    bias = add_floats(m, "fc.b", 1, out, 1.0f);
    OK(qnt_model_add_node(m, "fully_connected", "fc", NULL, (int[]){y, w, bias}, 3, &y));
    OK(qnt_model_append_node(m, &qnt_op_cast, "wide", NULL, &n, 1, NULL, &s64, &wide));
    OK(qnt_model_add_node(m, "cast", "cast", NULL, &n, 1, &n));
    OK(qnt_model_add_node(m, "add", "shift", NULL, (int[]){y, n}, 2, &y));
    OK(qnt_model_add_output(m, y));
    OK(qnt_model_add_output(m, sum));
    OK(qnt_model_add_output(m, wide));
    return m;
}

static float image[2][FEW * IN];
static int32_t whole[FEW * OUT];
static const void *const in[] = {image[0], image[1], whole};

static void quantize_two(qnt_model *f, size_t batch, const qnt_ptq_config *config, qnt_model **out)
{
    qnt_ptq *p;
    OK(qnt_ptq_create(f, config, &p));
    for (size_t i = 0; i < FEW; i += batch) {
        const void *at[] = {image[0] + i * IN, image[1] + i * IN, whole + i * OUT};
        OK(qnt_ptq_observe_io(p, at, FEW - i < batch ? FEW - i : batch));
    }
    OK(qnt_ptq_model(p, out));
    qnt_ptq_free(p);
}

static void run_two(qnt_model *m, float *shift, float *sum)
{
    const qnt_session_config config = {.size = sizeof config, .max_batch = FEW};
    int64_t wide[FEW * OUT];
    void *const out[] = {shift, sum, wide};
    qnt_session *s;
    OK(qnt_session_create(m, &config, &s));
    OK(qnt_session_run_io(s, in, out, FEW));
    qnt_session_free(s);
    for (size_t i = 0; i < FEW * OUT; i++)
        ck_assert_int_eq(wide[i], whole[i]);
}

static float worst(const float *a, const float *b, size_t n)
{
    float most = 0.0f, range = 0.0f;
    for (size_t i = 0; i < n; i++) {
        most = fmaxf(most, fabsf(a[i] - b[i]));
        range = fmaxf(range, fabsf(a[i]));
    }
    return most / range;
}

START_TEST(several_inputs_and_outputs)
{
    static const char *const kept[] = {NULL, "left", "fc", "right,sum"}; /* the shared weights as floats, too */
    static float y[2][FEW * OUT], sum[2][FEW * IN];
    const qnt_ptq_config config = CONFIG(.keep_float = kept[_i], .calibration = QNT_CALIBRATE_MINMAX);
    qnt_model *f = two_inputs(), *q, *again;
    for (size_t i = 0; i < FEW * IN; i++) {
        image[0][i] = 2.0f * unit_random_float();
        image[1][i] = unit_random_float() + 0.5f;
    }
    for (size_t i = 0; i < FEW * OUT; i++)
        whole[i] = (int32_t)(i % 7) - 3;
    quantize_two(f, 1, &config, &q);
    quantize_two(f, FEW, &config, &again);
    same_model(q, again);
    ck_assert_uint_eq(q->inputs.n, 3);
    ck_assert_int_eq(q->tensor[q->inputs.id[2]].type, QNT_S32);
    ck_assert_int_eq(q->tensor[q->outputs.id[2]].type, QNT_S64);
    run_two(f, y[0], sum[0]);
    run_two(q, y[1], sum[1]);
    ck_assert_float_lt(worst(y[0], y[1], FEW * OUT), 0.02f);
    ck_assert_float_lt(worst(sum[0], sum[1], FEW * IN), 0.02f);
    ck_assert(memcmp(sum[0], sum[1], sizeof sum[0]) != 0);
    qnt_model_free(q);
    qnt_model_free(again);
    qnt_model_free(f);
}
END_TEST

START_TEST(inputs_are_all_given)
{
    const void *const two[] = {image[0], NULL, whole};
    qnt_model *f = two_inputs();
    qnt_ptq *p;
    OK(qnt_ptq_create(f, NULL, &p));
    ck_assert_int_eq(qnt_ptq_observe(p, image[0], 1), QNT_ERR_ARG);
    ck_assert(strstr(qnt_last_error(), "3 inputs"));
    ck_assert_int_eq(qnt_ptq_observe_io(p, two, 1), QNT_ERR_ARG);
    ck_assert(strstr(qnt_last_error(), "input 1 is NULL"));
    ck_assert_int_eq(qnt_ptq_observe_io(p, in, 0), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_ptq_observe_io(p, NULL, 1), QNT_ERR_ARG);
    qnt_ptq_free(p);
    qnt_model_free(f);
}
END_TEST

static qnt_status once(void)
{
    const qnt_ptq_layer layer = {.size = sizeof layer, .name = "conv", .weight_bits = QNT_BITS_FLOAT};
    return ptq_or_fail(NULL, &layer);
}

START_TEST(memory_runs_out)
{
    oom_sweep("layers of a quantization", once);
    ck_assert_uint_eq(oom_live(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptq_layers");
    TCase *tc = tcase_create("ptq_layers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, layers_ask_for_the_same_model, 0, 8);
    tcase_add_loop_test(tc, other_layers_for_the_same_inputs, 0, 2);
    tcase_add_test(tc, a_layer_has_its_widths);
    tcase_add_test(tc, refusals);
    tcase_add_loop_test(tc, several_inputs_and_outputs, 0, 4);
    tcase_add_test(tc, inputs_are_all_given);
    tcase_add_test(tc, memory_runs_out);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
