/* The harness itself: kernels broken on purpose must fail, each with the right words. Every plain op is broken in every
 * general way (bounds, inputs, lanes, state, faults); its arithmetic is broken in the ways that real variants get
 * wrong. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mutants.h"
#include "run.h"

enum kind {
    CLEAN,
    READ_PAST,
    READ_BEFORE,
    WRITE_PAST,
    WRITE_BEFORE,
    WRITE_GAP,
    CHANGE_INPUT,
    DROP_LAST,
    DROP_LANE,
    FLIP_BIT,
    KEEP_UPPER,
    CHANGE_CONTROL,
    ILLEGAL,
    DIVIDE,
    KINDS
};
static const struct {
    const char *name, *words; /* words: NULL: must pass; else what the report must contain, "a|b" for either */
} kinds[KINDS] = {
    [CLEAN] = {"clean", NULL},
    [READ_PAST] = {"reads a byte past the input", "SIGSEGV"},
    [READ_BEFORE] = {"reads a byte before the input", "SIGSEGV"},
    [WRITE_PAST] = {"writes past the output", "SIGSEGV|wrote outside"},
    [WRITE_BEFORE] = {"writes before the output", "SIGSEGV|wrote outside"},
    [WRITE_GAP] = {"writes between rows", "wrote outside|SIGSEGV"},
    [CHANGE_INPUT] = {"changes the input", "wrote to input"},
    [DROP_LAST] = {"drops the last element", "expected"},
    [DROP_LANE] = {"drops lane 13", "expected"},
    [FLIP_BIT] = {"last place of element 7", "expected"},
    [KEEP_UPPER] = {"no vzeroupper", "upper"},
    [CHANGE_CONTROL] = {"flushes denormals", "control register"},
    [ILLEGAL] = {"illegal instruction", "SIGILL"},
    [DIVIDE] = {"arithmetic fault", "SIGFPE"},
};
static enum kind kind;

struct span {
    const void *src;
    ptrdiff_t src_bytes; /* to the end of the last row, which a negative stride puts first */
    void *dst;
    size_t size, rows, cols, ld; /* of dst: element bytes; elements */
};
static uint8_t kept_last[4], kept_lane[4];

static uint8_t *last(const struct span *s)
{
    return (uint8_t *)s->dst + (ptrdiff_t)(((s->rows - 1) * s->ld + s->cols - 1) * s->size);
}

static uint8_t *lane(const struct span *s, size_t i)
{
    return (uint8_t *)s->dst + i * s->size;
}

static void before(const struct span *s)
{
    const volatile char *src = s->src;
    bool any = s->rows && s->cols;
    if (kind == READ_PAST)
        (void)src[s->src_bytes];
    if (kind == READ_BEFORE)
        (void)src[-1];
    if (kind == ILLEGAL)
        ck_state_illegal();
    if (kind == DIVIDE)
        raise(SIGFPE);
    if (any && kind == DROP_LAST)
        memcpy(kept_last, last(s), s->size);
    if (any && s->cols > 13 && kind == DROP_LANE)
        memcpy(kept_lane, lane(s, 13), s->size);
}

static void after(const struct span *s)
{
    bool any = s->rows && s->cols;
    if (any && kind == WRITE_PAST)
        last(s)[s->size] ^= 1;
    if (any && kind == WRITE_BEFORE)
        ((uint8_t *)s->dst)[-1] ^= 1;
    if (any && kind == WRITE_GAP)
        lane(s, s->cols)[0] ^= (uint8_t)(s->rows > 1 && s->ld > s->cols);
    if (s->src_bytes && kind == CHANGE_INPUT)
        ((uint8_t *)(uintptr_t)s->src)[s->src_bytes - 1] ^= 1;
    if (any && kind == DROP_LAST)
        memcpy(last(s), kept_last, s->size);
    if (any && s->cols > 13 && kind == DROP_LANE)
        memcpy(lane(s, 13), kept_lane, s->size);
    if (any && s->cols > 7 && kind == FLIP_BIT)
        lane(s, 7)[0] ^= 1;
    if (kind == KEEP_UPPER)
        ck_state_dirty();
    if (kind == CHANGE_CONTROL)
        ck_state_flush_denormals();
}

