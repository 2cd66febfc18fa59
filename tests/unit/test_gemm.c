/* The driver over every usable tile, against plain loops: sizes around the tile and the blocks, strides, row splits. */
#include <math.h>
#include <string.h>
#include "lib/gemm/gemm.h"
#include "own_context.h"

struct shape {
    size_t m, n, k;
};
static const struct shape shapes[] = {{1, 1, 1},     {1, 10, 3},   {2, 33, 17},   {7, 16, 27},   {13, 31, 64},
                                      {16, 32, 129}, {29, 17, 65}, {64, 128, 31}, {131, 47, 80}, {5, 9, 1500},
                                      {33, 70, 700}, {1, 147, 70}, {4, 150, 300}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The product whole, then in three row ranges; both must equal `want` with the gaps of c untouched. */
static void run_and_compare(struct qnt_gemm_call *call, const void *want, size_t size, const char *what)
{
    size_t bytes = call->m * call->ldc * size, m = call->m;
    void *scratch = zeroed(1, qnt_gemm_scratch_bytes(call->g, call->k, call->a.taps));
    call->c = zeroed(1, bytes);
    size_t cuts[][4] = {{0, m, m, m}, {0, m / 3, m - m / 4, m}};
    for (int split = 0; split < 2; split++) {
        memset(call->c, 0x55, bytes);
        for (int i = 0; i < 3; i++)
            qnt_gemm_run(call, cuts[split][i], cuts[split][i + 1], scratch);
        ck_assert_msg(!memcmp(call->c, want, bytes), "%s %s split %d: m %zu n %zu k %zu", what, call->g->name, split, m,
                      call->n, call->k);
    }
    qnt_release(ctx, call->c);
    qnt_release(ctx, scratch);
}

struct f32_case {
    float *a, *at, *w, *wt, *bias, *want;
    size_t lda, ldc;
    struct qnt_epilogue e;
};

static void f32_make(struct f32_case *f, const struct shape *s, int clamp)
{
    f->lda = s->k + 3;
    f->ldc = s->n + 5;
    f->a = zeroed(s->m * f->lda, 4);
    f->at = zeroed(s->k * s->m, 4);
    f->w = zeroed(s->n * s->k, 4);
    f->wt = zeroed(s->n * s->k, 4);
    f->bias = zeroed(s->n, 4);
    f->want = zeroed(s->m * f->ldc, 4);
    memset(f->want, 0x55, s->m * f->ldc * 4);
    for (size_t i = 0; i < s->m * s->k; i++)
        f->a[i / s->k * f->lda + i % s->k] = f->at[i % s->k * s->m + i / s->k] = unit_random_float();
    for (size_t i = 0; i < s->n * s->k; i++)
        f->w[i] = f->wt[i % s->k * s->n + i / s->k] = unit_random_float();
    for (size_t j = 0; j < s->n; j++)
        f->bias[j] = unit_random_float();
    f->e = (struct qnt_epilogue){.kind = QNT_EPI_F32, .bias_f32 = clamp ? f->bias : NULL};
    f->e.lo = clamp ? 0 : -INFINITY;
    f->e.hi = clamp ? 0.5f : INFINITY;
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            float x = clamp ? f->bias[j] : 0;
            for (size_t p = 0; p < s->k; p++)
                x = fmaf(f->a[i * f->lda + p], f->w[j * s->k + p], x);
            f->want[i * f->ldc + j] = x < f->e.lo ? f->e.lo : x > f->e.hi ? f->e.hi : x;
        }
}

static void f32_free(struct f32_case *f)
{
    float *all[] = {f->a, f->at, f->w, f->wt, f->bias, f->want};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        qnt_release(ctx, all[i]);
}

START_TEST(f32_equals_the_chain_of_fma)
{
    const struct shape *s = &shapes[_i % SHAPES];
    struct f32_case f;
    f32_make(&f, s, _i / SHAPES);
    struct qnt_operand a[] = {qnt_operand_rows(f.a, f.lda, s->k, 4), qnt_operand_cols(f.at, s->m, 4)};
    struct qnt_operand w[] = {qnt_operand_rows(f.w, s->k, s->k, 4), qnt_operand_cols(f.wt, s->n, 4)};
    for (uint32_t v = 0; v < ctx->dsp.gemm_f32.count; v++) {
        const struct qnt_gemm *g = ctx->dsp.gemm_f32.v[v];
        void *packed = zeroed(1, qnt_gemm_packed_bytes(g, s->n, s->k));
        for (int way = 0; way < 4; way++) {
            qnt_gemm_pack_w(g, &w[way / 2], s->n, s->k, packed);
            struct qnt_gemm_call call = {
                .g = g, .a = a[way % 2], .packed_w = packed, .m = s->m, .n = s->n, .k = s->k, .ldc = f.ldc, .e = &f.e};
            run_and_compare(&call, f.want, 4, "f32");
        }
        qnt_release(ctx, packed);
    }
    f32_free(&f);
}
END_TEST

/* Weights of 8, 4 and 2 bits. */
static const int widths[] = {8, 4, 2};
enum { WIDTHS = sizeof widths / sizeof *widths };

