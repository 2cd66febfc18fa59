/* fully_connected against its definition: f32 in bits, s8 in bytes. */
#include "op_util.h"

struct shape {
    size_t in, out;
    uint32_t bits, scales; /* scales: 0: by channel */
    bool bias;
    int32_t zero;
    int fill;
};
static const struct shape shapes[] = {
    {1, 1, 8, 0, false, 0, RANDOM},     {7, 3, 8, 0, true, -128, RANDOM},          {64, 64, 4, 0, true, 127, RANDOM},
    {129, 17, 3, 1, false, 5, RANDOM},  {300, 10, 2, 0, true, -9, RANDOM},         {2048, 33, 8, 0, true, -30, RANDOM},
    {1000, 16, 8, 1, false, 127, -128}, {1000, 16, 8, 1, false, -128, 127},        {1000, 65, 4, 0, true, -128, -8},
    {1000, 31, 2, 1, false, 127, -2},   {515, 40, 1, 0, true, 3, RANDOM},          {70, 130, 4, 0, false, -1, RANDOM},
    {33, 100, 2, 0, true, 50, RANDOM},  {333, 70, TERNARY, 0, true, -128, RANDOM},
};

static void build(struct qnt_model *m, const void *arg)
{
    const struct shape *s = arg;
    float sx = 0.04f, sy = 0.07f;
    struct qnt_tensor qx = quant(&sx, s->zero), qy = quant(&sy, -s->zero / 2);
    const size_t wdim[] = {s->out, s->in};
    int in[3] = {add_input(m, 1, &s->in)};
    if (s->bits) {
        in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
        in[1] = add_weights(m, "w", s->bits, 2, wdim, s->scales ? 1 : s->out, s->fill);
    } else {
        in[1] = add_floats(m, "w", 2, wdim, 0.5f);
    }
    if (s->bias)
        in[2] = s->bits ? add_bias(m, "b", s->out, 30000) : add_floats(m, "b", 1, &s->out, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, "fully_connected", "fc", NULL, in, s->bias ? 3 : 2, s->bits ? &qy : NULL)));
}

START_TEST(s8_is_the_definition)
{
    check_model(build, &shapes[_i], 6.0f);
}
END_TEST

START_TEST(f32_is_the_definition)
{
    struct shape s = shapes[_i];
    s.bits = 0;
    check_model(build, &s, 1.0f);
}
END_TEST

static size_t taken; /* bytes ever allocated */

static void *take(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    taken += bytes;
    return aligned_alloc(alignment, bytes);
}

static void give(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/* Codes of few bits, run as such and as s8: the same bytes, from fewer of weights. */
START_TEST(few_bits_are_s8_in_less_memory)
{
    /* columns: whole panels of any tile */
    static const struct shape narrow[] = {{700, 128, 4, 0, true, 9, RANDOM}, {700, 128, 2, 0, true, -9, RANDOM}};
    qnt_config config = {.size = sizeof config, .alloc = take, .free = give};
    struct qnt_plan_options o = {.max_batch = 5, .keep_tensors = true};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(&config, &ctx));
    int8_t out[2][5 * 128];
    size_t bytes[2];
    for (int as_s8 = 0; as_s8 < 2; as_s8++) {
        struct qnt_model *m;
        struct qnt_plan *p;
        OK(qnt_model_new(ctx, &m));
        unit_seed();
        build(m, &narrow[_i]);
        if (as_s8)
            m->tensor[qnt_model_find(m, "w")].bits = 8;
        taken = 0;
        OK(qnt_plan_create(m, &o, &p));
        bytes[as_s8] = taken;
        const struct qnt_step *fc = &p->step[p->n_steps - 1];
        uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "arena"),
                *scratch = qnt_alloc(ctx, p->scratch_bytes, "scratch");
        for (size_t i = 0; i < 5 * 700; i++)
            arena[fc->in_offset[0] + i] = (uint8_t)unit_random();
        struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = 5, .parts = 1};
        fc->op->run(fc, &x);
        memcpy(out[as_s8], arena + fc->out_offset, sizeof out[0]);
        qnt_release(ctx, arena);
        qnt_release(ctx, scratch);
        qnt_plan_free(p);
        qnt_model_free(m);
    }
    ck_assert_int_eq(memcmp(out[0], out[1], sizeof out[0]), 0);
    ck_assert_uint_lt(bytes[0] + 700 * 128 * (8 - narrow[_i].bits) / 8 * 9 / 10, bytes[1]);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_fully_connected");
    TCase *tc = tcase_create("op_fully_connected");
    const int n = sizeof shapes / sizeof *shapes;
    tcase_add_loop_test(tc, s8_is_the_definition, 0, n);
    tcase_add_loop_test(tc, f32_is_the_definition, 0, n);
    tcase_add_loop_test(tc, few_bits_are_s8_in_less_memory, 0, 2);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
