/* Post-training quantization: what is noted does not depend on batches, levels change no byte, layers stay in float
 * where they are told to, equalization leaves the network's function, biases take back the mean error. */
#include <math.h>
#include "ptq_util.h"

static void quantize(qnt_model *f, const qnt_ptq_config *config, size_t batch, qnt_model **out)
{
    qnt_ptq *p;
    OK(qnt_ptq_create(f, config, &p));
    for (size_t i = 0; i < INPUTS; i += batch)
        OK(qnt_ptq_observe(p, inputs + i * TEST_MODEL_IN, INPUTS - i < batch ? INPUTS - i : batch));
    OK(qnt_ptq_model(p, out));
    qnt_ptq_free(p);
}

static void run(qnt_model *m, const float *in, float *out)
{
    qnt_session *s;
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run(s, in, out, 1));
    qnt_session_free(s);
}

/* The largest difference of the outputs over the inputs. */
static float distance(qnt_model *a, qnt_model *b)
{
    float most = 0.0f, x[TEST_MODEL_OUT], y[TEST_MODEL_OUT];
    for (size_t i = 0; i < INPUTS; i++) {
        run(a, inputs + i * TEST_MODEL_IN, x);
        run(b, inputs + i * TEST_MODEL_IN, y);
        for (size_t k = 0; k < TEST_MODEL_OUT; k++)
            most = fmaxf(most, fabsf(x[k] - y[k]));
    }
    return most;
}

static const qnt_ptq_config ways[] = {
    {.size = sizeof(qnt_ptq_config)},
    {.size = sizeof(qnt_ptq_config), .calibration = QNT_CALIBRATE_MINMAX, .per_tensor = 1},
    {.size = sizeof(qnt_ptq_config), .calibration = QNT_CALIBRATE_AVERAGE, .equalize = 1},
    {.size = sizeof(qnt_ptq_config), .calibration = QNT_CALIBRATE_PERCENTILE, .percentile = 0.01f, .edge_bits = 8},
    {.size = sizeof(qnt_ptq_config), .calibration = QNT_CALIBRATE_ENTROPY, .no_bias_correction = 1},
    {.size = sizeof(qnt_ptq_config), .rounding = QNT_ROUND_LEARNED, .weight_bits = 4},
    {.size = sizeof(qnt_ptq_config), .weight_bits = QNT_BITS_TERNARY, .rounding = QNT_ROUND_LEARNED},
    {.size = sizeof(qnt_ptq_config), .weight_bits = 1, .edge_bits = 8},
    {.size = sizeof(qnt_ptq_config), .weight_bits = 4, .activation_bits = 4},
    {.size = sizeof(qnt_ptq_config), .weight_bits = 3, .activation_bits = 2, .calibration = QNT_CALIBRATE_ENTROPY},
};

START_TEST(any_batches)
{
    qnt_model *f, *a, *b;
    OK(test_model_float(ctx, &f));
    quantize(f, &ways[_i], 1, &a);
    quantize(f, &ways[_i], 7, &b);
    same_model(a, b);
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_model_free(f);
}
END_TEST

START_TEST(any_level)
{
    qnt_model *f, *a, *b;
    qnt_ctx *ref;
    qnt_config config = {.size = sizeof config, .isa = "ref"};
    OK(qnt_ctx_create(&config, &ref));
    OK(test_model_float(ctx, &f));
    quantize(f, &ways[_i], 3, &a);
    qnt_model_free(f);
    OK(test_model_float(ref, &f));
    quantize(f, &ways[_i], 3, &b);
    same_model(a, b);
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_model_free(f);
    qnt_ctx_free(ref);
}
END_TEST

START_TEST(eight_bits_are_close)
{
    qnt_model *f, *q;
    OK(test_model_float(ctx, &f));
    quantize(f, NULL, 4, &q);
    ck_assert_float_lt(distance(f, q), 0.03f); /* of softmax */
    qnt_model_free(q);
    qnt_model_free(f);
}
END_TEST

/* Every kind of node: what has a quantized form and what stays in float between; equalized and rounded by learning,
 * too. The outputs stay near those of the floats, as all codes have 8 bits. */