/* src, src_bytes, dst, size, rows, cols, ld */
#define MUTANT(op, params, args, ...)                                                                                  \
    static void mutant_##op params                                                                                     \
    {                                                                                                                  \
        const struct span s = {__VA_ARGS__};                                                                           \
        before(&s);                                                                                                    \
        qnt_##op##_ref args;                                                                                           \
        after(&s);                                                                                                     \
    }
#define MUTANT_SUM(op, params, args, ...)                                                                              \
    static int32_t mutant_##op params                                                                                  \
    {                                                                                                                  \
        int32_t sum[3] = {0}; /* with room around it for a write that does not apply here */                           \
        const struct span s = {__VA_ARGS__, sum + 1, 4, n > 0, n > 0, n > 0};                                          \
        before(&s);                                                                                                    \
        sum[1] = qnt_##op##_ref args;                                                                                  \
        after(&s);                                                                                                     \
        return sum[1];                                                                                                 \
    }

MUTANT(quantize_f32_s8, (const float *src, int8_t *dst, size_t n, const struct qnt_quant *q), (src, dst, n, q), src,
       n * 4, dst, 1, 1, n, n)
MUTANT(quantize_f32_u8, (const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q), (src, dst, n, q), src,
       n * 4, dst, 1, 1, n, n)
MUTANT(quantize_pc_f32_s8, (const float *src, int8_t *dst, size_t rows, size_t channels, const struct qnt_quant *q),
       (src, dst, rows, channels, q), src, rows *channels * 4, dst, 1, rows, channels, channels)
MUTANT(dequantize_s8_f32, (const int8_t *src, float *dst, size_t n, const struct qnt_quant *q), (src, dst, n, q), src,
       n, dst, 4, 1, n, n)
MUTANT(dequantize_u8_f32, (const uint8_t *src, float *dst, size_t n, const struct qnt_quant *q), (src, dst, n, q), src,
       n, dst, 4, 1, n, n)
MUTANT(dequantize_pc_s8_f32, (const int8_t *src, float *dst, size_t rows, size_t channels, const struct qnt_quant *q),
       (src, dst, rows, channels, q), src, rows *channels, dst, 4, rows, channels, channels)
MUTANT(requantize_s32_s8,
       (const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols, const struct qnt_requant *r),
       (src, lds, dst, ldd, rows, cols, r), src, rows &&cols ? ((rows - 1) * lds + cols) * 4 : 0, dst, 1, rows, cols,
       ldd)
MUTANT(binarize_f32,
       (const float *src, uint8_t *dst, size_t rows, size_t cols, const float *threshold, const uint8_t *flip),
       (src, dst, rows, cols, threshold, flip), src, rows *cols * 4, dst, 1, rows, (cols + 7) / 8, (cols + 7) / 8)
MUTANT(binarize_s8,
       (const int8_t *src, uint8_t *dst, size_t rows, size_t cols, const int8_t *threshold, const uint8_t *flip),
       (src, dst, rows, cols, threshold, flip), src, rows *cols, dst, 1, rows, (cols + 7) / 8, (cols + 7) / 8)
MUTANT_SUM(dot_b1, (const uint8_t *a, const uint8_t *b, size_t n), (a, b, n), b, (n + 7) / 8)
MUTANT_SUM(dot_s8, (const int8_t *a, const int8_t *b, size_t n), (a, b, n), b, n)
MUTANT_SUM(dot_u8s8, (const uint8_t *a, const int8_t *b, size_t n), (a, b, n), a, n)
MUTANT_SUM(dot_s4s8, (const uint8_t *w, const int8_t *a, size_t n), (w, a, n), w, (n + 1) / 2)
MUTANT_SUM(dot_s2s8, (const uint8_t *w, const int8_t *a, size_t n), (w, a, n), w, (n + 3) / 4)
MUTANT_SUM(sum_s8, (const int8_t *a, size_t n), (a, n), a, n)
MUTANT_SUM(peak_s8, (const int8_t *a, const int8_t *b, size_t n), (a, b, n), b, 16)
MUTANT_SUM(peak_b1, (const uint8_t *a, const uint8_t *b, size_t n), (a, b, n), b, 16)
MUTANT_SUM(peak_f32, (const float *a, const float *b, size_t n), (a, b, n), b, 16)
MUTANT_SUM(peak_read, (const void *src, size_t n, size_t times), (src, n, times), src, n)

