#ifndef KERNELS_MUTANTS_F32_H
#define KERNELS_MUTANTS_F32_H
/* Mistakes of arithmetic that an f32 tile could make, around a right one. */
#include <math.h>
#include <string.h>
#include "simd/kernels.h"

static inline void mutant_unfused(const struct qnt_gemm *real, const struct qnt_f32_operands *o,
                                  const struct qnt_tile *t)
{
    real->run_f32(o, t);
    const float *a = o->a + o->at, *w = o->w;
    float *c = t->c, x = !t->first ? NAN : t->e->bias_f32 ? t->e->bias_f32[t->col] : 0.0f;
    for (size_t r = 0; r < o->runs && !o->width; r++, a += o->a_jump, w += o->w_jump)
        for (ptrdiff_t p = 0; p < (ptrdiff_t)o->run; p++)
            x += a[p * o->a_k] * w[p * o->w_k];
    if (!o->width && x > t->e->lo && x < t->e->hi) /* a value in doubt keeps the right one */
        c[0] = x;
}

/* The first row's products outside of its line as 0 * w. */
static inline void mutant_adds_outside(const struct qnt_gemm *real, const struct qnt_f32_operands *o,
                                       const struct qnt_tile *t)
{
    static float row[4096];
    struct qnt_f32_operands one = *o;
    struct qnt_tile first = *t;
    real->run_f32(o, t);
    if (!o->width || !t->first || o->run * o->runs > sizeof row / sizeof *row)
        return;
    memset(row, 0, sizeof row);
    for (size_t r = 0; r < o->runs; r++)
        for (size_t p = 0; p < o->run; p++) {
            const ptrdiff_t at = o->at + (ptrdiff_t)p;
            if (at >= 0 && at < (ptrdiff_t)o->width)
                row[r * o->run + p] = o->a[(ptrdiff_t)r * o->a_jump + at];
        }
    one.a = row;
    one.a_jump = (ptrdiff_t)o->run;
    one.at = 0;
    one.width = 0;
    first.m = 1;
    real->run_f32(&one, &first);
}
#endif
