/* block_fully_connected (x [in], w [out][blocks * block], scale [out][blocks][, zero [out][blocks]][, b [out]]) ->
 * [out]: w are unsigned codes of 4 or 8 bits, each (code - zero) * scale, with a scale and a zero point for each block
 * of dim[0] codes; what is past `in` in the last block does not count. Without zero points they are 8 or 128.
 *
 * Of x as floats: y begins with the bias and goes on by the blocks in order, y = fma(s, scale, y). s begins with -(zero
 * - half) * (sum of the block's x), 0 without zero points, and is a chain of fma of x and code - half (8 or 128) in
 * order of k. Sums of x are 16 interleaved ones, of lane i % 16 in order of i, folded by halves (s[i] += s[i + half],
 * half 8, 4, 2, 1).
 *
 * With QNT_BLOCK_CODES each block of x becomes codes first: m the greatest |x| of its numbers, q = rne(x * (127 / m)),
 * NaN gives 0. s is then the exact sum of q * (code - zero), as a float, and its scale (m / 127) * scale, rounded. */
#include <string.h>
#include "infer.h"
#include "step.h"

enum { LANES = 16, MOST_ROWS = 96 /* prepared at a time: whole tiles, and what a second-level cache holds */ };

struct state {
    struct qnt_blocks w;
    uint8_t *codes;
    float *scale;
    int8_t *zero; /* or NULL */
    const float *bias;
    uint32_t bits;
    size_t k, padded, panels, rows; /* rows at a time */
    bool by_codes;
    qnt_blocks_u4f32_fn *run_f32; /* both widths have this type */
    qnt_blocks_u4s8_fn *run_s8;
    qnt_quantize_blocks_f32_s8_fn *quantize;
    size_t x_bytes, scale_bytes, sum_bytes; /* of scratch, in this order; then a padded row */
};

static const struct qnt_tensor *input(const struct qnt_model *m, const struct qnt_node *n, uint32_t k)
{
    return &m->tensor[n->in[k]];
}

static qnt_status check_weights(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *w)
{
    const size_t block = n->attr.dim[0], most = n->attr.mode & QNT_BLOCK_CODES ? 1 << 16 : 1 << 28;
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_constant(n, w, QNT_U8, "weights");
    if (status)
        return status;
    if (w->scales || w->zero)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': weights '%s' have %u scales and zero point %d, expected 0 and 0",
                        n->name, w->name, w->scales, w->zero);
    if (w->bits != 4 && w->bits != 8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': weights '%s' have %u bits, expected 4 or 8", n->name, w->name,
                        w->bits);
    if (block < LANES || block % LANES || block > most)
        return qnt_fail(QNT_ERR_ARG, "node '%s': blocks of %zu, expected a multiple of %d up to %zu", n->name, block,
                        LANES, most);
    if (w->rank != 2 || w->dim[1] % block || w->dim[1] < x->dim[0] || w->dim[1] - x->dim[0] >= block)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected outputs x %zu, in blocks of %zu",
                        n->name, w->name, qnt_shape_text(w, shape), (x->dim[0] + block - 1) / block * block, block);
    return QNT_OK;
}

/* Something for each block of the weights. */
static qnt_status check_by_block(const struct qnt_node *n, const struct qnt_tensor *w, const struct qnt_tensor *t,
                                 qnt_dtype type, const char *what)
{
    const size_t blocks = w->dim[1] / n->attr.dim[0];
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_constant(n, t, type, what);
    if (status)
        return status;
    if (t->rank != 2 || t->dim[0] != w->dim[0] || t->dim[1] != blocks)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': %s '%s' are %s, expected %zu x %zu", n->name, what, t->name,
                        qnt_shape_text(t, shape), w->dim[0], blocks);
    return QNT_OK;
}

static qnt_status check_zeros(const struct qnt_node *n, const struct qnt_tensor *w, const struct qnt_tensor *z)
{
    qnt_status status = check_by_block(n, w, z, QNT_U8, "zero points");
    if (status)
        return status;
    if (z->bits != 8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': zero points '%s' have %u bits, expected 8", n->name, z->name,
                        z->bits);
    for (size_t i = 0; i < qnt_tensor_count(z) && w->bits == 4; i++)
        if (((const uint8_t *)z->data)[i] > 15)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': zero point %zu of '%s' is %u, expected at most 15", n->name, i,
                            z->name, ((const uint8_t *)z->data)[i]);
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0), *w = input(m, n, 1);
    const uint32_t mode = n->attr.mode, zeros = mode & QNT_BLOCK_ZEROS ? 1 : 0, bias = mode & QNT_BLOCK_BIAS ? 1 : 0;
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_data(m, n);
    if (status)
        return status;
    if (x->type != QNT_F32)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32 (a dequantize before it)", n->name,
                        x->name, qnt_dtype_name(x->type));
    if (mode > (QNT_BLOCK_ZEROS | QNT_BLOCK_BIAS | QNT_BLOCK_CODES) || n->n_in != 3 + zeros + bias)
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u with %u inputs, expected at most 7, and 3 and those it names",
                        n->name, mode, n->n_in);
    if ((status = check_weights(n, x, w)) || (status = check_by_block(n, w, input(m, n, 2), QNT_F32, "scales")) ||
        (zeros && (status = check_zeros(n, w, input(m, n, 3)))) ||
        (bias && (status = qnt_infer_constant(n, input(m, n, 3 + zeros), QNT_F32, "bias"))))
        return status;
    const struct qnt_tensor *b = input(m, n, n->n_in - 1);
    if (bias && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': bias '%s' is %s, expected %zu", n->name, b->name,
                        qnt_shape_text(b, shape), w->dim[0]);
    out->rank = 1;
    out->dim[0] = w->dim[0];
    return qnt_infer_f32(n, out);
}

