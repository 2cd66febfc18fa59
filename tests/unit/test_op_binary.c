/* binary_conv2d and binary_fully_connected against their definition: f32 in bits, s8 in bytes. */
#include <unistd.h>
#include "tests/common/temp.h"
#include "op_util.h"

struct shape {
    size_t h, w, c, oc; /* h == 0: fully connected, c inputs */
    qnt_node_attr attr; /* kernel 0: 3 x 3 */
    uint32_t scales;    /* 0: by channel */
    bool bias;
    int32_t zero;
    int fill;
};
#define WINDOW(...)                                                                                                    \
    {                                                                                                                  \
        .size = sizeof(qnt_node_attr), __VA_ARGS__                                                                     \
    }
static const struct shape shapes[] = {
    {0, 0, 1, 1, WINDOW(.groups = 1), 0, false, 0, RANDOM},
    {0, 0, 8, 3, WINDOW(.groups = 1), 0, true, -128, RANDOM},
    {0, 0, 300, 33, WINDOW(.groups = 1), 1, true, 127, RANDOM},
    {0, 0, 2048, 10, WINDOW(.groups = 1), 0, true, -3, RANDOM},
    {5, 6, 3, 4, WINDOW(.groups = 1), 0, true, 5, RANDOM},
    {8, 7, 16, 17, WINDOW(.pad = {1, 1, 1, 1}), 0, true, 0, RANDOM},
    {9, 9, 33, 40, WINDOW(.pad = {1, 1, 1, 1}, .stride = {2, 2}), 0, false, -20, RANDOM},
    {6, 5, 64, 32, WINDOW(.pad = {2, 0, 0, 3}, .stride = {1, 2}), 1, true, 127, RANDOM},
    {7, 7, 8, 9, WINDOW(.pad = {2, 2, 2, 2}, .dilation = {2, 2}), 0, true, 1, RANDOM},
    {3, 3, 10, 5, WINDOW(.kernel = {5, 5}, .pad = {4, 4, 4, 4}, .stride = {2, 1}), 0, true, 0, RANDOM},
    {1, 1, 24, 16, WINDOW(.pad = {1, 1, 1, 1}), 0, true, -1, RANDOM},
    {1, 1, 24, 16, WINDOW(.kernel = {1, 1}, .pad = {1, 1, 1, 1}, .stride = {3, 3}), 0, true, -1, RANDOM},
    {6, 5, 24, 32, WINDOW(.pad = {1, 1, 1, 1}, .groups = 2), 0, true, 3, RANDOM},
    {7, 6, 15, 21, WINDOW(.pad = {1, 1, 1, 1}, .stride = {2, 1}, .groups = 3), 0, true, -8, RANDOM},
    {5, 5, 10, 20, WINDOW(.pad = {1, 1, 1, 1}, .groups = 10), 1, false, 0, RANDOM},
    {1, 1, 16, 16, WINDOW(.kernel = {1, 1}, .groups = 2), 0, true, 0, RANDOM},
    {6, 5, 13, 9, WINDOW(.pad = {1, 0, 2, 1}, .lo = 1.0f), 0, true, 9, RANDOM},
    {6, 5, 13, 9, WINDOW(.pad = {1, 0, 2, 1}, .lo = -1.0f), 0, true, 9, RANDOM},
    {6, 6, 22, 6, WINDOW(.pad = {2, 2, 2, 2}, .dilation = {2, 2}, .lo = -1.0f, .groups = 2), 0, true, -1, RANDOM},
    {4, 4, 128, 24, WINDOW(.pad = {1, 1, 1, 1}), 0, false, 0, 1},
    {4, 4, 200, 24, WINDOW(.pad = {1, 1, 1, 1}), 0, false, 0, -1},
};

struct test {
    const struct shape *s;
    bool in_s8, out_s8, floats; /* floats: of the weights */
};

