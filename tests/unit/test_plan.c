/* The plan: what is folded, fused and swept, and what is not; the arena. */
#include "op_util.h"

static qnt_ctx *ctx;
static qnt_model *m;
static const size_t image[] = {6, 6, 4}, w_dim[] = {4, 3, 3, 4};

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
}

static void teardown(void)
{
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}

static struct qnt_plan *plan_of(bool keep_tensors, bool keep_graph)
{
    struct qnt_plan_options o = {.max_batch = 2, .keep_tensors = keep_tensors, .keep_graph = keep_graph};
    struct qnt_plan *p;
    OK(qnt_plan_create(m, &o, &p));
    return p;
}

static void expect_steps(const struct qnt_plan *p, size_t n, const char *const *names)
{
    ck_assert_uint_eq(p->n_steps, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(p->step[i].node->name, names[i]);
}

/* Random inputs through a plan: the output must be the oracle's, within a share of its size. */
static void expect_output(const struct qnt_plan *p, float tolerance)
{
    size_t n = 2 * qnt_tensor_count(&m->tensor[m->inputs.id[0]]),
           outputs = 2 * qnt_tensor_count(&m->tensor[m->outputs.id[0]]);
    float *in = malloc(n * sizeof *in);
    uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "a"), *scratch = qnt_alloc(ctx, p->scratch_bytes, "s");
    for (size_t i = 0; i < n; i++)
        in[i] = unit_random_float();
    struct oracle o = oracle_run(m, in, 2);
    memset(arena, 0x55, p->arena_bytes);
    memcpy(arena + p->offset[p->model->inputs.id[0]], in, n * sizeof *in);
    run_parts(p, arena, scratch, 2, 1);
    const float *want = o.value[m->outputs.id[0]],
                *found = (const float *)(const void *)(arena + p->offset[p->model->outputs.id[0]]);
    for (size_t i = 0; i < outputs; i++)
        ck_assert_msg(fabsf(want[i] - found[i]) <= tolerance * (1.0f + fabsf(want[i])), "output %zu: %g, expected %g",
                      i, (double)found[i], (double)want[i]);
    oracle_free(&o);
    qnt_release(ctx, arena);
    qnt_release(ctx, scratch);
    free(in);
}

static int conv(const char *name, const char *w, const char *b, int x)
{
    int in[3] = {x, add_floats(m, w, 4, w_dim, 0.5f), b ? add_floats(m, b, 1, &w_dim[0], 0.5f) : 0};
    return add_node(m, "conv2d", name, NULL, in, b ? 3 : 2, NULL);
}

static int batchnorm(const char *name, int x)
{
    static const char *const what[] = {"gamma", "beta", "mean", "variance"};
    char text[32];
    int in[5] = {x};
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s.%s", name, what[i]);
        in[i + 1] = add_floats(m, text, 1, &w_dim[0], 1.0f);
    }
    float *variance = m->tensor[in[4]].data;
    for (size_t c = 0; c < w_dim[0]; c++)
        variance[c] = 0.5f + fabsf(variance[c]);
    qnt_node_attr attr = ATTR(.epsilon = 1e-5f);
    return add_node(m, "batchnorm", name, &attr, in, 5, NULL);
}

START_TEST(batchnorm_and_clamps_vanish_into_a_convolution)
{
    static const char *const all[] = {"conv", "bn", "relu", "clamp"};
    qnt_node_attr attr = ATTR(.lo = -1.0f, .hi = 0.25f);
    int x = conv("conv", "w", _i ? "b" : NULL, add_input(m, 3, image));
    x = batchnorm("bn", x);
    x = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, add_node(m, "clamp", "clamp", &attr, &x, 1, NULL)));
    const float *w = m->tensor[qnt_model_find(m, "w")].data;
    float before = w[0];
    struct qnt_plan *p = plan_of(false, false);
    expect_steps(p, 1, all);
    ck_assert(p->step[0].clamp_lo == 0.0f && p->step[0].clamp_hi == 0.25f);
    ck_assert_str_eq(p->step[0].out->name, "clamp");
    ck_assert_uint_eq(p->step[0].node->n_in, 3);
    ck_assert(p->offset[qnt_model_find(m, "bn")] == SIZE_MAX);
    expect_output(p, 1e-5f);
    ck_assert(w[0] == before); /* the model is as it was */
    qnt_plan_free(p);
    p = plan_of(false, true);
    expect_steps(p, 4, all);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