static const struct qnt_gemm_list *tiles_of(int bits)
{
    return bits == 8 ? &ctx->dsp.gemm_s8 : bits == 4 ? &ctx->dsp.gemm_s4s8 : &ctx->dsp.gemm_s2s8;
}

/* Integer operands with zero points on both sides; want32 is the exact sum. */
struct s8_case {
    int8_t *a, *w, *want8;
    int32_t *bias, *folded, *row_term, *w_zero, *want32;
    float *scale;
    size_t lda, ldc;
};
enum { A_ZERO = -7 };

/* gap: elements between the rows of A. */
static void s8_make(struct s8_case *c, const struct shape *s, int extreme, int bits, size_t gap)
{
    c->lda = s->k + gap;
    c->ldc = s->n + 5;
    c->a = zeroed(s->m * c->lda, 1);
    c->w = zeroed(s->n * s->k, 1);
    c->want8 = zeroed(s->m * c->ldc, 1);
    c->want32 = zeroed(s->m * c->ldc, 4);
    c->bias = zeroed(s->n, 4);
    c->folded = zeroed(s->n, 4);
    c->w_zero = zeroed(s->n, 4);
    c->row_term = zeroed(s->m, 4);
    c->scale = zeroed(s->n, 4);
    for (size_t i = 0; i < s->m * c->lda; i++)
        c->a[i] = (int8_t)(extreme ? -128 : (int)(unit_random() & 255));
    for (size_t i = 0; i < s->n * s->k; i++)
        c->w[i] = (int8_t)((extreme ? (i / s->k & 1 ? -128 : 127) : (int8_t)(unit_random() & 255)) >> (8 - bits));
    for (size_t j = 0; j < s->n; j++) {
        c->bias[j] = (int32_t)(unit_random() % 2001) - 1000;
        c->w_zero[j] = (int32_t)(unit_random() % 11) - 5;
        c->scale[j] = 1e-3f / (float)(s->k + j);
    }
    memset(c->want32, 0x55, s->m * c->ldc * 4);
    memset(c->want8, 0x55, s->m * c->ldc);
}

static void s8_want(struct s8_case *c, const struct shape *s, bool rows, const struct qnt_requant *rq)
{
    for (size_t i = 0; i < s->m; i++) {
        c->row_term[i] = 0;
        for (size_t p = 0; p < s->k; p++)
            c->row_term[i] += c->a[i * c->lda + p] - A_ZERO;
        for (size_t j = 0; j < s->n; j++) {
            int32_t sum = c->bias[j];
            for (size_t p = 0; p < s->k; p++)
                sum += (c->a[i * c->lda + p] - A_ZERO) * (c->w[j * s->k + p] - (rows ? c->w_zero[j] : 0));
            c->want32[i * c->ldc + j] = sum;
        }
    }
    qnt_requantize_s32_s8_ref(c->want32, c->ldc, c->want8, c->ldc, s->m, s->n, rq);
}

static void s8_free(struct s8_case *c)
{
    void *all[] = {c->a, c->w, c->want8, c->want32, c->bias, c->folded, c->w_zero, c->row_term, c->scale};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        qnt_release(ctx, all[i]);
}

static void s8_compare(struct s8_case *c, const struct shape *s, struct qnt_epilogue *e, int bits)
{
    const struct qnt_gemm_list *tiles = tiles_of(bits);
    struct qnt_operand a = qnt_operand_rows(c->a, c->lda, s->k, 1), w = qnt_operand_rows(c->w, s->k, s->k, 1);
    for (uint32_t v = 0; v < tiles->count; v++) {
        const struct qnt_gemm *g = tiles->v[v];
        if (c->lda == s->k && !g->run_rows)
            continue; /* packs row by row, gaps or not */
        size_t bytes = qnt_gemm_packed_bytes(g, s->n, s->k);
        if (bits < 8)
            ck_assert_uint_eq(bytes * 8, qnt_round_up(s->n, g->nr) * qnt_round_up(s->k, g->kr) * (size_t)bits);
        void *packed = zeroed(1, bytes);
        qnt_gemm_pack_w(g, &w, s->n, s->k, packed);
        qnt_gemm_fold_bias(ctx, g, c->w, s->n, s->k, A_ZERO, c->bias, c->folded);
        struct qnt_gemm_call call = {
            .g = g, .a = a, .packed_w = packed, .m = s->m, .n = s->n, .k = s->k, .ldc = c->ldc, .e = e};
        e->kind = QNT_EPI_S32;
        run_and_compare(&call, c->want32, 4, "s32");
        e->kind = QNT_EPI_S8;
        run_and_compare(&call, c->want8, 1, "s8");
        qnt_release(ctx, packed);
    }
}

START_TEST(s8_equals_the_exact_sum)
{
    const struct shape *s = &shapes[_i % SHAPES];
    /* mode: bit 0: extremes, bit 1: weight zero points, bit 2: no gaps between rows */
    int mode = _i / SHAPES % 8, bits = widths[_i / SHAPES / 8], zeros = mode >> 1 & 1;
    struct s8_case c;
    s8_make(&c, s, mode & 1, bits, mode >> 2 ? 0 : 3);
    struct qnt_epilogue e = {.has_row_term = zeros, .bias = c.folded, .row_term = c.row_term, .w_zero = c.w_zero};
    e.rq = (struct qnt_requant){.zero = 3, .lo = -100, .hi = 120, .per_channel = 1, .scale = c.scale};
    s8_want(&c, s, zeros, &e.rq);
    s8_compare(&c, s, &e, bits);
    s8_free(&c);
}
END_TEST

