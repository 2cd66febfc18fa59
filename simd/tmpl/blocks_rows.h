#ifndef TMPL_BLOCKS_ROWS_H
#define TMPL_BLOCKS_ROWS_H
/* What products with weights in blocks share, after a v_<isa>.h. A tile is R rows by V vectors of outputs of a panel;
 * its sums over a block stay in registers, y in memory, where it is met once a block. */
enum {
    BLOCKS_GROUP = 4, /* rows are reached from one pointer for each four of them */
    BLOCKS_GROUPS = 3,
    BLOCKS_AHEAD = 4096 /* bytes from the codes at hand to those asked for meanwhile */
};

/* Vectors of a tile of R rows: machines of narrow vectors have no registers for a whole panel of several rows. */
QNT_INLINE int blocks_vectors(const int R)
{
    return (R > 1 && VL < 16 ? QNT_BLOCKS_PANEL / 2 : QNT_BLOCKS_PANEL) / VL;
}

/* The panel at hand; codes, scale and zero are the first lane's of it. */
struct blocks_panel {
    const uint8_t *codes;
    const float *scale;
    const int8_t *zero; /* or NULL */
    size_t first, n;    /* its first output, and how many it has */
};

QNT_INLINE struct blocks_panel blocks_panel_at(const struct qnt_blocks *w, const int BITS, size_t p)
{
    const size_t first = p * QNT_BLOCKS_PANEL, left = w->n - first, scales = p * w->blocks * QNT_BLOCKS_PANEL;
    return (struct blocks_panel){w->codes + scales * w->block * (size_t)BITS / 8, w->scale + scales,
                                 w->zero ? w->zero + scales : NULL, first,
                                 left < QNT_BLOCKS_PANEL ? left : QNT_BLOCKS_PANEL};
}

/* y [R][PANEL] from lane c on, of which n are outputs. */
QNT_INLINE void blocks_start(const int R, const int V, const float *bias, size_t n, float *y)
{
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        const size_t left = v_left(n, (size_t)(v * VL));
        const vf b = bias && left ? vf_load(bias + v * VL, left) : vf_set(0.0f);
        QNT_UNROLL
        for (int r = 0; r < R; r++)
            vf_store(y + r * QNT_BLOCKS_PANEL + v * VL, b, VL);
    }
}

QNT_INLINE void blocks_finish(const int R, const int V, const struct qnt_blocks_out *o, const float *y, float *to,
                              size_t n)
{
    const vf lo = vf_set(o->lo), hi = vf_set(o->hi);
    QNT_UNROLL
    for (int r = 0; r < R; r++, to += o->ldy) {
        QNT_UNROLL
        for (int v = 0; v < V; v++) {
            const vf x = vf_load(y + r * QNT_BLOCKS_PANEL + v * VL, VL);
            const size_t left = v_left(n, (size_t)(v * VL));
            if (left)
                vf_store(to + v * VL, vf_max(lo, vf_min(hi, vf_or_nan(x, x))), left); /* NaN passes */
        }
    }
}

/* One row reads its weights faster than machines fetch them by themselves. What lies behind the last panel is asked for
 * in vain, which is allowed. */
QNT_INLINE void blocks_ahead(const int R, const int V, const uint8_t *codes)
{
    if (R > 1)
        return;
    QNT_UNROLL
    for (int i = 0; i < V * VL * 4; i += 64)
        v_prefetch((const void *)((uintptr_t)codes + BLOCKS_AHEAD + (uintptr_t)i));
}

/* All rows of a panel by the tallest tiles that fit: ROWS(r) does r rows from `row` on. BLOCKS_HEIGHTS: FN(bits, r) for
 * each height r that this takes. */
#if BLOCKS_TALL
#define BLOCKS_HEIGHTS(FN, bits) FN(bits, 12) FN(bits, 8) FN(bits, 4) FN(bits, 2) FN(bits, 1)
#define BLOCKS_BY_ROWS(rows, ROWS)                                                                                     \
    for (size_t row = 0, left; (left = (rows)-row) > 0;) {                                                             \
        if (left >= 12)                                                                                                \
            ROWS(12);                                                                                                  \
        else if (left >= 8)                                                                                            \
            ROWS(8);                                                                                                   \
        else if (left >= 4)                                                                                            \
            ROWS(4);                                                                                                   \
        else if (left >= 2)                                                                                            \
            ROWS(2);                                                                                                   \
        else                                                                                                           \
            ROWS(1);                                                                                                   \
    }
#else
#define BLOCKS_HEIGHTS(FN, bits) FN(bits, 4) FN(bits, 2) FN(bits, 1)
#define BLOCKS_BY_ROWS(rows, ROWS)                                                                                     \
    for (size_t row = 0, left; (left = (rows)-row) > 0;) {                                                             \
        if (left >= 4)                                                                                                 \
            ROWS(4);                                                                                                   \
        else if (left >= 2)                                                                                            \
            ROWS(2);                                                                                                   \
        else                                                                                                           \
            ROWS(1);                                                                                                   \
    }
#endif
#endif