START_TEST(dead_nodes_count_for_nothing)
{
    static const char *const names[] = {"conv"};
    int x = conv("conv", "w", "b", add_input(m, 3, image));
    add_node(m, "softmax", "dead", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, batchnorm("bn", x)));
    struct qnt_plan *p = plan_of(false, false);
    expect_steps(p, 1, names); /* nobody but bn reads conv */
    expect_output(p, 1e-5f);
    qnt_plan_free(p);
    p = plan_of(false, true);
    ck_assert_uint_eq(p->n_steps, 3);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

/* Weights, or a bias, that serve two nodes cannot take a batch norm in. _i: which of them. */
START_TEST(what_others_read_stays)
{
    static const char *const names[] = {"conv", "bn", "conv2", "bn2"};
    int x = batchnorm("bn", conv("conv", "w", "b", add_input(m, 3, image)));
    int in[3] = {x, qnt_model_find(m, "w"), qnt_model_find(m, "b")};
    if (_i)
        in[1] = add_floats(m, "w2", 4, w_dim, 0.5f);
    x = add_node(m, "conv2d", "conv2", NULL, in, _i ? 3 : 2, NULL);
    OK(qnt_model_set_output(m, batchnorm("bn2", x)));
    struct qnt_plan *p = plan_of(false, false);
    /* without a bias of its own conv2 is not safe either: w is conv's too */
    expect_steps(p, 4, names);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

START_TEST(an_output_or_a_second_reader_stops_fusing)
{
    static const char *const names[] = {"conv", "relu", "conv2"};
    const size_t w2_dim[] = {5, 1, 1, 4};
    int x = conv("conv", "w", NULL, add_input(m, 3, image)), y = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, x));
    struct qnt_plan *p = plan_of(false, false);
    expect_steps(p, 1, names);
    ck_assert(p->step[0].clamp_lo == -INFINITY);
    qnt_plan_free(p);
    /* conv -> relu -> conv2, conv2's weights beside; nobody but relu reads conv */
    int in[2] = {y, add_floats(m, "w2", 4, w2_dim, 1.0f)};
    OK(qnt_model_set_output(m, add_node(m, "conv2d", "conv2", NULL, in, 2, NULL)));
    p = plan_of(false, false);
    static const char *const fused[] = {"conv", "conv2"};
    expect_steps(p, 2, fused);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