/* k = 65536 in one block for 8-bit results, and in many for sums; extreme operands stay below 2^31. */
START_TEST(s8_long_sums)
{
    struct shape s = {3, 5, 65536};
    struct s8_case c;
    s8_make(&c, &s, 0, widths[_i], 3);
    struct qnt_epilogue e = {.bias = c.folded};
    e.rq = (struct qnt_requant){.zero = 0, .lo = -128, .hi = 127, .per_channel = 1, .scale = c.scale};
    s8_want(&c, &s, false, &e.rq);
    s8_compare(&c, &s, &e, widths[_i]);
    s8_free(&c);
}
END_TEST

/* More weights than stay near: of many dense rows the first go another way than the rest. */
START_TEST(s8_many_rows_and_weights)
{
    struct shape s = {75, 33, 2000};
    struct s8_case c;
    s8_make(&c, &s, 0, 8, 0);
    struct qnt_epilogue e = {.bias = c.folded};
    e.rq = (struct qnt_requant){.zero = 9, .lo = -128, .hi = 127, .per_channel = 1, .scale = c.scale};
    s8_want(&c, &s, false, &e.rq);
    s8_compare(&c, &s, &e, 8);
    s8_free(&c);
}
END_TEST

/* Panels that go on behind the part of k that the product takes, and begin before it. */
START_TEST(s8_a_part_of_the_panels)
{
    enum { PART = 240, ALL = 3 * PART }; /* a multiple of every kr */
    const int bits = widths[_i];
    struct shape s = {3, 150, PART};
    struct s8_case c;
    s8_make(&c, &s, 0, bits, 0);
    struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = c.folded};
    e.rq = (struct qnt_requant){.zero = 0, .lo = -128, .hi = 127, .per_channel = 1, .scale = c.scale};
    s8_want(&c, &s, false, &e.rq);
    int8_t *whole = zeroed(s.n, ALL);
    for (size_t j = 0; j < s.n; j++)
        for (size_t p = 0; p < ALL; p++)
            whole[j * ALL + p] = c.w[j * PART + p % PART] ^ (p / PART != 1);
    const struct qnt_operand w = qnt_operand_rows(whole, ALL, ALL, 1);
    for (uint32_t v = 0; v < tiles_of(bits)->count; v++) {
        const struct qnt_gemm *g = tiles_of(bits)->v[v];
        if (g->run_rows)
            continue; /* their parts are a convolution's own business */
        char *packed = zeroed(1, qnt_gemm_packed_bytes(g, s.n, ALL));
        qnt_gemm_pack_w(g, &w, s.n, ALL, packed);
        qnt_gemm_fold_bias(ctx, g, c.w, s.n, PART, A_ZERO, c.bias, c.folded);
        struct qnt_gemm_call call = {.g = g,
                                     .a = qnt_operand_rows(c.a, PART, PART, 1),
                                     .packed_w = packed + qnt_panel_w_bytes(g, PART),
                                     .panel_k = ALL,
                                     .m = s.m,
                                     .n = s.n,
                                     .k = PART,
                                     .ldc = c.ldc,
                                     .e = &e};
        run_and_compare(&call, c.want32, 4, "part");
        qnt_release(ctx, packed);
    }
    qnt_release(ctx, whole);
    s8_free(&c);
}
END_TEST

START_TEST(choose_takes_the_cheapest)
{
    static const struct qnt_gemm wide = {.name = "wide", .mr = 8, .nr = 32, .kr = 1, .cost_step = 20, .cost_tile = 10};
    static const struct qnt_gemm narrow = {
        .name = "narrow", .mr = 8, .nr = 16, .kr = 1, .cost_step = 12, .cost_tile = 10};
    struct qnt_gemm_list list = {0};
    qnt_gemm_list_add(&list, &wide);
    qnt_gemm_list_add(&list, &narrow);
    ck_assert_str_eq(qnt_gemm_choose(&list, 64, 32, 100)->name, "wide");
    ck_assert_str_eq(qnt_gemm_choose(&list, 64, 16, 100)->name, "narrow");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gemm");
    TCase *tc = tcase_create("gemm");
    tcase_add_checked_fixture(tc, setup, teardown);
    unit_add_cases(tc, f32_equals_the_chain_of_fma, 2 * SHAPES);
    unit_add_cases(tc, s8_equals_the_exact_sum, 8 * SHAPES * WIDTHS);
    tcase_add_loop_test(tc, s8_long_sums, 0, WIDTHS);
    tcase_add_test(tc, s8_many_rows_and_weights);
    tcase_add_loop_test(tc, s8_a_part_of_the_panels, 0, WIDTHS);
    tcase_add_test(tc, choose_takes_the_cheapest);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
