/* A quantized model's network in floats: what it would be with the same layers and the values that its codes stand for.
 */
#include <string.h>
#include "lib/op/binary.h"

struct copy {
    const struct qnt_model *from;
    struct qnt_model *to;
    int *twin; /* by tensor id of `from`, -1: not there yet */
};

static bool has_zeros(const struct qnt_node *n)
{
    return n->n_in > 3 && (n->op == &qnt_op_conv2d || n->op == &qnt_op_fully_connected);
}

static float unit_of(const struct qnt_tensor *t, size_t channel)
{
    return t->scales ? t->scale[t->scales == 1 ? 0 : channel] : 1.0f;
}

/* What one unit of a constant's channel (first dimension) means. A bias of integers is in units of the sums: input
 * times weights, of signs the weights alone. */
static float unit_in(const struct qnt_model *m, const struct qnt_node *n, uint32_t input, size_t channel)
{
    const struct qnt_tensor *t = &m->tensor[n->in[input]];
    if (t->type == QNT_F32)
        return 1.0f;
    if (t->type != QNT_S32)
        return unit_of(t, channel);
    const float weights = unit_of(&m->tensor[n->in[1]], channel);
    return qnt_is_binary(n) ? weights : unit_of(&m->tensor[n->in[0]], 0) * weights;
}

static float code_at(const struct qnt_tensor *t, size_t i)
{
    switch (t->type) {
    case QNT_F32:
        return ((const float *)t->data)[i];
    case QNT_S32:
        return (float)((const int32_t *)t->data)[i];
    case QNT_S16:
        return (float)(((const int16_t *)t->data)[i] - t->zero);
    case QNT_U16:
        return (float)(((const uint16_t *)t->data)[i] - t->zero);
    case QNT_U8:
        return (float)(((const uint8_t *)t->data)[i] - t->zero);
    default:
        return (float)(((const int8_t *)t->data)[i] - t->zero);
    }
}

/* The zero point that a layer's fourth input gives its weights. */
static float zero_in(const struct qnt_model *m, const struct qnt_node *n, uint32_t input, size_t channel)
{
    if (input != 1 || !has_zeros(n))
        return 0.0f;
    const struct qnt_tensor *z = &m->tensor[n->in[3]];
    return (float)((const int32_t *)z->data)[z->dim[0] == 1 ? 0 : channel];
}

static void values(const struct qnt_model *m, const struct qnt_node *n, uint32_t input, float *value)
{
    const struct qnt_tensor *t = &m->tensor[n->in[input]];
    const size_t channels = t->dim[0], each = qnt_tensor_count(t) / channels;
    for (size_t c = 0; c < channels; c++) {
        const float unit = unit_in(m, n, input, c), zero = zero_in(m, n, input, c);
        for (size_t i = c * each; i < (c + 1) * each; i++)
            value[i] = (code_at(t, i) - zero) * unit;
    }
}

/* Integers that no layer takes for codes: those of s32 are, as biases. */
static bool is_plain(const struct qnt_node *n, const struct qnt_tensor *t)
{
    const bool bias = n->op == &qnt_op_conv2d || n->op == &qnt_op_fully_connected || qnt_is_binary(n);
    return !t->scales && ((t->type == QNT_S32 && !bias) || t->type == QNT_S16 || t->type == QNT_U16 ||
                          t->type == QNT_S64 || t->type == QNT_BOOL);
}

/* Weights in blocks, whose last one may be longer than the row. */
static void block_values(const struct qnt_model *m, const struct qnt_node *n, size_t k, float *value)
{
    const struct qnt_tensor *w = &m->tensor[n->in[1]];
    const uint8_t *code = w->data, *zero = n->attr.mode & QNT_BLOCK_ZEROS ? m->tensor[n->in[3]].data : NULL;
    const size_t block = n->attr.dim[0], row = w->dim[1], blocks = row / block;
    const float *scale = m->tensor[n->in[2]].data, half = w->bits == 4 ? 8.0f : 128.0f;
    for (size_t j = 0; j < w->dim[0]; j++)
        for (size_t i = 0; i < k; i++) {
            const size_t at = j * row + i, b = j * blocks + i / block;
            const float c = (float)(w->bits == 4 ? code[at / 2] >> at % 2 * 4 & 15 : code[at]);
            value[j * k + i] = (c - (zero ? (float)zero[b] : half)) * scale[b];
        }
}

static bool has_blocks(const struct qnt_node *n)
{
    return n->op == &qnt_op_block_fully_connected;
}

