/* Rewrites: fewer steps, the same results. A node is merged into the producer of its input when nobody else reads that
 * tensor. Bytes stay the same but for a folded batch norm, whose factors go into the weights. */
#include <math.h>
#include <string.h>
#include "lib/op/batchnorm.h"
#include "lib/op/binary.h"
#include "lib/op/bounds.h"
#include "rewrite.h"

/* By tensor id. */
struct reader {
    size_t nodes; /* how many read it */
    int node;     /* the last one */
    bool given;   /* it is an output of the model, too */
};

static bool read_once(const struct reader *r)
{
    return r->nodes == 1 && !r->given;
}

static struct reader *find_readers(const struct qnt_model *m, const struct qnt_rewrite *r)
{
    struct reader *reader = qnt_alloc_array(m->ctx, m->n_tensors, sizeof *reader, "readers of tensors");
    if (!reader)
        return NULL;
    for (size_t i = 0; i < m->n_nodes; i++)
        for (uint32_t k = 0; k < m->node[i].n_in && !r[i].gone; k++) {
            reader[m->node[i].in[k]].nodes++;
            reader[m->node[i].in[k]].node = (int)i;
        }
    for (size_t i = 0; i < m->outputs.n; i++)
        reader[m->outputs.id[i]].given = true;
    return reader;
}

