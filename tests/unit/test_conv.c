/* Convolutions through the driver (8 bits, implicit im2col) and the f32 products, against plain loops, bit for bit. */
#include <math.h>
#include <string.h>
#include "lib/gemm/conv.h"
#include "unit.h"

/* h, w, c, oh, ow, oc, kh, kw, stride h, w, dilation h, w, pad top, left, groups */
static const struct qnt_conv_geom geoms[] = {
    {8, 8, 3, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1},   {16, 16, 16, 16, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1},
    {7, 9, 5, 4, 5, 10, 3, 3, 2, 2, 1, 1, 1, 1, 1},   {9, 11, 4, 5, 7, 6, 3, 3, 1, 1, 2, 2, 0, 0, 2},
    {6, 5, 8, 6, 5, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8},    {5, 7, 6, 5, 7, 12, 1, 1, 1, 1, 1, 1, 0, 0, 1},
    {12, 10, 3, 4, 3, 7, 5, 3, 3, 4, 1, 1, 2, 0, 1},  {1, 1, 512, 1, 1, 33, 1, 1, 1, 1, 1, 1, 0, 0, 1},
    {1, 1, 130, 1, 1, 10, 1, 1, 1, 1, 1, 1, 0, 0, 1}, {1, 20, 2, 1, 22, 3, 1, 5, 1, 1, 1, 1, 0, 3, 1},
    {6, 6, 1, 9, 9, 1, 2, 2, 1, 1, 1, 1, 2, 2, 1},    {4, 4, 12, 4, 4, 6, 2, 2, 1, 1, 2, 3, 1, 2, 3},
    {5, 5, 2, 1, 1, 4, 5, 5, 1, 1, 1, 1, 0, 0, 1},    {14, 9, 16, 7, 5, 32, 1, 1, 2, 2, 1, 1, 0, 0, 1},
    {13, 17, 4, 4, 3, 8, 3, 4, 4, 6, 2, 3, 1, 5, 2},  {9, 9, 16, 3, 3, 16, 2, 2, 4, 4, 1, 1, 0, 0, 1},
    {4, 4, 3, 2, 2, 5, 3, 3, 7, 7, 1, 1, 1, 1, 1},    {3, 40, 4, 3, 40, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
enum { GEOMS = sizeof geoms / sizeof geoms[0], IMAGES = 3 };

static qnt_ctx *ctx;

static void setup(void)
{
    unit_seed();
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

static void *zeroed(size_t n, size_t size)
{
    void *p = qnt_alloc_array(ctx, n, size, "test");
    ck_assert_ptr_nonnull(p);
    return p;
}

static float *floats(size_t n)
{
    float *p = zeroed(n, sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = unit_random_float();
    return p;
}

/* Address of the input element of output pixel (n, y, x), tap (ky, kx), channel c of group i; SIZE_MAX in the padding.
 */
static size_t input_at(const struct qnt_conv_geom *g, size_t n, size_t y, size_t x, size_t ky, size_t kx, size_t i,
                       size_t c)
{
    ptrdiff_t iy = (ptrdiff_t)(y * g->stride_h + ky * g->dil_h) - (ptrdiff_t)g->pad_top;
    ptrdiff_t ix = (ptrdiff_t)(x * g->stride_w + kx * g->dil_w) - (ptrdiff_t)g->pad_left;
    if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)g->h || ix >= (ptrdiff_t)g->w)
        return SIZE_MAX;
    return ((n * g->h + (size_t)iy) * g->w + (size_t)ix) * g->c + i * (g->c / g->groups) + c;
}

struct sizes {
    size_t in, out, cg, og, k;
};

static struct sizes sizes_of(const struct qnt_conv_geom *g)
{
    size_t cg = g->c / g->groups;
    return (struct sizes){g->h * g->w * g->c, g->oh * g->ow * g->oc, cg, g->oc / g->groups, g->kh * g->kw * cg};
}

#define FOR(i, n) for (size_t i = 0; i < (n); i++)

static void naive_forward(const struct qnt_conv_geom *g, const float *x, const float *w, const float *bias, float lo,
                          float hi, float *out)
{
    struct sizes s = sizes_of(g);
    FOR(n, IMAGES)
    FOR(y, g->oh)
    FOR(px, g->ow)
    FOR(o, g->oc)
    {
        float acc = bias ? bias[o] : 0;
        const float *wo = w + o * s.k;
        FOR(ky, g->kh)
        FOR(kx, g->kw)
        FOR(c, s.cg)
        {
            size_t at = input_at(g, n, y, px, ky, kx, o / s.og, c);
            acc = fmaf(at == SIZE_MAX ? 0 : x[at], *wo++, acc);
        }
        *out++ = acc < lo ? lo : acc > hi ? hi : acc;
    }
}

/* Whether input (y, x) meets output pixels through tap (ky, kx); *at: where, SIZE_MAX outside of dy. */
static bool output_at(const struct qnt_conv_geom *g, size_t n, size_t y, size_t x, size_t ky, size_t kx, size_t *at)
{
    ptrdiff_t oy = (ptrdiff_t)(y + g->pad_top) - (ptrdiff_t)(ky * g->dil_h);
    ptrdiff_t ox = (ptrdiff_t)(x + g->pad_left) - (ptrdiff_t)(kx * g->dil_w);
    if (oy % (ptrdiff_t)g->stride_h || ox % (ptrdiff_t)g->stride_w)
        return false;
    size_t py = (size_t)oy / g->stride_h, px = (size_t)ox / g->stride_w;
    *at = oy >= 0 && ox >= 0 && py < g->oh && px < g->ow ? ((n * g->oh + py) * g->ow + px) * g->oc : SIZE_MAX;
    return true;
}

static float naive_grad_one(const struct qnt_conv_geom *g, const float *dy, const float *w, size_t n, size_t y,
                            size_t x, size_t c)
{
    struct sizes s = sizes_of(g);
    float acc = 0;
    for (size_t ky = g->kh; ky-- > 0;)
        for (size_t kx = g->kw; kx-- > 0;) {
            size_t at;
            if (output_at(g, n, y, x, ky, kx, &at))
                FOR(o, s.og)
                {
                    size_t oc = c / s.cg * s.og + o;
                    float v = w[oc * s.k + (ky * g->kw + kx) * s.cg + c % s.cg];
                    acc = fmaf(at == SIZE_MAX ? 0 : dy[at + oc], v, acc);
                }
        }
    return acc;
}

static void naive_grad_input(const struct qnt_conv_geom *g, const float *dy, const float *w, float *dx)
{
    FOR(n, IMAGES)
    FOR(y, g->h)
    FOR(x, g->w)
    FOR(c, g->c)
    *dx++ = naive_grad_one(g, dy, w, n, y, x, c);
}

static void naive_grad_weights(const struct qnt_conv_geom *g, const float *x, const float *dy, float *dw, float *db)
{
    struct sizes s = sizes_of(g);
    FOR(o, g->oc)
    {
        FOR(p, IMAGES * g->oh * g->ow)
        db[o] += dy[p * g->oc + o];
        FOR(ky, g->kh)
        FOR(kx, g->kw)
        FOR(c, s.cg)
        {
            float acc = *dw;
            FOR(n, IMAGES)
            FOR(y, g->oh)
            FOR(px, g->ow)
            {
                size_t at = input_at(g, n, y, px, ky, kx, o / s.og, c);
                float d = dy[((n * g->oh + y) * g->ow + px) * g->oc + o];
                acc = fmaf(at == SIZE_MAX ? 0 : x[at], d, acc);
            }
            *dw++ = acc;
        }
    }
}

struct f32_case {
    const struct qnt_conv_geom *g;
    struct sizes s;
    struct qnt_conv_f32_work *work;
    float *x, *w, *bias, *dy, *want, *got;
    void *scratch;
};

/* The context, narrowed to one f32 tile: each has to pass, chosen or not. False past the last one. */
static bool narrow(uint32_t variant)
{
    struct qnt_dsp all;
    qnt_dsp_init(&all, ctx->usable);
    if (variant >= all.gemm_f32.count)
        return false;
    ctx->dsp.gemm_f32 = (struct qnt_gemm_list){1, {all.gemm_f32.v[variant]}};
    return true;
}

static void make(struct f32_case *f, const struct qnt_conv_geom *g)
{
    f->g = g;
    f->s = sizes_of(g);
    ck_assert_int_eq(qnt_conv_f32_create(ctx, g, QNT_CONV_FORWARD | QNT_CONV_GRADIENTS, &f->work), QNT_OK);
    f->x = floats(IMAGES * f->s.in);
    f->w = floats(g->oc * f->s.k);
    f->bias = floats(g->oc);
    f->dy = floats(IMAGES * f->s.out);
    size_t most = IMAGES * (f->s.in > f->s.out ? f->s.in : f->s.out) + g->oc * f->s.k + g->oc;
    f->want = floats(most);
    f->got = floats(most);
    f->scratch = zeroed(1, qnt_conv_f32_scratch_bytes(f->work));
    memset(f->scratch, 0xff, qnt_conv_f32_scratch_bytes(f->work)); /* NaN: what is not written must not count */
    qnt_conv_f32_set_weights(f->work, f->w);
}

static void unmake(struct f32_case *f)
{
    void *all[] = {f->x, f->w, f->bias, f->dy, f->want, f->got, f->scratch};
    FOR(i, sizeof all / sizeof all[0])
    qnt_release(ctx, all[i]);
    qnt_conv_f32_free(ctx, f->work);
}

static void same(const struct f32_case *f, size_t n, const char *what)
{
    ck_assert_msg(!memcmp(f->want, f->got, n * sizeof(float)), "%s: geometry %zu, tile %s", what,
                  (size_t)(f->g - geoms), ctx->dsp.gemm_f32.v[0]->name);
}

static void check_forward(const struct qnt_conv_geom *g)
{
    struct f32_case f;
    make(&f, g);
    size_t n = IMAGES * f.s.out, lines = IMAGES * f.g->oh;
    naive_forward(f.g, f.x, f.w, f.bias, -0.25f, 0.5f, f.want);
    qnt_conv_f32_forward(f.work, f.x, f.bias, -0.25f, 0.5f, f.got, IMAGES, f.scratch);
    same(&f, n, "forward");
    memset(f.got, 0, n * sizeof(float));
    size_t cut[] = {0, lines / 3, lines / 2, lines};
    FOR(i, 3)
    qnt_conv_f32_forward_lines(f.work, f.x, f.bias, -0.25f, 0.5f, f.got, cut[i], cut[i + 1], f.scratch);
    same(&f, n, "forward in shares");
    naive_forward(f.g, f.x, f.w, NULL, -INFINITY, INFINITY, f.want);
    qnt_conv_f32_forward(f.work, f.x, NULL, -INFINITY, INFINITY, f.got, IMAGES, f.scratch);
    same(&f, n, "forward without bias");
    unmake(&f);
}

START_TEST(forward_equals_the_chain)
{
    for (uint32_t v = 0; narrow(v); v++)
        check_forward(&geoms[_i]);
}
END_TEST

static void check_grad_input(const struct qnt_conv_geom *g)
{
    struct f32_case f;
    make(&f, g);
    naive_grad_input(f.g, f.dy, f.w, f.want);
    qnt_conv_f32_grad_input(f.work, f.dy, f.got, IMAGES, f.scratch);
    same(&f, IMAGES * f.s.in, "grad_input");
    unmake(&f);
}

START_TEST(grad_input_equals_the_chain)
{
    for (uint32_t v = 0; narrow(v); v++)
        check_grad_input(&geoms[_i]);
}
END_TEST

static void check_grad_weights(const struct qnt_conv_geom *g)
{
    struct f32_case f;
    make(&f, g);
    size_t n = f.g->oc * f.s.k, all = n + f.g->oc;
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        FOR(i, all)
        f.want[i] = accumulate ? f.got[i] : 0;
        naive_grad_weights(f.g, f.x, f.dy, f.want, f.want + n);
        qnt_conv_f32_grad_weights(f.work, f.x, f.dy, f.got, f.got + n, IMAGES, accumulate, f.scratch);
        same(&f, all, accumulate ? "grad_weights, accumulating" : "grad_weights");
    }
    qnt_conv_f32_grad_weights(f.work, f.x, f.dy, f.got, NULL, 0, 1, f.scratch);
    same(&f, all, "grad_weights of nothing");
    unmake(&f);
}

START_TEST(grad_weights_equal_the_chain)
{
    for (uint32_t v = 0; narrow(v); v++)
        check_grad_weights(&geoms[_i]);
}
END_TEST

START_TEST(s8_im2col_equals_plain_loops)
{
    const struct qnt_conv_geom *g = &geoms[_i];
    struct sizes s = sizes_of(g);
    enum { ZERO = 5 };
    int8_t *x = zeroed(IMAGES * s.in, 1), *w = zeroed(g->oc * s.k, 1), *zero = zeroed(s.cg, 1);
    int32_t *bias = zeroed(s.og, 4), *got = zeroed(IMAGES * s.out, 4);
    FOR(i, IMAGES * s.in)
    x[i] = (int8_t)(unit_random() & 255);
    FOR(i, g->oc * s.k)
    w[i] = (int8_t)(unit_random() & 255);
    memset(zero, ZERO, s.cg);
    for (uint32_t v = 0; v < ctx->dsp.gemm_s8.count; v++) {
        const struct qnt_gemm *t = ctx->dsp.gemm_s8.v[v];
        struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = bias};
        void *packed = zeroed(1, qnt_gemm_packed_bytes(t, s.og, s.k));
        void *scratch = zeroed(1, qnt_gemm_scratch_bytes(t, s.k, g->kh * g->kw));
        FOR(i, g->groups)
        {
            struct qnt_conv_src src = {g, zero, i};
            struct qnt_operand rows = qnt_operand_rows(w + i * s.og * s.k, s.k, s.k, 1);
            qnt_gemm_pack_w(t, &rows, s.og, s.k, packed);
            qnt_gemm_fold_bias(ctx, t, w + i * s.og * s.k, s.og, s.k, ZERO, NULL, bias);
            struct qnt_gemm_call call = {.g = t,
                                         .a = qnt_operand_im2col(x, &src, 1),
                                         .packed_w = packed,
                                         .n = s.og,
                                         .k = s.k,
                                         .m = IMAGES * g->oh * g->ow,
                                         .c = got + i * s.og,
                                         .ldc = g->oc,
                                         .e = &e};
            qnt_gemm_run(&call, 0, call.m / 2, scratch);
            qnt_gemm_run(&call, call.m / 2, call.m, scratch);
        }
        FOR(p, IMAGES * s.out)
        {
            size_t o = p % g->oc, px = p / g->oc % g->ow, y = p / g->oc / g->ow % g->oh, n = p / s.out;
            int32_t sum = 0;
            FOR(q, s.k)
            {
                size_t at = input_at(g, n, y, px, q / s.cg / g->kw, q / s.cg % g->kw, o / s.og, q % s.cg);
                sum += ((at == SIZE_MAX ? ZERO : x[at]) - ZERO) * w[o * s.k + q];
            }
            ck_assert_msg(got[p] == sum, "%s geometry %d at %zu: expected %d, found %d", t->name, _i, p, sum, got[p]);
        }
        qnt_release(ctx, packed);
        qnt_release(ctx, scratch);
    }
    void *all[] = {x, w, zero, bias, got};
    FOR(i, 5)
    qnt_release(ctx, all[i]);
}
END_TEST

START_TEST(bad_geometry_is_refused)
{
    struct qnt_conv_f32_work *w;
    struct qnt_conv_geom g = geoms[0];
    g.groups = 2;
    ck_assert_int_eq(qnt_conv_f32_create(ctx, &g, QNT_CONV_FORWARD, &w), QNT_ERR_ARG);
    g = geoms[0];
    g.h = g.w = g.oh = g.ow = (size_t)1 << 30;
    ck_assert_int_eq(qnt_conv_f32_create(ctx, &g, QNT_CONV_FORWARD, &w), QNT_ERR_RANGE);
    ck_assert_ptr_null(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *tc = tcase_create("conv");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, forward_equals_the_chain, 0, GEOMS);
    tcase_add_loop_test(tc, grad_input_equals_the_chain, 0, GEOMS);
    tcase_add_loop_test(tc, grad_weights_equal_the_chain, 0, GEOMS);
    tcase_add_loop_test(tc, s8_im2col_equals_plain_loops, 0, GEOMS);
    tcase_add_test(tc, bad_geometry_is_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
