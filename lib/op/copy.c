#include "copy.h"
#include "infer.h"
#include "step.h"

enum { PIECE = 16384, TURN = 64, TURNED = 4096 }; /* bytes copied; rows and columns transposed at a time */

/* Strides of a dense tensor, in bytes; returns an image's size. */
static size_t strides(const struct qnt_tensor *t, ptrdiff_t stride[QNT_MAX_RANK])
{
    size_t size = qnt_dtype_size(t->type);
    for (uint32_t d = t->rank; d-- > 0; size *= t->dim[d])
        stride[d] = (ptrdiff_t)size;
    return size;
}

/* Dimensions of one element go, neighbours that both sides walk as one become one. */
static uint32_t merge(const struct qnt_copy_axis *axis, uint32_t rank, struct qnt_copy_axis *to)
{
    uint32_t n = 0;
    for (uint32_t d = 0; d < rank; d++) {
        struct qnt_copy_axis a = axis[d];
        const ptrdiff_t extent = (ptrdiff_t)a.extent;
        if (extent == 1)
            continue;
        if (n && to[n - 1].src == a.src * extent && to[n - 1].dst == a.dst * extent)
            a.extent *= to[--n].extent;
        to[n++] = a;
    }
    return n;
}

/* The dimension that is contiguous in src, when the last one (contiguous in dst) can be its rows. */
static uint32_t find_columns(const struct qnt_copy *c, uint32_t n)
{
    const ptrdiff_t elem = (ptrdiff_t)c->elem;
    const struct qnt_copy_axis *last = &c->axis[n - 1];
    if (elem != 1 && elem != 4)
        return n; /* no kernel turns these: rows of one element */
    for (uint32_t d = 0; d + 1 < n; d++) {
        const struct qnt_copy_axis *a = &c->axis[d];
        if (a->src == elem && last->dst == elem && last->src >= (ptrdiff_t)a->extent * elem &&
            a->dst >= (ptrdiff_t)last->extent * elem && last->src % elem == 0 && a->dst % elem == 0)
            return d;
    }
    return n;
}

/* axis: `rank` dimensions in the output's order, outermost first. */
static void choose(const qnt_ctx *ctx, struct qnt_copy *c, size_t elem, uint32_t rank, const struct qnt_copy_axis *axis)
{
    const ptrdiff_t size = (ptrdiff_t)elem;
    uint32_t n = merge(axis, rank, c->axis), d;
    c->elem = elem;
    c->column = size;
    c->width = 1;
    c->copy_rows = NULL;
    c->transpose_s8 = NULL;
    c->transpose_f32 = NULL;
    if (n && (d = find_columns(c, n)) < n) {
        c->row = c->axis[n - 1];
        c->width = c->axis[d].extent;
        c->column = c->axis[d].dst;
        for (c->outer = n - 2; d < c->outer; d++)
            c->axis[d] = c->axis[d + 1];
        c->chunk = TURN;
        c->piece = TURNED;
        if (elem == 1)
            c->transpose_s8 = ctx->dsp.transpose_s8;
        else
            c->transpose_f32 = ctx->dsp.transpose_f32;
        return;
    }
    if (n > 1 && c->axis[n - 1].src == size && c->axis[n - 1].dst == size)
        c->width = c->axis[--n].extent;
    c->row = n ? c->axis[--n] : (struct qnt_copy_axis){1, size, size}; /* one long row is rows of one element */
    c->outer = n;
    c->chunk = PIECE / (c->width * elem) + 1;
    c->piece = c->width;
    c->copy_rows = ctx->dsp.copy_rows;
}

static const struct qnt_kernel_row *variant(const struct qnt_copy *c)
{
    return c->copy_rows      ? QNT_VARIANT_OF(c->copy_rows)
           : c->transpose_s8 ? QNT_VARIANT_OF(c->transpose_s8)
                             : QNT_VARIANT_OF(c->transpose_f32);
}

qnt_status qnt_copy_prepare(const qnt_ctx *ctx, struct qnt_step *s, const struct qnt_copy_pick pick[QNT_MAX_RANK])
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    struct qnt_copy *c = s->state;
    struct qnt_copy_axis axis[QNT_MAX_RANK];
    ptrdiff_t from[QNT_MAX_RANK], to[QNT_MAX_RANK];
    if (!c) {
        if (!(s->state = c = qnt_alloc(ctx, sizeof *c, s->node->name)))
            return QNT_ERR_NOMEM;
        c->src_image = strides(x, from);
        c->dst_image = strides(y, to);
        for (uint32_t d = 0; d < y->rank; d++) {
            const struct qnt_copy_pick *p = &pick[d];
            axis[d] = (struct qnt_copy_axis){y->dim[d], (ptrdiff_t)p->step * from[p->dim], to[d]};
            c->src_at += (ptrdiff_t)p->first * from[p->dim];
        }
        choose(ctx, c, qnt_dtype_size(y->type), y->rank, axis);
        s->variant = variant(c);
    }
    return qnt_same_codes(s->node, x, y);
}

