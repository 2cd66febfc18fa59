/* The terms that take padding back. */
#include "binary.h"

/* One axis: window o has taps [lo, hi) inside. */
struct axis {
    size_t size, outputs, taps, stride, dilation, pad;
};
struct inside {
    size_t lo, hi;
};

static struct inside inside_of(const struct axis *a, size_t o)
{
    struct inside in = {0, 0};
    for (size_t t = 0; t < a->taps; t++) {
        size_t at = o * a->stride + t * a->dilation;
        in.lo += at < a->pad;
        in.hi += at < a->pad + a->size;
    }
    return in;
}

static struct axis axis_y(const struct qnt_conv_geom *g)
{
    return (struct axis){g->h, g->oh, g->kh, g->stride_h, g->dil_h, g->pad_top};
}

static struct axis axis_x(const struct qnt_conv_geom *g)
{
    return (struct axis){g->w, g->ow, g->kw, g->stride_w, g->dil_w, g->pad_left};
}

/* The kind of window `o` when the one before it was of kind `kind`: 0 for all taps inside, else the same or a new one.
 */
static size_t next_kind(const struct axis *a, size_t o, size_t kind, size_t *kinds)
{
    struct inside in = inside_of(a, o);
    if (in.lo == 0 && in.hi == a->taps)
        return 0;
    if (o && kind) {
        struct inside before = inside_of(a, o - 1);
        if (before.lo == in.lo && before.hi == in.hi)
            return kind;
    }
    return (*kinds)++;
}

static size_t count_kinds(struct axis a)
{
    size_t kinds = 1, kind = 0;
    for (size_t o = 0; o < a.outputs; o++)
        kind = next_kind(&a, o, kind, &kinds);
    return kinds;
}

/* What the padding of one kind of pixel gives, negated. */
static void pad_terms(const struct qnt_conv_geom *g, const int8_t *w, struct inside y, struct inside x, int32_t *terms)
{
    const size_t cg = g->c / g->groups;
    for (size_t o = 0; o < g->oc; o++) {
        int32_t sum = 0;
        for (size_t ky = 0; ky < g->kh; ky++)
            for (size_t kx = 0; kx < g->kw; kx++) {
                const int8_t *tap = w + ((o * g->kh + ky) * g->kw + kx) * cg;
                bool outside = ky < y.lo || ky >= y.hi || kx < x.lo || kx >= x.hi;
                for (size_t c = 0; outside && c < cg; c++)
                    sum += tap[c];
            }
        terms[o] = -sum;
    }
}

qnt_status qnt_binary_pad_create(const qnt_ctx *ctx, const struct qnt_conv_geom *g, const char *name,
                                 struct qnt_binary_pad *p)
{
    size_t row, rows;
    p->kinds_y = count_kinds(axis_y(g));
    p->kinds_x = count_kinds(axis_x(g));
    if (p->kinds_y * p->kinds_x == 1)
        return QNT_OK;
    if (qnt_mul_overflows(g->oc, sizeof *p->terms, &row) || qnt_mul_overflows(g->oh * g->ow, g->groups, &rows))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': too large", name);
    if (!(p->terms = qnt_alloc_array(ctx, p->kinds_y * p->kinds_x, row, name)) ||
        !(p->row_bias = qnt_alloc_array(ctx, rows, sizeof *p->row_bias, name)))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

/* Pixels of one kind lie together, so a kind is new where neither neighbour before it is of it. */
void qnt_binary_pad_fill(const struct qnt_binary_pad *p, const struct qnt_conv_geom *g, const int8_t *w)
{
    const struct axis ay = axis_y(g), ax = axis_x(g);
    const size_t pixels = g->oh * g->ow, og = g->oc / g->groups;
    size_t kinds_y = 1, kind_y = 0;
    for (size_t oy = 0; p->row_bias && oy < g->oh; oy++) {
        const int32_t **row = p->row_bias + oy * g->ow, **above = oy ? row - g->ow : NULL;
        size_t kinds_x = 1, kind_x = 0;
        kind_y = next_kind(&ay, oy, kind_y, &kinds_y);
        for (size_t ox = 0; ox < g->ow; ox++) {
            kind_x = next_kind(&ax, ox, kind_x, &kinds_x);
            int32_t *terms = kind_y || kind_x ? p->terms + (kind_y * p->kinds_x + kind_x) * g->oc : NULL;
            row[ox] = terms;
            if (terms && !(ox && row[ox - 1] == terms) && !(above && above[ox] == terms))
                pad_terms(g, w, inside_of(&ay, oy), inside_of(&ax, ox), terms);
            for (size_t i = 1; i < g->groups; i++)
                row[i * pixels + ox] = terms ? terms + i * og : NULL;
        }
    }
}

void qnt_binary_pad_release(const qnt_ctx *ctx, const struct qnt_binary_pad *p)
{
    qnt_release(ctx, p->terms);
    qnt_release(ctx, p->row_bias);
}
