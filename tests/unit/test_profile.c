/* What a session tells of its steps' work, against numbers made by hand; measured runs: the bytes of other runs, and
 * counts that add up. */
#include <pthread.h>
#include <qnt/profile.h>
#include "lib/run/session.h"
#include "op_util.h"
#include "simd/ticks.h"
#include "tests/common/models.h"

enum { IMAGE = 12 * 12 * 3, CLASSES = 10, MOST = 3, STEPS = 6, TICKS = STEPS + 2 };
static float images[MOST * IMAGE];

/* quantize, conv with relu, depthwise, flatten, fully connected of 4 bits, dequantize. */
static struct qnt_model *net(const char *isa, qnt_ctx **ctx)
{
    static float scale[4] = {0.02f, 0.03f, 0.002f, 0.0015f};
    const size_t w1[] = {8, 3, 3, 3}, w2[] = {8, 3, 3, 1}, w3[] = {CLASSES, 6 * 6 * 8};
    qnt_node_attr conv = ATTR(.pad = {1, 1, 1, 1}),
                  depthwise = ATTR(.pad = {1, 1, 1, 1}, .stride = {2, 2}, .groups = 8);
    qnt_config config = {.size = sizeof config, .isa = isa};
    struct qnt_tensor q[4];
    struct qnt_model *m;
    int x, in[3];
    for (int i = 0; i < 4; i++)
        q[i] = quant(&scale[i], i * 20 - 50);
    OK(qnt_ctx_create(&config, ctx));
    OK(qnt_model_new(*ctx, &m));
    unit_seed();
    in[0] = add_input(m, 3, (size_t[]){12, 12, 3});
    in[0] = add_node(m, "quantize", "x.q", NULL, in, 1, &q[0]);
    in[1] = add_weights(m, "w1", 8, 4, w1, 8, RANDOM);
    in[2] = add_bias(m, "b1", 8, 5000);
    x = add_node(m, "conv2d", "conv", &conv, in, 3, &q[1]);
    in[0] = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    in[1] = add_weights(m, "w2", 8, 4, w2, 8, RANDOM);
    x = add_node(m, "conv2d", "depthwise", &depthwise, in, 2, &q[2]);
    in[0] = add_node(m, "flatten", "flat", NULL, &x, 1, NULL);
    in[1] = add_weights(m, "w3", 4, 2, w3, CLASSES, RANDOM);
    x = add_node(m, "fully_connected", "fc", NULL, in, 2, &q[3]);
    x = add_node(m, "dequantize", "logits", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, x));
    for (size_t i = 0; i < MOST * IMAGE; i++)
        images[i] = unit_random_float() * 2.0f;
    return m;
}

static qnt_step_work work_of(const qnt_session *s, size_t i)
{
    qnt_step_work w = {.size = sizeof w};
    OK(qnt_session_step_work(s, i, &w));
    return w;
}

static size_t up(size_t n, size_t to)
{
    return to ? (n + to - 1) / to * to : n;
}

/* Bits of a code as step i's kernel holds it: tiles of some levels have panels of wider ones. */
static size_t held(const qnt_session *s, size_t i)
{
    const struct qnt_gemm *g = s->plan->step[i].variant->gemm;
    return !g ? 8 : g->binary ? g->w_bits / 8 : g->w_bits;
}

/* Bytes of a step's weights, packed in panels where it has tiles. Those that read rows have each line of taps, `line`
 * products of a sum, padded. */
static size_t packed(const qnt_session *s, size_t i, const qnt_step_work *w, size_t line)
{
    const struct qnt_gemm *g = s->plan->step[i].variant->gemm;
    const size_t part = g && g->run_rows && line ? line : w->depth, lines = part ? w->depth / part : 0;
    return w->groups * up(w->columns, w->tile_columns) * lines * up(part, w->tile_depth) * held(s, i) / 8;
}