static void kernel(const struct qnt_copy *c, const uint8_t *src, uint8_t *dst, size_t rows, size_t columns)
{
    if (c->copy_rows)
        c->copy_rows(src, c->row.src, dst, c->row.dst, rows, columns * c->elem);
    else if (c->transpose_s8)
        c->transpose_s8((const int8_t *)src, (size_t)c->row.src, (int8_t *)dst, (size_t)c->column, rows, columns);
    else
        c->transpose_f32((const float *)(const void *)src, (size_t)c->row.src / 4, (float *)(void *)dst,
                         (size_t)c->column / 4, rows, columns);
}

/* Where the loops stand: image, then the outer dimensions. */
struct place {
    size_t index[QNT_MAX_RANK];
    ptrdiff_t src, dst;
};

static struct place place_at(const struct qnt_copy *c, size_t i)
{
    struct place p = {.src = c->src_at, .dst = c->dst_at};
    for (uint32_t d = c->outer; d-- > 0; i /= c->axis[d].extent) {
        p.index[d] = i % c->axis[d].extent;
        p.src += (ptrdiff_t)p.index[d] * c->axis[d].src;
        p.dst += (ptrdiff_t)p.index[d] * c->axis[d].dst;
    }
    p.src += (ptrdiff_t)(i * c->src_image);
    p.dst += (ptrdiff_t)(i * c->dst_image);
    return p;
}

static void step(const struct qnt_copy *c, struct place *p)
{
    for (uint32_t d = c->outer; d-- > 0;) {
        const struct qnt_copy_axis *a = &c->axis[d];
        p->src += a->src;
        p->dst += a->dst;
        if (++p->index[d] < a->extent)
            return;
        p->index[d] = 0;
        p->src -= (ptrdiff_t)a->extent * a->src;
        p->dst -= (ptrdiff_t)a->extent * a->dst;
    }
    p->src += (ptrdiff_t)c->src_image;
    p->dst += (ptrdiff_t)c->dst_image;
}

static size_t loops(const struct qnt_copy *c, size_t batch)
{
    for (uint32_t d = 0; d < c->outer; d++)
        batch *= c->axis[d].extent;
    return batch;
}

void qnt_copy_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct qnt_copy *c = s->state;
    const uint8_t *src = qnt_step_in(s, x);
    uint8_t *dst = qnt_step_out(s, x);
    const size_t chunks = (c->row.extent + c->chunk - 1) / c->chunk, pieces = (c->width + c->piece - 1) / c->piece;
    size_t i, end;
    qnt_share(loops(c, x->batch) * chunks * pieces, x->part, x->parts, &i, &end);
    struct place p = place_at(c, i / (chunks * pieces));
    for (size_t k = i % (chunks * pieces); i < end; i++) {
        const size_t row = k / pieces * c->chunk, left = c->row.extent - row;
        const size_t column = k % pieces * c->piece, right = c->width - column;
        kernel(c, src + p.src + (ptrdiff_t)row * c->row.src + (ptrdiff_t)(column * c->elem),
               dst + p.dst + (ptrdiff_t)row * c->row.dst + (ptrdiff_t)column * c->column,
               left < c->chunk ? left : c->chunk, right < c->piece ? right : c->piece);
        if (++k == chunks * pieces) {
            k = 0;
            step(c, &p);
        }
    }
}

void qnt_copy_back(const struct qnt_copy *c, const float *dy, float *dx, size_t batch)
{
    const ptrdiff_t elem = (ptrdiff_t)c->elem;
    struct place p = place_at(c, 0);
    for (size_t left = loops(c, batch); left > 0; left--, step(c, &p))
        for (size_t r = 0; r < c->row.extent; r++) {
            float *to = dx + (p.src + (ptrdiff_t)r * c->row.src) / elem;
            const float *from = dy + (p.dst + (ptrdiff_t)r * c->row.dst) / elem;
            for (size_t k = 0; k < c->width; k++)
                to[k] += from[(ptrdiff_t)k * c->column / elem];
        }
}