START_TEST(every_kind_of_layer)
{
    enum { MOST = 256 };
    static qnt_status (*const build[])(qnt_ctx *, bool, qnt_model **) = {
        test_model_pools, test_model_depthwise, test_model_pairs, test_model_functions, test_model_moves};
    const qnt_ptq_config config = {
        .size = sizeof config, .equalize = _i % 2, .rounding = _i % 2 ? QNT_ROUND_LEARNED : QNT_ROUND_NEAREST};
    float x[MOST], y[MOST], range = 0.0f, error = 0.0f;
    qnt_model *f, *q;
    size_t codes = 0, n;
    OK(build[_i / 2](ctx, false, &f));
    n = qnt_tensor_count(&f->tensor[f->outputs.id[0]]);
    ck_assert_uint_le(n, MOST);
    ck_assert_uint_eq(qnt_tensor_count(&f->tensor[f->inputs.id[0]]), TEST_MODEL_IN);
    quantize(f, &config, 5, &q);
    for (size_t i = 0; i < q->n_nodes; i++)
        codes += q->tensor[q->node[i].out].type == QNT_S8;
    ck_assert(_i / 2 != 1 || codes >= 2); /* the others have no layer with weights: they stay in floats */
    for (size_t i = 0; i < INPUTS; i++) {
        run(f, inputs + i * TEST_MODEL_IN, x);
        run(q, inputs + i * TEST_MODEL_IN, y);
        for (size_t k = 0; k < n; k++) {
            range = fmaxf(range, fabsf(x[k]));
            error = fmaxf(error, fabsf(x[k] - y[k]));
        }
    }
    ck_assert_msg(error < 0.06f * range, "%g of %g", (double)error, (double)range);
    qnt_model_free(q);
    qnt_model_free(f);
}
END_TEST

enum { SIDE = 5, DEEP = 4, WIDE = 6, PIXELS = SIDE * SIDE };
/* A padded convolution of two groups on inputs whose channels differ in their mean: what a layer is given depends on
 * all. images: more than 1 in a dimension in front. */
static qnt_model *grouped(size_t images, float in[INPUTS][PIXELS * DEEP])
{
    const size_t dim[] = {images, SIDE, SIDE, DEEP};
    static const size_t shape[] = {WIDE, 3, 3, DEEP / 2}, one[] = {WIDE};
    float w[WIDE * 9 * DEEP / 2], b[WIDE];
    const qnt_node_attr attr = ATTR(.pad = {1, 1, 1, 1}, .groups = 2);
    qnt_model *m;
    int id[3];
    test_model_images(w, sizeof w / sizeof *w);
    test_model_images(b, WIDE);
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", images > 1 ? 4 : 3, images > 1 ? dim : dim + 1, &id[0]));
    OK(qnt_model_add_const(m, "w", 4, shape, w, &id[1]));
    OK(qnt_model_add_const(m, "b", 1, one, b, &id[2]));
    OK(qnt_model_add_node(m, "conv2d", "conv", &attr, id, 3, &id[0]));
    OK(qnt_model_set_output(m, id[0]));
    test_model_images(in[0], INPUTS * PIXELS * DEEP);
    for (size_t i = 0; i < INPUTS * PIXELS * DEEP; i++)
        in[i / (PIXELS * DEEP)][i % (PIXELS * DEEP)] += (float)(i % DEEP) - 0.5f;
    return m;
}

/* Sum over the channels of the mean distance of a channel from the floats'. */
static double shift_of(qnt_model *f, size_t images, const qnt_ptq_config *config, float in[INPUTS][PIXELS * DEEP])
{
    float x[INPUTS * PIXELS * WIDE], y[INPUTS * PIXELS * WIDE];
    double shift[WIDE] = {0}, all = 0;
    qnt_model *q;
    qnt_ptq *p;
    OK(qnt_ptq_create(f, config, &p));
    OK(qnt_ptq_observe(p, in[0], INPUTS / images));
    OK(qnt_ptq_model(p, &q));
    qnt_ptq_free(p);
    for (size_t i = 0; i < INPUTS; i += images) {
        run(f, in[i], x);
        run(q, in[i], y);
        for (size_t k = 0; k < images * PIXELS * WIDE; k++)
            shift[k % WIDE] += (double)(y[k] - x[k]) / (INPUTS * PIXELS);
    }
    for (size_t c = 0; c < WIDE; c++)
        all += fabs(shift[c]);
    qnt_model_free(q);
    return all;
}

