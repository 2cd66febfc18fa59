/* Batch norm in training: statistics and gradients of the whole mini-batch, whatever the shards and threads; running
 * averages; the folded model. */
#include "lib/train/trainer.h"
#include "tests/common/quick.h"
#include "tests/common/temp.h"
#include "train_util.h"
#include "unit.h"

enum { IMAGES = 40, SAMPLES = 3, LARGE = 33 * 16 + 5 }; /* shards of 16, 16 and 8; LARGE: 34 of them */

/* On the input itself, where only its own parameters get a gradient, and twice in a row. */
static const struct layer first_net[] = {
    {.op = "batchnorm", .out = 3, .attr = ATTR(.epsilon = 1e-2f)},
    {.op = "conv2d", .out = 4, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4})},
    {.op = "batchnorm", .out = 4, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "batchnorm", .out = 4, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "clamp", .attr = ATTR(.lo = -0.5f, .hi = 1.0f)},
    {.op = "global_avgpool"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 4},
    {.op = NULL},
};
static const struct layer *const nets[] = {norm_net, foldable_net, first_net, binary_net};

static qnt_ctx *ctx;
static qnt_dataset *data;
static uint32_t batch;

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
    batch = IMAGES;
}

static void take_many(void)
{
    qnt_dataset_free(data);
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, LARGE + 7, &data));
    batch = LARGE;
}

static void teardown(void)
{
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}

static qnt_train_config config(void)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    c.batch = batch;
    c.epochs = 3;
    c.threads = 2;
    c.lr = 0.05f;
    return c;
}

static qnt_train *make(qnt_model *start, const qnt_train_config *c)
{
    qnt_train *t;
    OK(qnt_train_create(start, NULL, data, c, &t));
    return t;
}

static double step(qnt_train *t)
{
    qnt_train_progress p;
    int done;
    OK(qnt_train_step(t, &p, &done));
    return p.loss;
}

/* Of the mini-batch in training mode, which is the whole set; element e of constant `name` moved by h. */
static double loss_of(const qnt_model *m, const char *name, size_t e, float h)
{
    qnt_train_config c = config();
    qnt_model *moved;
    OK(qnt_model_clone(m, &moved));
    ((float *)moved->tensor[qnt_model_find(moved, name)].data)[e] += h;
    qnt_train *t = make(moved, &c);
    double loss = step(t);
    qnt_train_free(t);
    qnt_model_free(moved);
    return loss;
}

static void check_constant(const qnt_model *m, const qnt_model *after, size_t id)
{
    const struct qnt_tensor *t = &m->tensor[id];
    const float *b = t->data, *a = after->tensor[id].data, h = 5e-4f; /* small: kinks are near */
    size_t n = qnt_tensor_count(t);
    struct qnt_rng r = qnt_rng_key(7, id, 0);
    float largest = 0.0f;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(b[i] - a[i]));
    for (int s = 0; s < (test_emulated() ? 1 : SAMPLES); s++) {
        size_t e = qnt_rng_below(&r, n);
        double slope = (loss_of(m, t->name, e, h) - loss_of(m, t->name, e, -h)) / (2.0 * (double)h);
        double found = (double)b[e] - (double)a[e];
        ck_assert_msg(fabs(slope - found) < 0.02 * (double)largest + 2e-4, "%s[%zu]: slope %g, gradient %g", t->name, e,
                      slope, found);
    }
    /* a bias before a batch norm changes nothing, nor does a factor */
    ck_assert_msg(largest > 1e-4f || t->name[0] == 'b' || !strcmp(t->name, "g2"), "%s: no gradient", t->name);
}

START_TEST(gradients_match_finite_differences)
{
    qnt_train_config c = config();
    c.lr = 1.0f;
    qnt_model *m = net_make(ctx, nets[_i], 1, SIZE_MAX, 0, 0.0f), *after;
    qnt_train *t = make(m, &c);
    step(t);
    OK(qnt_train_float_model(t, &after));
    for (size_t i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].constant && m->tensor[i].name[0] != 'm' && m->tensor[i].name[0] != 'v')
            check_constant(m, after, i);
    qnt_train_free(t);
    qnt_model_free(after);
    qnt_model_free(m);
}
END_TEST

/* Behind the last batch norm, at it, and before all. */
START_TEST(shards_of_one_task_add_up)
{
    static const char *const names[] = {"b13", "w13", "b11", "w0"};
    qnt_train_config c;
    take_many();
    c = config();
    c.lr = 1.0f;
    qnt_model *m = net_make(ctx, norm_net, 1, SIZE_MAX, 0, 0.0f), *after;
    qnt_train *t = make(m, &c);
    step(t);
    OK(qnt_train_float_model(t, &after));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_constant(m, after, (size_t)qnt_model_find(m, names[i]));
    qnt_train_free(t);
    qnt_model_free(after);
    qnt_model_free(m);
}
END_TEST

