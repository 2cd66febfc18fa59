/* Weights of fully connected layers in blocks: a copy of the model, each row's blocks quantized for themselves.
 *
 * A block's scale is one that gives its greatest value, by magnitude, the lowest code or the highest one, or a little
 * less, whichever has the least squared error: of few codes, most blocks are better off without their extremes. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/op/op.h"
#include "lib/quant/ptq.h"

enum { BLOCK = 32, BITS = 4, MOST_BLOCK = 1 << 16, STEPS = 12 };
static const float step = 0.025f; /* of the scale from one that is tried to the next */

struct copy {
    const struct qnt_model *from;
    struct qnt_model *to;
    const qnt_block_config *config;
    int *twin;           /* by tensor id of `from`, -1: not there yet */
    int *codes, *scales; /* the same, of weights in blocks */
    size_t layers;
};

static bool is_layer(const struct copy *c, const struct qnt_node *n)
{
    return n->op == &qnt_op_fully_connected && n->n_in < 4 && c->from->tensor[n->in[0]].type == QNT_F32 &&
           !qnt_ptq_any_fits(c->config->keep_float, n->name) &&
           (!c->config->only || qnt_ptq_any_fits(c->config->only, n->name));
}

static int32_t code_of(float x, float scale, int32_t half)
{
    const float q = nearbyintf(x / scale);
    return q < (float)-half ? 0 : q > (float)(half - 1) ? 2 * half - 1 : (int32_t)q + half;
}

static double error_of(const float *w, size_t n, float scale, int32_t half)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)w[i] - (double)((float)(code_of(w[i], scale, half) - half) * scale);
        sum += d * d;
    }
    return sum;
}

static float scale_of(const float *w, size_t n, int32_t half)
{
    float most = 0.0f, best;
    for (size_t i = 0; i < n; i++)
        most = fabsf(w[i]) > fabsf(most) ? w[i] : most;
    if (fabsf(most) < 0x1p-100f) /* all of it is 0, or would be */
        return 1.0f;
    best = most / (float)-half;
    double least = error_of(w, n, best, half);
    for (int i = 0; i < 2 * STEPS && half == 8; i++) {
        const float s = most / (float)(i % 2 ? half - 1 : -half) * (1.0f - step * (float)(i / 2));
        const double error = error_of(w, n, s, half);
        if (error < least) {
            least = error;
            best = s;
        }
    }
    return best;
}

/* Rows of k weights to codes, rows of whole blocks, packed, and scales. */
static void fill(const struct copy *c, const struct qnt_tensor *w, uint8_t *codes, float *scale)
{
    const size_t block = c->config->block, k = w->dim[1], blocks = (k + block - 1) / block;
    const int32_t half = 1 << (c->config->bits - 1);
    for (size_t j = 0; j < w->dim[0]; j++)
        for (size_t b = 0; b < blocks; b++) {
            const float *from = (const float *)w->data + j * k + b * block;
            const size_t n = k - b * block < block ? k - b * block : block, at = (j * blocks + b) * block;
            const float s = scale[j * blocks + b] = scale_of(from, n, half);
            for (size_t i = 0; i < block; i++) {
                const int32_t code = i < n ? code_of(from[i], s, half) : half;
                if (c->config->bits == 8)
                    codes[at + i] = (uint8_t)code;
                else
                    codes[(at + i) / 2] |= (uint8_t)(code << (at + i) % 2 * 4);
            }
        }
}

/* A constant, its data from qnt_alloc, under a name of its own; t->data is gone on failure, too. */
static qnt_status append(struct copy *c, struct qnt_tensor *t, const char *base, const char *suffix, int *id)
{
    char name[256];
    t->constant = t->owns_data = true;
    t->name = name;
    snprintf(name, sizeof name, "%.240s%s", base, suffix);
    for (unsigned i = 1; qnt_model_find(c->from, name) >= 0 || qnt_model_find(c->to, name) >= 0; i++)
        snprintf(name, sizeof name, "%.230s%s%u", base, suffix, i);
    qnt_status status = qnt_model_append_tensor(c->to, t, id);
    if (status)
        qnt_release(c->to->ctx, t->data);
    return status;
}

static qnt_status put_blocks(struct copy *c, const struct qnt_node *n)
{
    const struct qnt_tensor *w = &c->from->tensor[n->in[1]];
    const size_t block = c->config->block, blocks = (w->dim[1] + block - 1) / block;
    struct qnt_tensor codes = {.type = QNT_U8, .bits = c->config->bits, .rank = 2, .dim = {w->dim[0], blocks * block}};
    struct qnt_tensor scales = {.type = QNT_F32, .bits = 32, .rank = 2, .dim = {w->dim[0], blocks}};
    for (size_t i = 0; i < qnt_tensor_count(w); i++)
        if (!isfinite(((const float *)w->data)[i]))
            return qnt_fail(QNT_ERR_RANGE, "node '%s': weight %zu of '%s' is %g, expected a number", n->name, i,
                            w->name, (double)((const float *)w->data)[i]);
    codes.data = qnt_alloc(c->to->ctx, qnt_tensor_bytes(&codes), w->name);
    scales.data = qnt_alloc(c->to->ctx, qnt_tensor_bytes(&scales), w->name);
    if (!codes.data || !scales.data) {
        qnt_release(c->to->ctx, codes.data);
        qnt_release(c->to->ctx, scales.data);
        return QNT_ERR_NOMEM;
    }
    fill(c, w, codes.data, scales.data);
    qnt_status status = append(c, &codes, w->name, ".codes", &c->codes[n->in[1]]);
    if (!status)
        return append(c, &scales, w->name, ".scales", &c->scales[n->in[1]]);
    qnt_release(c->to->ctx, scales.data);
    return status;
}

