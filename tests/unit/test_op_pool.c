/* maxpool, avgpool, global_avgpool, global_maxpool against their definitions, f32 in bits and s8 in bytes: clipped
 * windows, strides that leave gaps, dilation, windows wider than the image. */
#include "op_util.h"

struct shape {
    size_t h, w, c;
    uint32_t kernel[2], stride[2], dilation[2], pad[4];
};
static const struct shape shapes[] = {
    {4, 4, 3, {2, 2}, {2, 2}, {1, 1}, {0}},
    {7, 9, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
    {8, 8, 33, {3, 2}, {1, 3}, {1, 1}, {2, 1, 0, 0}},
    {5, 6, 7, {2, 3}, {4, 5}, {1, 1}, {1, 2, 1, 2}},
    {9, 9, 16, {3, 3}, {1, 2}, {2, 3}, {4, 4, 3, 5}},
    {3, 3, 4, {7, 7}, {1, 1}, {1, 1}, {6, 6, 6, 6}}, /* no window lies inside */
    {1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0}},
    {2, 3, 65, {2, 3}, {1, 1}, {1, 1}, {0}},
    {4, 5, 8, {2, 2}, {1, 1}, {4, 5}, {3, 2, 3, 4}},
    {6, 1, 12, {5, 1}, {1, 1}, {1, 1}, {2, 0, 2, 0}},
    {6, 7, 9, {3, 3}, {2, 4}, {1, 1}, {1, 0, 1, 2}},
    {2, 9, 3, {1, 3}, {2, 3}, {1, 2}, {0, 1, 0, 1}},
};
struct setting {
    const struct shape *shape;
    const char *op;
    bool s8;
    uint32_t mode;
};

static void build(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    const struct shape *s = t->shape;
    float sx = 0.05f, sy = 0.031f;
    struct qnt_tensor qx = quant(&sx, -11), qy = quant(&sy, 40);
    qnt_node_attr attr = ATTR(.kernel = {s->kernel[0], s->kernel[1]}, .stride = {s->stride[0], s->stride[1]},
                              .dilation = {s->dilation[0], s->dilation[1]},
                              .pad = {s->pad[0], s->pad[1], s->pad[2], s->pad[3]}, .mode = t->mode);
    int x = add_input(m, 3, (size_t[]){s->h, s->w, s->c});
    if (t->s8)
        x = add_node(m, "quantize", "q", NULL, &x, 1, &qx);
    OK(qnt_model_set_output(m, add_node(m, t->op, "pool", strncmp(t->op, "global", 6) ? &attr : NULL, &x, 1,
                                        t->s8 && !strstr(t->op, "maxpool") ? &qy : NULL)));
}

START_TEST(pools_are_their_definitions)
{
    static const char *const ops[] = {"maxpool", "avgpool", "global_avgpool", "global_maxpool"};
    for (int op = 0; op < 4; op++)
        for (int s8 = 0; s8 < 2; s8++) {
            struct setting t = {&shapes[_i], ops[op], s8, 0};
            for (; t.mode < (op < 2 ? 4 : 1); t.mode++)
                check_model(build, &t, 7.0f);
        }
}
END_TEST

/* Windows that leave pixels over, begin in the padding at the end, or exactly there. */
START_TEST(ceil_adds_a_window_that_begins_inside)
{
    static const struct {
        size_t in;
        uint32_t kernel, stride, dilation, pad[2];
        size_t floor, ceil;
    } rows[] = {{2, 1, 2, 1, {0, 0}, 1, 1}, {6, 3, 2, 1, {0, 0}, 2, 3}, {7, 3, 2, 1, {0, 0}, 3, 3},
                {6, 3, 2, 1, {1, 1}, 3, 4}, {5, 2, 4, 1, {0, 1}, 2, 2}, {4, 2, 3, 1, {1, 1}, 2, 2},
                {32, 5, 4, 3, {0, 0}, 5, 6}};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t ceil = 0; ceil < 2; ceil++) {
            struct qnt_model *m;
            qnt_node_attr attr =
                ATTR(.kernel = {rows[i].kernel, 1}, .stride = {rows[i].stride, 1}, .dilation = {rows[i].dilation, 1},
                     .pad = {rows[i].pad[0], 0, rows[i].pad[1], 0}, .mode = ceil * QNT_POOL_CEIL);
            OK(qnt_model_new(ctx, &m));
            int x = add_input(m, 3, (size_t[]){rows[i].in, 1, 1}), y = add_node(m, "maxpool", "p", &attr, &x, 1, NULL);
            ck_assert_uint_eq(m->tensor[y].dim[0], ceil ? rows[i].ceil : rows[i].floor);
            qnt_model_free(m);
        }
    qnt_ctx_free(ctx);
}
END_TEST

static void build_halves(struct qnt_model *m, const void *arg)
{
    float one = 1.0f;
    struct qnt_tensor q = quant(&one, 0);
    qnt_node_attr attr = ATTR(.kernel = {1, 2}, .stride = {1, 2});
    int x = add_input(m, 3, (size_t[]){16, 16, 8});
    (void)arg;
    x = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    OK(qnt_model_set_output(m, add_node(m, "avgpool", "pool", &attr, &x, 1, NULL)));
}

/* Averages of two are often halves: to even. */
START_TEST(ties_go_to_even)
{
    check_model(build_halves, NULL, 100.0f);
}
END_TEST

START_TEST(averages_that_are_not_exact_are_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    struct qnt_plan_options o = {.max_batch = 1};
    struct qnt_plan *p;
    float one = 1.0f;
    struct qnt_tensor q = quant(&one, 0);
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 3, (size_t[]){257, 256, 1});
    x = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    OK(qnt_model_set_output(m, add_node(m, "global_avgpool", "gap", NULL, &x, 1, NULL)));
    refuse_plan(m, QNT_ERR_RANGE, "'gap'", "257 x 256");
    m->tensor[x].dim[0] = 256;
    m->tensor[m->inputs.id[0]].dim[0] = 256;
    OK(qnt_plan_create(m, &o, &p));
    qnt_plan_free(p);
    m->tensor[m->outputs.id[0]].scale[0] = 1e-39f;
    m->tensor[x].scale[0] = 3e38f;
    refuse_plan(m, QNT_ERR_RANGE, "'gap'", "3e+38");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* A maximum passes codes on; scales that have moved apart since are noticed at prepare. */
START_TEST(a_maxpool_with_two_scales_is_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    struct setting t = {&shapes[0], "maxpool", true, 0};
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    build(m, &t);
    m->tensor[m->outputs.id[0]].zero++;
    refuse_plan(m, QNT_ERR_TYPE, "'pool'", "zero point -10");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_pool");
    TCase *tc = tcase_create("op_pool");
    tcase_add_loop_test(tc, pools_are_their_definitions, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(tc, ceil_adds_a_window_that_begins_inside);
    tcase_add_test(tc, ties_go_to_even);
    tcase_add_test(tc, averages_that_are_not_exact_are_refused);
    tcase_add_test(tc, a_maxpool_with_two_scales_is_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