/* What the first convolution gives for all images, by a session of it alone. */
static void first_moments(const qnt_model *m, size_t channels, double *mean, double *variance, size_t *rows)
{
    static float in[IMAGE], out[8 * 8 * 8];
    const size_t image[3] = {32, 32, 3};
    qnt_model *conv;
    qnt_session *s;
    int id[3], y;
    OK(qnt_model_new(ctx, &conv));
    OK(qnt_model_add_input(conv, "image", 3, image, &id[0]));
    for (int k = 1; k < 3; k++) {
        const struct qnt_tensor *t = &m->tensor[m->node[0].in[k]];
        OK(qnt_model_add_const(conv, t->name, t->rank, t->dim, t->data, &id[k]));
    }
    OK(qnt_model_add_node(conv, "conv2d", "conv", &m->node[0].attr, id, 3, &y));
    OK(qnt_model_set_output(conv, y));
    OK(qnt_session_create(conv, NULL, &s));
    size_t n = qnt_tensor_count(&conv->tensor[y]);
    memset(mean, 0, channels * sizeof *mean);
    memset(variance, 0, channels * sizeof *variance);
    *rows = IMAGES * n / channels;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < IMAGES; i++) {
            OK(qnt_dataset_input(data, m, i, in, NULL));
            OK(qnt_session_run(s, in, out, 1));
            for (size_t k = 0; k < n; k++) {
                double d = (double)out[k] - mean[k % channels];
                if (pass)
                    variance[k % channels] += d * d / (double)*rows;
                else
                    mean[k % channels] += (double)out[k] / (double)*rows;
            }
        }
    qnt_session_free(s);
    qnt_model_free(conv);
}

static const float *constant(const qnt_model *m, const char *name)
{
    return m->tensor[qnt_model_find(m, name)].data;
}

/* _i: the default momentum, another, and all. */
START_TEST(averages_move_to_the_mini_batch)
{
    static const float momenta[] = {0.0f, 0.3f, 1.0f};
    qnt_train_config c = config();
    double mean[8], variance[8], part = _i ? (double)momenta[_i] : 0.1;
    size_t rows;
    c.batchnorm_momentum = momenta[_i];
    c.weight_decay = 0.1f; /* averages do not decay */
    qnt_model *m = net_make(ctx, foldable_net, 1, SIZE_MAX, 0, 0.0f), *after;
    qnt_train *t = make(m, &c);
    first_moments(m, 8, mean, variance, &rows);
    step(t);
    OK(qnt_train_float_model(t, &after));
    for (size_t k = 0; k < 8; k++) {
        double m0 = (double)constant(m, "m1")[k], v0 = (double)constant(m, "v1")[k];
        double unbiased = variance[k] * (double)rows / (double)(rows - 1);
        ck_assert_double_eq_tol((double)constant(after, "m1")[k], m0 + part * (mean[k] - m0), 1e-6);
        ck_assert_double_eq_tol((double)constant(after, "v1")[k], v0 + part * (unbiased - v0), 1e-6);
    }
    qnt_train_free(t);
    qnt_model_free(after);
    qnt_model_free(m);
}
END_TEST

/* At rest (no learning, averages those of the mini-batch) training and evaluation see the same numbers, but for the
 * variance's n - 1, which is large for the last one with a row an image. */
START_TEST(evaluation_is_what_was_trained)
{
    static float in[IMAGES * IMAGE], logits[IMAGES * 10];
    qnt_train_config c = config();
    double loss = 0.0;
    int label[IMAGES];
    c.lr = 0.0f;
    c.batchnorm_momentum = 1.0f;
    qnt_model *m = net_make(ctx, nets[_i], 1, SIZE_MAX, 0, 0.0f);
    qnt_train *t = make(m, &c);
    double trained = step(t);
    for (size_t i = 0; i < IMAGES; i++)
        OK(qnt_dataset_input(data, m, i, in + i * IMAGE, &label[i]));
    OK(qnt_train_forward(t, in, IMAGES, logits, NULL, NULL, NULL));
    for (size_t i = 0; i < IMAGES; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < 10; k++)
            sum += exp((double)logits[i * 10 + k]);
        loss += (log(sum) - (double)logits[i * 10 + (size_t)label[i]]) / IMAGES;
    }
    ck_assert_msg(fabs(loss - trained) < (_i == 2 ? 2e-3 : 3e-2), "trained %g, evaluated %g", trained, loss);
    qnt_train_free(t);
    qnt_model_free(m);
}
END_TEST

static qnt_model *trained(const qnt_model *start, const qnt_train_config *c, int steps)
{
    qnt_train *t;
    qnt_model *m;
    OK(qnt_train_create(start, NULL, data, c, &t));
    for (int i = 0; i < steps; i++)
        step(t);
    OK(qnt_train_float_model(t, &m));
    qnt_train_free(t);
    return m;
}

/* _i: mini-batches of three shards, and of more shards than tasks. */
START_TEST(threads_change_nothing)
{
    qnt_train_config c;
    if (_i)
        take_many();
    c = config();
    qnt_model *m = net_make(ctx, norm_net, 1, SIZE_MAX, 0, 0.0f), *one, *other;
    c.threads = 1;
    one = trained(m, &c, 3);
    for (c.threads = 2; c.threads < 5; c.threads++) {
        other = trained(m, &c, 3);
        ck_assert_msg(same_model(one, other), "%u threads", c.threads);
        qnt_model_free(other);
    }
    qnt_model_free(one);
    qnt_model_free(m);
}
END_TEST

