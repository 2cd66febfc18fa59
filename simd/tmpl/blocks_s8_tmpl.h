/* Codes times weights in blocks. Before it: BLOCKS_TALL; v_dot4(s, w, x, BITS): s + the products of the four codes of
 * each dword, x of s8; V_SIGNED_U8: whether it takes codes of 8 bits as signed ones, less 128 (those of 4 bits are 0 to
 * 15). */
#include "tmpl/blocks_rows.h"

QNT_INLINE vi blocks_spread(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return (vi){0} + four;
}

/* A dword of each lane: 8 or 4 steps of k. q: the codes of each fourth row. */
QNT_INLINE void blocks_s8_step(const int BITS, const int R, const int V, const uint8_t *codes, const int8_t *const *q,
                               ptrdiff_t r1, ptrdiff_t r3, vi *s)
{
    vi w[8], high[8];
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        const vi d = (vi)vb_load((const int8_t *)codes + v * VL * 4, VL * 4);
        w[v] = BITS == 4 ? d & 0x0f0f0f0f : V_SIGNED_U8 ? d ^ (int32_t)0x80808080 : d;
        high[v] = d >> 4 & 0x0f0f0f0f;
    }
    QNT_UNROLL
    for (int r = 0; r < R; r++) {
        const int in = r % BLOCKS_GROUP;
        const int8_t *x = q[r / BLOCKS_GROUP] + (in == 1 ? r1 : in == 2 ? 2 * r1 : in == 3 ? r3 : 0);
        const vi x0 = blocks_spread(x);
        QNT_UNROLL
        for (int v = 0; v < V; v++)
            s[r * V + v] = v_dot4(s[r * V + v], w[v], x0, BITS);
        if (BITS == 4) {
            const vi x1 = blocks_spread(x + 4);
            QNT_UNROLL
            for (int v = 0; v < V; v++)
                s[r * V + v] = v_dot4(s[r * V + v], high[v], x1, BITS);
        }
    }
}

/* What the sums of a block begin with: codes count from 0 or -128 on, zero points from half. */
QNT_INLINE void blocks_s8_start(const int BITS, const int R, const int V, const int8_t *zero, const int32_t *sum,
                                size_t blocks, vi *s)
{
    const int32_t half = BITS == 4 ? 8 : V_SIGNED_U8 ? 0 : 128;
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        if (!zero) {
            QNT_UNROLL
            for (int r = 0; r < R; r++)
                s[r * V + v] = (vi){0} - half * sum[(size_t)r * blocks];
            continue;
        }
        const vi less = -half - vi_load_s8(zero + v * VL, VL);
        QNT_UNROLL
        for (int r = 0; r < R; r++)
            s[r * V + v] = less * sum[(size_t)r * blocks];
    }
}

/* R rows, a panel's lanes from c on: y [R][PANEL] goes on by all blocks. */
QNT_INLINE void blocks_s8_tile(const int BITS, const int R, const int V, const struct qnt_blocks *w,
                               const struct blocks_panel *p, size_t c, const int8_t *x, const float *x_scale,
                               const int32_t *sum, float *y)
{
    const ptrdiff_t r1 = (ptrdiff_t)(w->blocks * w->block), r3 = 3 * r1;
    const uint8_t *codes = p->codes + c * 4;
    const int8_t *q[BLOCKS_GROUPS], *zero = p->zero ? p->zero + c : NULL;
    const float *scale = p->scale + c;
    QNT_UNROLL
    for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
        q[g] = x + g * BLOCKS_GROUP * r1;
    for (size_t b = 0; b < w->blocks; b++, scale += QNT_BLOCKS_PANEL) {
        vi s[24];
        blocks_s8_start(BITS, R, V, zero, sum + b, w->blocks, s);
        for (size_t k = w->block; k > 0; k -= 32 / BITS, codes += QNT_BLOCKS_PANEL * 4) {
            blocks_ahead(R, V, codes);
            blocks_s8_step(BITS, R, V, codes, q, r1, r3, s);
            QNT_UNROLL
            for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
                q[g] += 32 / BITS;
        }
        zero = zero ? zero + QNT_BLOCKS_PANEL : NULL;
        QNT_UNROLL
        for (int r = 0; r < R; r++) {
            const vf by = vf_set(x_scale[(size_t)r * w->blocks + b]);
            QNT_UNROLL
            for (int v = 0; v < V; v++) {
                float *at = y + r * QNT_BLOCKS_PANEL + v * VL;
                vf_store(at, vf_fma(vf_of(s[r * V + v]), vf_load(scale + v * VL, VL) * by, vf_load(at, VL)), VL);
            }
        }
    }
}

QNT_INLINE void blocks_s8_rows(const int BITS, const int R, const struct qnt_blocks *w, const struct blocks_panel *p,
                               const int8_t *x, const float *x_scale, const int32_t *sum,
                               const struct qnt_blocks_out *o, float *to)
{
    const int V = blocks_vectors(R);
    float y[12 * QNT_BLOCKS_PANEL];
    for (size_t c = 0; c < p->n; c += (size_t)(V * VL)) {
        blocks_start(R, V, o->bias ? o->bias + p->first + c : NULL, p->n - c, y);
        blocks_s8_tile(BITS, R, V, w, p, c, x, x_scale, sum, y);
        blocks_finish(R, V, o, y, to + c, p->n - c);
    }
}

#define ROWS_FN(bits, r)                                                                                               \
    static void s8_rows_##r##_u##bits(const struct qnt_blocks *w, const struct blocks_panel *p, const int8_t *x,       \
                                      const float *x_scale, const int32_t *sum, const struct qnt_blocks_out *o,        \
                                      float *to)                                                                       \
    {                                                                                                                  \
        blocks_s8_rows(bits, r, w, p, x, x_scale, sum, o, to);                                                         \
    }
#define ROWS(bits, r)                                                                                                  \
    do {                                                                                                               \
        s8_rows_##r##_u##bits(w, &p, x + row * k, x_scale + row * w->blocks, sum + row * w->blocks, o,                 \
                              o->y + row * o->ldy + p.first);                                                          \
        row += r;                                                                                                      \
    } while (0)
BLOCKS_HEIGHTS(ROWS_FN, 4)
BLOCKS_HEIGHTS(ROWS_FN, 8)

void V_FN(blocks_u4s8)(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                       const struct qnt_blocks_out *o)
{
    const size_t k = w->blocks * w->block;
#define ROWS_U4(r) ROWS(4, r)
    for (size_t j = 0; j * QNT_BLOCKS_PANEL < w->n; j++) {
        const struct blocks_panel p = blocks_panel_at(w, 4, j);
        BLOCKS_BY_ROWS(o->rows, ROWS_U4)
    }
#undef ROWS_U4
}

void V_FN(blocks_u8s8)(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                       const struct qnt_blocks_out *o)
{
    const size_t k = w->blocks * w->block;
#define ROWS_U8(r) ROWS(8, r)
    for (size_t j = 0; j * QNT_BLOCKS_PANEL < w->n; j++) {
        const struct blocks_panel p = blocks_panel_at(w, 8, j);
        BLOCKS_BY_ROWS(o->rows, ROWS_U8)
    }
#undef ROWS_U8
}
#undef ROWS
#undef ROWS_FN
