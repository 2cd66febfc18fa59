/* conv2d against its definition: f32 in bits, s8 in bytes; the bounds of s8 sums. */
#include "lib/op/requant.h"
#include "lib/op/step.h"
#include "op_util.h"

struct shape {
    size_t h, w, c, oc, kh, kw;
    uint32_t stride[2], dilation[2], pad[4], groups;
    uint32_t bits, scales; /* 0: f32 */
    int32_t zero;
};
static const struct shape shapes[] = {
    {5, 5, 1, 1, 1, 1, {1, 1}, {1, 1}, {0}, 1, 8, 0, 0},
    {8, 7, 3, 16, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 8, 0, -5},
    {9, 11, 5, 7, 3, 2, {2, 3}, {1, 1}, {2, 0, 1, 1}, 1, 4, 0, 127},
    {7, 7, 6, 4, 3, 3, {1, 1}, {2, 3}, {2, 3, 2, 3}, 2, 3, 1, -128},
    {6, 6, 8, 8, 3, 3, {2, 2}, {1, 1}, {1, 1, 0, 0}, 8, 8, 0, 3},  /* depthwise */
    {4, 4, 6, 9, 3, 3, {1, 1}, {1, 1}, {3, 4, 5, 2}, 3, 2, 0, 17}, /* whole windows in the padding */
    {1, 33, 17, 33, 1, 5, {1, 1}, {1, 1}, {0, 2, 0, 2}, 1, 8, 0, -77},
    {7, 6, 16, 65, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 8, 0, -128},
    {3, 3, 2, 3, 3, 3, {1, 1}, {1, 1}, {0}, 1, 5, 0, 9},
    {1, 2, 4, 140, 1, 1, {1, 1}, {1, 1}, {0}, 2, 8, 0, -20},
    /* few bits: wide and narrow outputs, short and long taps */
    {9, 8, 16, 40, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 4, 0, -100},
    {7, 6, 24, 70, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 2, 0, 60},
    {8, 8, 3, 16, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 2, 0, -128},
    {6, 7, 33, 9, 1, 1, {1, 1}, {1, 1}, {0}, 1, 1, 0, 2},
    {6, 7, 5, 34, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, TERNARY, 0, 127},
    /* depthwise: read in place, 5 x 5, several outputs a channel, windows apart and wholly in the padding */
    {9, 10, 19, 19, 3, 3, {1, 2}, {1, 1}, {0}, 19, 8, 0, -128},
    {8, 9, 33, 33, 5, 5, {1, 1}, {1, 1}, {2, 2, 2, 2}, 33, 8, 0, 99},
    {7, 9, 5, 15, 3, 3, {2, 1}, {2, 3}, {2, 3, 2, 3}, 5, 8, 0, -7},
    {5, 4, 7, 7, 2, 2, {3, 4}, {1, 1}, {5, 6, 0, 4}, 7, 4, 0, 11},
    {6, 5, 64, 64, 1, 1, {1, 1}, {1, 1}, {0}, 64, 8, 1, 0},
    {5, 6, 20, 20, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 20, TERNARY, 0, -9},
    {9, 6, 12, 12, 3, 2, {1, 1}, {2, 3}, {2, 1, 3, 2}, 12, 8, 0, 31},   /* narrow, its taps apart */
    {40, 60, 40, 40, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 40, 8, 0, 54}, /* staged in parts */
    {37, 62, 40, 40, 3, 5, {2, 1}, {1, 1}, {2, 2, 4, 2}, 40, 8, 0, -3},
    {9, 70, 200, 200, 3, 3, {2, 2}, {1, 1}, {1, 0, 0, 1}, 200, 8, 0, 5}, /* line by line */
    {8, 8, 64, 52, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 8, 0, -11},    /* by fewer products where there is a way */
};

static void build(struct qnt_model *m, const void *arg)
{
    const struct shape *s = arg;
    float sx = 0.05f, sy = 0.11f;
    struct qnt_tensor qx = quant(&sx, s->zero), qy = quant(&sy, -s->zero / 3);
    const size_t wdim[] = {s->oc, s->kh, s->kw, s->c / s->groups};
    qnt_node_attr attr = ATTR(.stride = {s->stride[0], s->stride[1]}, .dilation = {s->dilation[0], s->dilation[1]},
                              .pad = {s->pad[0], s->pad[1], s->pad[2], s->pad[3]}, .groups = s->groups);
    int in[3] = {add_input(m, 3, (size_t[]){s->h, s->w, s->c})};
    bool bias = s->c % 2;
    if (s->bits) {
        in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
        in[1] = add_weights(m, "w", s->bits, 4, wdim, s->scales ? s->scales : s->oc, RANDOM);
    } else {
        in[1] = add_floats(m, "w", 4, wdim, 0.5f);
    }
    if (bias)
        in[2] = s->bits ? add_bias(m, "b", s->oc, 20000) : add_floats(m, "b", 1, &s->oc, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, "conv2d", "conv", &attr, in, bias ? 3 : 2, s->bits ? &qy : NULL)));
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

