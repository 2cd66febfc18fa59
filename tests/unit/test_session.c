/* Sessions: the same bytes for every number of threads, batch and ISA level; what they tell; what they refuse. */
#include <fenv.h>
#include <qnt/profile.h>
#include <qnt/session.h>
#include <sys/mman.h>
#include "op_util.h"

enum { IMAGE = 12 * 12 * 3, CLASSES = 10, MOST = 7 };
static float images[MOST * IMAGE];

/* conv relu pool conv clamp avgpool flatten fc [softmax]; quantized between quantize and dequantize, or float. */
static void build_net(struct qnt_model *m, bool s8)
{
    float s[5] = {0.02f, 0.03f, 0.002f, 0.0015f, 0.00005f};
    struct qnt_tensor q[5];
    for (int i = 0; i < 5; i++)
        q[i] = quant(&s[i], i * 20 - 50);
    qnt_node_attr conv = ATTR(.pad = {1, 1, 1, 1}), pool = ATTR(.kernel = {2, 2}, .stride = {2, 2}),
                  clamp = ATTR(.lo = -0.05f, .hi = 0.2f);
    const size_t w1[] = {8, 3, 3, 3}, w2[] = {12, 3, 3, 8}, w3[] = {CLASSES, 3 * 3 * 12}, b1[] = {8};
    int x, in[3];
    in[0] = add_input(m, 3, (size_t[]){12, 12, 3});
    if (s8)
        in[0] = add_node(m, "quantize", "x.q", NULL, in, 1, &q[0]);
    in[1] = s8 ? add_weights(m, "w1", 8, 4, w1, 8, RANDOM) : add_floats(m, "w1", 4, w1, 0.3f);
    in[2] = s8 ? add_bias(m, "b1", 8, 5000) : add_floats(m, "b1", 1, b1, 0.3f);
    x = add_node(m, "conv2d", "conv1", &conv, in, 3, s8 ? &q[1] : NULL);
    x = add_node(m, "relu", "relu1", NULL, &x, 1, NULL);
    in[0] = add_node(m, "maxpool", "pool1", &pool, &x, 1, NULL);
    in[1] = s8 ? add_weights(m, "w2", 4, 4, w2, 12, RANDOM) : add_floats(m, "w2", 4, w2, 0.3f);
    x = add_node(m, "conv2d", "conv2", &conv, in, 2, s8 ? &q[2] : NULL);
    x = add_node(m, "clamp", "clamp2", &clamp, &x, 1, NULL);
    x = add_node(m, "avgpool", "pool2", &pool, &x, 1, s8 ? &q[3] : NULL);
    in[0] = add_node(m, "flatten", "flat", NULL, &x, 1, NULL);
    in[1] = s8 ? add_weights(m, "w3", 2, 2, w3, CLASSES, RANDOM) : add_floats(m, "w3", 2, w3, 0.3f);
    x = add_node(m, "fully_connected", "fc", NULL, in, 2, s8 ? &q[4] : NULL);
    x = s8 ? add_node(m, "dequantize", "logits", NULL, &x, 1, NULL) : add_node(m, "softmax", "p", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, x));
}

static struct qnt_model *net(const char *isa, bool s8, qnt_ctx **ctx)
{
    qnt_config config = {.size = sizeof config, .isa = isa};
    struct qnt_model *m;
    OK(qnt_ctx_create(&config, ctx));
    OK(qnt_model_new(*ctx, &m));
    unit_seed();
    build_net(m, s8);
    for (size_t i = 0; i < MOST * IMAGE; i++)
        images[i] = unit_random_float() * 2.0f;
    return m;
}

static void run(qnt_model *m, uint32_t threads, size_t batch, float *out)
{
    qnt_session_config c = {.size = sizeof c, .threads = threads, .max_batch = MOST};
    qnt_session *s;
    OK(qnt_session_create(m, &c, &s));
    for (size_t i = 0; i < MOST; i += batch)
        OK(qnt_session_run(s, images + i * IMAGE, out + i * CLASSES, batch));
    qnt_session_free(s);
}

