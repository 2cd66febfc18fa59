/* Inputs and outputs of the model, and what to do with the batch. */
#include <string.h>
#include "lib/import/onnx/maps.h"

/* Sizes assumed for an open batch: no dimension of a network, so that nothing else is taken for it. */
static const size_t assumed[] = {1000003, 2000003};

static const qnt_import_bind *bound(const qnt_import_config *c, const char *name)
{
    for (size_t i = 0; i < c->n_bind; i++)
        if (!strcmp(c->bind[i].name, name))
            return &c->bind[i];
    return NULL;
}

static qnt_status bind_input(struct onnx_mapper *mp, const struct onnx_value_info *info, const qnt_import_bind *b)
{
    struct onnx_tensor *t = qnt_onnx_alloc(mp, 1, sizeof *t, info->name);
    const uint32_t bits = qnt_onnx_type_bits(info->type);
    size_t all;
    if (!t)
        return QNT_ERR_NOMEM;
    *t = (struct onnx_tensor){.name = info->name, .type = info->type, .rank = b->rank, .count = 1, .bytes = b->bytes};
    if (b->rank > ONNX_MAX_RANK)
        return qnt_fail(QNT_ERR_ARG, "bind '%s': rank %u, expected at most %d", b->name, b->rank, ONNX_MAX_RANK);
    for (uint32_t d = 0; d < b->rank; d++) {
        t->dim[d] = b->dim[d];
        if (qnt_mul_overflows(t->count, b->dim[d], &t->count))
            return qnt_fail(QNT_ERR_RANGE, "bind '%s': too many elements", b->name);
        if (info->has_shape && (info->rank != b->rank || (info->dim[d] >= 0 && (size_t)info->dim[d] != b->dim[d])))
            return qnt_fail(QNT_ERR_SHAPE, "bind '%s': dimension %u is %zu of %u, expected %lld of %u as the input",
                            b->name, d, b->dim[d], b->rank, (long long)(d < info->rank ? info->dim[d] : 0), info->rank);
    }
    if (!bits || qnt_mul_overflows(t->count, bits, &all) || all / 8 + (all % 8 != 0) != b->bytes)
        return qnt_fail(QNT_ERR_ARG, "bind '%s': %zu bytes, expected %zu elements of %s", b->name, b->bytes, t->count,
                        qnt_onnx_type_name(info->type));
    void *data = qnt_onnx_alloc(mp, b->bytes, 1, b->name);
    if (!data)
        return QNT_ERR_NOMEM;
    if (b->bytes)
        memcpy(data, b->data, b->bytes);
    t->data = data;
    return qnt_onnx_set_tensor(mp, qnt_onnx_find(mp, info->name), t);
}

qnt_status qnt_onnx_bind(struct onnx_mapper *mp)
{
    const struct onnx_graph *g = mp->g;
    size_t found = 0;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < g->n_inputs && !status; i++) {
        const qnt_import_bind *b = bound(mp->config, g->input[i].name);
        found += b != NULL;
        status = b ? bind_input(mp, &g->input[i], b) : QNT_OK;
    }
    for (size_t i = 0; i < mp->config->n_bind && !status && found < mp->config->n_bind; i++) {
        size_t k = 0;
        while (k < g->n_inputs && strcmp(g->input[k].name, mp->config->bind[i].name))
            k++;
        if (k == g->n_inputs)
            status = qnt_fail(QNT_ERR_ARG, "bind '%s': the graph has no such input", mp->config->bind[i].name);
    }
    return status;
}

/* Dimension d of an input: its size, 0 when it is open. */
static size_t dimension(const qnt_import_config *c, const struct onnx_value_info *info, uint32_t d)
{
    if (info->dim[d] >= 0)
        return (size_t)info->dim[d];
    for (size_t i = 0; i < c->n_dim && info->param[d]; i++)
        if (!strcmp(c->dim[i].name, info->param[d]))
            return c->dim[i].value;
    return d ? 0 : c->batch;
}

