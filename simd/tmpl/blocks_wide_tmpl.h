/* Many rows of floats times weights in blocks, after blocks_f32_tmpl.h: the codes of a panel's block become floats once
 * for all rows, which lie in the first cache while the rows pass. The same chains as without. */
enum {
    WIDE_BLOCK = 128, /* longer blocks would not stay there */
    WIDE_ROWS = 96,
    WIDE_LEAST = BLOCKS_TALL ? 24 : 8 /* rows from which on it pays */
};

QNT_INLINE void blocks_widen(const int BITS, const uint8_t *codes, size_t block, float *wide)
{
    const int steps = 32 / BITS;
    for (size_t k = block; k > 0; k -= (size_t)steps, codes += QNT_BLOCKS_PANEL * 4, wide += QNT_BLOCKS_PANEL * steps) {
        QNT_UNROLL
        for (int v = 0; v < QNT_BLOCKS_PANEL / VL; v++) {
            const vi d = v_codes((vi)vb_load((const int8_t *)codes + v * VL * 4, VL * 4), BITS);
            QNT_UNROLL
            for (int i = 0; i < steps; i++)
                vf_store(wide + i * QNT_BLOCKS_PANEL + v * VL, v_code(d, BITS, i), VL);
        }
    }
}

/* A block of R rows. x, sum, zero, scale: of the block. */
QNT_INLINE void blocks_wide_rows(const int R, const struct qnt_blocks *w, const float *wide, const float *scale,
                                 const int8_t *zero, const float *x, const float *sum, float *y)
{
    enum { STEPS = 4 };
    const int V = blocks_vectors(R);
    const ptrdiff_t r1 = (ptrdiff_t)(w->blocks * w->block), r3 = 3 * r1;
    for (int c = 0; c < QNT_BLOCKS_PANEL; c += V * VL) {
        const float *q[BLOCKS_GROUPS], *from = wide + c;
        vf s[24];
        blocks_f32_start(R, V, zero ? zero + c : NULL, sum, w->blocks, s);
        QNT_UNROLL
        for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
            q[g] = x + g * BLOCKS_GROUP * r1;
        for (size_t k = w->block; k > 0; k -= STEPS, from += STEPS * QNT_BLOCKS_PANEL) {
            QNT_UNROLL
            for (int i = 0; i < STEPS; i++) {
                vf f[8];
                QNT_UNROLL
                for (int v = 0; v < V; v++)
                    f[v] = vf_load(from + i * QNT_BLOCKS_PANEL + v * VL, VL);
                QNT_UNROLL
                for (int r = 0; r < R; r++) {
                    const int in = r % BLOCKS_GROUP;
                    const vf a = vf_set(q[r / BLOCKS_GROUP][i + (in == 1 ? r1 : in == 2 ? 2 * r1 : in == 3 ? r3 : 0)]);
                    QNT_UNROLL
                    for (int v = 0; v < V; v++)
                        s[r * V + v] = vf_fma(a, f[v], s[r * V + v]);
                }
            }
            QNT_UNROLL
            for (int g = 0; g < (R + BLOCKS_GROUP - 1) / BLOCKS_GROUP; g++)
                q[g] += STEPS;
        }
        blocks_f32_add(R, V, s, scale + c, y + c);
    }
}

#define WIDE_FN(r)                                                                                                     \
    static void wide_rows_##r(const struct qnt_blocks *w, const float *wide, const float *scale, const int8_t *zero,   \
                              const float *x, const float *sum, float *y)                                              \
    {                                                                                                                  \
        blocks_wide_rows(r, w, wide, scale, zero, x, sum, y);                                                          \
    }
#if BLOCKS_TALL
WIDE_FN(12)
WIDE_FN(8)
#endif
WIDE_FN(4)
WIDE_FN(2)
WIDE_FN(1)

/* Up to WIDE_ROWS rows of a panel. */
QNT_INLINE void blocks_wide(const int BITS, const struct qnt_blocks *w, const struct blocks_panel *p, const float *x,
                            const float *sum, const struct qnt_blocks_out *o, size_t rows, float *to)
{
    const size_t k = w->blocks * w->block;
    const int V = QNT_BLOCKS_PANEL / VL;
    _Alignas(64) float wide[WIDE_BLOCK * QNT_BLOCKS_PANEL], y[WIDE_ROWS * QNT_BLOCKS_PANEL];
    for (size_t r = 0; r < rows; r++)
        blocks_start(1, V, o->bias ? o->bias + p->first : NULL, p->n, y + r * QNT_BLOCKS_PANEL);
    for (size_t b = 0; b < w->blocks; b++) {
        const size_t at = b * QNT_BLOCKS_PANEL;
        blocks_widen(BITS, p->codes + at * w->block * (size_t)BITS / 8, w->block, wide);
#define ROWS(r)                                                                                                        \
    do {                                                                                                               \
        wide_rows_##r(w, wide, p->scale + at, p->zero ? p->zero + at : NULL, x + row * k + b * w->block,               \
                      sum ? sum + row * w->blocks + b : NULL, y + row * QNT_BLOCKS_PANEL);                             \
        row += r;                                                                                                      \
    } while (0)
        BLOCKS_BY_ROWS(rows, ROWS)
#undef ROWS
    }
    for (size_t r = 0; r < rows; r++, to += o->ldy)
        blocks_finish(1, V, o, y + r * QNT_BLOCKS_PANEL, to, p->n);
}

/* All rows of a panel; false: this is not the way. */
QNT_INLINE bool blocks_many_rows(const int BITS, const struct qnt_blocks *w, const struct blocks_panel *p,
                                 const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    if (o->rows < WIDE_LEAST || w->block > WIDE_BLOCK)
        return false;
    for (size_t r = 0; r < o->rows; r += WIDE_ROWS)
        blocks_wide(BITS, w, p, x + r * w->blocks * w->block, w->zero ? sum + r * w->blocks : NULL, o,
                    o->rows - r < WIDE_ROWS ? o->rows - r : WIDE_ROWS, o->y + r * o->ldy + p->first);
    return true;
}
#undef WIDE_FN
