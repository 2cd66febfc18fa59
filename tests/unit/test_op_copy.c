/* transpose, slice, pad, concat and reshape on random shapes of 1 to 6 dimensions against their definitions (the
 * oracle's, element by element), in f32 and s8; their gradients; refusals. */
#include "lib/train/grad.h"
#include "random_moves.h"

enum { CASES = 24 };

struct setting {
    const char *op;
    int number;
    bool s8;
};

static int quantized(struct qnt_model *m, const char *name, int x, float scale, int32_t zero)
{
    struct qnt_tensor q = quant(&scale, zero);
    return add_node(m, "quantize", name, NULL, &x, 1, &q);
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    size_t dim[QNT_MAX_RANK];
    qnt_node_attr a;
    for (int i = 0; i < 97 * t->number; i++)
        unit_random();
    uint32_t rank = random_shape(dim);
    int x = add_input(m, rank, dim);
    if (t->s8)
        x = quantized(m, "q", x, 0.03f, -5);
    if (!strcmp(t->op, "transpose"))
        a = random_axes(rank);
    else if (!strcmp(t->op, "slice"))
        a = random_slice(rank, dim);
    else if (!strcmp(t->op, "pad"))
        a = random_pad(rank, dim);
    else
        a = random_regroup(rank, dim);
    OK(qnt_model_set_output(m, add_node(m, t->op, "move", &a, &x, 1, NULL)));
}

START_TEST(moves_are_their_definitions)
{
    static const char *const ops[] = {"transpose", "slice", "pad", "reshape"};
    if (fewer(_i / 2, 3))
        return;
    for (int op = 0; op < 4; op++) {
        const struct setting t = {ops[op], _i / 2, _i % 2};
        check_model(build, &t, 4.0f);
    }
}
END_TEST

/* Every order of the axes of 3 and 4 dimensions, long ones among them. */
static void build_order(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    static const size_t dims[][4] = {{3, 5, 2, 7}, {2, 3, 37, 18}, {70, 2, 19, 3}, {1, 66, 1, 35}, {4, 4, 24, 2}};
    qnt_node_attr a = ATTR(.groups = 1);
    int order = t->number % 24, x = add_input(m, 4, dims[t->number / 24]);
    for (uint32_t d = 0, used = 0; d < 4; d++) {
        uint32_t k = 0, left = (uint32_t)order % (4 - d);
        order /= 4 - (int)d;
        while (used >> k & 1 || left--)
            k++;
        a.axis[d] = k;
        used |= 1u << k;
    }
    if (t->s8)
        x = quantized(m, "q", x, 0.03f, -5);
    OK(qnt_model_set_output(m, add_node(m, "transpose", "turn", &a, &x, 1, NULL)));
}

START_TEST(every_order_of_axes)
{
    if (fewer(_i, 5))
        return;
    for (int s8 = 0; s8 < 2; s8++) {
        const struct setting t = {"transpose", _i, s8};
        check_model(build_order, &t, 4.0f);
    }
}
END_TEST

/* Parts of the input, each with a scale of its own (or the same), joined. */
static void build_concat(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    static const float scales[] = {0.03f, 0.03f, 0.011f, 0.2f};
    static const int32_t zeros[] = {-5, -5, 60, 0};
    size_t dim[QNT_MAX_RANK];
    int in[QNT_MAX_INPUTS];
    for (int i = 0; i < 97 * t->number; i++)
        unit_random();
    const uint32_t rank = random_shape(dim), axis = (uint32_t)below(rank);
    const size_t parts = t->number % 8 ? 1 + below(5) : QNT_MAX_INPUTS;
    const bool same = below(3) == 0;
    int x = add_input(m, rank, dim);
    for (size_t k = 0; k < parts; k++) {
        char name[2][16];
        qnt_node_attr a = ATTR(.groups = 1);
        a.begin[axis] = (int64_t)below(dim[axis]);
        a.end[axis] = a.begin[axis] + 1 + (int64_t)below(dim[axis] - (size_t)a.begin[axis]);
        snprintf(name[0], sizeof name[0], "part%zu", k);
        snprintf(name[1], sizeof name[1], "q%zu", k);
        in[k] = add_node(m, "slice", name[0], &a, &x, 1, NULL);
        if (t->s8)
            in[k] = quantized(m, name[1], in[k], scales[same ? 0 : k % 4], zeros[same ? 0 : k % 4]);
    }
    qnt_node_attr a = ATTR(.axis = {axis});
    float scale = 0.03f;
    struct qnt_tensor q = quant(&scale, -5);
    OK(qnt_model_set_output(m, add_node(m, "concat", "join", &a, in, parts, t->s8 && !same ? &q : NULL)));
}