START_TEST(biases_take_back_the_mean_error)
{
    static float in[INPUTS][PIXELS * DEEP];
    const size_t images = _i ? 3 : 1;
    qnt_model *f = grouped(images, in);
    qnt_ptq_config config = {.size = sizeof config, .weight_bits = 2, .calibration = QNT_CALIBRATE_MINMAX};
    const double corrected = shift_of(f, images, &config, in);
    config.no_bias_correction = 1;
    const double plain = shift_of(f, images, &config, in);
    ck_assert_msg(corrected < 0.06 * plain, "%g of %g", corrected, plain);
    qnt_model_free(f);
}
END_TEST

START_TEST(all_in_float_is_the_same)
{
    qnt_model *f, *q;
    const qnt_ptq_config config = {.size = sizeof config, .keep_float = "*"};
    OK(test_model_float(ctx, &f));
    quantize(f, &config, 4, &q);
    ck_assert(distance(f, q) == 0.0f);
    qnt_model_free(q);
    qnt_model_free(f);
}
END_TEST

START_TEST(only_one)
{
    qnt_model *f, *q;
    size_t codes = 0;
    OK(test_model_float(ctx, &f));
    const struct qnt_node *last = NULL;
    for (size_t i = 0; i < f->n_nodes; i++)
        last = qnt_has_weights(&f->node[i]) ? &f->node[i] : last;
    ck_assert(last != NULL);
    const qnt_ptq_config config = {.size = sizeof config, .only = last->name};
    quantize(f, &config, 4, &q);
    for (size_t i = 0; i < q->n_nodes; i++)
        if (qnt_has_weights(&q->node[i]) && q->tensor[q->node[i].in[1]].type == QNT_S8) {
            ck_assert_str_eq(q->node[i].name, last->name);
            codes++;
        }
    ck_assert_uint_eq(codes, 1);
    qnt_model_free(q);
    qnt_model_free(f);
}
END_TEST

/* Activations of k bits have no other codes, and use most of them; input and output keep 8 bits. */
START_TEST(narrow_activations)
{
    qnt_model *f, *q;
    qnt_session *s;
    const qnt_ptq_config config = {.size = sizeof config, .activation_bits = 3};
    const qnt_session_config keep = {.size = sizeof keep, .keep_tensors = 1, .max_batch = INPUTS};
    float out[INPUTS * TEST_MODEL_OUT];
    size_t narrow = 0;
    OK(test_model_float(ctx, &f));
    quantize(f, &config, 4, &q);
    OK(qnt_session_create(q, &keep, &s));
    OK(qnt_session_run(s, inputs, out, INPUTS));
    for (size_t i = 0; i < q->n_tensors; i++) {
        const struct qnt_tensor *t = &q->tensor[i];
        const void *data;
        if (t->constant || t->type != QNT_S8 || qnt_session_peek(s, t->name, &data, NULL))
            continue;
        int least = 127, most = -128;
        for (size_t k = 0; k < INPUTS * qnt_tensor_count(t); k++) {
            least = ((const int8_t *)data)[k] < least ? ((const int8_t *)data)[k] : least;
            most = ((const int8_t *)data)[k] > most ? ((const int8_t *)data)[k] : most;
        }
        if (t->bits == 8)
            continue;
        ck_assert_uint_eq(t->bits, 3);
        ck_assert_msg(least >= -4 && most <= 3 && most - least >= 4, "'%s': %d to %d", t->name, least, most);
        narrow++;
    }
    ck_assert_uint_ge(narrow, 2);
    qnt_session_free(s);
    qnt_model_free(q);
    qnt_model_free(f);
}
END_TEST

