/* Chains of binary layers: batch norms go into scales and codes, and what only the next layer's signs are taken of is
 * handed on as bits, with the same results to the byte. */
#include "op_util.h"
#include "lib/op/binary.h"
#include <qnt/session.h>

struct chain {
    size_t h, w, c[4]; /* channels: input, three layers */
    uint32_t groups[3];
    bool norm, bias, clamp, floats; /* floats: of the weights; clamp: behind the first layer */
    bool full;                      /* the third layer is fully connected, behind a flatten */
    bool shared;                    /* the first layer's values are read twice */
    bool bits[2];                   /* what must be bits */
    bool ones;                      /* signs of input and first layer all +: sums as large as can be */
};
static const struct chain chains[] = {
    {6, 5, {3, 16, 24, 5}, {1, 1, 1}, true, false, false, false, false, false, {true, true}, false},
    {5, 4, {9, 13, 33, 6}, {1, 1, 1}, true, true, true, false, false, false, {true, true}, false},
    {5, 4, {8, 7, 5, 6}, {1, 1, 1}, false, true, true, false, false, false, {true, true}, false},
    {4, 4, {16, 24, 40, 10}, {1, 1, 1}, true, false, false, false, true, false, {true, true}, false},
    {4, 4, {16, 24, 20, 10}, {1, 1, 1}, true, false, false, false, true, false, {true, false}, false},
    {4, 4, {16, 32, 32, 8}, {2, 4, 2}, true, false, true, false, false, false, {true, true}, false},
    {4, 4, {16, 20, 32, 8}, {1, 2, 1}, true, false, false, false, false, false, {false, true}, false},
    {4, 4, {16, 12, 32, 8}, {2, 1, 1}, true, false, false, false, false, false, {false, true}, false},
    {4, 4, {16, 24, 16, 8}, {1, 1, 1}, true, false, false, false, false, true, {false, true}, false},
    {4, 4, {16, 24, 16, 8}, {1, 1, 1}, false, true, false, true, false, false, {true, true}, false},
    {4, 4, {16, 24, 16, 8}, {1, 1, 1}, true, true, false, true, false, false, {false, false}, false},
    {4, 4, {5, 24, 16, 8}, {1, 1, 1}, false, true, false, false, false, false, {true, true}, true},
};
enum { CHAINS = sizeof chains / sizeof *chains, IMAGES = 5 };

static int batchnorm(struct qnt_model *m, int i, size_t channels, int x)
{
    static const char *const what[] = {"gamma", "beta", "mean", "variance"};
    char name[32];
    int in[5] = {x};
    for (int k = 0; k < 4; k++) {
        snprintf(name, sizeof name, "%s%d", what[k], i);
        in[k + 1] = add_floats(m, name, 1, &channels, k == 2 ? 0.05f : 1.0f); /* gammas of both signs */
    }
    float *variance = m->tensor[in[4]].data;
    for (size_t c = 0; c < channels; c++)
        variance[c] = 0.01f + fabsf(variance[c]);
    snprintf(name, sizeof name, "norm%d", i);
    qnt_node_attr attr = ATTR(.epsilon = 1e-5f);
    return add_node(m, "batchnorm", name, &attr, in, 5, NULL);
}

/* Biases that make many sums exactly 0, and some larger than all sums. */
static int bias(struct qnt_model *m, int i, int w)
{
    char name[32];
    const size_t channels = m->tensor[w].dim[0];
    snprintf(name, sizeof name, "b%d", i);
    int id = add_floats(m, name, 1, &channels, 1.0f);
    float *b = m->tensor[id].data;
    for (size_t c = 0; c < channels; c++) {
        float scale = m->tensor[w].scales ? m->tensor[w].scale[c] : 0.05f;
        b[c] = c % 7 == 3 ? b[c] * 1e6f : -(float)(int)(b[c] * 20.0f) * scale;
    }
    return id;
}