START_TEST(concats_are_their_definition)
{
    const struct setting t = {"concat", _i / 2, _i % 2};
    if (fewer(_i / 2, 3))
        return;
    check_model(build_concat, &t, 4.0f);
}
END_TEST

/* Rows longer than the pieces they are shared in. */
static void build_long(struct qnt_model *m, const void *arg)
{
    const qnt_node_attr turn = ATTR(.axis = {1, 0});
    int x = add_input(m, 2, (size_t[]){2, 9001}), in[2];
    (void)arg;
    x = add_node(m, "transpose", "turned", &turn, &x, 1, NULL);
    x = add_node(m, "transpose", "back", &turn, &x, 1, NULL);
    in[0] = quantized(m, "a", x, 0.03f, 3);
    in[1] = quantized(m, "b", x, 0.02f, 9);
    float scale = 0.03f;
    struct qnt_tensor q = quant(&scale, 3);
    qnt_node_attr a = ATTR(.axis = {1});
    x = add_node(m, "concat", "join", &a, in, 2, &q);
    qnt_node_attr all = ATTR(.step = {1, 1}, .end = {2, 18002});
    x = add_node(m, "slice", "all", &all, &x, 1, NULL);
    x = add_node(m, "transpose", "turned codes", &turn, &x, 1, NULL);
    OK(qnt_model_set_output(m, x));
}

START_TEST(long_rows)
{
    check_model(build_long, NULL, 4.0f);
}
END_TEST

/* Inputs that hold their own index tell where each output came from: there its gradient must go, twice as much after a
 * second reader. */
