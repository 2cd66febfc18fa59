/* A new plain op needs a body here: without it the expansion of kernels.def does not compile. */
#include "lib/core/sample.h"
#include <string.h>
#include "simd/quant.h"

/* The multiply-accumulates and bytes of a call, then the call. */
#define BODY(op, macs_, bytes_, ...)                                                                                   \
    static void run_##op(qnt_any_fn *any, struct qnt_sample *x, int k)                                                 \
    {                                                                                                                  \
        const size_t N = x->n, C = x->c, ROWS = x->rows;                                                               \
        qnt_##op##_fn *fn = (qnt_##op##_fn *)any;                                                                      \
        (void)N, (void)C, (void)ROWS;                                                                                  \
        __VA_ARGS__;                                                                                                   \
    }                                                                                                                  \
    static void work_##op(const struct qnt_sample *x, size_t *macs, size_t *bytes)                                     \
    {                                                                                                                  \
        const size_t N = x->n, C = x->c, ROWS = x->rows;                                                               \
        (void)N, (void)C, (void)ROWS;                                                                                  \
        *macs = macs_;                                                                                                 \
        *bytes = bytes_;                                                                                               \
    }
BODY(quantize_f32_s8, 0, 5 * N, fn(x->f, x->out[k].s, N, x->q))
BODY(quantize_f32_u8, 0, 5 * N, fn(x->f, x->out[k].u, N, x->q))
BODY(quantize_pc_f32_s8, 0, 5 * N, fn(x->f, x->out[k].s, ROWS, C, x->q))
BODY(dequantize_s8_f32, 0, 5 * N, fn(x->s, x->out[k].f, N, x->q))
BODY(dequantize_u8_f32, 0, 5 * N, fn(x->u, x->out[k].f, N, x->q))
BODY(dequantize_pc_s8_f32, 0, 5 * N, fn(x->s, x->out[k].f, ROWS, C, x->q))
BODY(requantize_s32_s8, 0, 5 * N, fn(x->acc, C, x->out[k].s, C, ROWS, C, &x->rq))
BODY(binarize_f32, 0, 4 * N + N / 8, fn(x->f, x->out[k].u, ROWS, C, x->scale, x->u))
BODY(binarize_s8, 0, N + N / 8, fn(x->s, x->out[k].u, ROWS, C, NULL, NULL))
BODY(dot_b1, 8 * N, 2 * N, *x->out[k].i = fn(x->u, (const uint8_t *)x->f, 8 * N))
BODY(dot_s8, N, 2 * N, *x->out[k].i = fn(x->s, x->s, N))
BODY(dot_u8s8, N, 2 * N, *x->out[k].i = fn(x->u, x->s, N))
BODY(dot_s4s8, N, N + N / 2, *x->out[k].i = fn(x->u, x->s, N))
BODY(dot_s2s8, N, N + N / 4, *x->out[k].i = fn(x->u, x->s, N))
BODY(sum_s8, 0, N, *x->out[k].i = fn(x->s, N))
BODY(maxpool_s8, 0, 2 * N - 5 * C, fn(x->s, x->out[k].s, C, &x->win))
BODY(maxpool_f32, 0, 8 * N - 20 * C, fn(x->f, x->out[k].f, C, &x->win))
BODY(avgpool_s8, 0, 2 * N - 5 * C, struct qnt_requant r = x->rq; r.per_channel = 0;
     fn(x->s, x->out[k].s, C, &x->win, 3, &r))
BODY(avgpool_f32, 0, 8 * N - 20 * C, fn(x->f, x->out[k].f, C, &x->win))
BODY(depthwise_s8, 8 * (ROWS - 2) * (C - 4), N + (ROWS - 2) * (C - 4), const int8_t *tap[8];
     struct qnt_depthwise d = {tap, x->s, x->acc, 8, C - 3, ROWS - 2, C - 4, 1, 0};
     for (int t = 0; t < 8; t++) tap[t] = x->s + t; fn(&d, x->out[k].s, NULL, C, &x->rq))
BODY(depthwise_f32, 5 * (ROWS - 2) * (C - 4), 4 * (N + (ROWS - 2) * (C - 4)), const float *tap[5];
     struct qnt_depthwise_f32 d = {tap, x->f, x->f + 9, 5, C - 3, ROWS - 2, C - 4};
     for (int t = 0; t < 5; t++) tap[t] = x->f + t; fn(&d, x->out[k].f, C, -9.0f, 9.0f))
BODY(depthwise_image_f32, 9 * (ROWS / 2 * 2) * (C * 3 / 4), 8 * (ROWS / 2 * 2) * (C * 3 / 4),
     const struct qnt_depthwise_image_f32 d = {x->f, x->f, x->f + 9, 2, ROWS / 2, C * 3 / 4, 3, 1, 1, 1, ROWS / 2,
                                              NULL};
     fn(&d, x->out[k].f, C * 3 / 4, 0, 2, -9.0f, 9.0f))