static float bounded(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* The bounds of node n after those in r. s8: only where the codes do not change their meaning. */
static bool fuse_bounds(const struct qnt_model *m, const struct qnt_node *into, const struct qnt_node *n,
                        struct qnt_rewrite *r)
{
    const struct qnt_tensor *x = &m->tensor[into->out], *y = &m->tensor[n->out];
    float lo, hi;
    if (!qnt_bounds_of(n, &lo, &hi) || x->type != y->type)
        return false;
    if (x->type == QNT_S8 && (x->scale[0] != y->scale[0] || x->zero != y->zero))
        return false;
    r->lo = bounded(r->lo, lo, hi);
    r->hi = bounded(r->hi, lo, hi);
    return true;
}

/* A constant of the same shape with its own data. */
static qnt_status own_data(struct qnt_model *m, struct qnt_tensor *t)
{
    if (t->owns_data)
        return QNT_OK;
    size_t bytes = qnt_tensor_bytes(t);
    void *copy = qnt_alloc(m->ctx, bytes, t->name);
    if (!copy)
        return QNT_ERR_NOMEM;
    memcpy(copy, t->data, bytes);
    t->data = copy;
    t->owns_data = true;
    return QNT_OK;
}

/* A scale for each output channel. */
static qnt_status spread_scales(struct qnt_model *m, struct qnt_tensor *t)
{
    const size_t channels = t->dim[0];
    if (t->scales == channels)
        return QNT_OK;
    float *scale = qnt_alloc_array(m->ctx, channels, sizeof *scale, t->name);
    if (!scale)
        return QNT_ERR_NOMEM;
    for (size_t c = 0; c < channels; c++)
        scale[c] = t->scale[0];
    qnt_release(m->ctx, t->scale);
    t->scale = scale;
    t->scales = (uint32_t)channels;
    return QNT_OK;
}

/* Weights of channel c by a factor: floats, or binary codes, which take its sign while their scale takes the rest. */
static void scale_row(struct qnt_tensor *w, size_t c, double factor)
{
    const size_t row = qnt_tensor_count(w) / w->dim[0];
    if (w->type == QNT_F32) {
        float *to = (float *)w->data + c * row;
        for (size_t i = 0; i < row; i++)
            to[i] = (float)((double)to[i] * factor);
        return;
    }
    int8_t *code = (int8_t *)w->data + c * row;
    w->scale[c] = (float)((double)w->scale[c] * fabs(factor));
    for (size_t i = 0; factor < 0.0 && i < row; i++)
        code[i] = (int8_t)-code[i];
}

/* w' = w * scale, b' = b * scale + shift, in double, rounded once. Without a bias, batch norm's beta becomes one. */
static qnt_status fold_batchnorm(struct qnt_model *m, struct qnt_node *into, const struct qnt_node *n,
                                 const struct reader *reader, bool *folded)
{
    bool has_bias = into->n_in > 2;
    int bias = has_bias ? into->in[2] : n->in[2];
    struct qnt_tensor *w = &m->tensor[into->in[1]], *b = &m->tensor[bias];
    const struct qnt_tensor *in[5];
    /* Float weights of a binary layer are signs still to be taken. */
    if ((w->type == QNT_F32) == qnt_is_binary(into) || !read_once(&reader[into->in[1]]) || !read_once(&reader[bias]))
        return QNT_OK;
    for (uint32_t i = 0; i < 5; i++)
        in[i] = &m->tensor[n->in[i]];
    qnt_status status = own_data(m, w);
    if (status || (status = own_data(m, b)) || (w->type != QNT_F32 && (status = spread_scales(m, w))))
        return status;
    for (size_t c = 0; c < w->dim[0]; c++) {
        double scale, shift;
        float *offset = (float *)b->data + c;
        if ((status = qnt_batchnorm_factors(n, in, c, &scale, &shift)))
            return status;
        scale_row(w, c, scale);
        *offset = (float)(has_bias ? (double)*offset * scale + shift : shift);
    }
    into->in[2] = bias;
    into->n_in = 3;
    *folded = true;
    return QNT_OK;
}

static bool has_weights(const struct qnt_node *n)
{
    return n->op == &qnt_op_conv2d || n->op == &qnt_op_fully_connected || qnt_is_binary(n);
}

static bool clamps(const struct qnt_node *n)
{
    return has_weights(n) || n->op == &qnt_op_block_fully_connected || n->op == &qnt_op_add || n->op == &qnt_op_sub ||
           n->op == &qnt_op_mul || n->op == &qnt_op_batchnorm;
}

/* Merges node `next` into m->node[into] if it can. */
typedef qnt_status merge_fn(struct qnt_model *m, size_t into, size_t next, const struct reader *reader,
                            struct qnt_rewrite *r, bool *merged);

static qnt_status merge_batchnorm(struct qnt_model *m, size_t into, size_t next, const struct reader *reader,
                                  struct qnt_rewrite *r, bool *merged)
{
    (void)r;
    if (!has_weights(&m->node[into]) || m->node[next].op != &qnt_op_batchnorm)
        return QNT_OK;
    return fold_batchnorm(m, &m->node[into], &m->node[next], reader, merged);
}

static qnt_status merge_bounds(struct qnt_model *m, size_t into, size_t next, const struct reader *reader,
                               struct qnt_rewrite *r, bool *merged)
{
    (void)reader;
    *merged = clamps(&m->node[into]) && fuse_bounds(m, &m->node[into], &m->node[next], &r[into]);
    return QNT_OK;
}

/* Into every node the chain of nodes behind it that alone read what is before them. */
static qnt_status merge_all(struct qnt_model *m, struct qnt_rewrite *r, merge_fn *merge)
{
    struct reader *reader = find_readers(m, r);
    qnt_status status = reader ? QNT_OK : QNT_ERR_NOMEM;
    for (size_t i = 0; i < m->n_nodes && !status; i++) {
        struct qnt_node *into = &m->node[i];
        while (!r[i].gone && read_once(&reader[into->out])) {
            size_t next = (size_t)reader[into->out].node;
            bool merged = false;
            status = merge(m, i, next, reader, r, &merged);
            if (status || !merged)
                break;
            into->out = m->node[next].out;
            r[next].gone = true;
        }
    }
    qnt_release(m->ctx, reader);
    return status;
}

qnt_status qnt_rewrite_fold(struct qnt_model *m, struct qnt_rewrite *r)
{
    return merge_all(m, r, merge_batchnorm);
}

qnt_status qnt_rewrite_fuse(struct qnt_model *m, struct qnt_rewrite *r)
{
    return merge_all(m, r, merge_bounds);
}

/* Groups begin at bytes. */
static bool fills_bytes(size_t channels, uint32_t groups)
{
    return groups == 1 || channels / groups % 8 == 0;
}

/* The sole reader of what node i makes, a flatten whose channels fill bytes looked through (*flat: its index, or i);
 * NULL: none. */
static const struct qnt_node *reader_of_bits(const struct qnt_model *m, size_t i, const struct reader *reader,
                                             size_t *flat)
{
    const struct qnt_tensor *t = &m->tensor[m->node[i].out];
    *flat = i;
    for (;;) {
        int out = m->node[*flat].out;
        if (!read_once(&reader[out]))
            return NULL;
        size_t next = (size_t)reader[out].node;
        if (*flat != i || m->node[next].op != &qnt_op_flatten || t->dim[t->rank - 1] % 8)
            return &m->node[next];
        *flat = next;
    }
}

qnt_status qnt_rewrite_bits(struct qnt_model *m, const struct qnt_rewrite *r)
{
    struct reader *reader = find_readers(m, r);
    if (!reader)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i], *to;
        struct qnt_tensor *y = &m->tensor[n->out];
        size_t flat;
        if (r[i].gone || !qnt_is_binary(n) || y->type != QNT_F32 || !fills_bytes(y->dim[y->rank - 1], n->attr.groups) ||
            !(to = reader_of_bits(m, i, reader, &flat)) || !qnt_is_binary(to))
            continue;
        struct qnt_tensor *x = &m->tensor[m->node[flat].out];
        if (!fills_bytes(x->dim[x->rank - 1], to->attr.groups))
            continue;
        x->type = y->type = QNT_S8;
        x->bits = y->bits = 1;
    }
    qnt_release(m->ctx, reader);
    return QNT_OK;
}