/* Also where the last layer is the output, where depthwise layers lie between, and behind a flatten. */
START_TEST(equalizing_keeps_the_function)
{
    static const char *const names[] = {"article-cnn", "ds-cnn", "fc-autoencoder", "mobilenetv1-0.25-cifar"};
    qnt_model *f, *e;
    OK(qnt_model_build(ctx, names[_i], 1, &f));
    OK(qnt_model_clone(f, &e));
    const size_t n_in = qnt_tensor_count(&f->tensor[f->inputs.id[0]]),
                 n = qnt_tensor_count(&f->tensor[f->outputs.id[0]]);
    float *in = malloc(n_in * sizeof *in), *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y), range = 0.0f;
    const struct qnt_tensor *w = &e->tensor[e->node[0].in[1]];
    const float before = ((float *)w->data)[0];
    test_model_images(in, n_in);
    qnt_ptq_equalize(e);
    ck_assert(((float *)w->data)[0] != before);
    run(f, in, x);
    run(e, in, y);
    for (size_t k = 0; k < n; k++)
        range = fmaxf(range, fabsf(x[k]));
    for (size_t k = 0; k < n; k++)
        ck_assert_float_lt(fabsf(x[k] - y[k]), 1e-5f * range);
    free(in);
    free(x);
    free(y);
    qnt_model_free(e);
    qnt_model_free(f);
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        qnt_ptq_config config;
        const char *text;
    } row[] = {
        {{.weight_bits = 9}, "weight_bits is 9"},
        {{.edge_bits = 12}, "edge_bits is 12"},
        {{.activation_bits = 1}, "activation_bits is 1"},
        {{.percentile = 0.7f}, "percentile is 0.7"},
        {{.equalize = 2}, "equalize 2"},
        {{.keep_float = "nobody"}, "keep_float: no node fits 'nobody'"},
        {{.only = "conv,x*y"}, "only: no node fits"},
        {{.layer_bits = "conv"}, "expected LAYER=BITS"},
    };
    qnt_model *f, *out;
    qnt_ptq *p;
    OK(test_model_float(ctx, &f));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        qnt_ptq_config c = row[i].config;
        c.size = sizeof c;
        ck_assert_int_ne(qnt_ptq_create(f, &c, &p), QNT_OK);
        ck_assert_msg(strstr(qnt_last_error(), row[i].text), "'%s' has no '%s'", qnt_last_error(), row[i].text);
    }
    OK(qnt_ptq_create(f, NULL, &p));
    ck_assert_int_eq(qnt_ptq_model(p, &out), QNT_ERR_STATE);
    ck_assert_int_eq(qnt_ptq_observe(p, inputs, 0), QNT_ERR_ARG);
    float odd[2 * TEST_MODEL_IN] = {0};
    for (int k = 0; k < 3; k++) {
        odd[TEST_MODEL_IN + 5] = k == 0 ? NAN : k == 1 ? INFINITY : -INFINITY;
        ck_assert_int_eq(qnt_ptq_observe(p, odd, 2), QNT_ERR_RANGE);
        ck_assert_msg(strstr(qnt_last_error(), "element 5 of ") && strstr(qnt_last_error(), "in image 1,"), "%s",
                      qnt_last_error());
    }
    qnt_ptq_free(p);
    qnt_model_free(f);
    OK(test_model_quantized(ctx, 8, &f));
    ck_assert_int_eq(qnt_ptq_create(f, NULL, &p), QNT_ERR_TYPE);
    qnt_model_free(f);
}
END_TEST

static qnt_status once(void)
{
    const qnt_ptq_config config = {
        .size = sizeof config, .rounding = QNT_ROUND_LEARNED, .only = "*", .layer_bits = NULL};
    return ptq_or_fail(&config, NULL);
}

START_TEST(memory_runs_out)
{
    oom_sweep("post-training quantization", once);
    ck_assert_uint_eq(oom_live(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptq");
    TCase *tc = tcase_create("ptq");
    const int n = sizeof ways / sizeof *ways;
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, any_batches, 0, n);
    tcase_add_loop_test(tc, any_level, 0, n);
    tcase_add_test(tc, eight_bits_are_close);
    tcase_add_loop_test(tc, every_kind_of_layer, 0, 10);
    tcase_add_loop_test(tc, biases_take_back_the_mean_error, 0, 2);
    tcase_add_test(tc, all_in_float_is_the_same);
    tcase_add_test(tc, only_one);
    tcase_add_test(tc, narrow_activations);
    tcase_add_loop_test(tc, equalizing_keeps_the_function, 0, 4);
    tcase_add_test(tc, refusals);
    tcase_add_test(tc, memory_runs_out);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