static size_t reach(const struct qnt_window *w)
{
    return w->pixels && w->channels
               ? (w->pixels - 1) * w->step + (w->kh - 1) * w->row + (w->kw - 1) * w->col + w->channels
               : 0;
}
MUTANT(maxpool_s8, (const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w), (src, dst, ldd, w), src,
       reach(w), dst, 1, w->pixels, w->channels, ldd)
MUTANT(maxpool_f32, (const float *src, float *dst, size_t ldd, const struct qnt_window *w), (src, dst, ldd, w), src,
       reach(w) * 4, dst, 4, w->pixels, w->channels, ldd)
MUTANT(avgpool_s8,
       (const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, int32_t in_zero,
        const struct qnt_requant *r),
       (src, dst, ldd, w, in_zero, r), src, reach(w), dst, 1, w->pixels, w->channels, ldd)
MUTANT(avgpool_f32, (const float *src, float *dst, size_t ldd, const struct qnt_window *w), (src, dst, ldd, w), src,
       reach(w) * 4, dst, 4, w->pixels, w->channels, ldd)
MUTANT(depthwise_s8,
       (const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd, const struct qnt_requant *r),
       (d, dst, acc, ldd, r), d->w, (d->taps + 3) / 4 * d->channels * 4, dst, 1, d->lines * d->pixels, d->channels, ldd)
MUTANT(depthwise_f32, (const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi),
       (d, dst, ldd, lo, hi), d->w, d->taps * d->channels * 4, dst, 4, d->pixels, d->channels, ldd)
MUTANT(depthwise_image_f32,
       (const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0, size_t line1, float lo,
        float hi),
       (d, dst, ldd, line0, line1, lo, hi), d->w, d->side * d->side * d->channels * 4, dst, 4,
       (line1 - line0) * d->pixels, d->channels, ldd)
MUTANT(add_s8,
       (const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p, const struct qnt_requant *r),
       (a, b, dst, n, p, r), a, p->a_step ? n : 1, dst, 1, 1, n, n)
MUTANT(mul_s8,
       (const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p, const struct qnt_requant *r),
       (a, b, dst, n, p, r), a, p->a_step ? n : 1, dst, 1, 1, n, n)
