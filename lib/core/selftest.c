/* Every usable variant against the reference on one fixed input. A new plain op needs a body here: without it the
 * expansion of kernels.def does not compile. */
#include <string.h>
#include "lib/core/selftest.h"
#include "simd/quant.h"

enum { N = 203, C = 29, ROWS = 7 };
struct io {
    float f[N];
    int8_t s[N];
    uint8_t u[N];
    int32_t acc[N];
    float scale[C];
    struct qnt_quant q[C];
    struct qnt_requant rq;
    struct qnt_window win, tile;
    int32_t lo[C], hi[C];
    union {
        float f[N];
        int8_t s[N];
        uint8_t u[N];
        int32_t i;
    } out[2];
};

#define BODY(op, ...)                                                                                                  \
    static void self_##op(qnt_any_fn *any, struct io *x, int k)                                                        \
    {                                                                                                                  \
        qnt_##op##_fn *fn = (qnt_##op##_fn *)any;                                                                      \
        __VA_ARGS__;                                                                                                   \
    }
BODY(quantize_f32_s8, fn(x->f, x->out[k].s, N, x->q))
BODY(quantize_f32_u8, fn(x->f, x->out[k].u, N, x->q))
BODY(quantize_pc_f32_s8, fn(x->f, x->out[k].s, ROWS, C, x->q))
BODY(dequantize_s8_f32, fn(x->s, x->out[k].f, N, x->q))
BODY(dequantize_u8_f32, fn(x->u, x->out[k].f, N, x->q))
BODY(dequantize_pc_s8_f32, fn(x->s, x->out[k].f, ROWS, C, x->q))
BODY(requantize_s32_s8, fn(x->acc, C, x->out[k].s, C, ROWS, C, &x->rq))
BODY(binarize_f32, fn(x->f, x->out[k].u, ROWS, C, x->scale, x->u))
BODY(binarize_s8, fn(x->s, x->out[k].u, ROWS, C, NULL, NULL))
BODY(dot_b1, x->out[k].i = fn(x->u, (const uint8_t *)x->f, 8 * N))
BODY(dot_s8, x->out[k].i = fn(x->s, x->s, N))
BODY(dot_u8s8, x->out[k].i = fn(x->u, x->s, N))
BODY(dot_s4s8, x->out[k].i = fn(x->u, x->s, N))
BODY(dot_s2s8, x->out[k].i = fn(x->u, x->s, N))
BODY(sum_s8, x->out[k].i = fn(x->s, N))
BODY(maxpool_s8, fn(x->s, x->out[k].s, C, &x->win))
BODY(maxpool_f32, fn(x->f, x->out[k].f, C, &x->win))
BODY(avgpool_s8, struct qnt_requant r = x->rq; r.per_channel = 0; fn(x->s, x->out[k].s, C, &x->win, 3, &r))
BODY(avgpool_f32, fn(x->f, x->out[k].f, C, &x->win))
BODY(depthwise_s8, const int8_t *tap[8]; struct qnt_depthwise d = {tap, x->s, x->acc, 8, C - 3, 5, C - 4};
     for (int t = 0; t < 8; t++) tap[t] = x->s + t; fn(&d, x->out[k].s, NULL, C, &x->rq))
BODY(depthwise_f32, const float *tap[5]; struct qnt_depthwise_f32 d = {tap, x->f, x->f + 9, 5, C - 3, 5, C - 4};
     for (int t = 0; t < 5; t++) tap[t] = x->f + t; fn(&d, x->out[k].f, C, -9.0f, 9.0f))