/* Layers whose groups are the channels have kernels of their own, the others tiles. */
START_TEST(depthwise_layers_are_known)
{
    const struct qnt_plan_options options = {.max_batch = 1};
    struct shape s = shapes[_i];
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    for (int f32 = 0; f32 < 2; f32++) {
        struct qnt_model *m;
        struct qnt_plan *p;
        s.bits = f32 ? 0 : s.bits;
        OK(qnt_model_new(ctx, &m));
        build(m, &s);
        OK(qnt_plan_create(m, &options, &p));
        const struct qnt_kernel_row *found = p->step[p->n_steps - 1].variant;
        const bool one = s.groups == s.c && s.groups > 1;
        const bool own = f32 ? found == QNT_VARIANT_OF(ctx->dsp.depthwise_f32) ||
                                   found == QNT_VARIANT_OF(ctx->dsp.depthwise_image_f32)
                             : found == QNT_VARIANT_OF(ctx->dsp.depthwise_s8);
        ck_assert_msg(own == one, "%zu channels in %u groups: %s %s", s.c, s.groups, found->op, found->variant);
        qnt_plan_free(p);
        qnt_model_free(m);
    }
    qnt_ctx_free(ctx);
}
END_TEST

struct extreme {
    int fill;
    int32_t zero;
    float in;
};
/* All products of one sign at their largest: what saturating instructions would spoil. */
static void build_extreme(struct qnt_model *m, const void *arg)
{
    const struct extreme *e = arg;
    float sx = 1.0f, sy = 4000.0f;
    struct qnt_tensor qx = quant(&sx, e->zero), qy = quant(&sy, 0);
    const size_t wdim[] = {20, 3, 3, 37};
    int in[2] = {add_input(m, 3, (size_t[]){5, 5, 37})};
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
    in[1] = add_weights(m, "w", 8, 4, wdim, 1, e->fill);
    m->tensor[in[1]].scale[0] = 1.0f;
    OK(qnt_model_set_output(m, add_node(m, "conv2d", "conv", NULL, in, 2, &qy)));
}

START_TEST(extremes_do_not_saturate)
{
    static const struct extreme e[] = {{-128, 127, 0}, {-128, -128, 0}, {127, 127, 0},
                                       {127, -128, 0}, {-128, 0, 0},    {127, 0, 0}};
    check_model(build_extreme, &e[_i % 6], _i < 6 ? 1e6f : 128.0f); /* the ends of the range, then all of it */
}
END_TEST

static void end(qnt_ctx *ctx, struct qnt_model *m, struct qnt_plan *p, void *arena, void *scratch)
{
    qnt_release(ctx, arena);
    qnt_release(ctx, scratch);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}

/* A layer is planned before its weights are known, and these may change: each time it is prepared they decide whether
 * fewer products than it has are exact. */
static void sums_of_equal_weights(const struct qnt_ctx *ctx, struct qnt_step *conv, struct qnt_exec *x, int code)
{
    const struct qnt_tensor *y = conv->out;
    const size_t c = conv->in[0]->dim[2], oc = y->dim[2], h = y->dim[0], w = y->dim[1];
    const int8_t *in = (const int8_t *)x->arena + conv->in_offset[0];
    int32_t *acc = calloc(h * w * oc, sizeof *acc);
    memset(conv->in[1]->data, code, qnt_tensor_count(conv->in[1]));
    OK(conv->op->prepare(ctx, conv, 1));
    for (x->part = 0; x->part < x->parts; x->part++)
        conv->op->run_acc(conv, x, acc);
    for (size_t i = 0; i < h * w; i++) {
        int32_t sum = 0;
        for (size_t ky = 0; ky < 3; ky++)
            for (size_t kx = 0; kx < 3; kx++) {
                const size_t iy = i / w + ky - 1, ix = i % w + kx - 1;
                for (size_t k = 0; k < c && iy < h && ix < w; k++)
                    sum += code * (in[(iy * w + ix) * c + k] - conv->in[0]->zero);
            }
        for (size_t o = 0; o < oc; o++)
            EACH_MUST(acc[i * oc + o] == sum, "weights of %d, pixel %zu: expected %d, found %d", code, i, sum,
                      acc[i * oc + o]);
    }
    free(acc);
}

