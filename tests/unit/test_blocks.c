/* Weights in blocks of a float model: what becomes of layers and of all else, how near the codes are, refusals. */
#include <math.h>
#include <string.h>
#include <qnt/qnt.h>
#include "lib/op/op.h"
#include "tests/common/models.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

enum { K = 40, N = 6, ROWS = 3 };
static qnt_ctx *ctx;
static float w[N * K], bias[N];

static void setup(void)
{
    unit_seed();
    OK(qnt_ctx_create(NULL, &ctx));
    for (size_t i = 0; i < N * K; i++)
        w[i] = unit_random_float() * unit_random_float();
    for (size_t i = 0; i < N; i++)
        bias[i] = unit_random_float();
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

/* Two layers of the same weights, one with a bias, on ROWS x K. */
static qnt_model *two_layers(void)
{
    qnt_model *m;
    int in[3], sum[2];
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 2, (size_t[]){ROWS, K}, &in[0]));
    OK(qnt_model_add_const(m, "w", 2, (size_t[]){N, K}, w, &in[1]));
    OK(qnt_model_add_const(m, "b", 1, (size_t[]){N}, bias, &in[2]));
    OK(qnt_model_add_node(m, "fully_connected", "one", NULL, in, 3, &sum[0]));
    OK(qnt_model_add_node(m, "fully_connected", "two", NULL, in, 2, &sum[1]));
    OK(qnt_model_add_node(m, "sub", "sub", NULL, sum, 2, &in[0]));
    OK(qnt_model_add_output(m, sum[0]));
    OK(qnt_model_add_output(m, in[0]));
    return m;
}

static size_t count_op(const qnt_model *m, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_nodes; i++)
        n += !strcmp(m->node[i].op->name, op);
    return n;
}

/* out[0] [ROWS][N] of the first layer, out[1] that less the second's. */
static void run(qnt_model *m, const float *x, float out[2][ROWS * N])
{
    qnt_session *s;
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run_io(s, (const void *const[]){x}, (void *const[]){out[0], out[1]}, 1));
    qnt_session_free(s);
}

START_TEST(layers_of_floats)
{
    const uint32_t bits = _i % 2 ? 8 : 4, codes = (uint32_t)_i / 2;
    const qnt_block_config c = {.size = sizeof c, .block = 16, .bits = bits, .codes = codes};
    qnt_model *f = two_layers(), *m, *back;
    float x[ROWS * K], out[3][2][ROWS * N];
    for (size_t i = 0; i < ROWS * K; i++)
        x[i] = unit_random_float();
    OK(qnt_model_quantize_blocks(f, &c, &m));
    ck_assert_uint_eq(count_op(m, "block_fully_connected"), 2);
    ck_assert_uint_eq(count_op(m, "sub"), 1);
    ck_assert_uint_eq(m->n_tensors, f->n_tensors + 1); /* shared, as before; scales are new */
    OK(qnt_model_dequantize(m, &back));
    run(f, x, out[0]);
    run(m, x, out[1]);
    run(back, x, out[2]);
    const float *near = back->tensor[qnt_model_find(back, "w.codes")].data;
    for (size_t i = 0; i < N * K; i++) /* at most half a code, but for what is cut off */
        ck_assert_float_eq_tol(near[i], w[i], bits == 8 ? 0.004f : 0.16f);
    for (size_t i = 0; i < ROWS * N; i++) {
        ck_assert_float_eq_tol(out[1][0][i], out[2][0][i], codes ? 0.06f : 1e-5f);
        ck_assert_float_eq_tol(out[1][0][i], out[0][0][i], bits == 8 ? 0.06f : 0.6f);
        ck_assert_float_eq_tol(out[1][1][i], bias[i % N], 1e-5f);
    }
    qnt_model_free(f);
    qnt_model_free(m);
    qnt_model_free(back);
}
END_TEST