static int layer(struct qnt_model *m, const struct chain *t, int i, int x)
{
    const bool full = t->full && i == 2;
    const uint32_t groups = t->groups[i];
    const size_t dim[] = {t->c[i + 1], 3, 3, t->c[i] / groups}, full_dim[] = {t->c[3], t->h * t->w * t->c[2]};
    const qnt_node_attr attr = ATTR(.pad = {1, 1, 1, 1}, .groups = groups);
    const qnt_node_attr bounds = ATTR(.lo = i == 0 ? -0.5f : 0.0f, .hi = 1.0f);
    char name[32];
    int in[3] = {x};
    if (full)
        in[0] = add_node(m, "flatten", "flat", NULL, &x, 1, NULL);
    snprintf(name, sizeof name, "w%d", i);
    in[1] = t->floats ? add_floats(m, name, full ? 2 : 4, full ? full_dim : dim, 0.1f)
                      : add_weights(m, name, 1, full ? 2 : 4, full ? full_dim : dim, i == 1 ? 1 : t->c[i + 1],
                                    i == 0 && t->ones ? 1 : RANDOM);
    if (t->bias && m->tensor[in[1]].scales != 1)
        in[2] = bias(m, i, in[1]);
    snprintf(name, sizeof name, "binary%d", i);
    x = add_node(m, full ? "binary_fully_connected" : "binary_conv2d", name, full ? NULL : &attr, in, in[2] ? 3 : 2,
                 NULL);
    if (t->norm)
        x = batchnorm(m, i, t->c[i + 1], x);
    return t->clamp && i == 0 ? add_node(m, "clamp", "clamp", &bounds, &x, 1, NULL) : x;
}

static struct qnt_model *build(qnt_ctx *ctx, const struct chain *t)
{
    const size_t dim[] = {t->h, t->w, t->c[0]};
    struct qnt_model *m;
    unit_seed();
    OK(qnt_model_new(ctx, &m));
    int x = layer(m, t, 0, add_input(m, 3, dim)), in[2];
    in[1] = x;
    x = layer(m, t, 2, layer(m, t, 1, x));
    if (t->shared) { /* the mean of the first layer's values onto the output */
        const size_t mix[] = {t->c[3], 1, 1, t->c[1]};
        int conv[2] = {add_node(m, "global_avgpool", "pool", NULL, &in[1], 1, NULL),
                       add_floats(m, "mix", 4, mix, 1.0f)};
        in[0] = x;
        in[1] = add_node(m, "conv2d", "mixed", NULL, conv, 2, NULL);
        x = add_node(m, "add", "sum", NULL, in, 2, NULL);
    }
    OK(qnt_model_set_output(m, x));
    return m;
}

static size_t run(struct qnt_model *m, struct qnt_plan_options o, const float *in, uint32_t parts, float *out,
                  const struct chain *expected)
{
    struct qnt_plan *p;
    o.max_batch = IMAGES;
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(m->ctx, p->arena_bytes, "arena"),
            *scratch = qnt_alloc(m->ctx, p->scratch_bytes, "scratch");
    memset(arena, 0x55, p->arena_bytes);
    memcpy(arena + p->offset[p->model->inputs.id[0]], in,
           IMAGES * qnt_tensor_count(&m->tensor[m->inputs.id[0]]) * sizeof *in);
    run_parts(p, arena, scratch, IMAGES, parts);
    size_t n = IMAGES * qnt_tensor_count(&m->tensor[m->outputs.id[0]]), found = 0;
    memcpy(out, arena + p->offset[p->model->outputs.id[0]], n * sizeof *out);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_step *s = &p->step[i];
        if (!qnt_is_binary(s->node))
            continue;
        if (expected && found < 2)
            ck_assert_msg(qnt_is_bits(s->out) == expected->bits[found], "'%s'", s->node->name);
        ck_assert(expected || !qnt_is_bits(s->out));
        found++;
    }
    ck_assert_uint_eq(found, 3);
    qnt_release(m->ctx, arena);
    qnt_release(m->ctx, scratch);
    found = p->n_steps;
    qnt_plan_free(p);
    return found;
}