START_TEST(weights_decide_whether_fewer_products_are_exact)
{
    struct shape s = {16, 16, 256, 32, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 8, 0, 3};
    static struct qnt_gemm tile[QNT_GEMM_MAX];
    static struct qnt_winograd way[QNT_GEMM_MAX][2];
    struct qnt_plan_options o = {.max_batch = 1, .keep_tensors = true};
    struct qnt_plan *p;
    struct qnt_model *m;
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    struct qnt_gemm_list *list = &ctx->dsp.gemm_s8;
    for (uint32_t v = 0; v < list->count; v++) /* side 4 alone, which is not exact for all weights */
        for (const struct qnt_winograd *has = list->v[v]->winograd; has && has->name; has++)
            if (has->side == 4) {
                way[v][0] = *has;
                tile[v] = *list->v[v];
                tile[v].winograd = way[v];
                list->v[v] = &tile[v];
                break;
            }
    OK(qnt_model_new(ctx, &m));
    build(m, &s);
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "a"), *scratch = qnt_alloc(ctx, p->scratch_bytes, "s");
    struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = 1, .parts = 2};
    struct qnt_step *conv = &p->step[1];
    const bool has = conv->winograd;
    ck_assert(has || !list->v[list->count - 1]->winograd);
    for (size_t i = 0, n = qnt_tensor_count(conv->in[0]); i < n; i++) /* half of the image: sums as large as can be */
        arena[conv->in_offset[0] + i] = i < n / 2 ? 0x80 : (uint8_t)unit_random();
    static const int codes[] = {113, 114, -128, -1}; /* 9 * 256 * 114 > 2^18 */
    for (size_t i = 0; i < 4; i++) {
        sums_of_equal_weights(ctx, conv, &x, codes[i]);
        ck_assert_msg(!conv->winograd == (!has || i % 3), "weights of %d: %s", codes[i], qnt_step_variant(conv));
    }
    end(ctx, m, p, arena, scratch);
}
END_TEST

static struct qnt_model *big(qnt_ctx *ctx, size_t c, int fill, int32_t zero, int32_t bias)
{
    struct qnt_model *m;
    float one = 1.0f;
    struct qnt_tensor q = quant(&one, zero);
    OK(qnt_model_new(ctx, &m));
    int in[3] = {add_input(m, 3, (size_t[]){1, 1, c})};
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &q);
    in[1] = add_weights(m, "w", 8, 4, (size_t[]){2, 1, 1, c}, 2, fill);
    in[2] = add_bias(m, "b", 2, 0);
    ((int32_t *)m->tensor[in[2]].data)[1] = bias;
    OK(qnt_model_set_output(m, add_node(m, "conv2d", "big", NULL, in, 3, &q)));
    return m;
}