/* _i: 0 float, 1 quantized. */
START_TEST(bytes_do_not_depend_on_threads_batch_or_level)
{
    static const size_t batches[] = {1, 7};
    float first[MOST * CLASSES], other[MOST * CLASSES];
    qnt_ctx *all, *ctx;
    qnt_isa_row row;
    bool any = false;
    OK(qnt_ctx_create(NULL, &all));
    for (size_t i = 0; !qnt_ctx_isa(all, i, &row); i++) {
        if (!row.usable)
            continue;
        struct qnt_model *m = net(row.name, _i, &ctx);
        for (uint32_t threads = 1; threads <= 3; threads++)
            for (size_t b = 0; b < 2; b++) {
                memset(other, 0x55, sizeof other);
                run(m, threads, batches[b], any ? other : first);
                ck_assert_msg(!any || !memcmp(first, other, sizeof first), "%s, %u threads, batch %zu: other bytes",
                              row.name, threads, batches[b]);
                any = true;
            }
        qnt_model_free(m);
        qnt_ctx_free(ctx);
    }
    qnt_ctx_free(all);
    struct qnt_model *m = net("ref", _i, &ctx);
    struct oracle o = oracle_run(m, images, MOST);
    const float *want = o.value[m->outputs.id[0]];
    for (size_t k = 0; k < MOST * CLASSES; k++)
        ck_assert(fabsf(first[k] - want[k]) <= (_i ? 0.0f : 1e-6f));
    bool varies = false;
    for (size_t k = 1; k < CLASSES; k++)
        varies |= want[k] != want[0];
    ck_assert(varies);
    oracle_free(&o);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(steps_and_tensors_are_told)
{
    static const char *const steps[][3] = {{"x.q", "quantize", "x.q"},      {"conv1", "conv2d", "relu1"},
                                           {"pool1", "maxpool", "pool1"},   {"conv2", "conv2d", "clamp2"},
                                           {"pool2", "avgpool", "pool2"},   {"flat", "flatten", "flat"},
                                           {"fc", "fully_connected", "fc"}, {"logits", "dequantize", "logits"}};
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, true, &ctx);
    qnt_session_config c = {.size = sizeof c, .max_batch = 2, .keep_tensors = 1};
    qnt_session *s, *shared;
    qnt_step_info step;
    qnt_tensor_info t;
    const void *data;
    float out[2 * CLASSES];
    OK(qnt_session_create(m, &c, &s));
    ck_assert_uint_eq(qnt_session_step_count(s), 8);
    for (size_t i = 0; i < 8; i++) {
        OK(qnt_session_step(s, i, &step));
        ck_assert_str_eq(step.name, steps[i][0]);
        ck_assert_str_eq(step.op, steps[i][1]);
        ck_assert_str_eq(step.output, steps[i][2]);
        ck_assert((step.variant[0] == '\0') == (i == 5));
    }
    OK(qnt_session_step(s, 1, &step));
    ck_assert_uint_eq(step.macs, 12 * 12 * 8 * 27);
    ck_assert_ptr_nonnull(strchr(step.variant, 'x')); /* a tile */
    OK(qnt_session_input(s, &t));
    ck_assert(t.type == QNT_F32 && t.rank == 3 && t.dim[2] == 3);
    OK(qnt_session_output(s, &t));
    ck_assert(t.type == QNT_F32 && t.rank == 1 && t.dim[0] == CLASSES);
    OK(qnt_session_run(s, images, out, 2));
    struct oracle o = oracle_run(m, images, 2);
    for (size_t i = 0; i < 8; i++) {
        OK(qnt_session_peek(s, steps[i][2], &data, &t));
        int id = qnt_model_find(m, steps[i][2]);
        ck_assert_str_eq(t.name, steps[i][2]);
        ck_assert_msg(!memcmp(data, o.value[id], 2 * oracle_bytes(&m->tensor[id])), "'%s' differs", steps[i][2]);
    }
    OK(qnt_session_peek(s, "x", &data, NULL));
    ck_assert_int_eq(memcmp(data, images, 2 * IMAGE * sizeof *images), 0);
    oracle_free(&o);
    ck_assert_int_eq(qnt_session_peek(s, "conv1", &data, &t), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "fused"));
    ck_assert_int_eq(qnt_session_peek(s, "w1", &data, &t), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_session_peek(s, "none", &data, &t), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_session_step(s, 8, &step), QNT_ERR_ARG);
    c.keep_tensors = 0;
    OK(qnt_session_create(m, &c, &shared));
    ck_assert_int_eq(qnt_session_peek(shared, "fc", &data, &t), QNT_ERR_STATE);
    ck_assert_uint_lt(qnt_session_arena_bytes(shared), qnt_session_arena_bytes(s));
    qnt_model_free(m); /* the sessions keep it */
    OK(qnt_session_run(shared, images, out, 2));
    qnt_session_free(s);
    qnt_session_free(shared);
    qnt_session_free(NULL);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(quantized_bytes_go_in_and_out)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, true, &ctx);
    qnt_session_config c = {.size = sizeof c, .max_batch = MOST, .quantized_io = 1};
    qnt_session *s;
    qnt_tensor_info t;
    int8_t out[MOST * CLASSES];
    OK(qnt_session_create(m, &c, &s));
    ck_assert_uint_eq(qnt_session_step_count(s), 6);
    OK(qnt_session_input(s, &t));
    ck_assert(t.type == QNT_S8 && t.scales == 1 && t.scale[0] == 0.02f && t.zero_point == -50 && t.dim[0] == 12);
    OK(qnt_session_output(s, &t));
    ck_assert(t.type == QNT_S8 && t.scale[0] == 0.00005f && t.zero_point == 30);
    struct oracle o = oracle_run(m, images, MOST);
    OK(qnt_session_run(s, o.value[qnt_model_find(m, "x.q")], out, MOST));
    ck_assert_int_eq(memcmp(out, o.value[qnt_model_find(m, "fc")], sizeof out), 0);
    oracle_free(&o);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
    m = net(NULL, false, &ctx);
    ck_assert_int_eq(qnt_session_create(m, &c, &s), QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "'x'"));
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* With nothing but what the session tells, bytes in and out are the floats' results. */
START_TEST(bytes_mean_what_the_session_says)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, true, &ctx);
    qnt_session_config c = {.size = sizeof c, .max_batch = MOST, .quantized_io = 1};
    qnt_session *s;
    qnt_tensor_info in, out;
    static int8_t x[MOST * IMAGE];
    int8_t y[MOST * CLASSES];
    float want[MOST * CLASSES], real[MOST * CLASSES];
    run(m, 1, MOST, want);
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_input(s, &in));
    OK(qnt_session_output(s, &out));
    for (size_t i = 0; i < MOST * IMAGE; i++) {
        float q = rintf(images[i] / in.scale[0]) + (float)in.zero_point;
        x[i] = (int8_t)(q < -128.0f ? -128.0f : q > 127.0f ? 127.0f : q);
    }
    OK(qnt_session_run(s, x, y, MOST));
    for (size_t i = 0; i < MOST * CLASSES; i++)
        real[i] = out.scale[0] * (float)(y[i] - out.zero_point);
    ck_assert_mem_eq(want, real, sizeof want);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