/* Two layers may share a constant, but what it means must be the same in both. */
static qnt_status copy_constant(struct copy *c, const struct qnt_node *n, uint32_t input)
{
    const struct qnt_tensor *t = &c->from->tensor[n->in[input]];
    int *twin = &c->twin[n->in[input]];
    if (is_plain(n, t))
        return *twin < 0 ? qnt_model_copy_tensor(c->to, t, false, twin) : QNT_OK;
    struct qnt_tensor copy = {
        .name = t->name, .type = QNT_F32, .bits = 32, .rank = t->rank, .constant = true, .owns_data = true};
    const bool blocks = input == 1 && has_blocks(n);
    memcpy(copy.dim, t->dim, sizeof copy.dim);
    if (blocks)
        copy.dim[1] = c->from->tensor[n->in[0]].dim[c->from->tensor[n->in[0]].rank - 1];
    const size_t count = qnt_tensor_count(&copy);
    if (!t->data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': constant '%s' has no data", n->name, t->name);
    if (!(copy.data = qnt_alloc_array(c->to->ctx, count, sizeof(float), t->name)))
        return QNT_ERR_NOMEM;
    if (blocks)
        block_values(c->from, n, copy.dim[1], copy.data);
    else
        values(c->from, n, input, copy.data);
    if (*twin < 0) {
        qnt_status status = qnt_model_append_tensor(c->to, &copy, twin);
        if (status)
            qnt_release(c->to->ctx, copy.data);
        return status;
    }
    const struct qnt_tensor *there = &c->to->tensor[*twin];
    const bool same = qnt_tensor_count(there) == count && !memcmp(copy.data, there->data, count * sizeof(float));
    qnt_release(c->to->ctx, copy.data);
    return same ? QNT_OK
                : qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': constant '%s' means something else in another node",
                           n->name, t->name);
}

static qnt_status copy_node(struct copy *c, const struct qnt_node *n)
{
    int in[QNT_MAX_INPUTS];
    const struct qnt_op_def *op = n->op;
    const uint32_t scales = has_blocks(n) ? 1 + (n->attr.mode & QNT_BLOCK_ZEROS ? 1 : 0) : 0; /* behind the weights */
    const uint32_t n_in = has_zeros(n) ? 3 : n->n_in - scales; /* they are in the weights' values */
    for (uint32_t k = 0; k < n_in; k++) {
        const uint32_t from = k < 2 ? k : k + scales;
        qnt_status status = c->from->tensor[n->in[from]].constant ? copy_constant(c, n, from) : QNT_OK;
        if (status)
            return status;
        in[k] = c->twin[n->in[from]];
    }
    if (op == &qnt_op_quantize || op == &qnt_op_dequantize ||
        (op == &qnt_op_recode && c->from->tensor[n->in[0]].scales)) {
        c->twin[n->out] = in[0];
        return QNT_OK;
    }
    if (qnt_is_binary(n))
        op = n->op == &qnt_op_binary_conv2d ? &qnt_op_conv2d : &qnt_op_fully_connected;
    qnt_node_attr attr = n->attr;
    if (has_blocks(n)) {
        op = &qnt_op_fully_connected;
        attr.mode = 0;
        attr.dim[0] = 0;
    }
    const struct qnt_tensor *out = &c->from->tensor[n->out], type = {.type = out->type, .bits = out->bits};
    const bool preset = op == &qnt_op_cast || op == &qnt_op_quantize_by; /* what they make is theirs to say */
    return qnt_model_append_node(c->to, op, n->name, &attr, in, n_in, out->name, preset ? &type : NULL,
                                 &c->twin[n->out]);
}

static qnt_status copy_input(struct copy *c, int id)
{
    const struct qnt_tensor *t = &c->from->tensor[id];
    struct qnt_tensor copy = {.name = t->name, .type = t->type, .bits = t->bits, .rank = t->rank};
    if (t->scales) { /* other integers are no codes of values */
        copy.type = QNT_F32;
        copy.bits = 32;
    }
    memcpy(copy.dim, t->dim, sizeof copy.dim);
    return qnt_model_append_input(c->to, &copy, &c->twin[id]);
}

static qnt_status copy_all(struct copy *c)
{
    const struct qnt_model *m = c->from;
    for (size_t i = 0; i < m->n_tensors; i++)
        c->twin[i] = -1;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < m->inputs.n && !status; i++)
        status = copy_input(c, m->inputs.id[i]);
    for (size_t i = 0; i < m->n_nodes && !status; i++)
        status = copy_node(c, &m->node[i]);
    for (size_t i = 0; i < m->outputs.n && !status; i++)
        status = qnt_ids_push(m->ctx, &c->to->outputs, c->twin[m->outputs.id[i]]);
    return status ? status : qnt_model_set_normalisation(c->to, m->mean, m->deviation);
}

qnt_status qnt_model_dequantize(const qnt_model *model, qnt_model **out)
{
    struct copy c = {.from = model};
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_dequantize: model or out is NULL");
    qnt_status status = qnt_model_check_borders(model);
    if (status || (status = qnt_model_new(model->ctx, &c.to)))
        return status;
    c.twin = qnt_alloc_array(model->ctx, model->n_tensors, sizeof *c.twin, "tensor ids");
    status = c.twin ? copy_all(&c) : QNT_ERR_NOMEM;
    qnt_release(model->ctx, c.twin);
    if (status)
        qnt_model_free(c.to);
    else
        *out = c.to;
    return status;
}