BODY(add_s8, const struct qnt_pair p = {3, -9, 0.75f, 1.5f, 1, 1}; fn(x->s, x->s + 1, x->out[k].s, N - 1, &p, &x->rq))
BODY(mul_s8, const struct qnt_pair p = {3, -9, 0.03f, 0, 1, 0}; fn(x->s, x->s + 1, x->out[k].s, N - 1, &p, &x->rq))
BODY(add_f32, const struct qnt_pair p = {0, 0, 0, -1.0f, 1, 1}; fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(mul_f32, const struct qnt_pair p = {0, 0, 0, 0, 0, 1}; fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(clamp_s8, fn(x->s, x->out[k].s, N, -50, 77))
BODY(clamp_f32, fn(x->f, x->out[k].f, N, -1.5f, 2.5f))
BODY(scale_shift_f32, fn(x->f, x->out[k].f, ROWS, C, x->f + C, x->f + 2 * C, -1.5f, 2.5f))
BODY(lookup_s8, int8_t table[256]; for (int i = 0; i < 256; i++) table[i] = (int8_t)(i * 7 + i / 32);
     fn(x->s, x->out[k].s, N, table))
BODY(copy_rows, fn(x->s, C, x->out[k].s, C - 3, ROWS, C - 5))
BODY(gather_rows, const size_t at[] = {99, 0, 3, 3, 150, 71}; fn(x->s, at, x->out[k].s, 6, 17))
BODY(fill_rows, fn(x->out[k].s, C, ROWS, C - 5, 0x12345678))
BODY(transpose_s8, fn(x->s, 9, x->out[k].s, 24, 20, 9))
BODY(transpose_f32, fn(x->f, 9, x->out[k].f, 24, 20, 8))
BODY(bilinear_s8, const struct qnt_bilinear at[] = {{0, C, 5000, 0.0f}, {C, 2 * C, 16384, 0.0f}};
     fn(x->s, x->s + 3 * C, x->out[k].s, 2, C, at, 9001, -3,
        &(struct qnt_requant){.hi = 127, .lo = -128, .scale = &(float){0x1p-14f}}))
BODY(bilinear_f32, const struct qnt_bilinear at[] = {{0, C, 0, 0.3f}, {C, 2 * C, 0, 1.0f}};
     fn(x->f, x->f + 3 * C, x->out[k].f, 2, C, at, 0.7f))
BODY(exp_f32, fn(x->f, x->out[k].f, N))
BODY(tanh_f32, fn(x->f, x->out[k].f, N))
BODY(sigmoid_f32, fn(x->f, x->out[k].f, N))
BODY(softmax_f32, fn(x->f, x->out[k].f, ROWS, C))
BODY(maxpool_grad_f32, struct qnt_window w = x->tile; fn(x->f, x->f, x->f + C, NULL, x->out[k].f, C, &w, -1.0f, 3.0f))
BODY(channel_moments_f32, fn(x->f, x->f + C, ROWS - 1, C, x->f + 2 * C, x->out[k].f))
BODY(channel_mix_f32, fn(x->f, x->f + C, x->out[k].f, ROWS - 1, C, x->f + 2 * C))
BODY(depthwise_grad_f32, const float *tap[5]; struct qnt_depthwise_f32 d = {tap, NULL, NULL, 5, C - 3, 5, C - 4};
     for (int t = 0; t < 5; t++) tap[t] = x->f + t; fn(&d, x->f, C, x->out[k].f))
BODY(watch_s32, fn(x->acc, C, ROWS, C, x->lo, x->hi, x->out[k].u, NULL, NULL))
BODY(code_sums_f32, fn(x->f, N, 20.0f, 7.0f, x->out[k].f))
BODY(peak_s8, x->out[k].i = fn(x->s, x->s + 16, 3 * QNT_PEAK))
BODY(peak_b1, x->out[k].i = fn(x->u, x->u + 16, 3 * QNT_PEAK))
BODY(peak_f32, const float a[] = {3, -2, 5, 7}; x->out[k].i = fn(a, a, 3 * QNT_PEAK))
BODY(peak_read, x->out[k].i = fn(x->f, 512, 3))

static void (*const bodies[])(qnt_any_fn *, struct io *, int) = {
#define QNT_OP(op) self_##op,
#define QNT_K(op, isa)
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
};

static void fill(struct io *x)
{
    uint32_t r = 1;
    for (int i = 0; i < N; i++) {
        r = r * 1664525u + 1013904223u;
        x->f[i] = (float)(int32_t)r / 3e8f;
        x->u[i] = (uint8_t)(r >> 24);
        x->s[i] = (int8_t)(x->u[i] - 128);
        x->acc[i] = (int32_t)r >> 12;
    }
    for (int c = 0; c < C; c++) {
        x->scale[c] = 0.0003f + 0.00001f * (float)c;
        qnt_quant_init(&x->q[c], 0.05f + 0.001f * (float)c, 3);
    }
    x->rq = (struct qnt_requant){.zero = 5, .lo = -128, .hi = 127, .per_channel = 1, .scale = x->scale};
    x->win = (struct qnt_window){2, 2, 3 * C, C, C, 2, C};
    x->tile = (struct qnt_window){1, 3, 0, C, 3 * C, 2, C};
    for (int c = 0; c < C; c++) {
        x->lo[c] = -1000 * c;
        x->hi[c] = 70000;
    }
}

qnt_status qnt_ctx_selftest(const qnt_ctx *ctx, size_t *checked)
{
    struct io x;
    size_t n = 0, body = 0;
    qnt_any_fn *ref = NULL;
    if (checked)
        *checked = 0;
    if (!ctx)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_selftest: ctx is NULL");
    memset(&x, 0, sizeof x);
    fill(&x);
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++) {
        bool same, usable = ctx->usable >> row->isa & 1;
        if (!row->gemm && row->isa == QNT_ISA_ref) {
            body += ref != NULL;
            ref = row->fn;
        }
        if (!usable)
            continue;
        if (row->gemm) {
            same = qnt_selftest_tile(row->gemm);
        } else {
            memset(x.out, 0, sizeof x.out);
            bodies[body](ref, &x, 0);
            bodies[body](row->fn, &x, 1);
            same = !memcmp(&x.out[0], &x.out[1], sizeof x.out[0]);
        }
        if (!same)
            return qnt_fail(QNT_ERR_STATE, "selftest: %s %s differs from the reference", row->op, row->variant);
        n++;
    }
    if (checked)
        *checked = n;
    return QNT_OK;
}