/* The input that *id names is not f32, or becomes what its quantize makes. */
static bool strip_input(const struct qnt_model *m, struct qnt_rewrite *r, const struct reader *reader, int *id)
{
    const struct reader *x = &reader[*id];
    if (m->tensor[*id].type != QNT_F32)
        return true;
    if (!read_once(x) || m->node[x->node].op != &qnt_op_quantize)
        return false;
    r[x->node].gone = true;
    *id = m->node[x->node].out;
    return true;
}

/* The output that *id names is not f32, or becomes what its dequantize reads. */
static bool strip_output(const struct qnt_model *m, struct qnt_rewrite *r, const struct reader *reader, int *id)
{
    if (m->tensor[*id].type != QNT_F32)
        return true;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->node[i].out == *id && m->node[i].op == &qnt_op_dequantize) {
            r[i].gone = !reader[*id].nodes;
            *id = m->node[i].in[0];
            return true;
        }
    return false;
}

qnt_status qnt_rewrite_io(struct qnt_model *m, struct qnt_rewrite *r)
{
    struct reader *reader = find_readers(m, r);
    size_t in = 0, out = 0;
    if (!reader)
        return QNT_ERR_NOMEM;
    const char *x = m->tensor[m->inputs.id[0]].name, *y = m->tensor[m->outputs.id[0]].name;
    for (size_t i = 0; i < m->inputs.n; i++)
        in += strip_input(m, r, reader, &m->inputs.id[i]);
    for (size_t i = 0; i < m->outputs.n; i++)
        out += strip_output(m, r, reader, &m->outputs.id[i]);
    qnt_release(m->ctx, reader);
    if (!in)
        return qnt_fail(QNT_ERR_TYPE, "quantized_io: input '%s' is f32 and not read by one quantize alone", x);
    if (!out)
        return qnt_fail(QNT_ERR_TYPE, "quantized_io: output '%s' is f32 and not made by a dequantize", y);
    return QNT_OK;
}

qnt_status qnt_rewrite_sweep(const struct qnt_model *m, struct qnt_rewrite *r)
{
    bool *needed = qnt_alloc_array(m->ctx, m->n_tensors, sizeof *needed, "needed tensors");
    if (!needed)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < m->outputs.n; i++)
        needed[m->outputs.id[i]] = true;
    for (size_t i = m->n_nodes; i-- > 0;) {
        const struct qnt_node *n = &m->node[i];
        if (!needed[n->out])
            r[i].gone = true;
        for (uint32_t k = 0; k < n->n_in && !r[i].gone; k++)
            needed[n->in[k]] = true;
    }
    qnt_release(m->ctx, needed);
    return QNT_OK;
}