MUTANT(add_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(mul_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(div_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(min_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(max_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(prelu_f32, (const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi),
       (a, b, dst, n, p, lo, hi), a, (p->a_step ? n : 1) * 4, dst, 4, 1, n, n)
MUTANT(clamp_s8, (const int8_t *src, int8_t *dst, size_t n, int8_t lo, int8_t hi), (src, dst, n, lo, hi), src, n, dst,
       1, 1, n, n)
MUTANT(clamp_f32, (const float *src, float *dst, size_t n, float lo, float hi), (src, dst, n, lo, hi), src, n * 4, dst,
       4, 1, n, n)
MUTANT(scale_shift_f32,
       (const float *src, float *dst, size_t rows, size_t channels, const float *scale, const float *shift, float lo,
        float hi),
       (src, dst, rows, channels, scale, shift, lo, hi), src, rows *channels * 4, dst, 4, rows, channels, channels)
MUTANT(lookup_s8, (const int8_t *src, int8_t *dst, size_t n, const int8_t *table), (src, dst, n, table), src, n, dst, 1,
       1, n, n)
MUTANT(exp_f32, (const float *src, float *dst, size_t n), (src, dst, n), src, n * 4, dst, 4, 1, n, n)
MUTANT(tanh_f32, (const float *src, float *dst, size_t n), (src, dst, n), src, n * 4, dst, 4, 1, n, n)
MUTANT(sigmoid_f32, (const float *src, float *dst, size_t n), (src, dst, n), src, n * 4, dst, 4, 1, n, n)
MUTANT(function_f32, (const float *src, float *dst, size_t n, const struct qnt_function *f), (src, dst, n, f), src,
       n * 4, dst, 4, 1, n, n)
MUTANT(softmax_f32, (const float *src, float *dst, size_t rows, size_t cols), (src, dst, rows, cols), src,
       rows *cols * 4, dst, 4, rows, cols, cols)

static size_t reach_of_rows(const size_t *at, size_t rows, size_t bytes)
{
    size_t reach = 0;
    for (size_t r = 0; r < rows; r++)
        reach = at[r] + bytes > reach ? at[r] + bytes : reach;
    return bytes ? reach : 0;
}
MUTANT(copy_rows, (const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes),
       (src, lds, dst, ldd, rows, bytes), src, rows &&bytes ? (rows - 1) * (size_t)lds + bytes : 0, dst, 1, rows, bytes,
       (size_t)ldd)
MUTANT(gather_rows, (const void *src, const size_t *at, void *dst, size_t rows, size_t bytes),
       (src, at, dst, rows, bytes), src, reach_of_rows(at, rows, bytes), dst, 1, rows, bytes, bytes)
MUTANT(fill_rows, (void *dst, size_t ldd, size_t rows, size_t bytes, uint32_t value), (dst, ldd, rows, bytes, value),
       dst, 0, dst, 1, rows, bytes, ldd)
MUTANT(transpose_s8, (const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols),
       (src, lds, dst, ldd, rows, cols), src, rows &&cols ? (rows - 1) * lds + cols : 0, dst, 1, cols, rows, ldd)
MUTANT(transpose_f32, (const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols),
       (src, lds, dst, ldd, rows, cols), src, (rows && cols ? (rows - 1) * lds + cols : 0) * 4, dst, 4, cols, rows, ldd)

static size_t reach_of_pixels(const struct qnt_bilinear *x, size_t pixels, size_t channels)
{
    size_t reach = 0;
    for (size_t p = 0; p < pixels; p++) {
        size_t last = x[p].left > x[p].right ? x[p].left : x[p].right;
        reach = last + channels > reach ? last + channels : reach;
    }
    return channels ? reach : 0;
}
MUTANT(bilinear_s8,
       (const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
        const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r),
       (top, bottom, dst, pixels, channels, x, y, in_zero, r), bottom, reach_of_pixels(x, pixels, channels), dst, 1, 1,
       pixels *channels, pixels *channels)
MUTANT(bilinear_f32,
       (const float *top, const float *bottom, float *dst, size_t pixels, size_t channels, const struct qnt_bilinear *x,
        float y),
       (top, bottom, dst, pixels, channels, x, y), bottom, reach_of_pixels(x, pixels, channels) * 4, dst, 4, 1,
       pixels *channels, pixels *channels)

MUTANT(quantize_blocks_f32_s8, (const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block, size_t blocks),
       (src, dst, scale, sum, block, blocks), src, block *blocks * 4, dst, 1, 1, block *blocks, block *blocks)
#define MUTANT_BLOCKS_F32(op)                                                                                          \
    MUTANT(op, (const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o),         \
           (w, x, sum, o), x, o->rows * w->block * w->blocks * 4, o->y, 4, o->rows, w->n, o->ldy)
#define MUTANT_BLOCKS_S8(op)                                                                                           \
    MUTANT(op,                                                                                                         \
           (const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,                     \
            const struct qnt_blocks_out *o),                                                                           \
           (w, x, x_scale, sum, o), x, o->rows * w->block * w->blocks, o->y, 4, o->rows, w->n, o->ldy)
MUTANT_BLOCKS_F32(blocks_u4f32)
MUTANT_BLOCKS_F32(blocks_u8f32)
MUTANT_BLOCKS_S8(blocks_u4s8)
MUTANT_BLOCKS_S8(blocks_u8s8)

MUTANT(maxpool_grad_f32,
       (const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
        const struct qnt_window *w, float lo, float hi),
       (x, y, dy, pass, dx, ldy, w, lo, hi), x, reach(w) * 4, dx, 4, (reach(w) > 0) + (reach(w) > w->channels),
       w->channels, reach(w) - w->channels)
MUTANT(channel_moments_f32,
       (const float *a, const float *b, size_t rows, size_t channels, const float *pivot, float *sums),
       (a, b, rows, channels, pivot, sums), b, rows *channels * 4, sums, 4, 2, channels, channels)
MUTANT(channel_mix_f32,
       (const float *a, const float *b, float *dst, size_t rows, size_t channels, const float *factors),
       (a, b, dst, rows, channels, factors), a, rows *channels * 4, dst, 4, rows, channels, channels)
MUTANT(depthwise_grad_f32, (const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums),
       (d, dy, ldy, sums), dy, d->pixels && d->channels ? ((d->pixels - 1) * ldy + d->channels) * 4 : 0, sums, 4,
       d->taps, d->channels, d->channels)
MUTANT(watch_s32,
       (const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi, uint8_t *pass,
        int32_t *min, int32_t *max),
       (acc, ld, rows, cols, lo, hi, pass, min, max), acc, rows &&cols ? ((rows - 1) * ld + cols) * 4 : 0, pass, 1,
       rows, cols, ld)
MUTANT(code_sums_f32, (const float *w, size_t n, float inv_scale, float limit, float *sums),
       (w, n, inv_scale, limit, sums), w, n * 4, sums, 4, 1, 2, 2)

static const struct op {
    const char *name;
    ck_checker *check;
    qnt_any_fn *ref, *mutant;
} ops[] = {
#define QNT_OP(op) {#op, check_##op, (qnt_any_fn *)qnt_##op##_ref, (qnt_any_fn *)mutant_##op},
#define QNT_K(op, isa)
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
};
enum { OPS = sizeof ops / sizeof *ops };

static void check_op(const struct op *op, qnt_any_fn *fn, const char *what, const char *words)
{
    expect(&(struct ck){.op = op->name, .ref = op->ref, .fn = fn}, op->check, what, words);
}

static const struct op *find(const char *name)
{
    for (size_t i = 0; i < OPS; i++)
        if (!strcmp(ops[i].name, name))
            return &ops[i];
    printf("no op %s\n", name);
    exit(EXIT_FAILURE);
}

static bool applies(const struct op *op, enum kind k)
{
    bool sum = !strncmp(op->name, "dot", 3) || !strncmp(op->name, "sum", 3) || !strncmp(op->name, "peak", 4);
    bool grad = strstr(op->name, "grad"),
         strided = (strstr(op->name, "pool") || strstr(op->name, "depthwise")) && !grad;
    strided |= strstr(op->name, "requantize") || strstr(op->name, "watch") || strstr(op->name, "copy") ||
               strstr(op->name, "fill") || strstr(op->name, "transpose") || !strncmp(op->name, "blocks", 6);
    if (sum && (k == WRITE_PAST || k == WRITE_BEFORE || k == DROP_LANE || k == FLIP_BIT))
        return false;
    if (strstr(op->name, "sums") && (k == DROP_LANE || k == FLIP_BIT)) /* of two results */
        return false;
    if (strstr(op->name, "fill") && k == CHANGE_INPUT) /* it has none */
        return false;
    return k != WRITE_GAP || strided;
}

int main(void)
{
    bool upper = expect_begin();
    for (size_t i = 0; i < OPS; i++)
        for (int k = 0; k < KINDS; k++) {
            kind = (enum kind)k;
            if (!applies(&ops[i], kind))
                continue;
            if (kind == KEEP_UPPER && !upper)
                expect_skip();
            else
                check_op(&ops[i], ops[i].mutant, kinds[k].name, kinds[k].words);
        }
    const struct mutant *const lists[] = {mutants,      binary_mutants, block_mutants, channel_mutants,
                                          copy_mutants, layer_mutants,  train_mutants};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct mutant *m = lists[i]; m->op; m++)
            check_op(find(m->op), m->fn, m->what, "expected");
    return expect_end();
}