qnt_status qnt_onnx_input_shape(const struct onnx_mapper *mp, const struct onnx_value_info *info, struct onnx_shape *s)
{
    if (!info->has_shape)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "input '%s' has no shape", info->name);
    s->rank = info->rank;
    for (uint32_t d = 0; d < info->rank; d++) {
        s->dim[d] = dimension(mp->config, info, d);
        if (!s->dim[d] && info->dim[d] < 0 && !d && !mp->whole)
            s->dim[d] = mp->batch;
        if (!s->dim[d] && info->dim[d] < 0)
            return qnt_fail(QNT_ERR_UNSUPPORTED,
                            "input '%s': dimension %u ('%s') is open, expected a size (give it one)", info->name, d,
                            info->param[d] ? info->param[d] : "");
    }
    return QNT_OK;
}

/* Inputs of a node that say what codes of another input mean: scale and zero point, or a zero point alone. */
static const struct {
    const char *op;
    size_t codes;
    int scale, zero;
} meanings[] = {
    {"DequantizeLinear", 0, 1, 2},   {"QLinearConv", 0, 1, 2},
    {"QLinearMatMul", 0, 1, 2},      {"QLinearMatMul", 3, 4, 5},
    {"ConvInteger", 0, -1, 2},       {"MatMulInteger", 1, -1, 3},
    {"MatMulInteger", 0, -1, 2},     {"QLinearAdd", 0, 1, 2},
    {"QLinearAdd", 3, 4, 5},         {"QLinearMul", 0, 1, 2},
    {"QLinearMul", 3, 4, 5},         {"QGemm", 0, 1, 2},
    {"QLinearAveragePool", 0, 1, 2}, {"QLinearGlobalAveragePool", 0, 1, 2},
    {"QLinearSigmoid", 0, 1, 2},     {"QLinearLeakyRelu", 0, 1, 2},
};
static const char *const movers[] = {"Reshape", "Flatten",  "Squeeze", "Unsqueeze", "Transpose",
                                     "Slice",   "Identity", "MaxPool", "Split",     "Clip"};

static bool constant_or_none(struct onnx_mapper *mp, const struct onnx_node *n, int k, struct onnx_value **v)
{
    *v = k < 0 ? NULL : qnt_onnx_in(mp, n, (size_t)k);
    return !*v || ((*v)->kind == ONNX_CONSTANT && qnt_onnx_count(&(*v)->shape) == 1);
}

/* Inputs k_scale and k_zero, or none where these are below 0, say it. */
static bool says(struct onnx_mapper *mp, const struct onnx_node *n, int k_scale, int k_zero, struct onnx_quant *q)
{
    struct onnx_value *scale, *zero;
    if (!constant_or_none(mp, n, k_scale, &scale) || !constant_or_none(mp, n, k_zero, &zero))
        return false;
    const float *s = scale ? qnt_onnx_floats(mp, scale) : NULL;
    const int64_t *z = zero ? qnt_onnx_ints(mp, zero) : NULL;
    q->scale = s && *s > 0.0f ? s : q->scale;
    q->zero = z ? z : q->zero;
    return true;
}

/* Node n says it of the value. */
static bool meaning(struct onnx_mapper *mp, const struct onnx_node *n, const char *name, struct onnx_quant *q)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strcmp(meanings[i].op, n->op) && meanings[i].codes < n->n_in && !strcmp(n->in[meanings[i].codes], name) &&
            says(mp, n, meanings[i].scale, meanings[i].zero, q))
            return true;
    for (size_t k = 2; k + 2 < n->n_in && !strcmp(n->op, "QLinearConcat"); k += 3)
        if (!strcmp(n->in[k], name) && says(mp, n, (int)k + 1, (int)k + 2, q))
            return true;
    return false;
}