START_TEST(sums_that_may_overflow_are_refused)
{
    qnt_ctx *ctx;
    struct qnt_plan_options o = {.max_batch = 1};
    struct qnt_plan *p;
    OK(qnt_ctx_create(NULL, &ctx));
    struct qnt_model *m = big(ctx, 1000, 127, -128, INT32_MAX - 255 * 127 * 1000);
    OK(qnt_plan_create(m, &o, &p)); /* 2^31 - 1: just fits */
    qnt_plan_free(p);
    qnt_model_free(m);
    m = big(ctx, 1000, 127, -128, INT32_MAX - 255 * 127 * 1000 + 1);
    refuse_plan(m, QNT_ERR_RANGE, "'big'", "channel 1");
    qnt_model_free(m);
    m = big(ctx, 1000, 1, 0, INT32_MIN);
    refuse_plan(m, QNT_ERR_RANGE, "'big'", "channel 1");
    qnt_model_free(m);
    m = big(ctx, 65537, 0, 0, 0);
    refuse_plan(m, QNT_ERR_RANGE, "'big'", "65537");
    qnt_model_free(m);
    m = big(ctx, 65536, 0, 0, 0);
    OK(qnt_plan_create(m, &o, &p));
    qnt_plan_free(p);
    m->tensor[qnt_model_find(m, "w")].scale[1] = 3e38f;
    m->tensor[qnt_model_find(m, "q")].scale[0] = 3e38f;
    refuse_plan(m, QNT_ERR_RANGE, "'big'", "channel 1");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(a_bias_of_other_units_is_refused)
{
    qnt_ctx *ctx;
    struct qnt_plan_options o = {.max_batch = 1};
    struct qnt_plan *p;
    OK(qnt_ctx_create(NULL, &ctx));
    struct qnt_model *m = big(ctx, 10, 1, 0, 5);
    struct qnt_tensor *b = &m->tensor[qnt_model_find(m, "b")], *w = &m->tensor[qnt_model_find(m, "w")];
    b->scale = qnt_alloc_array(ctx, 2, sizeof *b->scale, "scales");
    b->scales = 2;
    memcpy(b->scale, w->scale, 2 * sizeof *b->scale); /* the input's scale is 1 */
    OK(qnt_plan_create(m, &o, &p));
    qnt_plan_free(p);
    b->scale[1] = nextafterf(b->scale[1], 1.0f);
    refuse_plan(m, QNT_ERR_TYPE, "'big'", "'b'");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* One order of operations, told apart from its neighbours. */
START_TEST(factors_are_rounded_in_the_order_told)
{
    float sx, sy, sw[64], factor[64];
    size_t other = 0;
    struct qnt_tensor x = quant(&sx, 0), y = quant(&sy, 0), w = {.scales = 64, .scale = sw};
    struct qnt_step s = {.in = {&x, &w}, .out = &y};
    unit_seed();
    for (int round = 0; round < 20; round++) {
        sx = 0.5f + fabsf(unit_random_float());
        sy = 0.5f + fabsf(unit_random_float());
        for (size_t c = 0; c < 64; c++)
            sw[c] = 0.01f + fabsf(unit_random_float());
        OK(qnt_requant_factors(&s, 64, factor));
        for (size_t c = 0; c < 64; c++) {
            float product = sx * sw[c];
            ck_assert(factor[c] == product / sy);
            other += factor[c] != sx * (sw[c] / sy) || factor[c] != sx / sy * sw[c];
        }
    }
    ck_assert_uint_gt(other, 100);
}
END_TEST

/* run_acc: the exact sums, and the codes of run. */
START_TEST(sums_and_codes_agree)
{
    qnt_ctx *ctx;
    struct qnt_plan_options o = {.max_batch = 2, .keep_tensors = true};
    struct qnt_plan *p;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, &shapes[_i]);
    OK(qnt_plan_create(m, &o, &p));
    const struct qnt_step *conv = &p->step[1];
    const struct qnt_tensor *x = conv->in[0], *w = conv->in[1], *y = conv->out;
    size_t images = 2 * qnt_tensor_count(x), outputs = 2 * qnt_tensor_count(y);
    uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "a"), *scratch = qnt_alloc(ctx, p->scratch_bytes, "s");
    int8_t *in = (int8_t *)arena + conv->in_offset[0], *out = (int8_t *)arena + conv->out_offset;
    int8_t *codes = malloc(outputs);
    int32_t *acc = calloc(outputs, sizeof *acc);
    for (size_t i = 0; i < images; i++)
        in[i] = (int8_t)unit_random();
    struct qnt_exec all = {.arena = arena, .scratch = scratch, .batch = 2, .part = 0, .parts = 1};
    conv->op->run(conv, &all);
    memcpy(codes, out, outputs);
    static const uint32_t parts[] = {3, 1000}; /* fewer and more than rows */
    for (size_t i = 0; i < 2; i++) {
        memset(acc, 0x55, outputs * sizeof *acc);
        memset(out, 0x55, outputs);
        for (uint32_t part = 0; part < parts[i]; part++) {
            struct qnt_exec one = {.arena = arena, .scratch = scratch, .batch = 2, .part = part, .parts = parts[i]};
            conv->op->run_acc(conv, &one, acc);
        }
        ck_assert_int_eq(memcmp(codes, out, outputs), 0);
    }
    for (size_t i = 0; i < outputs; i++) {
        float factor = x->scale[0] * oracle_real(w, i % y->dim[2]) / y->scale[0];
        ck_assert_int_eq(codes[i], oracle_requant(acc[i], factor, y));
    }
    free(codes);
    free(acc);
    end(ctx, m, p, arena, scratch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_conv2d");
    TCase *tc = tcase_create("op_conv2d");
    const int n = sizeof shapes / sizeof *shapes;
    unit_add_cases(tc, s8_is_the_definition, n);
    unit_add_cases(tc, f32_is_the_definition, n);
    tcase_add_loop_test(tc, depthwise_layers_are_known, 0, n);
    tcase_add_loop_test(tc, extremes_do_not_saturate, 0, 12);
    tcase_add_test(tc, weights_decide_whether_fewer_products_are_exact);
    unit_add_cases(tc, sums_and_codes_agree, n);
    tcase_add_test(tc, factors_are_rounded_in_the_order_told);
    tcase_add_test(tc, sums_that_may_overflow_are_refused);
    tcase_add_test(tc, a_bias_of_other_units_is_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