BODY(add_s8, 0, 3 * N, const struct qnt_pair p = {3, -9, 0.75f, 1.5f, 1, 1};
     fn(x->s, x->s + 1, x->out[k].s, N - 1, &p, &x->rq))
BODY(mul_s8, 0, 3 * N, const struct qnt_pair p = {3, -9, 0.03f, 0, 1, 0};
     fn(x->s, x->s + 1, x->out[k].s, N - 1, &p, &x->rq))
BODY(add_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, -1.0f, 1, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(mul_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, 0, 0, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(div_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, 0, 1, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(min_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, 0, 1, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(max_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, 0, 1, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(prelu_f32, 0, 12 * N, const struct qnt_pair p = {0, 0, 0, 0, 1, 1};
     fn(x->f, x->f + 1, x->out[k].f, N - 1, &p, -5.0f, 5.0f))
BODY(clamp_s8, 0, 2 * N, fn(x->s, x->out[k].s, N, -50, 77))
BODY(clamp_f32, 0, 8 * N, fn(x->f, x->out[k].f, N, -1.5f, 2.5f))
BODY(scale_shift_f32, 0, 8 * N, fn(x->f, x->out[k].f, ROWS, C, x->f + C, x->f + 2 * C, -1.5f, 2.5f))
BODY(lookup_s8, 0, 2 * N, fn(x->s, x->out[k].s, N, x->table))
BODY(copy_rows, 0, 2 * ROWS * (C - 5), fn(x->s, C, x->out[k].s, C - 3, ROWS, C - 5))
BODY(gather_rows, 0, 2 * 6 * 17, const size_t at[] = {99, 0, 3, 3, 150, 71}; fn(x->s, at, x->out[k].s, 6, 17))
BODY(fill_rows, 0, ROWS *((C - 5) / 4 * 4), fn(x->out[k].s, C, ROWS, (C - 5) / 4 * 4, 0x12345678))
BODY(transpose_s8, 0, 2 * 9 * (N / 9 - 2), fn(x->s, 9, x->out[k].s, N / 9 + 2, N / 9 - 2, 9))
BODY(transpose_f32, 0, 8 * 8 * (N / 9 - 2), fn(x->f, 9, x->out[k].f, N / 9 + 2, N / 9 - 2, 8))
BODY(bilinear_s8, 0, 5 * 2 * C, const struct qnt_bilinear at[] = {{0, C, 5000, 0.0f}, {C, 2 * C, 16384, 0.0f}};
     fn(x->s, x->s + 3 * C, x->out[k].s, 2, C, at, 9001, -3,
        &(struct qnt_requant){.hi = 127, .lo = -128, .scale = &(float){0x1p-14f}}))
BODY(bilinear_f32, 0, 20 * 2 * C, const struct qnt_bilinear at[] = {{0, C, 0, 0.3f}, {C, 2 * C, 0, 1.0f}};
     fn(x->f, x->f + 3 * C, x->out[k].f, 2, C, at, 0.7f))
/* Two rows of a block of 16 times 29 outputs of a panel. */
#define BLOCKS                                                                                                         \
    {                                                                                                                  \
        .codes = (const uint8_t *)x->f, .scale = x->f + 128, .n = 29, .block = 16, .blocks = 1                         \
    }
#define BLOCKS_F32(op, bits)                                                                                           \
    BODY(op, 2 * 16 * 32, 16 * 32 * bits / 8, const struct qnt_blocks w = BLOCKS;                                      \
         fn(&w, x->f, NULL, &(struct qnt_blocks_out){x->f, x->out[k].f, 2, 32, -1e6f, 1e6f}))
#define BLOCKS_S8(op, bits)                                                                                            \
    BODY(op, 2 * 16 * 32, 16 * 32 * bits / 8, const struct qnt_blocks w = BLOCKS; int32_t sum[2] = {0};                \
         for (int i = 0; i < 32; i++) sum[i / 16] += x->s[i];                                                          \
         fn(&w, x->s, x->scale, sum, &(struct qnt_blocks_out){x->f, x->out[k].f, 2, 32, -1e6f, 1e6f}))
BODY(quantize_blocks_f32_s8, 0, 5 * N, fn(x->f, x->out[k].s, x->out[k].f + N / 4 + 1, x->out[k].i + N / 2, 16, N / 16))
BLOCKS_F32(blocks_u4f32, 4)
BLOCKS_F32(blocks_u8f32, 8)
BLOCKS_S8(blocks_u4s8, 4)
BLOCKS_S8(blocks_u8s8, 8)
BODY(exp_f32, 0, 8 * N, fn(x->f, x->out[k].f, N))
BODY(tanh_f32, 0, 8 * N, fn(x->f, x->out[k].f, N))
BODY(sigmoid_f32, 0, 8 * N, fn(x->f, x->out[k].f, N))
BODY(function_f32, 0, 8 * N, fn(x->f, x->out[k].f, N, &(struct qnt_function){.kind = QNT_GELU}))
BODY(softmax_f32, 0, 8 * N, fn(x->f, x->out[k].f, ROWS, C))
BODY(maxpool_grad_f32, 0, 32 * C * x->tile.pixels, struct qnt_window w = x->tile;
     fn(x->f, x->f, x->f + C, NULL, x->out[k].f, C, &w, -1.0f, 3.0f))
BODY(channel_moments_f32, 0, 8 * (N - C), fn(x->f, x->f + C, ROWS - 1, C, x->f + 2 * C, x->out[k].f))
BODY(channel_mix_f32, 0, 12 * (N - C), fn(x->f, x->f + C, x->out[k].f, ROWS - 1, C, x->f + 2 * C))
BODY(depthwise_grad_f32, 5 * (ROWS - 2) * (C - 4), 4 * (N + (ROWS - 2) * (C - 4)), const float *tap[5];
     struct qnt_depthwise_f32 d = {tap, NULL, NULL, 5, C - 3, ROWS - 2, C - 4};
     for (int t = 0; t < 5; t++) tap[t] = x->f + t; fn(&d, x->f, C, x->out[k].f))
BODY(watch_s32, 0, 5 * N, fn(x->acc, C, ROWS, C, x->lo, x->hi, x->out[k].u, NULL, NULL))
BODY(code_sums_f32, 0, 4 * N, fn(x->f, N, 20.0f, 7.0f, x->out[k].f))
BODY(peak_s8, 16 * QNT_PEAK, 0, *x->out[k].i = fn(x->s, x->s + 16, 16 * QNT_PEAK))
BODY(peak_b1, 16 * QNT_PEAK, 0, *x->out[k].i = fn(x->u, x->u + 16, 16 * QNT_PEAK))
BODY(peak_f32, 16 * QNT_PEAK, 0, const float a[] = {3, -2, 5, 7}; *x->out[k].i = fn(a, a, 16 * QNT_PEAK))
BODY(peak_read, 0, 3 * 512, *x->out[k].i = fn(x->f, 512, 3))

const struct qnt_sample_op qnt_sample_ops[] = {
#define QNT_OP(op) {#op, run_##op, work_##op},
#define QNT_K(op, isa)
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
    {NULL, NULL, NULL},
};

/* Arrays of four-byte elements first: all are aligned to their own. */
static void place(struct qnt_sample *x, void *memory)
{
    float *p = memory;
    const size_t n = x->n, c = x->c;
    x->f = p;
    x->acc = (int32_t *)(void *)(p + n);
    x->out[0].f = p + 2 * n;
    x->out[1].f = p + 3 * n;
    x->scale = p + 4 * n;
    x->lo = (int32_t *)(void *)(x->scale + c);
    x->hi = x->lo + c;
    x->q = (struct qnt_quant *)(void *)(x->hi + c);
    x->s = (int8_t *)(x->q + c);
    x->u = (uint8_t *)x->s + n;
}

void qnt_sample_init(struct qnt_sample *x, void *memory, size_t rows, size_t c)
{
    uint32_t r = 1;
    *x = (struct qnt_sample){.n = rows * c, .c = c, .rows = rows};
    memset(memory, 0, QNT_SAMPLE_BYTES(rows, c));
    place(x, memory);
    for (size_t i = 0; i < x->n; i++) {
        r = r * 1664525u + 1013904223u;
        x->f[i] = (float)(int32_t)r / 3e8f;
        x->u[i] = (uint8_t)(r >> 24);
        x->s[i] = (int8_t)(x->u[i] - 128);
        x->acc[i] = (int32_t)r >> 12;
    }
    for (int i = 0; i < 256; i++)
        x->table[i] = (int8_t)(i * 7 + i / 32);
    for (size_t i = 0; i < c; i++) {
        x->scale[i] = 0.0003f + 0.00001f * (float)i;
        qnt_quant_init(&x->q[i], 0.05f + 0.001f * (float)i, 3);
        x->lo[i] = -1000 * (int32_t)i;
        x->hi[i] = 70000;
    }
    x->rq = (struct qnt_requant){.zero = 5, .lo = -128, .hi = 127, .per_channel = 1, .scale = x->scale};
    x->win = (struct qnt_window){2, 2, 3 * c, c, c, rows - 5, c};
    x->tile = (struct qnt_window){1, 3, 0, c, 3 * c, (rows - 1) / 3, c};
}
