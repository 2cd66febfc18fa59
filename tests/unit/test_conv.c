/* Convolutions through the driver (8 bits, implicit im2col) and the f32 products, against plain loops, bit for bit. */
#include <math.h>
#include <string.h>
#include "conv_geoms.h"
#include "conv_naive.h"
#include "own_context.h"

/* Of 8 bits alone: its padded image is more than tiles that read rows take at a time. */
static const struct qnt_conv_geom large = {7, 230, 200, 4, 115, 1, 3, 2, 2, 2, 1, 1, 1, 1, 1};

static float *floats(size_t n)
{
    float *p = zeroed(n, sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = unit_random_float();
    return p;
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
    ctx->dsp.gemm_f32.count = 0;
    qnt_gemm_list_add(&ctx->dsp.gemm_f32, all.gemm_f32.v[variant]);
    return true;
}

static void make(struct f32_case *f, const struct qnt_conv_geom *g)
{
    f->g = g;
    f->s = sizes_of(g);
    ck_assert_int_eq(qnt_conv_f32_create(ctx, g, QNT_CONV_FORWARD | QNT_CONV_GRADIENTS, 1, &f->work), QNT_OK);
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
    const size_t cut[] = {0, lines / 3, lines / 2, lines}, panel = qnt_conv_f32_panel(f.work);
    for (size_t i = 0; i < 3; i++)
        for (size_t c = 0, og = f.s.og; c < og; c += panel) {
            const struct qnt_conv_f32_share part = {cut[i], cut[i + 1], c, c + panel < og ? c + panel : og};
            qnt_conv_f32_forward_share(f.work, f.x, f.bias, -0.25f, 0.5f, f.got, &part, f.scratch);
        }
    same(&f, n, "forward in shares");
    naive_forward(f.g, f.x, f.w, NULL, -INFINITY, INFINITY, f.want);
    qnt_conv_f32_forward(f.work, f.x, NULL, -INFINITY, INFINITY, f.got, IMAGES, f.scratch);
    same(&f, n, "forward without bias");
    unmake(&f);
}

/* Infinite weights of the first and the last tap count where these are inside of the image; outside they would give
 * NaN. What has no tap inside is the bias, to the sign of its zero. */
static void check_padding(const struct qnt_conv_geom *g)
{
    struct f32_case f;
    make(&f, g);
    FOR(i, IMAGES * f.s.in)
    f.x[i] = fabsf(f.x[i]) + 0.125f;
    FOR(o, g->oc)
    FOR(c, f.s.cg)
    {
        f.w[o * f.s.k + c] = INFINITY;
        f.w[(o + 1) * f.s.k - 1 - c] = INFINITY;
        f.bias[o] = -0.0f;
    }
    qnt_conv_f32_set_weights(f.work, f.w);
    naive_forward(g, f.x, f.w, f.bias, -INFINITY, INFINITY, f.want);
    qnt_conv_f32_forward(f.work, f.x, f.bias, -INFINITY, INFINITY, f.got, IMAGES, f.scratch);
    same(&f, IMAGES * f.s.out, "forward with infinite weights");
    unmake(&f);
}

START_TEST(forward_equals_the_chain)
{
    for (uint32_t v = 0; narrow(v); v++) {
        check_forward(&geoms[_i]);
        check_padding(&geoms[_i]);
    }
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

struct s8_case {
    const struct qnt_conv_geom *g;
    struct sizes s;
    int8_t *x, *w, *zero;
    int32_t *want, *got;
    int z;          /* the zero point, which padding has */
    uint8_t in_xor; /* 0x80: x and its zero point are stored as u8 */
};
/* Some tiles skip padding whose code they store as 0; the others take each third case. */
static const struct {
    int z;
    uint8_t in_xor;
} zeros[] = {{5, 0}, {-128, 0}, {0, 0}, {5, 0x80}, {-128, 0x80}};
enum { ZEROS = sizeof zeros / sizeof zeros[0] };

static void s8_make(struct s8_case *f, const struct qnt_conv_geom *g, int z, uint8_t in_xor)
{
    struct sizes s = sizes_of(g);
    *f = (struct s8_case){g,
                          s,
                          zeroed(IMAGES * s.in, 1),
                          zeroed(g->oc * s.k, 1),
                          zeroed(s.cg, 1),
                          zeroed(IMAGES * s.out, 4),
                          zeroed(IMAGES * s.out, 4),
                          z,
                          in_xor};
    FOR(i, IMAGES * s.in)
    f->x[i] = (int8_t)(unit_random() & 255);
    FOR(i, g->oc * s.k)
    f->w[i] = (int8_t)(unit_random() & 255);
    memset(f->zero, z, s.cg);
    FOR(p, IMAGES * s.out)
    {
        size_t o = p % g->oc, px = p / g->oc % g->ow, y = p / g->oc / g->ow % g->oh, n = p / s.out;
        FOR(q, s.k)
        {
            size_t at = input_at(g, n, y, px, q / s.cg / g->kw, q / s.cg % g->kw, o / s.og, q % s.cg);
            f->want[p] += ((at == SIZE_MAX ? z : f->x[at]) - z) * f->w[o * s.k + q];
        }
    }
    FOR(i, IMAGES * s.in)
    f->x[i] = (int8_t)(f->x[i] ^ in_xor);
    FOR(i, s.cg)
    f->zero[i] = (int8_t)(f->zero[i] ^ in_xor);
}

/* One group by tile t, its rows in three shares; `taps`: tap by tap, whatever the number of channels. */
static void s8_group(struct s8_case *f, const struct qnt_gemm *t, size_t group, bool taps)
{
    const struct qnt_conv_geom *g = f->g;
    const size_t sets = taps ? 1 : qnt_conv_s8_bias_sets(t, g);
    const struct qnt_conv_src src = {g, f->zero, group, sets, f->s.og};
    const int8_t *w = f->w + group * f->s.og * f->s.k;
    const size_t m = IMAGES * g->oh * g->ow, cuts[] = {0, m / 3, m - m / 4, m};
    int32_t *bias = zeroed(sets * f->s.og, sizeof *bias);
    const struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = bias};
    void *packed =
        zeroed(1, taps ? qnt_gemm_packed_bytes(t, f->s.og, f->s.k) : qnt_conv_s8_packed_bytes(t, g, f->s.og));
    void *scratch =
        zeroed(1, taps ? qnt_gemm_scratch_bytes(t, f->s.k, g->kh * g->kw) : qnt_conv_s8_scratch_bytes(t, g));
    struct qnt_operand rows = qnt_operand_rows(w, f->s.k, f->s.k, 1);
    if (taps)
        qnt_gemm_pack_w(t, &rows, f->s.og, f->s.k, packed);
    else
        qnt_conv_s8_pack_w(t, g, w, f->s.og, packed);
    if (taps)
        qnt_gemm_fold_bias(ctx, t, w, f->s.og, f->s.k, f->z, NULL, bias);
    else
        qnt_conv_s8_fold_bias(ctx, t, g, w, f->s.og, f->z, NULL, bias);
    struct qnt_operand a = taps ? qnt_operand_im2col(f->x, &src, 1) : (struct qnt_operand){.rows = NULL};
    a.in_xor = f->in_xor;
    const struct qnt_gemm_call call = {.g = t,
                                       .a = a,
                                       .packed_w = packed,
                                       .n = f->s.og,
                                       .k = f->s.k,
                                       .m = m,
                                       .c = f->got + group * f->s.og,
                                       .ldc = g->oc,
                                       .e = &e};
    for (int i = 0; i < 3; i++) {
        if (taps)
            qnt_gemm_run(&call, cuts[i], cuts[i + 1], scratch);
        else
            qnt_conv_s8_run(&call, f->x, &src, cuts[i], cuts[i + 1], scratch);
    }
    qnt_release(ctx, packed);
    qnt_release(ctx, scratch);
    qnt_release(ctx, bias);
}

START_TEST(s8_equals_plain_loops)
{
    struct s8_case f;
    const size_t geom = (size_t)_i % (GEOMS + 1), zero = (size_t)_i / (GEOMS + 1);
    s8_make(&f, geom < GEOMS ? &geoms[geom] : &large, zeros[zero].z, zeros[zero].in_xor);
    for (uint32_t v = 0; v < 2 * ctx->dsp.gemm_s8.count; v++) {
        const struct qnt_gemm *t = ctx->dsp.gemm_s8.v[v / 2];
        if (!t->run_rows && zero % 3)
            continue; /* these multiply padding, whatever its code */
        memset(f.got, 0x55, IMAGES * f.s.out * sizeof *f.got);
        FOR(i, f.g->groups)
        s8_group(&f, t, i, v % 2);
        FOR(p, IMAGES * f.s.out)
        EACH_MUST(f.got[p] == f.want[p], "%s geometry %zu %s, zero %d, at %zu: expected %d, found %d", t->name, geom,
                  v % 2 ? "by taps" : "by lines", f.z, p, f.want[p], f.got[p]);
    }
    void *all[] = {f.x, f.w, f.zero, f.got, f.want};
    FOR(i, 5)
    qnt_release(ctx, all[i]);
}
END_TEST

/* Sizes as a file may say them: which lines see padding is not looked for one by one, which would take minutes. */
START_TEST(tall_images_have_one_set_of_biases)
{
    const size_t tall = (size_t)1 << 40;
    const struct qnt_conv_geom g = {tall, 16, 16, tall, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1};
    for (uint32_t v = 0; v < ctx->dsp.gemm_s8.count; v++)
        ck_assert_uint_eq(qnt_conv_s8_bias_sets(ctx->dsp.gemm_s8.v[v], &g), 1);
}
END_TEST

START_TEST(bad_geometry_is_refused)
{
    struct qnt_conv_f32_work *w;
    struct qnt_conv_geom g = geoms[0];
    g.groups = 2;
    ck_assert_int_eq(qnt_conv_f32_create(ctx, &g, QNT_CONV_FORWARD, 1, &w), QNT_ERR_ARG);
    g = geoms[0];
    g.h = g.w = g.oh = g.ow = (size_t)1 << 30;
    ck_assert_int_eq(qnt_conv_f32_create(ctx, &g, QNT_CONV_FORWARD, 1, &w), QNT_ERR_RANGE);
    ck_assert_ptr_null(w);
}
END_TEST

static struct {
    int left, live; /* allocations until one fails; not yet freed */
} memory;

static void *counted_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    if (memory.left-- <= 0)
        return NULL;
    memory.live++;
    return aligned_alloc(alignment, bytes);
}