static const struct expected {
    const char *name, *op, *kernel;
    uint64_t macs, in_bytes, out_bytes, rows, columns, depth, groups, bias_bytes;
    uint32_t weight_bits, type, rank;
    size_t dim[3];
} table[STEPS] = {
    {"x.q", "quantize", "quantize_f32_s8", 0, 4 * IMAGE, IMAGE, 0, 0, 0, 0, 0, 0, QNT_S8, 3, {12, 12, 3}},
    {"conv", "conv2d", "gemm_s8", 144 * 8 * 27, IMAGE, 144 * 8, 144, 8, 27, 1, 32, 8, QNT_S8, 3, {12, 12, 8}},
    {"depthwise", "conv2d", "depthwise_s8", 36 * 8 * 9, 144 * 8, 36 * 8, 36, 1, 9, 8, 0, 8, QNT_S8, 3, {6, 6, 8}},
    {"flat", "flatten", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, QNT_S8, 1, {288}},
    {"fc", "fully_connected", "gemm_s4s8", 2880, 288, CLASSES, 1, CLASSES, 288, 1, 0, 4, QNT_S8, 1, {CLASSES}},
    {"logits", "dequantize", "dequantize_s8_f32", 0, CLASSES, 4 * CLASSES, 0, 0, 0, 0, 0, 0, QNT_F32, 1, {CLASSES}},
};

static void check_step(const qnt_session *s, size_t i)
{
    const struct expected *e = &table[i];
    const qnt_step_work w = work_of(s, i);
    qnt_step_info step;
    OK(qnt_session_step(s, i, &step));
    ck_assert_str_eq(w.name, e->name);
    ck_assert_str_eq(w.op, e->op);
    ck_assert_str_eq(w.variant, step.variant);
    ck_assert_uint_eq(w.macs, e->macs);
    ck_assert_uint_eq(w.macs, step.macs);
    ck_assert_uint_eq(w.macs, w.rows * w.columns * w.depth * w.groups);
    ck_assert_uint_eq(w.in_bytes, e->in_bytes);
    ck_assert_uint_eq(w.out_bytes, e->out_bytes);
    ck_assert_uint_eq(w.rows, e->rows);
    ck_assert_uint_eq(w.columns, e->columns);
    ck_assert_uint_eq(w.depth, e->depth);
    ck_assert_uint_eq(w.groups, e->groups);
    ck_assert_uint_eq(w.weight_bits, e->weight_bits);
    ck_assert_uint_eq(w.weight_bytes, packed(s, i, &w, !strcmp(e->name, "conv") ? 3 * 3 : 0) + e->bias_bytes);
    ck_assert_uint_eq(w.type, e->type);
    ck_assert_uint_eq(w.rank, e->rank);
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++)
        ck_assert_uint_eq(w.dim[d], d < e->rank ? e->dim[d] : 0);
    ck_assert_str_eq(w.kernel, e->kernel);
    ck_assert(!*w.variant == !*w.kernel && !*w.isa == !*w.kernel && !*w.faster == !*w.reason);
    ck_assert_uint_eq(w.binary, 0);
    ck_assert_uint_le(w.tile_least, w.tile_rows);
    ck_assert_msg((strstr(w.variant, w.isa) != NULL), "variant '%s' of level '%s'", w.variant, w.isa);
}

START_TEST(the_work_of_steps_is_told)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(_i ? "ref" : NULL, &ctx);
    qnt_session *s;
    OK(qnt_session_create(m, NULL, &s));
    ck_assert_uint_eq(qnt_session_step_count(s), STEPS);
    for (size_t i = 0; i < STEPS; i++)
        check_step(s, i);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* With the reference alone, whatever else this build has is faster and left out. */