/* The squared error of codes of 4 bits is below that of a scale that just holds the greatest value. */
START_TEST(scales_of_least_error)
{
    const qnt_block_config c = {.size = sizeof c, .block = 16};
    qnt_model *f = two_layers(), *m, *back;
    double mine = 0.0, plain = 0.0;
    OK(qnt_model_quantize_blocks(f, &c, &m));
    OK(qnt_model_dequantize(m, &back));
    const float *near = back->tensor[qnt_model_find(back, "w.codes")].data;
    for (size_t i = 0; i < N * K; i++) {
        const size_t row = i / K * K, first = i % K / 16 * 16, n = K - first < 16 ? K - first : 16;
        float most = 0.0f;
        for (size_t k = first; k < first + n; k++)
            most = fabsf(w[row + k]) > most ? fabsf(w[row + k]) : most;
        const float scale = most / 7.0f;
        mine += pow((double)(near[i] - w[i]), 2);
        plain += pow((double)(nearbyintf(w[i] / scale) * scale - w[i]), 2);
    }
    ck_assert_double_lt(mine, 0.8 * plain);
    qnt_model_free(f);
    qnt_model_free(m);
    qnt_model_free(back);
}
END_TEST

/* Convolutions and quantized layers stay as they are; so do those that are to. */
START_TEST(others_stay)
{
    const qnt_block_config keep = {.size = sizeof keep, .block = 32, .keep_float = "tw*"},
                           only = {.size = sizeof only, .only = "two"}, none = {.size = sizeof none, .keep_float = "*"},
                           wrong = {.size = sizeof wrong, .only = "three"};
    qnt_model *f = two_layers(), *m;
    OK(qnt_model_quantize_blocks(f, &keep, &m));
    ck_assert_uint_eq(count_op(m, "fully_connected"), 1);
    ck_assert_str_eq(m->node[0].op->name, "block_fully_connected");
    qnt_model_free(m);
    OK(qnt_model_quantize_blocks(f, &only, &m));
    ck_assert_str_eq(m->node[0].op->name, "fully_connected");
    ck_assert_str_eq(m->node[1].op->name, "block_fully_connected");
    qnt_model_free(m);
    ck_assert_int_eq(qnt_model_quantize_blocks(f, &none, &m), QNT_ERR_UNSUPPORTED);
    ck_assert_int_eq(qnt_model_quantize_blocks(f, &wrong, &m), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "only: no node fits 'three'"));
    qnt_model_free(f);
    OK(test_model_float(ctx, &f));
    OK(qnt_model_quantize_blocks(f, NULL, &m));
    ck_assert_uint_eq(count_op(m, "conv2d"), 1);
    ck_assert_uint_eq(count_op(m, "block_fully_connected"), 1);
    ck_assert_mem_eq(m->mean, f->mean, sizeof m->mean);
    qnt_model_free(m);
    qnt_model_free(f);
    OK(test_model_quantized(ctx, 4, &f));
    ck_assert_int_eq(qnt_model_quantize_blocks(f, NULL, &m), QNT_ERR_UNSUPPORTED);
    qnt_model_free(f);
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        qnt_block_config c;
        const char *text;
    } rows[] = {
        {{.block = 24}, "blocks of 24, expected a multiple of 16 up to 65536"},
        {{.block = 1 << 17}, "blocks of 131072"},
        {{.bits = 5}, "5 bits and codes 0, expected 4 or 8"},
        {{.codes = 2}, "4 bits and codes 2"},
    };
    qnt_model *f = two_layers(), *m;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qnt_block_config c = rows[i].c;
        c.size = sizeof c;
        ck_assert_int_eq(qnt_model_quantize_blocks(f, &c, &m), QNT_ERR_ARG);
        ck_assert_msg(strstr(qnt_last_error(), rows[i].text) != NULL, "'%s'", qnt_last_error());
    }
    ((float *)f->tensor[qnt_model_find(f, "w")].data)[7] = INFINITY;
    ck_assert_int_eq(qnt_model_quantize_blocks(f, NULL, &m), QNT_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "node 'one': weight 7 of 'w' is inf"));
    qnt_model_free(f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blocks");
    TCase *tc = tcase_create("blocks");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, layers_of_floats, 0, 4);
    tcase_add_test(tc, scales_of_least_error);
    tcase_add_test(tc, others_stay);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