START_TEST(gradients_go_back)
{
    static const char *const ops[] = {"transpose", "slice", "pad", "reshape", "concat"};
    const struct setting t = {ops[_i % 5], 1 + _i / 5, false};
    if (fewer(_i / 5, 3))
        return;
    struct qnt_plan_options o = {.max_batch = 2, .keep_tensors = true, .keep_graph = true};
    struct qnt_plan *p;
    struct qnt_model *m;
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    if (_i % 5 < 4) {
        build(m, &t);
        m->node[0].attr.value = -1.0f;
    } else { /* the input twice */
        const size_t dim[] = {3, 4, 5};
        qnt_node_attr a = ATTR(.axis = {(uint32_t)t.number % 3});
        int x = add_input(m, 3, dim), in[2] = {x, x};
        OK(qnt_model_set_output(m, add_node(m, "concat", "join", &a, in, 2, NULL)));
    }
    OK(qnt_plan_create(m, &o, &p));
    const struct qnt_step *s = &p->step[0];
    const size_t n = qnt_tensor_count(s->in[0]), k = qnt_tensor_count(s->out);
    float *in = malloc(2 * n * sizeof *in), *dx = malloc(2 * n * sizeof *dx), *dy = malloc(2 * k * sizeof *dy);
    float *want = calloc(2 * n, sizeof *want);
    for (size_t i = 0; i < 2 * n; i++)
        in[i] = (float)i;
    struct oracle y = oracle_run(m, in, 2);
    for (size_t i = 0; i < 2 * k; i++) {
        float from = ((const float *)y.value[m->outputs.id[0]])[i];
        dy[i] = unit_random_float();
        if (from >= 0.0f)
            want[(size_t)from] += dy[i];
    }
    float *delta[2] = {dx, dy};
    uint8_t set[2] = {0};
    struct qnt_grad g = {.dsp = &ctx->dsp, .batch = 2, .delta = delta, .delta_set = set};
    for (int time = 1; time < 3; time++) {
        s->op->backward(s, &g);
        ck_assert_int_eq(set[0], 1);
        for (size_t i = 0; i < 2 * n; i++)
            ck_assert_msg(fabsf(dx[i] - (float)time * want[i]) < 1e-4f * (1.0f + fabsf(want[i])),
                          "%s %d: element %zu is %g, expected %g", s->op->name, time, i, (double)dx[i],
                          (double)((float)time * want[i]));
    }
    oracle_free(&y);
    free(in);
    free(dx);
    free(dy);
    free(want);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

static struct qnt_model *model;
static int float_x, code_x;

#define REFUSE(op, status, text, ...) refuse_node(model, op, (qnt_node_attr){__VA_ARGS__}, &float_x, 1, status, text)

START_TEST(misfits_are_refused)
{
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &model));
    float_x = add_input(model, 3, (size_t[]){4, 5, 6});
    code_x = quantized(model, "q", float_x, 0.1f, 3);
    REFUSE("reshape", QNT_ERR_SHAPE, "new shape 7 x 17, expected as many elements as input 'x' of 4 x 5 x 6",
           .dim = {7, 17});
    REFUSE("reshape", QNT_ERR_SHAPE, "dimension 1 of the new shape is 0", .dim = {4, 0, 30});
    REFUSE("reshape", QNT_ERR_SHAPE, "no dimension", .dim = {0});
    REFUSE("reshape", QNT_ERR_RANGE, "more than 2^40", .dim = {SIZE_MAX, SIZE_MAX});
    REFUSE("transpose", QNT_ERR_ARG, "axes 0 0 1 0 0 0, expected each of 0 to 2 once", .axis = {0, 0, 1});
    REFUSE("transpose", QNT_ERR_ARG, "axes 0 1 3 0", .axis = {0, 1, 3});
    REFUSE("transpose", QNT_ERR_ARG, "axes 0 1 4294967295 0", .axis = {0, 1, UINT32_MAX});
    REFUSE("transpose", QNT_ERR_ARG, "axes 0 1 2 3", .axis = {0, 1, 2, 3});
    REFUSE("concat", QNT_ERR_ARG, "axis 3, expected 0 to 2", .axis = {3});
    REFUSE("slice", QNT_ERR_SHAPE, "begin 4, end 4, step 1 take nothing of dimension 0, which is 4", .begin = {4},
           .end = {4});
    REFUSE("slice", QNT_ERR_SHAPE, "take nothing of dimension 1", .begin = {0, 3}, .end = {0, 1}, .step = {0, 1});
    REFUSE("slice", QNT_ERR_SHAPE, "take nothing of dimension 1", .begin = {0, INT64_MIN}, .end = {0, INT64_MAX},
           .step = {0, INT64_MIN});
    REFUSE("slice", QNT_ERR_ARG, "of dimension 3, expected 0: 'x' has 3", .end = {0, 0, 0, 1});
    REFUSE("pad", QNT_ERR_ARG, "pad mode 3, expected 0 (constant)", .mode = 3);
    REFUSE("pad", QNT_ERR_ARG, "-1 and 0 elements around dimension 1, expected 0 to 1048576 (constant)",
           .begin = {0, -1});
    REFUSE("pad", QNT_ERR_ARG, "9223372036854775807 elements around dimension 2", .end = {0, 0, INT64_MAX});
    REFUSE("pad", QNT_ERR_ARG, "0 and 5 elements around dimension 1, expected 0 to 4 (reflect)", .mode = 1,
           .end = {0, 5});
    REFUSE("pad", QNT_ERR_ARG, "1 and 0 elements around dimension 3, expected 0 to 0", .begin = {0, 0, 0, 1});
    REFUSE("pad", QNT_ERR_ARG, "the constant is NaN", .value = NAN);
    int other = quantized(model, "other", float_x, 0.2f, 3), in[2] = {code_x, other};
    refuse_node(model, "concat", (qnt_node_attr){0}, in, 2, QNT_ERR_TYPE, "the output needs a scale");
    in[1] = float_x;
    refuse_node(model, "concat", (qnt_node_attr){0}, in, 2, QNT_ERR_TYPE, "input 'x' is f32, expected s8 as 'q'");
    qnt_node_attr less = ATTR(.end = {3});
    in[1] = add_node(model, "slice", "less", &less, &code_x, 1, NULL);
    refuse_node(model, "concat", (qnt_node_attr){.axis = {1}}, in, 2, QNT_ERR_SHAPE,
                "input 'less' is 3 x 5 x 6, expected 4 x 5 x 6");
    OK(qnt_model_set_output(model, in[1]));
    model->tensor[in[1]].zero++;
    refuse_plan(model, QNT_ERR_TYPE, "'less'", "zero point 4");
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_copy");
    TCase *tc = tcase_create("op_copy");
    tcase_add_loop_test(tc, moves_are_their_definitions, 0, 2 * CASES);
    tcase_add_loop_test(tc, every_order_of_axes, 0, 5 * 24);
    tcase_add_loop_test(tc, concats_are_their_definition, 0, 2 * CASES);
    tcase_add_test(tc, long_rows);
    tcase_add_loop_test(tc, gradients_go_back, 0, 5 * CASES);
    tcase_add_test(tc, misfits_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