static void refuse(qnt_model *m, qnt_session_config c, qnt_status wanted, const char *text)
{
    qnt_session *s = NULL;
    ck_assert_int_eq(qnt_session_create(m, &c, &s), wanted);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(qnt_last_error(), text) != NULL, "'%s' lacks '%s'", qnt_last_error(), text);
}

START_TEST(wrong_calls_are_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, true, &ctx), *empty;
    qnt_session_config c = {.size = sizeof c};
    qnt_session *s;
    float out[CLASSES];
    uint32_t cpu = 0;
    OK(qnt_session_create(m, NULL, &s)); /* one image, one thread */
    ck_assert_int_eq(qnt_session_run(s, images, out, 0), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_session_run(s, images, out, 2), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "batch is 2, expected 1 to 1"));
    ck_assert_int_eq(qnt_session_run(s, NULL, out, 1), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_session_run(s, (const char *)images + 2, out, 1), QNT_ERR_ARG); /* read where it lies */
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "input 0, 'x', is not aligned to its 4 bytes"));
    ck_assert_int_eq(qnt_session_run(s, images, (char *)out + 3, 1), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "output 0, 'logits', is not aligned to its 4 bytes"));
    qnt_session_free(s);
    c.quantized_io = 2;
    refuse(m, c, QNT_ERR_ARG, "quantized_io is 2");
    c.quantized_io = 0;
    c.keep_tensors = -1;
    refuse(m, c, QNT_ERR_ARG, "keep_tensors is -1");
    c.keep_tensors = 0;
    c.cpus = &cpu;
    refuse(m, c, QNT_ERR_ARG, "n_cpus");
    c.cpus = NULL;
    c.threads = 1u << 30;
    refuse(m, c, QNT_ERR_ARG, "threads");
    c.threads = 1;
    c.max_batch = UINT32_MAX;
    c.keep_tensors = 1; /* else they would not be there at once */
    refuse(m, c, QNT_ERR_RANGE, "4294967295 images");
    OK(qnt_model_new(ctx, &empty));
    c.max_batch = 1;
    refuse(empty, c, QNT_ERR_STATE, "no input");
    add_input(empty, 1, (size_t[]){4});
    refuse(empty, c, QNT_ERR_STATE, "no output");
    OK(qnt_model_set_output(empty, 0)); /* the input itself: nothing to do but to copy */
    OK(qnt_session_create(empty, &c, &s));
    OK(qnt_session_run(s, images, out, 1));
    ck_assert_int_eq(memcmp(images, out, 4 * sizeof *out), 0);
    qnt_session_free(s);
    qnt_model_free(empty);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* A caller that rounds upwards and flushes denormals gets the same bytes, and its environment back. */