static bool find_meaning(struct onnx_mapper *mp, const char *name, struct onnx_quant *q, uint32_t depth)
{
    for (size_t i = 0; i < mp->g->n_nodes && depth < 8; i++) {
        const struct onnx_node *n = &mp->g->node[i];
        if (meaning(mp, n, name, q))
            return true;
        for (size_t k = 0; k < sizeof movers / sizeof *movers; k++)
            if (n->n_in && n->n_out && !strcmp(n->op, movers[k]) && !strcmp(n->in[0], name) &&
                find_meaning(mp, n->out[0], q, depth + 1))
                return true;
    }
    return false;
}

/* A MaxPool takes codes of any meaning, but no integers without one. */
static bool pooled(const struct onnx_mapper *mp, const char *name)
{
    for (size_t i = 0; i < mp->g->n_nodes; i++) {
        const struct onnx_node *n = &mp->g->node[i];
        if (n->n_in && !strcmp(n->op, "MaxPool") && !strcmp(n->in[0], name))
            return true;
    }
    return false;
}

bool qnt_onnx_find_quant(struct onnx_mapper *mp, const struct onnx_value *v, struct onnx_quant *q)
{
    return find_meaning(mp, v->name, q, 0) || pooled(mp, v->name);
}

bool qnt_onnx_dtype(int32_t type, qnt_dtype *dtype, uint32_t *bits)
{
    static const struct {
        int32_t onnx;
        qnt_dtype type;
    } types[] = {{ONNX_FLOAT, QNT_F32}, {ONNX_INT8, QNT_S8},   {ONNX_INT4, QNT_S8},    {ONNX_INT2, QNT_S8},
                 {ONNX_UINT8, QNT_U8},  {ONNX_UINT4, QNT_U8},  {ONNX_UINT2, QNT_U8},   {ONNX_INT32, QNT_S32},
                 {ONNX_INT64, QNT_S64}, {ONNX_INT16, QNT_S16}, {ONNX_UINT16, QNT_U16}, {ONNX_BOOL, QNT_BOOL}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].onnx == type) {
            *dtype = types[i].type;
            *bits = 8 * (uint32_t)qnt_dtype_size(*dtype);
            return true;
        }
    return false;
}

qnt_status qnt_onnx_check_input(const struct onnx_value *v, const struct onnx_node *n)
{
    char text[ONNX_SHAPE_TEXT];
    if (v->kind == ONNX_CONSTANT || v->id[0] >= 0 || v->id[1] >= 0)
        return QNT_OK;
    if (!n)
        return qnt_fail(
            QNT_ERR_UNSUPPORTED,
            "'%s' is an input of the model that activations cannot be, %s of shape %s, and read by no node: "
            "expected a constant (bind it)",
            v->name, qnt_onnx_type_name(v->type), qnt_onnx_shape_text(&v->shape, text));
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is %s of shape %s, which an activation cannot be", v->name,
                         qnt_onnx_type_name(v->type), qnt_onnx_shape_text(&v->shape, text));
}

qnt_status qnt_onnx_append_input(struct onnx_mapper *mp, const struct qnt_tensor *t, int32_t type, int *id)
{
    struct qnt_tensor u8 = *t;
    if (type != ONNX_UINT8 || t->type != QNT_S8)
        return qnt_model_append_input(mp->model, t, id);
    u8.type = QNT_U8;
    u8.zero += 128;
    qnt_status status = qnt_model_append_input(mp->model, &u8, id);
    return status ? status : qnt_onnx_emit(mp, NULL, "recode", NULL, id, 1, t->name, NULL, id);
}

qnt_status qnt_onnx_append_output(struct onnx_mapper *mp, const struct onnx_value *v, int id)
{
    qnt_status status = QNT_OK;
    if (v->type == ONNX_UINT8 && mp->model->tensor[id].type == QNT_S8)
        status = qnt_onnx_emit(mp, NULL, "recode", NULL, &id, 1, v->name, NULL, &id);
    else if (qnt_ids_have(&mp->model->inputs, id)) /* nothing is computed: a copy of the input */
        status = qnt_onnx_emit_copy(mp, id, v->name, &id);
    return status ? status : qnt_model_add_output(mp->model, id);
}