START_TEST(why_no_faster_variant_is_told)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net("ref", &ctx);
    qnt_session *s;
    qnt_isa_row row;
    bool narrowed = false;
    for (size_t i = 0; !qnt_ctx_isa(ctx, i, &row); i++)
        narrowed = narrowed || !strcmp(row.reason, "left out by the configuration");
    OK(qnt_session_create(m, NULL, &s));
    for (size_t i = 0; i < STEPS; i++) {
        const qnt_step_work w = work_of(s, i);
        ck_assert_str_eq(w.isa, *w.kernel ? "ref" : "");
        ck_assert_msg(!*w.kernel || *w.faster, "step %zu on the reference has nothing faster", i);
        ck_assert(!*w.faster || strcmp(w.faster, w.variant) != 0);
    }
    if (narrowed)
        ck_assert_str_eq(work_of(s, 2).reason, "left out by the configuration");
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* Signs are bytes of eight, and each tap begins with one. */
START_TEST(binary_work_is_told_in_values)
{
    qnt_ctx *ctx;
    qnt_model *m;
    qnt_session *s;
    const size_t w1[] = {16, 3, 3, 20}, w2[] = {8, 1, 1, 16};
    qnt_node_attr pad = ATTR(.pad = {1, 1, 1, 1});
    int in[2], id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    in[0] = add_input(m, 3, (size_t[]){6, 6, 20});
    in[1] = add_floats(m, "w1", 4, w1, 1.0f);
    OK(qnt_model_add_node(m, "binary_conv2d", "first", &pad, in, 2, &in[0]));
    in[1] = add_floats(m, "w2", 4, w2, 1.0f);
    OK(qnt_model_add_node(m, "binary_conv2d", "second", NULL, in, 2, &id));
    OK(qnt_model_set_output(m, id));
    OK(qnt_session_create(m, NULL, &s));
    const qnt_step_work first = work_of(s, 0), second = work_of(s, 1);
    ck_assert_str_eq(first.kernel, "gemm_b1");
    ck_assert_uint_eq(first.macs, 36 * 16 * 180);
    ck_assert(first.rows == 36 && first.columns == 16 && first.depth == 180 && first.groups == 1);
    ck_assert_uint_eq(first.tile_depth % 8, 0);
    ck_assert_uint_eq(first.binary, 1);
    ck_assert_uint_eq(first.weight_bytes, up(16, first.tile_columns) * up(9 * 24, first.tile_depth) * held(s, 0) / 8);
    ck_assert_uint_eq(first.in_bytes, 36 * 20 * 4);
    ck_assert_uint_eq(second.in_bytes, first.out_bytes);
    ck_assert(first.type == QNT_F32 ? first.out_bytes == 36 * 16 * 4 : first.out_bytes == 36 * 2);
    ck_assert(second.rows == 36 && second.columns == 8 && second.depth == 16);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* A product for each of the dimensions in front; a constant as it lies, since it is packed while it runs. */
START_TEST(products_of_matrices_are_told)
{
    qnt_ctx *ctx;
    qnt_model *m;
    qnt_session *s;
    int in[2], id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    in[0] = add_input(m, 3, (size_t[]){2, 5, 20});
    in[1] = add_floats(m, "b", 3, (size_t[]){2, 20, 9}, 1.0f);
    OK(qnt_model_add_node(m, "matmul", "product", NULL, in, 2, &id));
    OK(qnt_model_set_output(m, id));
    OK(qnt_session_create(m, NULL, &s));
    const qnt_step_work w = work_of(s, 0);
    ck_assert_uint_eq(w.macs, 2 * 5 * 20 * 9);
    ck_assert(w.rows == 5 && w.columns == 9 && w.depth == 20 && w.groups == 2);
    ck_assert(w.in_bytes == 2 * 5 * 20 * 4 && w.out_bytes == 2 * 5 * 9 * 4 && w.weight_bytes == 2 * 20 * 9 * 4);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

static _Atomic size_t hook_calls;

static void hook(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    hook_calls++;
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

/* A measured run between two that are not: the same bytes; its counts add up to no more than the time around it. */
static const char *profile_once(qnt_session *s, float *out, const float *want)
{
    uint64_t ticks[TICKS], sum = 0;
    memset(out, 0x55, MOST * CLASSES * sizeof *out);
    memset(ticks, 0x55, sizeof ticks);
    uint64_t before = qnt_ticks();
    if (qnt_session_profile(s, images, out, MOST, ticks, TICKS))
        return qnt_last_error();
    uint64_t around = qnt_ticks() - before;
    if (memcmp(out, want, MOST * CLASSES * sizeof *out))
        return "a measured run gives other bytes";
    for (size_t i = 0; i < TICKS; i++) {
        if (ticks[i] > around || sum + ticks[i] > around)
            return "the counts are more than the time around the run";
        sum += ticks[i];
    }
    return ticks[1 + 3] ? "flatten has ticks" : sum ? "" : "nothing was counted";
}

static void expected_output(qnt_model *m, float *want)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = MOST};
    qnt_session *s;
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_run(s, images, want, MOST));
    qnt_session_free(s);
}

/* _i: threads, 0: a parallel_for in 3 parts. */
START_TEST(measured_runs_give_the_bytes_of_others)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, &ctx);
    float want[MOST * CLASSES], out[MOST * CLASSES];
    qnt_session_config c = {.size = sizeof c, .max_batch = MOST, .threads = _i ? (uint32_t)_i : 3};
    qnt_session *s;
    c.parallel_for = _i ? NULL : hook;
    expected_output(m, want);
    hook_calls = 0;
    OK(qnt_session_create(m, &c, &s));
    for (int k = 0; k < 3; k++) {
        ck_assert_str_eq(profile_once(s, out, want), "");
        OK(qnt_session_run(s, images, out, MOST));
        ck_assert_mem_eq(out, want, sizeof want);
    }
    ck_assert_uint_eq(hook_calls, _i ? 0 : 6 * (TICKS - 2)); /* all but the flatten and the begin: nothing is copied */
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

