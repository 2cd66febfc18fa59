/* resize, nearest and linear, against exact fractions (the oracle's), f32 in bits and s8 in bytes; a few results by
 * hand; scales instead of sizes; refusals. */
#include "lib/train/grad.h"
#include "tests/common/quick.h"
#include "op_util.h"

struct setting {
    size_t h, w, c, oh, ow;
    uint32_t mode, position, rounding;
    bool s8;
};
static const size_t sizes[][5] = {
    {4, 5, 3, 8, 10}, {8, 10, 19, 4, 5}, {5, 7, 33, 13, 9},  {3, 3, 65, 3, 3},    {1, 1, 4, 5, 6},
    {6, 4, 1, 1, 1},  {2, 9, 7, 11, 2},  {16, 12, 8, 6, 40}, {13, 1, 21, 5, 130}, {7, 7, 64, 14, 14},
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void build(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    float sx = 0.05f, sy = 0.031f;
    struct qnt_tensor qx = quant(&sx, -11), qy = quant(&sy, 40);
    qnt_node_attr a = ATTR(.dim = {t->oh, t->ow}, .mode = t->mode, .position = t->position, .rounding = t->rounding);
    int x = add_input(m, 3, (size_t[]){t->h, t->w, t->c});
    if (t->s8)
        x = add_node(m, "quantize", "q", NULL, &x, 1, &qx);
    const bool own = t->s8 && t->mode == QNT_RESIZE_LINEAR && (t->oh + t->ow) % 2;
    OK(qnt_model_set_output(m, add_node(m, "resize", "resize", &a, &x, 1, own ? &qy : NULL)));
}

START_TEST(resizes_are_their_definition)
{
    const size_t *d = sizes[_i % SIZES];
    if (test_quick() && (_i + _i / (int)SIZES) % 3)
        return;
    for (uint32_t i = 0; i < 8; i++) {
        struct setting t = {d[0], d[1], d[2], d[3], d[4], i >= 4, i % 4, (uint32_t)(_i / SIZES), i % 2};
        if (t.mode == QNT_RESIZE_LINEAR && t.rounding)
            continue;
        check_model(build, &t, 6.0f);
        t.s8 = !t.s8;
        check_model(build, &t, 6.0f);
    }
}
END_TEST

/* One line of four pixels, 0 10 20 30, to `n` others. */
static void expect(qnt_node_attr a, size_t n, const float *want)
{
    struct qnt_plan_options o = {.max_batch = 1, .keep_tensors = true};
    struct qnt_plan *p;
    struct qnt_model *m;
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 3, (size_t[]){1, 4, 1});
    a.size = sizeof a;
    a.dim[0] = 1;
    OK(qnt_model_set_output(m, add_node(m, "resize", "resize", &a, &x, 1, NULL)));
    ck_assert_uint_eq(m->tensor[m->outputs.id[0]].dim[1], n);
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "arena");
    memcpy(arena + p->offset[p->model->inputs.id[0]], (float[]){0.0f, 10.0f, 20.0f, 30.0f}, 16);
    run_parts(p, arena, NULL, 1, 1);
    const float *y = (const float *)(const void *)(arena + p->offset[p->model->outputs.id[0]]);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabsf(y[i] - want[i]) < 1e-5f, "pixel %zu of %zu is %g, expected %g", i, n, (double)y[i],
                      (double)want[i]);
    qnt_release(ctx, arena);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
#define EXPECT(attr, ...)                                                                                              \
    do {                                                                                                               \
        const float want_[] = {__VA_ARGS__};                                                                           \
        expect(attr, sizeof want_ / sizeof *want_, want_);                                                             \
    } while (0)
#define AT(...) ((qnt_node_attr){__VA_ARGS__})