static bool open_batch(const struct onnx_graph *g, const qnt_import_config *c)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!bound(c, g->input[i].name) && g->input[i].has_shape && g->input[i].rank && g->input[i].dim[0] < 0 &&
            !dimension(c, &g->input[i], 0))
            return true;
    return false;
}

/* Every input that is not bound has this dimension 0. */
static bool all_have(const struct onnx_graph *g, const qnt_import_config *c, size_t size)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!bound(c, g->input[i].name) && (!g->input[i].rank || dimension(c, &g->input[i], 0) != size))
            return false;
    return true;
}

static qnt_status attempt(qnt_ctx *ctx, const struct onnx_graph *g, const qnt_import_config *c, bool whole,
                          size_t batch, qnt_model **out)
{
    struct onnx_mapper mp = {.ctx = ctx, .g = g, .config = c, .whole = whole, .batch = batch};
    qnt_status status = qnt_model_new(ctx, &mp.model);
    if (status)
        return status;
    status = qnt_onnx_map_once(&mp);
    if (!status)
        status = qnt_onnx_name_outputs(&mp);
    qnt_onnx_free_all(&mp);
    if (status)
        qnt_model_free(mp.model);
    else
        *out = mp.model;
    return status;
}

static qnt_status open_model(qnt_ctx *ctx, const struct onnx_graph *g, const qnt_import_config *c, qnt_model **out)
{
    struct qnt_model *one, *other;
    const char *what;
    if (!all_have(g, c, 0))
        return qnt_fail(QNT_ERR_UNSUPPORTED, "dimension 0 of some inputs is open, of others it is not: expected a size "
                                             "for all (config.batch)");
    qnt_status status = attempt(ctx, g, c, false, assumed[0], &one);
    if (status)
        return status;
    if ((status = attempt(ctx, g, c, false, assumed[1], &other))) {
        qnt_model_free(one);
        return status;
    }
    if (!qnt_onnx_same(one, other, &what)) {
        status = qnt_fail(QNT_ERR_UNSUPPORTED,
                          "'%s' depends on the size of dimension 0, which the file leaves open "
                          "(config.batch fixes it)",
                          what);
        qnt_model_free(one);
    } else {
        *out = one;
    }
    qnt_model_free(other);
    return status;
}

/* Sizes given for names that no input has: a misspelt one would go unnoticed. */
static qnt_status check_names(const struct onnx_graph *g, const qnt_import_config *c)
{
    for (size_t i = 0; i < c->n_dim; i++) {
        bool known = false;
        for (size_t k = 0; k < g->n_inputs; k++)
            for (uint32_t d = 0; d < g->input[k].rank; d++)
                known = known || (g->input[k].param[d] && !strcmp(g->input[k].param[d], c->dim[i].name));
        if (!known)
            return qnt_fail(QNT_ERR_ARG, "dimension '%s' is given a size, but no input has it", c->dim[i].name);
    }
    return QNT_OK;
}

qnt_status qnt_onnx_map(qnt_ctx *ctx, const struct onnx_graph *g, const qnt_import_config *config, qnt_model **out)
{
    const qnt_status known = check_names(g, config);
    if (known)
        return known;
    if (open_batch(g, config))
        return open_model(ctx, g, config, out);
    /* Dimension 0 is the session's batch where no node minds, a dimension like others elsewhere. */
    if (!config->batch && all_have(g, config, 1)) {
        qnt_status status = attempt(ctx, g, config, false, 1, out);
        if (!status || status == QNT_ERR_NOMEM)
            return status;
    }
    return attempt(ctx, g, config, true, 0, out);
}
