/* The specification of the f32 tile: each output is one chain of fma in order of k.
 * W panel: [k][NR]. */
#include <math.h>
#include "kernels.h"

enum { MR = 4, NR = 8 };

static float chain(float acc, const struct qnt_f32_operands *o, size_t i, size_t j)
{
    const float *a = o->a, *w = o->w + j;
    const ptrdiff_t at = o->at + (ptrdiff_t)i * o->a_row;
    for (size_t r = 0; r < o->runs; r++, a += o->a_jump, w += o->w_jump)
        for (ptrdiff_t p = 0; p < (ptrdiff_t)o->run; p++) {
            const ptrdiff_t place = at + p * o->a_k;
            if (!o->width || (place >= 0 && place < (ptrdiff_t)o->width))
                acc = fmaf(a[place], w[p * o->w_k], acc);
        }
    return acc;
}

static void tile(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    const struct qnt_epilogue *e = t->e;
    for (uint32_t i = 0; i < t->m; i++) {
        float *c = (float *)t->c + i * t->ldc;
        for (uint32_t j = 0; j < t->n; j++) {
            float x = chain(!t->first ? c[j] : e->bias_f32 ? e->bias_f32[t->col + j] : 0.0f, o, i, j);
            c[j] = !t->last ? x : x < e->lo ? e->lo : x > e->hi ? e->hi : x;
        }
    }
}

static void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    float *to = panel;
    (void)in_xor;
    for (size_t p = 0; p < k; p++, to += NR)
        for (size_t i = 0; i < NR; i++)
            to[i] = i < used ? ((const float *)rows[(k0 + p) / tap_k * used + i])[(k0 + p) % tap_k] : 0.0f;
}

static void pack_cols(const void *const *lines, size_t k, size_t used, void *panel)
{
    float *to = panel;
    for (size_t p = 0; p < k; p++, to += NR)
        for (size_t i = 0; i < NR; i++)
            to[i] = i < used ? ((const float *)lines[p])[i] : 0.0f;
}

const struct qnt_gemm qnt_gemm_f32_4x8_ref = {
    .name = "4x8",
    .run_f32 = tile,
    .pack_w = pack_rows,
    .pack_w_cols = pack_cols,
    .mr = MR,
    .nr = NR,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 2000,
    .cost_tile = 100,
    .k_run = 1024,
    .m_least = 1,
};
