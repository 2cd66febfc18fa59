/* Floats times weights in blocks. Before it: BLOCKS_TALL, and v_codes(d, BITS), v_code(d, BITS, i): of a vector of
 * dwords, made ready once, code i of each as a float less half. */
#include "tmpl/blocks_rows.h"

/* A dword of each lane: 8 or 4 steps of k. q: the elements of each fourth row. */
QNT_INLINE void blocks_f32_step(const int BITS, const int R, const int V, const uint8_t *codes, const float *const *q,
                                ptrdiff_t r1, ptrdiff_t r3, vf *s)
{
    vi d[8];
    QNT_UNROLL
    for (int v = 0; v < V; v++)
        d[v] = v_codes((vi)vb_load((const int8_t *)codes + v * VL * 4, VL * 4), BITS);
    QNT_UNROLL
    for (int i = 0; i < 32 / BITS; i++) {
        vf w[8];
        QNT_UNROLL
        for (int v = 0; v < V; v++)
            w[v] = v_code(d[v], BITS, i);
        QNT_UNROLL
        for (int r = 0; r < R; r++) {
            const int in = r % BLOCKS_GROUP;
            const vf a = vf_set(q[r / BLOCKS_GROUP][i + (in == 1 ? r1 : in == 2 ? 2 * r1 : in == 3 ? r3 : 0)]);
            QNT_UNROLL
            for (int v = 0; v < V; v++)
                s[r * V + v] = vf_fma(a, w[v], s[r * V + v]);
        }
    }
}

/* What the sums of a block begin with. */
QNT_INLINE void blocks_f32_start(const int R, const int V, const int8_t *zero, const float *sum, size_t blocks, vf *s)
{
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        if (!zero) {
            QNT_UNROLL
            for (int r = 0; r < R; r++)
                s[r * V + v] = vf_set(0.0f);
            continue;
        }
        const vf less = vf_of(-vi_load_s8(zero + v * VL, VL));
        QNT_UNROLL
        for (int r = 0; r < R; r++)
            s[r * V + v] = less * vf_set(sum[(size_t)r * blocks]);
    }
}

/* The sums of a block to y [R][PANEL]. */
QNT_INLINE void blocks_f32_add(const int R, const int V, const vf *s, const float *scale, float *y)
{
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        const vf by = vf_load(scale + v * VL, VL);
        QNT_UNROLL
        for (int r = 0; r < R; r++) {
            float *at = y + r * QNT_BLOCKS_PANEL + v * VL;
            vf_store(at, vf_fma(s[r * V + v], by, vf_load(at, VL)), VL);
        }
    }
}

/* R rows, a panel's lanes from c on: y [R][PANEL] goes on by all blocks. */
QNT_INLINE void blocks_f32_tile(const int BITS, const int R, const int V, const struct qnt_blocks *w,
                                const struct blocks_panel *p, size_t c, const float *x, const float *sum, float *y)
{
    const ptrdiff_t r1 = (ptrdiff_t)(w->blocks * w->block), r3 = 3 * r1;
    const uint8_t *codes = p->codes + c * 4;
    const float *q[BLOCKS_GROUPS], *scale = p->scale + c;
    const int8_t *zero = p->zero ? p->zero + c : NULL;
    QNT_UNROLL
    for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
        q[g] = x + g * BLOCKS_GROUP * r1;
    for (size_t b = 0; b < w->blocks; b++, scale += QNT_BLOCKS_PANEL) {
        vf s[24];
        blocks_f32_start(R, V, zero, sum + (zero ? b : 0), w->blocks, s);
        for (size_t k = w->block; k > 0; k -= 32 / BITS, codes += QNT_BLOCKS_PANEL * 4) {
            blocks_ahead(R, V, codes);
            blocks_f32_step(BITS, R, V, codes, q, r1, r3, s);
            QNT_UNROLL
            for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
                q[g] += 32 / BITS;
        }
        zero = zero ? zero + QNT_BLOCKS_PANEL : NULL;
        blocks_f32_add(R, V, s, scale, y);
    }
}

QNT_INLINE void blocks_f32_rows(const int BITS, const int R, const struct qnt_blocks *w, const struct blocks_panel *p,
                                const float *x, const float *sum, const struct qnt_blocks_out *o, float *to)
{
    const int V = blocks_vectors(R);
    float y[12 * QNT_BLOCKS_PANEL];
    for (size_t c = 0; c < p->n; c += (size_t)(V * VL)) {
        blocks_start(R, V, o->bias ? o->bias + p->first + c : NULL, p->n - c, y);
        blocks_f32_tile(BITS, R, V, w, p, c, x, sum, y);
        blocks_finish(R, V, o, y, to + c, p->n - c);
    }
}

#include "tmpl/blocks_wide_tmpl.h"

#define ROWS_FN(bits, r)                                                                                               \
    static void f32_rows_##r##_u##bits(const struct qnt_blocks *w, const struct blocks_panel *p, const float *x,       \
                                       const float *sum, const struct qnt_blocks_out *o, float *to)                    \
    {                                                                                                                  \
        blocks_f32_rows(bits, r, w, p, x, sum, o, to);                                                                 \
    }
#define ROWS(bits, r)                                                                                                  \
    do {                                                                                                               \
        f32_rows_##r##_u##bits(w, &p, x + row * k, w->zero ? sum + row * w->blocks : NULL, o,                          \
                               o->y + row * o->ldy + p.first);                                                         \
        row += r;                                                                                                      \
    } while (0)
BLOCKS_HEIGHTS(ROWS_FN, 4)
BLOCKS_HEIGHTS(ROWS_FN, 8)

void V_FN(blocks_u4f32)(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    const size_t k = w->blocks * w->block;
#define ROWS_U4(r) ROWS(4, r)
    for (size_t j = 0; j * QNT_BLOCKS_PANEL < w->n; j++) {
        const struct blocks_panel p = blocks_panel_at(w, 4, j);
        if (blocks_many_rows(4, w, &p, x, sum, o))
            continue;
        BLOCKS_BY_ROWS(o->rows, ROWS_U4)
    }
#undef ROWS_U4
}

void V_FN(blocks_u8f32)(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    const size_t k = w->blocks * w->block;
#define ROWS_U8(r) ROWS(8, r)
    for (size_t j = 0; j * QNT_BLOCKS_PANEL < w->n; j++) {
        const struct blocks_panel p = blocks_panel_at(w, 8, j);
        if (blocks_many_rows(8, w, &p, x, sum, o))
            continue;
        BLOCKS_BY_ROWS(o->rows, ROWS_U8)
    }
#undef ROWS_U8
}
#undef ROWS
#undef ROWS_FN