START_TEST(a_checkpoint_keeps_the_averages)
{
    char path[TEST_PATH];
    qnt_train_config c = config();
    qnt_model *start = net_make(ctx, norm_net, 1, SIZE_MAX, 0, 0.0f), *m, *whole;
    qnt_train *t = make(start, &c), *again = make(start, &c), *other;
    test_temp_file(path);
    whole = trained(start, &c, 3);
    step(t);
    OK(qnt_train_checkpoint(t, path));
    OK(qnt_train_restore(again, path));
    step(again);
    step(again);
    OK(qnt_train_float_model(again, &m));
    ck_assert(same_model(m, whole));
    c.batchnorm_momentum = 0.2f;
    other = make(start, &c);
    ck_assert_int_eq(qnt_train_restore(other, path), QNT_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "batchnorm_momentum is 0, this trainer's 0.2"));
    remove(path);
    qnt_train_free(t);
    qnt_train_free(again);
    qnt_train_free(other);
    qnt_model_free(m);
    qnt_model_free(whole);
    qnt_model_free(start);
}
END_TEST

START_TEST(one_row_has_no_variance)
{
    qnt_train_config c = config();
    c.batch = 1;
    qnt_model *m = net_make(ctx, norm_net, 1, SIZE_MAX, 0, 0.0f), *after = trained(m, &c, 1);
    ck_assert_mem_eq(constant(m, "v11"), constant(after, "v11"), 12 * sizeof(float));
    ck_assert_mem_ne(constant(m, "m11"), constant(after, "m11"), 12 * sizeof(float));
    qnt_model_free(after);
    qnt_model_free(m);
}
END_TEST

START_TEST(folded_is_the_same_function)
{
    static float in[IMAGE], a[10], b[10];
    qnt_model *m = net_make(ctx, nets[_i], 1, SIZE_MAX, 0, 0.0f), *folded;
    struct qnt_plan_options o = {.max_batch = 1, .keep_graph = true};
    static const size_t left[] = {1, 0, 1, 4}; /* of float signs */
    size_t norms = 0;
    OK(qnt_model_fold(m, &folded));
    for (size_t i = 0; i < folded->n_nodes; i++)
        norms += folded->node[i].op == &qnt_op_batchnorm;
    ck_assert_uint_eq(norms, left[_i]);
    OK(qnt_dataset_input(data, m, 0, in, NULL));
    for (int k = 0; k < 2; k++) {
        struct qnt_plan *p;
        OK(qnt_plan_create(k ? folded : m, &o, &p));
        uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "arena"),
                *scratch = qnt_alloc(ctx, p->scratch_bytes, "scratch");
        struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = 1, .part = 0, .parts = 1};
        memcpy(arena + p->offset[p->model->inputs.id[0]], in, sizeof in);
        for (size_t i = 0; i < p->n_steps; i++)
            qnt_plan_run_step(p, i, &x);
        memcpy(k ? b : a, arena + p->offset[p->model->outputs.id[0]], sizeof a);
        qnt_release(ctx, arena);
        qnt_release(ctx, scratch);
        qnt_plan_free(p);
    }
    for (int k = 0; k < 10; k++)
        ck_assert_float_eq_tol(a[k], b[k], 1e-4f);
    qnt_model_free(folded);
    qnt_model_free(m);
}
END_TEST

START_TEST(what_cannot_fold_is_not_quantized)
{
    qnt_train_config c = config();
    qnt_train *t;
    qnt_model *m = net_make(ctx, norm_net, 1, SIZE_MAX, 0, 0.0f);
    c.weight_bits = 8;
    ck_assert_int_eq(qnt_train_create(m, NULL, data, &c, &t), QNT_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "node 'batchnorm7' is a batchnorm"));
    c.weight_bits = 0;
    c.batchnorm_momentum = 1.5f;
    ck_assert_int_eq(qnt_train_create(m, NULL, data, &c, &t), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "batchnorm_momentum is 1.5, expected 0 to 1"));
    qnt_model_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batchnorm");
    TCase *tc = tcase_create("batchnorm");
    tcase_add_checked_fixture(tc, setup, teardown);
    /* Weights are the same on any kernels, as test_train says: what takes longest is left to where nothing is emulated.
     */
    tcase_add_loop_test(tc, gradients_match_finite_differences, test_quick() ? 1 : 0, 3);
    if (!test_quick())
        tcase_add_test(tc, shards_of_one_task_add_up);
    tcase_add_loop_test(tc, averages_move_to_the_mini_batch, 0, 3);
    tcase_add_loop_test(tc, evaluation_is_what_was_trained, 0, 4);
    tcase_add_loop_test(tc, threads_change_nothing, 0, test_emulated() ? 1 : 2);
    tcase_add_test(tc, a_checkpoint_keeps_the_averages);
    tcase_add_test(tc, one_row_has_no_variance);
    tcase_add_loop_test(tc, folded_is_the_same_function, 0, 4);
    tcase_add_test(tc, what_cannot_fold_is_not_quantized);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
