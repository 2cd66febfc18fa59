/* add, sub and mul against their definitions: shapes that broadcast, constants, fused bounds; refusals. */
#include "op_util.h"

struct shapes {
    uint32_t rank[2];
    size_t dim[2][4];
};
static const struct shapes all[] = {
    {{3, 3}, {{5, 4, 19}, {5, 4, 19}}}, {{3, 1}, {{5, 4, 19}, {19}}},     {{3, 3}, {{5, 4, 19}, {1, 1, 1}}},
    {{3, 3}, {{5, 1, 3}, {1, 4, 3}}},   {{2, 4}, {{4, 1}, {2, 3, 4, 5}}}, {{1, 1}, {{1}, {1}}},
};
struct pick {
    const struct shapes *s;
    const char *op;
    bool constant, codes;
};

/* An activation of the wanted shape: the input's one value times a constant, quantized where codes are wanted. */
static int operand(struct qnt_model *m, const struct pick *p, int x, int which, const char *name)
{
    static float scale[2] = {0.05f, 0.031f};
    struct qnt_tensor q = quant(&scale[which], which ? 17 : -9);
    if (which && p->constant) {
        if (!p->codes)
            return add_floats(m, name, p->s->rank[1], p->s->dim[1], 2.0f);
        int id = add_weights(m, name, 8, p->s->rank[1], p->s->dim[1], 1, RANDOM);
        m->tensor[id].scale[0] = 0.03f;
        m->tensor[id].zero = 5;
        return id;
    }
    char node[32];
    snprintf(node, sizeof node, "%s spread", name);
    int in[2] = {x, add_floats(m, name, p->s->rank[which], p->s->dim[which], 3.0f)};
    x = add_node(m, "mul", node, NULL, in, 2, NULL);
    return p->codes ? add_node(m, "quantize", which ? "qb" : "qa", NULL, &x, 1, &q) : x;
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct pick *p = arg;
    float sy = !strcmp(p->op, "mul") ? 0.11f : 0.06f;
    struct qnt_tensor q = quant(&sy, 3);
    int x = add_input(m, 1, (size_t[]){1}), in[2];
    in[0] = operand(m, p, x, 0, "a");
    in[1] = operand(m, p, x, 1, "b");
    int y = add_node(m, p->op, "pair", NULL, in, 2, p->codes ? &q : NULL);
    OK(qnt_model_set_output(m, add_node(m, "relu", "relu", NULL, &y, 1, NULL)));
}

START_TEST(they_are_the_definitions)
{
    static const char *const ops[] = {"add", "sub", "mul"};
    for (int i = 0; i < 12; i++) {
        const struct pick p = {&all[_i], ops[i % 3], i / 3 % 2, i / 6};
        check_model(build, &p, 1.0f);
    }
}
END_TEST

/* With relu fused into the pair: the same bytes. */
START_TEST(bounds_fuse)
{
    const struct pick p = {&all[0], _i % 2 ? "mul" : "add", false, _i / 2};
    struct qnt_plan_options o = {.max_batch = 1, .keep_tensors = true}, whole = o;
    struct qnt_plan *fused, *plain;
    struct qnt_model *m;
    qnt_ctx *ctx;
    whole.keep_graph = true;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, &p);
    OK(qnt_plan_create(m, &o, &fused));
    OK(qnt_plan_create(m, &whole, &plain));
    ck_assert_uint_eq(fused->n_steps + 1, plain->n_steps);
    size_t bytes = oracle_bytes(&m->tensor[m->outputs.id[0]]);
    uint8_t *arena[2] = {qnt_alloc(ctx, fused->arena_bytes, "arena"), qnt_alloc(ctx, plain->arena_bytes, "arena")};
    *(float *)(void *)(arena[0] + fused->offset[fused->model->inputs.id[0]]) = 0.9f;
    *(float *)(void *)(arena[1] + plain->offset[plain->model->inputs.id[0]]) = 0.9f;
    run_parts(fused, arena[0], NULL, 1, 1);
    run_parts(plain, arena[1], NULL, 1, 1);
    ck_assert(!memcmp(arena[0] + fused->offset[fused->model->outputs.id[0]],
                      arena[1] + plain->offset[plain->model->outputs.id[0]], bytes));
    qnt_release(ctx, arena[0]);
    qnt_release(ctx, arena[1]);
    qnt_plan_free(fused);
    qnt_plan_free(plain);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(misfits_are_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    int id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    int in[2] = {add_input(m, 2, (size_t[]){4, 3}), add_floats(m, "b", 1, (size_t[]){4}, 1.0f)};
    ck_assert_int_eq(qnt_model_add_node(m, "add", "sum", NULL, in, 2, &id), QNT_ERR_SHAPE);
    ck_assert_msg(strstr(qnt_last_error(), "'sum'") && strstr(qnt_last_error(), "4 x 3"), "%s", qnt_last_error());
    float scale = 0.1f;
    struct qnt_tensor q = quant(&scale, 0);
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &q);
    ck_assert_int_eq(qnt_model_add_node(m, "mul", "product", NULL, in, 2, &id), QNT_ERR_TYPE);
    ck_assert_msg(strstr(qnt_last_error(), "'product'"), "%s", qnt_last_error());
    in[1] = in[0];
    ck_assert_int_eq(qnt_model_add_node(m, "add", "sum", NULL, in, 2, &id), QNT_ERR_TYPE); /* no scale of its own */
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_pair");
    TCase *tc = tcase_create("op_pair");
    tcase_add_loop_test(tc, they_are_the_definitions, 0, sizeof all / sizeof *all);
    tcase_add_loop_test(tc, bounds_fuse, 0, 4);
    tcase_add_test(tc, misfits_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