static void bind(const qnt_ctx *ctx, struct state *st)
{
    const struct qnt_dsp *d = &ctx->dsp;
    st->run_f32 = st->bits == 4 ? d->blocks_u4f32 : d->blocks_u8f32;
    st->run_s8 = st->bits == 4 ? d->blocks_u4s8 : d->blocks_u8s8;
    st->quantize = d->quantize_blocks_f32_s8;
}

/* What a thread prepares of x for `rows` rows. */
static qnt_status size_scratch(struct qnt_step *s, struct state *st)
{
    const size_t blocks = st->w.blocks, element = st->by_codes ? 1 : st->padded != st->k ? sizeof(float) : 0;
    const size_t row = st->padded * (element + sizeof(float)) + blocks * (sizeof(float) + sizeof(int32_t));
    size_t all;
    if (qnt_mul_overflows(st->rows, row, &all) || all > SIZE_MAX / 2)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': %zu rows of %zu inputs", s->node->name, st->rows, st->padded);
    st->x_bytes = qnt_round_up(st->rows * st->padded * element, 64);
    st->scale_bytes = st->by_codes ? qnt_round_up(st->rows * blocks * sizeof(float), 64) : 0;
    st->sum_bytes = st->by_codes || st->zero ? qnt_round_up(st->rows * blocks * sizeof(int32_t), 64) : 0;
    s->scratch_bytes = st->x_bytes + st->scale_bytes + st->sum_bytes;
    if (st->by_codes && st->padded != st->k)
        s->scratch_bytes += st->padded * sizeof(float);
    return QNT_OK;
}

static qnt_status create(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    const struct qnt_tensor *w = s->in[1];
    struct state *st = s->state = qnt_alloc(ctx, sizeof *st, s->node->name);
    if (!st)
        return QNT_ERR_NOMEM;
    const size_t block = s->node->attr.dim[0], blocks = w->dim[1] / block;
    st->w = (struct qnt_blocks){.n = w->dim[0], .block = block, .blocks = blocks};
    st->bits = w->bits;
    st->by_codes = s->node->attr.mode & QNT_BLOCK_CODES;
    st->k = s->in[0]->dim[0];
    st->padded = w->dim[1];
    st->rows = max_batch < MOST_ROWS ? max_batch : MOST_ROWS;
    st->panels = (w->dim[0] + QNT_BLOCKS_PANEL - 1) / QNT_BLOCKS_PANEL;
    const size_t lanes = st->panels * QNT_BLOCKS_PANEL;
    if (!(st->codes = qnt_alloc_array(ctx, lanes, st->padded * st->bits / 8, w->name)) ||
        !(st->scale = qnt_alloc_array(ctx, lanes, blocks * sizeof *st->scale, w->name)) ||
        (s->node->attr.mode & QNT_BLOCK_ZEROS && !(st->zero = qnt_alloc_array(ctx, lanes, blocks, w->name))))
        return QNT_ERR_NOMEM;
    s->packed_bytes = lanes * (st->padded * st->bits / 8 + blocks * (sizeof *st->scale + (st->zero != NULL)));
    st->w.codes = st->codes;
    st->w.scale = st->scale;
    st->w.zero = st->zero;
    bind(ctx, st);
    s->variant = st->by_codes ? QNT_VARIANT_OF(st->run_s8) : QNT_VARIANT_OF(st->run_f32);
    return size_scratch(s, st);
}

/* Each nibble of x as the lower half of a byte. */
static uint32_t spread(uint32_t x)
{
    x = (x | x << 8) & 0x00ff00ff;
    return (x | x << 4) & 0x0f0f0f0f;
}

/* Rows to panels, four bytes at a time; of 4 bits, eight codes: the first four in the lower halves. */
static void pack_codes(const struct state *st, const uint8_t *from)
{
    const size_t row = st->padded * st->bits / 8, steps = row / 4, n = st->w.n;
    uint8_t *to = st->codes;
    for (size_t p = 0; p < st->panels; p++)
        for (size_t i = 0; i < steps; i++)
            for (size_t l = 0; l < QNT_BLOCKS_PANEL; l++, to += 4) {
                const size_t j = p * QNT_BLOCKS_PANEL + l;
                uint32_t four;
                if (j >= n)
                    continue;
                memcpy(&four, from + j * row + i * 4, 4);
                if (st->bits == 4)
                    four = spread(four & 0xffff) | spread(four >> 16) << 4;
                memcpy(to, &four, 4);
            }
}