static void counted_free(void *user, void *ptr)
{
    (void)user;
    memory.live--;
    free(ptr);
}

START_TEST(failed_allocations_leave_nothing)
{
    static const size_t kinds[] = {2, 19}; /* by tiles, depthwise */
    const qnt_config config = {.size = sizeof config, .alloc = counted_alloc, .free = counted_free};
    struct qnt_conv_f32_work *w = NULL;
    qnt_ctx *own;
    memory.left = 1000;
    memory.live = 0;
    ck_assert_int_eq(qnt_ctx_create(&config, &own), QNT_OK);
    const int before = memory.live;
    for (int fail = 0; !w; fail++) {
        memory.left = fail;
        qnt_status status = qnt_conv_f32_create(own, &geoms[kinds[_i]], QNT_CONV_FORWARD | QNT_CONV_GRADIENTS, 1, &w);
        ck_assert_int_eq(status, w ? QNT_OK : QNT_ERR_NOMEM);
        ck_assert_int_eq(memory.live - before, w ? fail : 0);
        ck_assert_int_lt(fail, 100);
    }
    qnt_conv_f32_free(own, w);
    ck_assert_int_eq(memory.live, before);
    qnt_ctx_free(own);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *tc = tcase_create("conv");
    tcase_add_checked_fixture(tc, setup, teardown);
    unit_add_cases(tc, forward_equals_the_chain, GEOMS);
    unit_add_cases(tc, grad_input_equals_the_chain, GEOMS);
    unit_add_cases(tc, grad_weights_equal_the_chain, GEOMS);
    unit_add_cases(tc, s8_equals_plain_loops, (GEOMS + 1) * ZEROS);
    tcase_add_test(tc, tall_images_have_one_set_of_biases);
    tcase_add_test(tc, bad_geometry_is_refused);
    tcase_add_loop_test(tc, failed_allocations_leave_nothing, 0, 2);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