/* The last convolution has a reader, the caller, that is no node: least of all the first. */
START_TEST(the_callers_reading_is_no_node)
{
    static const char *const names[] = {"relu", "conv"};
    int x = add_input(m, 3, image);
    OK(qnt_model_set_output(m, conv("conv", "w", "b", add_node(m, "relu", "relu", NULL, &x, 1, NULL))));
    struct qnt_plan *p = plan_of(false, false);
    expect_steps(p, 2, names);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

START_TEST(a_relu_before_batchnorm_stays_before_it)
{
    static const char *const names[] = {"conv", "bn"};
    int x = conv("conv", "w", "b", add_input(m, 3, image));
    x = batchnorm("bn", add_node(m, "relu", "relu", NULL, &x, 1, NULL));
    OK(qnt_model_set_output(m, add_node(m, "relu", "after", NULL, &x, 1, NULL)));
    struct qnt_plan *p = plan_of(false, false);
    expect_steps(p, 2, names);
    ck_assert(p->step[1].clamp_lo == 0.0f);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

/* A relu after a convolution that gives other codes cannot exist; a relu of the same codes is fused into its bounds. */
START_TEST(codes_are_clamped_in_the_requantization)
{
    float sx = 0.05f, sy = 0.02f;
    struct qnt_tensor qx = quant(&sx, -3), qy = quant(&sy, -60);
    qnt_node_attr attr = ATTR(.lo = -100.0f, .hi = 0.63f);
    int in[2] = {add_input(m, 3, image)};
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
    in[1] = add_weights(m, "w", 8, 4, w_dim, w_dim[0], RANDOM);
    int x = add_node(m, "conv2d", "conv", NULL, in, 2, &qy);
    x = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    x = add_node(m, "clamp", "clamp", &attr, &x, 1, NULL);
    OK(qnt_model_set_output(m, add_node(m, "dequantize", "y", NULL, &x, 1, NULL)));
    struct qnt_plan *p = plan_of(false, false);
    static const char *const names[] = {"q", "conv", "y"};
    expect_steps(p, 3, names);
    expect_output(p, 0.0f);
    qnt_plan_free(p);
}
END_TEST

static void *no_memory(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    (void)alignment;
    ck_abort_msg("%zu bytes allocated", bytes);
    return NULL;
}

/* What training does every step: new codes, scales and zero points, then prepare on the same steps. */
START_TEST(prepared_again_follows_the_tensors_without_allocating)
{
    float s[3] = {0.05f, 0.02f, 0.03f};
    struct qnt_tensor q[3] = {quant(&s[0], -3), quant(&s[1], -60), quant(&s[2], 7)};
    qnt_node_attr pool = ATTR(.kernel = {2, 2}, .stride = {1, 1}, .pad = {1, 0, 0, 0}), pad = ATTR(.pad = {1, 1, 1, 1});
    int in[3] = {add_input(m, 3, image)};
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &q[0]);
    in[1] = add_weights(m, "w", 8, 4, w_dim, w_dim[0], RANDOM);
    in[2] = add_bias(m, "b", w_dim[0], 1000);
    int x = add_node(m, "conv2d", "conv", &pad, in, 3, &q[1]);
    x = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    x = add_node(m, "maxpool", "max", &pool, &x, 1, NULL);
    x = add_node(m, "clamp", "clamp", &ATTR(.lo = -0.5f, .hi = 1.5f), &x, 1, NULL);
    x = add_node(m, "avgpool", "mean", &pool, &x, 1, &q[2]);
    OK(qnt_model_set_output(m, add_node(m, "dequantize", "y", NULL, &x, 1, NULL)));
    struct qnt_plan *p = plan_of(false, false);
    expect_output(p, 0.0f);
    void *(*alloc)(void *, size_t, size_t) = ctx->config.alloc;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < qnt_tensor_count(&m->tensor[in[1]]); i++)
            ((int8_t *)m->tensor[in[1]].data)[i] = (int8_t)unit_random(); /* the plan's too */
        ((int32_t *)m->tensor[in[2]].data)[1] += 500;
        for (size_t i = 0; i < m->n_tensors; i++) {
            struct qnt_tensor *from = &m->tensor[i], *to = &p->model->tensor[i];
            for (uint32_t k = 0; k < from->scales; k++)
                to->scale[k] = from->scale[k] *= round == 1 ? 1.0f : 1.1f;
            to->zero = from->zero += from->type == QNT_S8 && !from->constant ? 3 : 0;
        }
        ctx->config.alloc = no_memory;
        for (size_t i = 0; i < p->n_steps; i++)
            if (p->step[i].op->prepare)
                OK(p->step[i].op->prepare(ctx, &p->step[i], 2));
        ctx->config.alloc = alloc;
        expect_output(p, 0.0f);
    }
    qnt_plan_free(p);
}
END_TEST

/* A tree of pools, flattens, clamps and convolutions; returns nodes. */
static size_t random_tree(void)
{
    int id[40], in[3];
    char name[16];
    size_t n = 1, nodes = 4 + unit_random() % 30;
    id[0] = add_input(m, 3, image);
    for (size_t i = 0; i < nodes; i++) {
        int x = id[unit_random() % 4 ? n - 1 : unit_random() % n];
        const struct qnt_tensor *t = &m->tensor[x];
        size_t dim[4] = {1 + unit_random() % 9, 1, 1, t->dim[2]};
        snprintf(name, sizeof name, "n%zu", i);
        switch (t->rank == 1 ? unit_random() % 2 : unit_random() % 5) {
        case 0:
            x = add_node(m, "relu", name, NULL, &x, 1, NULL);
            break;
        case 1:
            x = add_node(m, "softmax", name, NULL, &x, 1, NULL);
            break;
        case 2:
            x = add_node(m, "flatten", name, NULL, &x, 1, NULL);
            break;
        default:
            in[0] = x;
            snprintf(name, sizeof name, "w%zu", i);
            in[1] = add_floats(m, name, 4, dim, 0.5f);
            snprintf(name, sizeof name, "n%zu", i);
            x = add_node(m, "conv2d", name, NULL, in, 2, NULL);
        }
        id[n++] = x;
    }
    OK(qnt_model_set_output(m, id[unit_random() % n]));
    return nodes;
}