static void build(struct qnt_model *m, const void *arg)
{
    const struct test *t = arg;
    const struct shape *s = t->s;
    float sx = 0.04f, sy = 0.007f;
    qnt_node_attr attr = s->attr;
    for (int d = 0; d < 2; d++)
        attr.kernel[d] = attr.kernel[d] ? attr.kernel[d] : 3;
    struct qnt_tensor qx = quant(&sx, s->zero), qy = quant(&sy, -s->zero / 2);
    const size_t groups = attr.groups ? attr.groups : 1;
    const size_t xdim[] = {s->h, s->w, s->c}, wdim[] = {s->oc, attr.kernel[0], attr.kernel[1], s->c / groups},
                 full[] = {s->oc, s->c};
    int in[3] = {s->h ? add_input(m, 3, xdim) : add_input(m, 1, &s->c)};
    if (t->in_s8)
        in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
    if (t->floats)
        in[1] = add_floats(m, "w", s->h ? 4 : 2, s->h ? wdim : full, 0.1f);
    else
        in[1] = add_weights(m, "w", 1, s->h ? 4 : 2, s->h ? wdim : full, s->scales ? 1 : s->oc, s->fill);
    if (s->bias)
        in[2] = t->out_s8 ? add_bias(m, "b", s->oc, 100) : add_floats(m, "b", 1, &s->oc, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, s->h ? "binary_conv2d" : "binary_fully_connected", "y", s->h ? &attr : NULL,
                                        in, s->bias ? 3 : 2, t->out_s8 ? &qy : NULL)));
}

START_TEST(is_the_definition)
{
    for (int types = 0; types < 6; types++)
        check_model(build, &(struct test){&shapes[_i], types & 1, types & 2, types & 4}, 3.0f);
}
END_TEST

START_TEST(misfits_are_refused)
{
    const size_t x[] = {4, 4, 6}, w[] = {4, 3, 3, 6}, half[] = {4, 3, 3, 3};
    const qnt_node_attr plain = ATTR(.groups = 1), groups = ATTR(.groups = 4), half_pad = ATTR(.lo = 0.5f);
    qnt_ctx *ctx;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int in[3] = {add_input(m, 3, x), add_weights(m, "two", 2, 4, w, 4, RANDOM)}, id;
    ck_assert_int_eq(qnt_model_append_node(m, qnt_op_find("binary_conv2d"), "n", &plain, in, 2, NULL, NULL, &id),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "weights 'two' have 2 bits, expected 1"));
    in[1] = add_weights(m, "half", 1, 4, half, 4, RANDOM);
    ck_assert_int_eq(qnt_model_append_node(m, qnt_op_find("binary_conv2d"), "n", &groups, in, 2, NULL, NULL, &id),
                     QNT_ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "4 groups"));
    in[1] = add_weights(m, "one", 1, 4, w, 4, RANDOM);
    ck_assert_int_eq(qnt_model_append_node(m, qnt_op_find("binary_conv2d"), "n", &half_pad, in, 2, NULL, NULL, &id),
                     QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "padding of 0.5, expected 0, 1 or -1"));
    in[2] = add_bias(m, "b", 4, 10);
    ck_assert_int_eq(qnt_model_append_node(m, qnt_op_find("binary_conv2d"), "n", &plain, in, 3, NULL, NULL, &id),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "bias 'b' is s32, expected f32"));
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(file_keeps_node_and_codes)
{
    const struct test t = {&shapes[5], true, false, false};
    char path[TEST_PATH];
    qnt_ctx *ctx;
    struct qnt_model *m, *back;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, &t);
    test_temp_file(path);
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &back));
    remove(path);
    const struct qnt_node *n = &back->node[back->n_nodes - 1];
    const struct qnt_tensor *w = &back->tensor[n->in[1]], *own = &m->tensor[qnt_model_find(m, "w")];
    ck_assert_str_eq(n->op->name, "binary_conv2d");
    ck_assert_mem_eq(&n->attr, &m->node[m->n_nodes - 1].attr, sizeof n->attr);
    ck_assert_uint_eq(w->bits, 1);
    ck_assert_mem_eq(w->data, own->data, qnt_tensor_count(own));
    ck_assert_uint_eq(qnt_node_macs(back, n), 8 * 7 * 17 * 9 * 16);
    qnt_model_free(back);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_binary");
    TCase *tc = tcase_create("op_binary");
    unit_add_cases(tc, is_the_definition, sizeof shapes / sizeof *shapes);
    tcase_add_test(tc, misfits_are_refused);
    tcase_add_test(tc, file_keeps_node_and_codes);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