static qnt_status put_layer(struct copy *c, const struct qnt_node *n)
{
    const int w = n->in[1], bias = n->n_in > 2 ? n->in[2] : -1;
    qnt_node_attr attr = n->attr;
    attr.dim[0] = c->config->block;
    attr.mode = (bias >= 0 ? QNT_BLOCK_BIAS : 0) | (c->config->codes ? QNT_BLOCK_CODES : 0);
    qnt_status status = c->codes[w] < 0 ? put_blocks(c, n) : QNT_OK;
    if (status)
        return status;
    const int in[4] = {c->twin[n->in[0]], c->codes[w], c->scales[w], bias < 0 ? -1 : c->twin[bias]};
    c->layers++;
    return qnt_model_append_node(c->to, &qnt_op_block_fully_connected, n->name, &attr, in, bias < 0 ? 3 : 4,
                                 c->from->tensor[n->out].name, NULL, &c->twin[n->out]);
}

static qnt_status put_node(struct copy *c, const struct qnt_node *n)
{
    const struct qnt_tensor *y = &c->from->tensor[n->out];
    const bool layer = is_layer(c, n);
    int in[QNT_MAX_INPUTS];
    for (uint32_t k = 0; k < n->n_in; k++) {
        const int id = n->in[k];
        qnt_status status = QNT_OK;
        if (c->from->tensor[id].constant && c->twin[id] < 0 && !(layer && k == 1))
            status = qnt_model_copy_tensor(c->to, &c->from->tensor[id], false, &c->twin[id]);
        if (status)
            return status;
        in[k] = c->twin[id];
    }
    if (layer)
        return put_layer(c, n);
    return qnt_model_append_node(c->to, n->op, n->name, &n->attr, in, n->n_in, y->name, y->type == QNT_F32 ? NULL : y,
                                 &c->twin[n->out]);
}

static qnt_status put_all(struct copy *c)
{
    const struct qnt_model *m = c->from;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < m->n_tensors; i++)
        c->twin[i] = c->codes[i] = c->scales[i] = -1;
    for (size_t i = 0; i < m->inputs.n && !status; i++)
        status = qnt_model_append_input(c->to, &m->tensor[m->inputs.id[i]], &c->twin[m->inputs.id[i]]);
    for (size_t i = 0; i < m->n_nodes && !status; i++)
        status = put_node(c, &m->node[i]);
    for (size_t i = 0; i < m->outputs.n && !status; i++)
        status = qnt_ids_push(m->ctx, &c->to->outputs, c->twin[m->outputs.id[i]]);
    if (!status && !c->layers)
        status = qnt_fail(QNT_ERR_UNSUPPORTED, "block config: no fully_connected of floats is among the nodes meant");
    return status ? status : qnt_model_set_normalisation(c->to, m->mean, m->deviation);
}

static qnt_status complete(const struct qnt_model *m, qnt_block_config *c)
{
    c->block = c->block ? c->block : BLOCK;
    c->bits = c->bits ? c->bits : BITS;
    if (c->block % 16 || c->block > MOST_BLOCK)
        return qnt_fail(QNT_ERR_ARG, "block config: blocks of %u, expected a multiple of 16 up to %d", c->block,
                        MOST_BLOCK);
    if ((c->bits != 4 && c->bits != 8) || c->codes > 1)
        return qnt_fail(QNT_ERR_ARG, "block config: %u bits and codes %u, expected 4 or 8, and 0 or 1", c->bits,
                        c->codes);
    if (c->reserved)
        return qnt_fail(QNT_ERR_ARG, "block config: reserved is %u, expected 0", c->reserved);
    qnt_status status = qnt_ptq_check_pattern(m, "keep_float", c->keep_float);
    return status ? status : qnt_ptq_check_pattern(m, "only", c->only);
}

qnt_status qnt_model_quantize_blocks(const qnt_model *model, const qnt_block_config *config, qnt_model **out)
{
    qnt_block_config own;
    struct copy c = {.from = model, .config = &own};
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_quantize_blocks: model or out is NULL");
    qnt_status status = qnt_config_copy(&own, sizeof own, config, "block config");
    if (status || (status = complete(model, &own)) || (status = qnt_model_check_borders(model)) ||
        (status = qnt_model_new(model->ctx, &c.to)))
        return status;
    int *ids = qnt_alloc_array(model->ctx, model->n_tensors, 3 * sizeof *ids, "tensor ids");
    c.twin = ids;
    if (ids) {
        c.codes = ids + model->n_tensors;
        c.scales = ids + 2 * model->n_tensors;
    }
    status = ids ? put_all(&c) : QNT_ERR_NOMEM;
    qnt_release(model->ctx, ids);
    if (status)
        qnt_model_free(c.to);
    else
        *out = c.to;
    return status;
}
