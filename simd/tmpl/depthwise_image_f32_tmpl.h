/* Depthwise convolution of floats, windows of 3 x 3 and 5 x 5 one or two columns apart: a block of P outputs by R lines
 * by a vector of channels at a time. Each vector of the image in reach of the block is loaded once and multiplied for
 * every window that has it, by lines from the top and columns from the left, which is the order of every chain. So
 * eight outputs on each of two lines take 40 loads of the image for 144 fma, where a load for each tap would bind. The
 * image is read where it lies; a line or column outside of it is left out. Blocks go along the line, all
 * channels of one before the next: two lines of output read four of input, from the top to the bottom.
 *
 * R * P sums, R lines of 3 or 5 weights, a vector of the image and the one after it.
 *
 * The includer says which blocks it has (DI_FN, struct di_set), after this file, and includes
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

QNT_INLINE vf di_column(struct di_line *l, size_t n)
{
    const vf x = vf_load((const float *)l->at, n);
    l->at += l->step;
    __asm__ volatile("" : "+r"(l->at)::"memory");
    return x;
}

/* Line i of the block: tap line i of the windows of `a`, i - S of those of `b` one line of output below. */
QNT_INLINE void di_taps(const struct di_run *g, const struct di_at *at, const int i, vf *a, vf *b, size_t c, size_t n,
                        const int K, const int S, const int P, const bool edge)
{
    const size_t channels = g->d->channels;
    const float *const w = g->d->w + c, *line = g->line[i];
    if (!line)
        return;
    struct di_line l = {(uintptr_t)line + (at->offset + c) * sizeof *line, channels * sizeof *line, at->in};
    vf va[5], vb[5];
    QNT_UNROLL
    for (int k = 0; k < K; k++) {
        if (a)
            va[k] = vf_load(w + (size_t)(i * K + k) * channels, n);
        if (b)
            vb[k] = vf_load(w + (size_t)((i - S) * K + k) * channels, n);
    }
    vf next = edge ? vf_set(0.0f) : di_column(&l, n); /* edges load what there is when it is wanted */
    QNT_UNROLL
    for (int j = 0; j < (P - 1) * S + K; j++) {
        if (edge && !(l.in >> j & 1)) {
            l.at += l.step;
            continue;
        }
        const vf x = edge ? di_column(&l, n) : next;
        if (!edge && j + 1 < (P - 1) * S + K)
            next = di_column(&l, n);
        QNT_UNROLL
        for (int k = 0; k < P; k++) {
            const int tap = j - k * S;
            if (tap < 0 || tap >= K)
                continue;
            if (a)
                a[k] = vf_fma(x, va[tap], a[k]);
            if (b)
                b[k] = vf_fma(x, vb[tap], b[k]);
        }
    }
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

/* R lines of n outputs from x on, channels [c, c + lanes). */
QNT_INLINE void di_block(const struct di_run *g, const struct di_at *at, size_t x, size_t n, size_t c, size_t lanes,
                         const int K, const int S, const int R, const int P, const bool edge)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    const vf start = d->bias ? vf_load(d->bias + c, lanes) : vf_set(0.0f);
    float *dst = g->dst + x * g->ldd + c;
    vf a[8], b[8];
    QNT_UNROLL
    for (int k = 0; k < P; k++)
        a[k] = b[k] = start;
    for (int i = 0, end = di_rolled(R == 2 ? S : K); i < end; i++)
        di_taps(g, at, i, a, NULL, c, lanes, K, S, P, edge);
    if (R == 2) {
        for (int i = S, end = di_rolled(K); i < end; i++)
            di_taps(g, at, i, a, b, c, lanes, K, S, P, edge);
        for (int i = K, end = di_rolled(K + S); i < end; i++)
            di_taps(g, at, i, NULL, b, c, lanes, K, S, P, edge);
    }
    di_store(g, dst, a, n, lanes, P, edge);
    if (R == 2)
        di_store(g, dst + d->pixels * g->ldd, b, n, lanes, P, edge);
}

QNT_INLINE void di_blocks(const struct di_run *g, size_t x, size_t n, const int K, const int S, const int R,
                          const int P, const bool edge, const bool part)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    const size_t from = x * (size_t)S - d->left;
    struct di_at at = {.offset = from * d->channels};
    for (int j = 0; edge && j < (P - 1) * S + K; j++)
        at.in |= (uint32_t)(from + (size_t)j < d->width) << j;
    const size_t channels = d->channels;
    for (size_t c = 0; c < channels; c += VL) /* the last ones with some of those before */
        di_block(g, &at, x, n, part || c + VL <= channels ? c : channels - VL, part ? channels : VL, K, S, R, P, edge);
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
    di_fn *inner[2][DI_MOST + 1], *edge[2][DI_MOST + 1], *part[DI_MOST + 1]; /* [lines - 1]; part: of one line */
};
