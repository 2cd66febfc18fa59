/* Depthwise convolution of floats, windows of 3 x 3 and 5 x 5 one or two columns apart: a block of P outputs by R lines
 * by a vector of channels at a time. Each vector of the image in reach of the block is loaded once and multiplied for
 * every window that has it, by lines from the top and columns from the left, which is the order of every chain. So
 * eight outputs on each of two lines take 40 loads of the image for 144 fma, where a load for each tap would bind. The
 * image is read where it lies; a line or column outside of it is left out. Blocks go along the line, all
 * channels of one before the next: two lines of output read four of input, from the top to the bottom.
 *
 * R * P sums, R lines of 3 or 5 weights, a vector of the image and the one after it.
 *
 * The includer says whether a column is loaded before the one at hand is multiplied (DI_AHEAD; processors that keep the
 * order of instructions want it), and, after this file, which blocks it has (DI_FN, struct di_set); it then includes
 * depthwise_image_f32_run.h. */

/* A bound that the compiler does not know: unrolled, the lines of a block would be interleaved and spill. */
QNT_INLINE int di_rolled(int n)
{
    __asm__("" : "+r"(n));
    return n;
}

enum { DI_LINES = 7 }; /* 5 and the step between two lines of output */

struct di_run {
    const struct qnt_depthwise_image_f32 *d;
    float *dst; /* of the lines at hand */
    size_t ldd;
    vf lo, hi;
    bool bounded;
    const float *line[DI_LINES]; /* of the image; NULL: padding */
    const float *w, *bias;       /* of the channels at hand; bias NULL: zeros */
    size_t channels;
    size_t apart;          /* floats from a column to the next, and from a tap's weights to the next tap's */
    size_t x_rows, w_rows; /* a vector of channels follows another by as many vectors: 1 where they lie side by side */
};
typedef void di_fn(const struct di_run *g, size_t x, size_t n); /* outputs [x, x + n), n <= P */

/* Where a block's columns are: the first one as elements from the start of a line (it wraps before that), and which of
 * them are in the image. */
struct di_at {
    size_t offset;
    uint32_t in;
};

/* The columns of a block on one line of the image. Loads and addresses stay where they are: all of them at the start
 * would spill. */
struct di_line {
    uintptr_t at; /* of the next column and channel c; may lie outside the line where a column does */
    size_t step;  /* bytes from column to column */
    uint32_t in;  /* bit j: column j is in the image; counts at edges */
};

/* A column of the image, for the first and for the second sums. */
struct di_column {
    vf a, b;
};

QNT_INLINE struct di_column di_column(struct di_line *l, size_t n, const bool beside)
{
    struct di_column x;
    x.a = x.b = vf_load((const float *)l->at, n);
    if (beside)
        x.b = vf_load((const float *)l->at + VL, n);
    l->at += l->step;
    __asm__ volatile("" : "+r"(l->at)::"memory");
    return x;
}

/* A line of the image, `line` of the block: tap line `line` of the windows of `a`; of `b` tap line line - S one line of
 * output below, or, beside, tap line `line` of the vector of channels beside. w: `line`'s weights of a. */
QNT_INLINE void di_taps(struct di_line l, const float *w, vf *a, vf *b, size_t n, const int K, const int S, const int P,
                        const bool edge, const bool beside)
{
    const ptrdiff_t wb = beside ? VL : -S * K * (ptrdiff_t)(l.step / sizeof *w);
    const size_t apart = l.step / sizeof *w;
    vf va[5], vb[5];
    QNT_UNROLL
    for (int k = 0; k < K; k++) {
        if (a)
            va[k] = vf_load(w + (size_t)k * apart, n);
        if (b)
            vb[k] = vf_load(w + (size_t)k * apart + wb, n);
    }
    const bool ahead = DI_AHEAD && !edge; /* edges load what there is when it is wanted */
    struct di_column next = {vf_set(0.0f), vf_set(0.0f)};
    if (ahead)
        next = di_column(&l, n, beside);
    QNT_UNROLL
    for (int j = 0; j < (P - 1) * S + K; j++) {
        if (edge && !(l.in >> j & 1)) {
            l.at += l.step;
            continue;
        }
        const struct di_column x = ahead ? next : di_column(&l, n, beside);
        if (ahead && j + 1 < (P - 1) * S + K)
            next = di_column(&l, n, beside);
        QNT_UNROLL
        for (int k = 0; k < P; k++) {
            const int tap = j - k * S;
            if (tap < 0 || tap >= K)
                continue;
            if (a)
                a[k] = vf_fma(x.a, va[tap], a[k]);
            if (b)
                b[k] = vf_fma(x.b, vb[tap], b[k]);
        }
    }
}