static void compare_plans(qnt_ctx *ctx, const struct chain *t, const char *isa)
{
    static float in[IMAGES * 6 * 5 * 16], plain[IMAGES * 512], kept[IMAGES * 512], bits[IMAGES * 512];
    struct qnt_model *m = build(ctx, t);
    const size_t n = IMAGES * qnt_tensor_count(&m->tensor[m->outputs.id[0]]);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        in[i] = t->ones ? 1.0f : unit_random_float();
    size_t all = run(m, (struct qnt_plan_options){.keep_graph = true, .keep_tensors = true}, in, 1, plain, NULL);
    size_t steps = run(m, (struct qnt_plan_options){.keep_tensors = true}, in, 1, kept, NULL);
    ck_assert_uint_eq(all - steps, (t->norm && !t->floats ? 3 : 0) + (t->clamp ? 1 : 0));
    for (size_t i = 0; i < n; i++) /* a folded norm rounds differently */
        ck_assert_msg(fabsf(plain[i] - kept[i]) <= 1e-3f * fmaxf(1.0f, fabsf(plain[i])), "%s: %g, folded %g", isa,
                      (double)plain[i], (double)kept[i]);
    for (uint32_t parts = 1; parts < 80; parts = parts * 5 + 2) {
        run(m, (struct qnt_plan_options){0}, in, parts, bits, t);
        ck_assert_msg(!memcmp(kept, bits, n * sizeof *kept), "%s: bits differ", isa);
    }
    qnt_model_free(m);
}

START_TEST(bits_change_nothing)
{
    qnt_ctx *all, *ctx;
    qnt_isa_row row;
    OK(qnt_ctx_create(NULL, &all));
    for (size_t i = 0; !qnt_ctx_isa(all, i, &row); i++) {
        if (!row.usable)
            continue;
        qnt_config config = {.size = sizeof config, .isa = row.name};
        OK(qnt_ctx_create(&config, &ctx));
        compare_plans(ctx, &chains[_i], row.name);
        qnt_ctx_free(ctx);
    }
    qnt_ctx_free(all);
}
END_TEST

/* An output that the caller reads stays what it is. */
START_TEST(the_output_is_no_bits)
{
    const size_t dim[] = {4, 4, 8}, w[] = {8, 3, 3, 8};
    qnt_ctx *ctx;
    struct qnt_model *m;
    struct qnt_plan *p;
    struct qnt_plan_options o = {.max_batch = 1};
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int in[2] = {add_input(m, 3, dim), add_weights(m, "w", 1, 4, w, 8, RANDOM)};
    int x = add_node(m, "binary_conv2d", "one", NULL, in, 2, NULL);
    OK(qnt_model_set_output(m, x));
    OK(qnt_plan_create(m, &o, &p));
    ck_assert_int_eq(p->step[0].out->type, QNT_F32);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

enum { AFTER = 8192, CANARY = 0x6b };

struct block {
    size_t bytes, head; /* what was asked for; where it begins in what libc gave */
};

/* User: how many blocks were written past their end. */
static void *take(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    const struct block b = {bytes, alignment < sizeof b ? sizeof b : alignment};
    uint8_t *start = aligned_alloc(b.head, qnt_round_up(b.head + bytes + AFTER, b.head));
    if (!start)
        return NULL;
    memcpy(start + b.head - sizeof b, &b, sizeof b);
    memset(start + b.head + bytes, CANARY, AFTER);
    return start + b.head;
}

static void give_back(void *user, void *ptr)
{
    struct block b;
    uint8_t *data = ptr;
    size_t whole = 0;
    memcpy(&b, data - sizeof b, sizeof b);
    while (whole < AFTER && data[b.bytes + whole] == CANARY)
        whole++;
    *(int *)user += whole < AFTER;
    free(data - b.head);
}

/* Members of a team touch a session's memory: bits take an eighth of their values there. */
START_TEST(a_team_stays_in_its_memory)
{
    int damaged = 0;
    const qnt_config config = {.size = sizeof config, .alloc = take, .free = give_back, .user = &damaged};
    static const struct chain wide = {4, 4, {8, 512, 512, 8}, {1, 1, 1}, .bits = {true, true}};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(&config, &ctx));
    struct qnt_model *m = build(ctx, &wide);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        qnt_session *s;
        OK(qnt_session_create(m, &(qnt_session_config){.size = sizeof(qnt_session_config), .threads = threads}, &s));
        qnt_session_free(s);
        ck_assert_int_eq(damaged, 0);
    }
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binary_plan");
    TCase *tc = tcase_create("binary_plan");
    tcase_add_loop_test(tc, bits_change_nothing, 0, CHAINS);
    tcase_add_test(tc, the_output_is_no_bits);
    tcase_add_test(tc, a_team_stays_in_its_memory);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