/* First and last step at which a tensor's bytes count, aliases included; steps count from 1. */
static void life_of(const struct qnt_plan *p, int id, size_t *from, size_t *to)
{
    bool mine[128] = {false};
    *from = id == p->model->inputs.id[0] ? 0 : SIZE_MAX;
    *to = 0;
    mine[id] = true;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_step *s = &p->step[i];
        if (s->node->out == id)
            *from = i + 1;
        if (mine[s->node->in[0]]) {
            *to = i + 1;
            mine[s->node->out] |= !s->op->run;
        }
        *to = mine[s->node->out] && i + 1 > *to ? i + 1 : *to;
    }
    if (mine[p->model->outputs.id[0]])
        *to = p->n_steps + 1;
}

static size_t root_of(const struct qnt_plan *p, size_t id)
{
    for (size_t i = p->n_steps; i-- > 0;)
        if (p->step[i].node->out == (int)id && !p->step[i].op->run)
            id = (size_t)p->step[i].node->in[0];
    return id;
}

START_TEST(tensors_that_live_together_do_not_overlap)
{
    for (int round = 0; round < 60; round++) {
        random_tree();
        bool keep_tensors = round % 3 == 0, keep_graph = round % 2;
        struct qnt_plan *p = plan_of(keep_tensors, keep_graph);
        size_t n = m->n_tensors, at[128], bytes[128], from[128], to[128];
        ck_assert_uint_lt(n, 128);
        for (size_t i = 0; i < n; i++) {
            bytes[i] = 2 * oracle_bytes(&m->tensor[i]);
            at[i] = p->offset[i];
            life_of(p, (int)i, &from[i], &to[i]);
            if (at[i] != SIZE_MAX)
                ck_assert(at[i] % 64 == 0 && at[i] + bytes[i] <= p->arena_bytes);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < i; k++) {
                bool together = keep_tensors || (from[i] <= to[k] && from[k] <= to[i]);
                if (at[i] == SIZE_MAX || at[k] == SIZE_MAX || !together || root_of(p, i) == root_of(p, k))
                    continue;
                ck_assert_msg(at[i] + bytes[i] <= at[k] || at[k] + bytes[k] <= at[i], "'%s' and '%s' overlap",
                              m->tensor[i].name, m->tensor[k].name);
            }
        expect_output(p, 1e-5f);
        qnt_plan_free(p);
        teardown();
        OK(qnt_ctx_create(NULL, &ctx));
        OK(qnt_model_new(ctx, &m));
    }
}
END_TEST

/* A chain needs no more than its two largest neighbours; others have their middle where the largest has it. */
START_TEST(a_chain_takes_two_neighbours)
{
    qnt_node_attr pool = ATTR(.kernel = {2, 2}, .stride = {2, 2});
    int x = add_input(m, 3, (size_t[]){32, 32, 16});
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        x = add_node(m, "maxpool", name, &pool, &x, 1, NULL);
    }
    OK(qnt_model_set_output(m, x));
    struct qnt_plan *p = plan_of(false, false);
    ck_assert_uint_eq(p->arena_bytes, 2 * sizeof(float) * 16 * (32 * 32 + 16 * 16));
    const size_t half = sizeof(float) * 16; /* of two images of a pixel */
    ck_assert_uint_eq(p->offset[qnt_model_find(p->model, "p1")] + half * 8 * 8, half * 32 * 32);
    qnt_plan_free(p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tc = tcase_create("plan");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, batchnorm_and_clamps_vanish_into_a_convolution, 0, 2);
    tcase_add_test(tc, dead_nodes_count_for_nothing);
    tcase_add_loop_test(tc, what_others_read_stays, 0, 2);
    tcase_add_test(tc, the_callers_reading_is_no_node);
    tcase_add_test(tc, an_output_or_a_second_reader_stops_fusing);
    tcase_add_test(tc, a_relu_before_batchnorm_stays_before_it);
    tcase_add_test(tc, codes_are_clamped_in_the_requantization);
    tcase_add_test(tc, prepared_again_follows_the_tensors_without_allocating);
    tcase_add_test(tc, tensors_that_live_together_do_not_overlap);
    tcase_add_test(tc, a_chain_takes_two_neighbours);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