/* Results as ONNX's formulas give them on paper. */
START_TEST(results_by_hand)
{
    enum { LINEAR = QNT_RESIZE_LINEAR, CORNERS = QNT_RESIZE_ALIGN_CORNERS, ASYMMETRIC = QNT_RESIZE_ASYMMETRIC };
    EXPECT(AT(.dim = {1, 8}, .mode = LINEAR), 0, 2.5f, 7.5f, 12.5f, 17.5f, 22.5f, 27.5f, 30);
    EXPECT(AT(.dim = {1, 7}, .mode = LINEAR, .position = CORNERS), 0, 5, 10, 15, 20, 25, 30);
    EXPECT(AT(.dim = {1, 8}, .mode = LINEAR, .position = ASYMMETRIC), 0, 5, 10, 15, 20, 25, 30, 30);
    EXPECT(AT(.dim = {1, 2}, .mode = LINEAR), 5, 25);
    EXPECT(AT(.dim = {1, 1}, .mode = LINEAR), 15);
    EXPECT(AT(.dim = {1, 1}, .mode = LINEAR, .position = CORNERS), 0);
    EXPECT(AT(.dim = {1, 1}, .mode = LINEAR, .position = QNT_RESIZE_PYTORCH_HALF_PIXEL), 0);
    /* places 1/2 and 5/2 are ties */
    EXPECT(AT(.dim = {1, 2}, .rounding = QNT_RESIZE_PREFER_FLOOR), 0, 20);
    EXPECT(AT(.dim = {1, 2}, .rounding = QNT_RESIZE_PREFER_CEIL), 10, 30);
    EXPECT(AT(.dim = {1, 2}, .rounding = QNT_RESIZE_FLOOR), 0, 20);
    EXPECT(AT(.dim = {1, 2}, .rounding = QNT_RESIZE_CEIL), 10, 30);
    EXPECT(AT(.dim = {1, 3}, .position = ASYMMETRIC, .rounding = QNT_RESIZE_FLOOR), 0, 10, 20);
    EXPECT(AT(.dim = {1, 8}, .position = ASYMMETRIC, .rounding = QNT_RESIZE_FLOOR), 0, 0, 10, 10, 20, 20, 30, 30);
    EXPECT(AT(.dim = {1, 3}, .position = CORNERS), 0, 10, 30); /* 3/2 is a tie */
    /* the size follows from the scale, and the places from the scale, not from the ratio 3 / 4 of the sizes */
    EXPECT(AT(.scale = {0, 0.8f}, .mode = LINEAR, .position = ASYMMETRIC), 0, 12.5f, 25);
    EXPECT(AT(.scale = {0, 0.8f}, .mode = LINEAR), 1.25f, 13.75f, 26.25f);
    EXPECT(AT(.scale = {1, 2}, .mode = LINEAR, .position = ASYMMETRIC), 0, 5, 10, 15, 20, 25, 30, 30);
}
END_TEST