QNT_INLINE void di_lines(const struct di_run *g, const struct di_at *at, int line, int end, vf *a, vf *b, size_t c,
                         size_t n, const int K, const int S, const int P, const bool edge, const bool beside)
{
    const size_t apart = g->apart, from = (at->offset + c * g->x_rows) * sizeof(float);
    const float *w = g->w + (size_t)line * (size_t)K * apart + c * g->w_rows;
    for (end = di_rolled(end); line < end; line++, w += (size_t)K * apart)
        if (g->line[line])
            di_taps((struct di_line){(uintptr_t)g->line[line] + from, apart * sizeof(float), at->in}, w, a, b, n, K, S,
                    P, edge, beside);
}

QNT_INLINE void di_store(const struct di_run *g, float *dst, vf *a, size_t count, size_t n, const int P,
                         const bool edge)
{
    if (g->bounded) {
        QNT_UNROLL
        for (int k = 0; k < P; k++)
            a[k] = vf_max(g->lo, vf_min(g->hi, a[k]));
    }
    if (__builtin_expect(vf_nans(a, P), 0)) {
        QNT_UNROLL
        for (int k = 0; k < P; k++)
            a[k] = vf_or_nan(a[k], a[k]);
    }
    QNT_UNROLL
    for (int k = 0; k < P; k++, dst += g->ldd)
        if (!edge || (size_t)k < count)
            vf_store(dst, a[k], n);
}

/* R lines of n outputs from x on, channels [c, c + lanes). R = 0: one line, and the vector of channels beside as well.
 */
QNT_INLINE void di_block(const struct di_run *g, const struct di_at *at, size_t x, size_t n, size_t c, size_t lanes,
                         const int K, const int S, const int R, const int P, const bool edge)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    const bool beside = R == 0;
    vf start = g->bias ? vf_load(g->bias + c, lanes) : vf_set(0.0f);
    float *dst = g->dst + x * g->ldd + c;
    vf a[8], b[8];
    QNT_UNROLL
    for (int k = 0; k < P; k++)
        a[k] = b[k] = start;
    if (beside && g->bias) {
        start = vf_load(g->bias + c + VL, lanes);
        QNT_UNROLL
        for (int k = 0; k < P; k++)
            b[k] = start;
    }
    di_lines(g, at, 0, R == 2 ? S : K, a, beside ? b : NULL, c, lanes, K, S, P, edge, beside);
    if (R == 2) {
        di_lines(g, at, S, K, a, b, c, lanes, K, S, P, edge, false);
        di_lines(g, at, K, K + S, NULL, b, c, lanes, K, S, P, edge, false);
    }
    di_store(g, dst, a, n, lanes, P, edge);
    if (R != 1)
        di_store(g, beside ? dst + VL : dst + d->pixels * g->ldd, b, n, lanes, P, edge);
}

QNT_INLINE void di_blocks(const struct di_run *g, size_t x, size_t n, const int K, const int S, const int R,
                          const int P, const bool edge, const bool part)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    const size_t from = x * (size_t)S - d->left;
    struct di_at at = {.offset = from * g->apart};
    for (int j = 0; edge && j < (P - 1) * S + K; j++)
        at.in |= (uint32_t)(from + (size_t)j < d->width) << j;
    const size_t channels = g->channels, most = R ? VL : 2 * VL;
    for (size_t c = 0; c < channels; c += most) /* the last ones with some of those before */
        di_block(g, &at, x, n, part || c + most <= channels ? c : channels - most, part ? channels : VL, K, S, R, P,
                 edge);
}

/* KIND: whether the block is at an edge, where fewer than P outputs and columns of padding are allowed, or of less than
 * a vector of channels as well. */
enum { DI_INNER, DI_EDGE, DI_PART };
#define DI_FN(K, S, R, P, KIND)                                                                                        \
    __attribute__((noinline)) static void di_##K##_##S##_##R##x##P##_##KIND(const struct di_run *g, size_t x,          \
                                                                            size_t n)                                  \
    {                                                                                                                  \
        di_blocks(g, x, n, K, S, R, P, KIND != DI_INNER, KIND == DI_PART);                                             \
    }

enum { DI_MOST = 8 };
/* The functions for one window and step, by P; NULL: none. */
struct di_set {
    di_fn *inner[3][DI_MOST + 1], *edge[3][DI_MOST + 1]; /* [lines], [0]: of two vectors side by side */
    di_fn *part[DI_MOST + 1];                            /* of one line */
};
