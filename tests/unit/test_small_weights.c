/* Packed weights: what a session says of their bytes, and sessions that are to keep them small. */
#include <qnt/session.h>
#include "op_util.h"
#include "own_context.h"

enum { SIDE = 14, CHANNELS = 32, VALUES = SIDE * SIDE * CHANNELS };

/* quantize conv2d (3 x 3, weights of `bits`, 0: floats) [dequantize]. */
static struct qnt_model *net(uint32_t bits)
{
    static float s[2] = {0.02f, 0.3f};
    static const size_t w[] = {CHANNELS, 3, 3, CHANNELS};
    const qnt_node_attr conv = ATTR(.pad = {1, 1, 1, 1});
    const struct qnt_tensor x = quant(&s[0], 3), y = quant(&s[1], -7);
    struct qnt_model *m;
    int in[2], id;
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    in[0] = add_input(m, 3, (size_t[]){SIDE, SIDE, CHANNELS});
    if (bits)
        in[0] = add_node(m, "quantize", "x.q", NULL, in, 1, &x);
    in[1] = bits ? add_weights(m, "w", bits, 4, w, CHANNELS, RANDOM) : add_floats(m, "w", 4, w, 0.3f);
    id = add_node(m, "conv2d", "conv", &conv, in, 2, bits ? &y : NULL);
    if (bits)
        id = add_node(m, "dequantize", "y", NULL, &id, 1, NULL);
    OK(qnt_model_set_output(m, id));
    return m;
}

/* What the convolution runs by, and the bytes; the output goes to y. */
static size_t prepared(struct qnt_model *m, int small, const char **variant, const float *x, float *y)
{
    const qnt_session_config c = {.size = sizeof c, .small_weights = small};
    static char name[2][64];
    qnt_session *s;
    qnt_step_info step;
    OK(qnt_session_create(m, &c, &s));
    for (size_t i = 0; qnt_session_step(s, i, &step) == QNT_OK; i++)
        if (!strcmp(step.op, "conv2d"))
            snprintf(name[small], sizeof name[small], "%s", step.variant);
    *variant = name[small];
    OK(qnt_session_run(s, x, y, 1));
    const size_t bytes = qnt_session_packed_bytes(s);
    qnt_session_free(s);
    return bytes;
}

START_TEST(are_small_where_asked_for)
{
    static const uint32_t widths[] = {8, 4, 2, 0};
    static float x[VALUES], y[2][VALUES];
    const size_t codes = 9 * CHANNELS * CHANNELS * (widths[_i] ? widths[_i] : 32) / 8;
    const char *variant[2];
    struct qnt_model *m = net(widths[_i]);
    for (size_t i = 0; i < VALUES; i++)
        x[i] = unit_random_float() * 2.0f;
    const size_t fast = prepared(m, 0, &variant[0], x, y[0]), small = prepared(m, 1, &variant[1], x, y[1]);
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
    ck_assert_msg(!strstr(variant[1], "winograd"), "%s", variant[1]);
    ck_assert_msg(small >= codes && small <= 3 * codes, "%zu bytes of codes are %zu packed", codes, small);
    if (strstr(variant[0], "winograd"))
        ck_assert_msg(fast > 3 * codes && fast > small, "%s: %zu bytes, %s: %zu", variant[0], fast, variant[1], small);
    else
        ck_assert_uint_eq(fast, small);
    qnt_model_free(m);
}
END_TEST

START_TEST(other_values_are_refused)
{
    struct qnt_model *m = net(8);
    const qnt_session_config c = {.size = sizeof c, .small_weights = 2};
    qnt_session *s;
    ck_assert_int_eq(qnt_session_create(m, &c, &s), QNT_ERR_ARG);
    ck_assert(strstr(qnt_last_error(), "small_weights is 2, expected 0 or 1"));
    ck_assert_uint_eq(qnt_session_packed_bytes(NULL), 0);
    qnt_model_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("small_weights");
    TCase *tc = tcase_create("small_weights");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, are_small_where_asked_for, 0, 4);
    tcase_add_test(tc, other_values_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