START_TEST(the_callers_float_environment_does_not_matter)
{
    qnt_ctx *ctx;
    struct qnt_model *m = net(NULL, _i, &ctx);
    float plain[MOST * CLASSES], odd[MOST * CLASSES];
    for (uint32_t threads = 1; threads <= 2; threads++) {
        run(m, threads, MOST, plain);
        ck_assert_int_eq(fesetround(FE_UPWARD), 0);
        run(m, threads, MOST, odd);
        int after = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert_int_eq(after, FE_UPWARD);
        ck_assert_int_eq(memcmp(plain, odd, sizeof plain), 0);
    }
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

enum { LARGE = 80 * 80 * 12, LARGE_MOST = 9, LARGE_OUT = 24 };
static void in_order(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = n; i-- > 0;)
        task(arg, i);
}

/* Bytes up to where memory ends. */
static void *map_before_none(size_t bytes)
{
    const size_t room = qnt_round_up(bytes, qnt_page_size());
    char *map = mmap(NULL, room + qnt_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(map != MAP_FAILED && !mprotect(map + room, qnt_page_size(), PROT_NONE));
    return map + room - bytes;
}

static void unmap_before_none(void *at, size_t bytes)
{
    const size_t room = qnt_round_up(bytes, qnt_page_size());
    munmap((char *)at + bytes - room, room + qnt_page_size());
}

/* Images so large that few of them go through the steps together, and not all batches are a multiple of these. _i: 1:
 * the first step reads them where they are. */
START_TEST(large_images_go_a_few_at_a_time)
{
    qnt_ctx *ctx;
    qnt_model *m;
    float *in = map_before_none(LARGE_MOST * LARGE * sizeof *in);
    float one[LARGE_MOST * LARGE_OUT], all[LARGE_MOST * LARGE_OUT], scale = 0.01f;
    const struct qnt_tensor codes = quant(&scale, 3);
    uint64_t ticks[8];
    int id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    id = add_input(m, 3, (size_t[]){80, 80, 12});
    if (_i) {
        id = add_node(m, "quantize", "codes", NULL, &id, 1, &codes);
        id = add_node(m, "dequantize", "values", NULL, &id, 1, NULL);
    }
    qnt_node_attr pool = ATTR(.kernel = {3, 3}, .stride = {2, 2});
    int x = add_node(m, "maxpool", "pool", &pool, &id, 1, NULL);
    int y[2] = {add_node(m, "global_avgpool", "mean", NULL, &x, 1, NULL),
                add_node(m, "global_maxpool", "most", NULL, &x, 1, NULL)};
    OK(qnt_model_set_output(
        m, add_node(m, "concat", "out", &(qnt_node_attr){.size = sizeof pool, .axis = {2}}, y, 2, NULL)));
    for (size_t i = 0; i < LARGE_MOST * LARGE; i++)
        in[i] = unit_random_float();
    for (uint32_t threads = 1; threads <= 6; threads++) {
        qnt_session_config c = {.size = sizeof c,
                                .max_batch = LARGE_MOST,
                                .threads = threads > 3 ? threads - 3 : threads,
                                .parallel_for = threads > 3 ? in_order : NULL};
        qnt_session *s;
        OK(qnt_session_create(m, &c, &s));
        ck_assert_uint_lt(qnt_session_arena_bytes(s), LARGE_MOST * LARGE * sizeof *in); /* not all at once */
        for (size_t i = 0; i < LARGE_MOST; i++)
            OK(qnt_session_run(s, in + i * LARGE, one + i * LARGE_OUT, 1));
        for (size_t batch = 2; batch <= LARGE_MOST; batch += 7) {
            memset(all, 0, sizeof all);
            OK(qnt_session_run(s, in, all, batch));
            ck_assert_mem_eq(one, all, batch * LARGE_OUT * sizeof *all);
        }
        memset(all, 0, sizeof all);
        OK(qnt_session_profile(s, in, all, LARGE_MOST, ticks, qnt_session_step_count(s) + 2));
        ck_assert_mem_eq(one, all, sizeof all);
        qnt_session_free(s);
    }
    unmap_before_none(in, LARGE_MOST * LARGE * sizeof *in);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    tcase_add_loop_test(tc, bytes_do_not_depend_on_threads_batch_or_level, 0, 2);
    tcase_add_loop_test(tc, large_images_go_a_few_at_a_time, 0, 2);
    tcase_add_test(tc, steps_and_tensors_are_told);
    tcase_add_test(tc, quantized_bytes_go_in_and_out);
    tcase_add_test(tc, bytes_mean_what_the_session_says);
    tcase_add_test(tc, wrong_calls_are_refused);
    tcase_add_loop_test(tc, the_callers_float_environment_does_not_matter, 0, 2);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