/* The gradient is the transposed map: y(x) . dy = x . dx(dy), and twice that after a second reader. */
START_TEST(gradients_are_the_transposed_map)
{
    const size_t *d = sizes[_i % SIZES];
    if (test_quick() && (_i + _i / (int)SIZES) % 3)
        return;
    const struct setting t = {d[0], d[1], d[2], d[3], d[4], (uint32_t)(_i / SIZES), 0, 0, false};
    struct qnt_plan_options o = {.max_batch = 2, .keep_tensors = true};
    struct qnt_plan *p;
    struct qnt_model *m;
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, &t);
    OK(qnt_plan_create(m, &o, &p));
    const struct qnt_step *s = &p->step[0];
    const size_t n = 2 * qnt_tensor_count(s->in[0]), k = 2 * qnt_tensor_count(s->out);
    float *x = malloc(n * sizeof *x), *dx = malloc(n * sizeof *dx), *dy = malloc(k * sizeof *dy);
    for (size_t i = 0; i < n; i++)
        x[i] = unit_random_float();
    for (size_t i = 0; i < k; i++)
        dy[i] = unit_random_float();
    struct oracle y = oracle_run(m, x, 2);
    float *delta[2] = {dx, dy};
    uint8_t set[2] = {0};
    struct qnt_grad g = {.dsp = &ctx->dsp, .batch = 2, .delta = delta, .delta_set = set};
    for (int time = 1; time < 3; time++) {
        double there = 0.0, back = 0.0;
        s->op->backward(s, &g);
        for (size_t i = 0; i < k; i++)
            there += (double)((const float *)y.value[m->outputs.id[0]])[i] * (double)dy[i];
        for (size_t i = 0; i < n; i++)
            back += (double)x[i] * (double)dx[i];
        ck_assert_msg(fabs(time * there - back) < 1e-4 * (1.0 + (double)k / 100.0), "%g there, %g back", time * there,
                      back);
    }
    oracle_free(&y);
    free(x);
    free(dx);
    free(dy);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(misfits_are_refused)
{
    static const struct {
        qnt_node_attr a;
        qnt_status status;
        const char *text;
    } bad[] = {
        {{.dim = {8, 8}, .mode = 2}, QNT_ERR_UNSUPPORTED, "resize mode 2, expected 0 (nearest) or 1 (linear)"},
        {{.dim = {8, 8}, .position = 4}, QNT_ERR_UNSUPPORTED, "position 4 and rounding 0, expected 0 to 3"},
        {{.dim = {8, 8}, .rounding = UINT32_MAX}, QNT_ERR_UNSUPPORTED, "rounding 4294967295"},
        {{.dim = {8}}, QNT_ERR_ARG, "width 5 of 'x' to 0 (scale 0), expected 1 to 1048576"},
        {{.dim = {SIZE_MAX, 8}}, QNT_ERR_ARG, "height 4 of 'x' to 18446744073709551615"},
        {{.dim = {8, 8, 3}}, QNT_ERR_ARG, "new size 8 x 8, and 3 of dimension 2, expected two"},
        {{.scale = {-1.0f, 2.0f}}, QNT_ERR_ARG, "height scale -1"},
        {{.scale = {2.0f, INFINITY}}, QNT_ERR_ARG, "width scale inf"},
        {{.scale = {2.0f, 1e30f}}, QNT_ERR_ARG, "width 5 of 'x' to 0 (scale 1e+30)"},
        {{.scale = {2.0f, 0.1f}}, QNT_ERR_ARG, "width 5 of 'x' to 0 (scale 0.1)"},
        {{.dim = {8, 8}, .scale = {2.0f, 2.0f}}, QNT_ERR_ARG, "new width 8, expected 10, 2 of 5"},
    };
    qnt_ctx *ctx;
    struct qnt_model *m;
    int id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 3, (size_t[]){4, 5, 6});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        qnt_node_attr a = bad[i].a;
        a.size = sizeof a;
        qnt_status status = qnt_model_add_node(m, "resize", "bad", &a, &x, 1, &id);
        ck_assert_msg(status == bad[i].status && strstr(qnt_last_error(), "'bad'") &&
                          strstr(qnt_last_error(), bad[i].text),
                      "%zu: status %d, '%s' lacks '%s'", i, status, qnt_last_error(), bad[i].text);
    }
    qnt_node_attr flat = ATTR(.dim = {120}), half = ATTR(.dim = {2, 3}, .mode = QNT_RESIZE_LINEAR);
    int line = add_node(m, "reshape", "line", &flat, &x, 1, NULL);
    ck_assert_int_eq(qnt_model_add_node(m, "resize", "bad", &half, &line, 1, &id), QNT_ERR_SHAPE);
    float small = 1e-39f, large = 3e38f;
    struct qnt_tensor q = quant(&large, 0), tiny = quant(&small, 0);
    x = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    OK(qnt_model_set_output(m, add_node(m, "resize", "far", &half, &x, 1, &tiny)));
    refuse_plan(m, QNT_ERR_RANGE, "'far'", "3e+38");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_resize");
    TCase *tc = tcase_create("op_resize");
    tcase_add_loop_test(tc, resizes_are_their_definition, 0, 4 * SIZES);
    tcase_add_test(tc, results_by_hand);
    tcase_add_loop_test(tc, gradients_are_the_transposed_map, 0, 2 * SIZES);
    tcase_add_test(tc, misfits_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