static void pack(const struct qnt_step *s, struct state *st)
{
    const size_t blocks = st->w.blocks;
    const float *scale = s->in[2]->data;
    const uint8_t *zero = st->zero ? s->in[3]->data : NULL;
    pack_codes(st, s->in[1]->data);
    for (size_t j = 0; j < st->w.n; j++)
        for (size_t b = 0; b < blocks; b++) {
            const size_t at = (j / QNT_BLOCKS_PANEL * blocks + b) * QNT_BLOCKS_PANEL + j % QNT_BLOCKS_PANEL;
            st->scale[at] = scale[j * blocks + b];
            if (zero)
                st->zero[at] = (int8_t)(zero[j * blocks + b] - (1 << (st->bits - 1)));
        }
    st->bias = s->node->attr.mode & QNT_BLOCK_BIAS ? s->in[s->node->n_in - 1]->data : NULL;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    qnt_status status = s->state ? QNT_OK : create(ctx, s, max_batch);
    if (!status)
        pack(s, s->state);
    return status;
}

static float sum_of(const float *x, size_t n)
{
    float s[LANES] = {0.0f};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            s[l] += x[i + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] += s[l + half];
    return s[0];
}

static const float *padded(const struct state *st, const float *x, float *to)
{
    if (st->padded == st->k)
        return x;
    memcpy(to, x, st->k * sizeof *x);
    memset(to + st->k, 0, (st->padded - st->k) * sizeof *x);
    return to;
}

static void rows_f32(const struct state *st, const struct qnt_blocks *w, const float *x, uint8_t *scratch,
                     const struct qnt_blocks_out *o)
{
    const size_t blocks = w->blocks;
    float *own = (float *)(void *)scratch, *sum = (float *)(void *)(scratch + st->x_bytes);
    for (size_t r = 0; r < o->rows; r++) {
        const float *row = padded(st, x + r * st->k, own + r * st->padded);
        for (size_t b = 0; b < blocks && w->zero; b++)
            sum[r * blocks + b] = sum_of(row + b * w->block, w->block);
    }
    st->run_f32(w, st->padded == st->k ? x : own, w->zero ? sum : NULL, o);
}

static void rows_s8(const struct state *st, const struct qnt_blocks *w, const float *x, uint8_t *scratch,
                    const struct qnt_blocks_out *o)
{
    const size_t blocks = w->blocks;
    int8_t *codes = (int8_t *)scratch;
    float *scale = (float *)(void *)(scratch + st->x_bytes);
    int32_t *sum = (int32_t *)(void *)(scratch + st->x_bytes + st->scale_bytes);
    float *row = (float *)(void *)(scratch + st->x_bytes + st->scale_bytes + st->sum_bytes);
    for (size_t r = 0; r < o->rows; r++)
        st->quantize(padded(st, x + r * st->k, row), codes + r * st->padded, scale + r * blocks, sum + r * blocks,
                     w->block, blocks);
    st->run_s8(w, codes, scale, sum, o);
}

/* A thread has whole panels, for which it prepares all rows: that is little beside their products. */
static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t n = st->w.n;
    size_t p0, p1;
    qnt_share(st->panels, x->part, x->parts, &p0, &p1);
    if (p0 == p1)
        return;
    const size_t first = p0 * QNT_BLOCKS_PANEL, last = p1 * QNT_BLOCKS_PANEL < n ? p1 * QNT_BLOCKS_PANEL : n;
    struct qnt_blocks w = st->w;
    w.n = last - first;
    w.codes += first * st->padded * st->bits / 8;
    w.scale += first * w.blocks;
    w.zero = w.zero ? w.zero + first * w.blocks : NULL;
    for (size_t r = 0; r < x->batch; r += st->rows) {
        const struct qnt_blocks_out o = {.bias = st->bias ? st->bias + first : NULL,
                                         .y = (float *)qnt_step_out(s, x) + r * n + first,
                                         .rows = x->batch - r < st->rows ? x->batch - r : st->rows,
                                         .ldy = n,
                                         .lo = s->clamp_lo,
                                         .hi = s->clamp_hi};
        const float *from = (const float *)qnt_step_in(s, x) + r * st->k;
        if (st->by_codes)
            rows_s8(st, &w, from, x->scratch, &o);
        else
            rows_f32(st, &w, from, x->scratch, &o);
    }
}

static void release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (!st)
        return;
    qnt_release(ctx, st->codes);
    qnt_release(ctx, st->scale);
    qnt_release(ctx, st->zero);
    qnt_release(ctx, st);
}

const struct qnt_op_def qnt_op_block_fully_connected = {.name = "block_fully_connected",
                                                        .min_in = 3,
                                                        .max_in = 5,
                                                        .rank = 1,
                                                        .packed_weights = true,
                                                        .infer = infer,
                                                        .prepare = prepare,
                                                        .run = run,
                                                        .release = release};