struct worker {
    pthread_t thread;
    qnt_session *session;
    const float *want;
    const char *wrong;
};

static void *profile_many(void *arg)
{
    struct worker *w = arg;
    float out[MOST * CLASSES];
    double rate;
    w->wrong = qnt_ticks_per_second(&rate) ? qnt_last_error() : "";
    for (int i = 0; i < 50 && !*w->wrong; i++)
        w->wrong = profile_once(w->session, out, w->want);
    return NULL;
}

START_TEST(sessions_are_measured_at_the_same_time)
{
    enum { WORKERS = 3 };
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, &ctx);
    float want[MOST * CLASSES];
    struct worker w[WORKERS];
    expected_output(m, want);
    for (uint32_t i = 0; i < WORKERS; i++) {
        qnt_session_config c = {.size = sizeof c, .max_batch = MOST, .threads = i < 2 ? 1 : 2};
        w[i] = (struct worker){.want = want};
        OK(qnt_session_create(m, &c, &w[i].session));
    }
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_create(&w[i].thread, NULL, profile_many, &w[i]), 0);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(w[i].thread, NULL);
        ck_assert_str_eq(w[i].wrong, "");
        qnt_session_free(w[i].session);
    }
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

static void refused(qnt_status found, qnt_status wanted, const char *text)
{
    ck_assert_int_eq(found, wanted);
    ck_assert_msg(strstr(qnt_last_error(), text) != NULL, "'%s' lacks '%s'", qnt_last_error(), text);
}

static void lazy_hook(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = 0; i + 1 < n; i++)
        task(arg, i);
}

START_TEST(wrong_calls_are_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, &ctx);
    qnt_session_config lazy = {.size = sizeof lazy, .threads = 2, .parallel_for = lazy_hook};
    qnt_session *s;
    qnt_step_work w = {.size = sizeof w};
    float out[CLASSES];
    uint64_t ticks[TICKS + 1];
    double rate = 0;
    OK(qnt_session_create(m, NULL, &s));
    refused(qnt_session_profile(NULL, images, out, 1, ticks, TICKS), QNT_ERR_ARG, "qnt_session_profile: a pointer");
    refused(qnt_session_profile(s, images, NULL, 1, ticks, TICKS), QNT_ERR_ARG, "qnt_session_profile: a pointer");
    refused(qnt_session_profile(s, images, out, 2, ticks, TICKS), QNT_ERR_ARG, "batch is 2, expected 1 to 1");
    refused(qnt_session_profile(s, images, out, 1, NULL, TICKS), QNT_ERR_ARG, "0 elements, expected 8");
    refused(qnt_session_profile(s, images, out, 1, ticks, TICKS - 1), QNT_ERR_ARG, "7 elements, expected 8");
    refused(qnt_session_profile(s, images, out, 1, ticks, TICKS + 1), QNT_ERR_ARG, "9 elements, expected 8");
    refused(qnt_session_step_work(NULL, 0, &w), QNT_ERR_ARG, "a pointer is NULL");
    refused(qnt_session_step_work(s, 0, NULL), QNT_ERR_ARG, "a pointer is NULL");
    refused(qnt_session_step_work(s, STEPS, &w), QNT_ERR_ARG, "step 6, the session has 6");
    refused(qnt_ticks_per_second(NULL), QNT_ERR_ARG, "out is NULL");
    OK(qnt_ticks_per_second(&rate));
    ck_assert(rate > 1e3);
    qnt_session_free(s);
    OK(qnt_session_create(m, &lazy, &s));
    refused(qnt_session_profile(s, images, out, 1, ticks, TICKS), QNT_ERR_STATE,
            "qnt_session_profile: parallel_for left out part 1 of 2");
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile");
    TCase *tc = tcase_create("profile");
    tcase_add_loop_test(tc, the_work_of_steps_is_told, 0, 2);
    tcase_add_test(tc, why_no_faster_variant_is_told);
    tcase_add_test(tc, binary_work_is_told_in_values);
    tcase_add_test(tc, products_of_matrices_are_told);
    tcase_add_loop_test(tc, measured_runs_give_the_bytes_of_others, 0, 4);
    tcase_add_test(tc, sessions_are_measured_at_the_same_time);
    tcase_add_test(tc, wrong_calls_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
