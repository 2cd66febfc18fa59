/* One way through a graph: inputs, nodes in order, outputs. */
#include <string.h>
#include "lib/import/onnx/map.h"
#include "lib/import/onnx/maps.h"

static const struct onnx_op ops[] = {
#define ANY ONNX_ANY
#define ONNX_OP(domain, name, needed, in, out, fold, map, attr)                                                        \
    {domain, name, needed, in, out, qnt_onnx_fold_##fold, qnt_onnx_map_##map, attr},
#include "lib/import/onnx/ops.def"
#undef ONNX_OP
#undef ANY
};

const struct onnx_op *qnt_onnx_op(const char *domain, const char *name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i].name, name) && !strcmp(ops[i].domain, domain))
            return &ops[i];
    return NULL;
}

const struct onnx_op *qnt_onnx_op_at(size_t i)
{
    return i < sizeof ops / sizeof *ops ? &ops[i] : NULL;
}

qnt_status qnt_onnx_fold_none(struct onnx_mapper *mp, const struct onnx_node *n)
{
    (void)mp;
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "all inputs are constants, which is not computed at import");
}

qnt_status qnt_onnx_map_none(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *v;
    for (size_t k = 0; k < n->n_in; k++) {
        qnt_status status = qnt_onnx_in(mp, n, k) ? qnt_onnx_constant(mp, n, k, "input", &v) : QNT_OK;
        if (status)
            return status;
    }
    return qnt_onnx_fold_none(mp, n);
}

/* What the model's tensor of an input is: codes with what they mean to who first reads them so, or a plain type. false:
 * activations cannot be of this type. */
static bool tensor_type(struct onnx_mapper *mp, struct onnx_value *v, struct qnt_tensor *t)
{
    static const float one = 1.0f;
    static const int64_t none = 0;
    struct onnx_quant q = {.type = v->type, .n = 1, .scale = &one, .zero = &none};
    if ((v->type == ONNX_INT8 || v->type == ONNX_UINT8) && qnt_onnx_find_quant(mp, v, &q)) {
        *t = qnt_onnx_code_tensor(&q);
        return true;
    }
    return qnt_onnx_dtype(v->type, &t->type, &t->bits);
}

static qnt_status add_input(struct onnx_mapper *mp, const struct onnx_value_info *info)
{
    struct onnx_value *v = qnt_onnx_find(mp, info->name);
    struct qnt_tensor t = {0};
    const bool last = mp->config->channels_last & QNT_CHANNELS_LAST_INPUTS;
    if (v->kind == ONNX_CONSTANT) /* bound */
        return QNT_OK;
    v->kind = ONNX_ACTIVATION;
    v->type = info->type;
    v->input = true;
    qnt_status status = qnt_onnx_input_shape(mp, info, &v->shape);
    const struct onnx_shape s = qnt_onnx_stored(mp, &v->shape, last);
    if (status || !qnt_onnx_count(&s) || s.rank > QNT_MAX_RANK || !tensor_type(mp, v, &t))
        return status; /* nodes may want it to be a constant, and say so */
    t.name = v->name;
    t.rank = s.rank;
    memcpy(t.dim, s.dim, s.rank * sizeof *s.dim);
    return qnt_onnx_append_input(mp, &t, v->type, &v->id[last && v->shape.rank > 2]);
}

/* Nodes that no output needs are done before they begin. */
static qnt_status find_needed(struct onnx_mapper *mp)
{
    const struct onnx_graph *g = mp->g;
    bool *needed = qnt_onnx_alloc(mp, mp->n_values, sizeof *needed, "values");
    if (!needed)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < mp->n_values; i++)
        needed[i] = mp->value[i].given;
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct onnx_node *n = &g->node[i];
        mp->done[i] = true;
        for (size_t k = 0; k < n->n_out; k++)
            if (*n->out[k] && needed[qnt_onnx_out(mp, n, k) - mp->value])
                mp->done[i] = false;
        for (size_t k = 0; k < n->n_in && !mp->done[i]; k++)
            if (*n->in[k])
                needed[qnt_onnx_in(mp, n, k) - mp->value] = true;
    }
    return QNT_OK;
}

static qnt_status map_node(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_op *op = qnt_onnx_op(n->domain, n->op);
    bool known = true;
    if (!op)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "an operation that is not supported");
    qnt_status status = qnt_onnx_attr_check(n, op->attr);
    for (size_t k = 0; k < n->n_in && !status; k++) {
        const struct onnx_value *v = qnt_onnx_in(mp, n, k);
        if (v && v->kind == ONNX_UNKNOWN)
            status = qnt_onnx_fail(QNT_ERR_FORMAT, n, "input '%s' is computed by a later node", v->name);
        known = known && (!v || v->kind == ONNX_CONSTANT);
    }
    if (status)
        return status;
    return known ? op->fold(mp, n) : op->map(mp, n);
}

static qnt_status add_output(struct onnx_mapper *mp, const struct onnx_value_info *info)
{
    struct onnx_value *v = qnt_onnx_find(mp, info->name);
    const bool last = mp->config->channels_last & QNT_CHANNELS_LAST_OUTPUTS;
    int id;
    if (v->kind == ONNX_CONSTANT)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "output '%s' is a constant, expected what depends on an input", v->name);
    if (!mp->whole && (v->batch || !v->shape.rank || v->shape.dim[0] != mp->batch))
        return qnt_fail(QNT_ERR_UNSUPPORTED,
                        "output '%s' has no batch in dimension 0, expected the one that the file leaves open there "
                        "(config.batch fixes it)",
                        v->name);
    qnt_status status = qnt_onnx_as_tensor(mp, NULL, v, last, &id);
    return status ? status : qnt_onnx_append_output(mp, v, id);
}

qnt_status qnt_onnx_map_once(struct onnx_mapper *mp)
{
    const struct onnx_graph *g = mp->g;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < g->n_nodes && !status; i++)
        status = qnt_onnx_node_check(&g->node[i]);
    if (status || (status = qnt_onnx_values_create(mp)) || (status = qnt_onnx_bind(mp)) || (status = find_needed(mp)))
        return status;
    for (size_t i = 0; i < g->n_inputs && !status; i++)
        status = add_input(mp, &g->input[i]);
    for (mp->node = 0; mp->node < g->n_nodes && !status; mp->node++)
        if (!mp->done[mp->node])
            status = map_node(mp, &g->node[mp->node]);
    for (size_t i = 0; i < g->n_outputs && !status; i++)
        status = add_output(mp, &g->output[i]);
    for (size_t i = 0; i < g->n_inputs && !status; i++)
        status = qnt_onnx_check_input(qnt_onnx_find(mp, g->input[i].name), NULL);
    if (mp->lost == QNT_ERR_NOMEM) /* a pattern may have been missed for want of memory */
        return qnt_fail(QNT_ERR_NOMEM, "out of memory for graph '%s'", g->name);
    return status;
}
