/* What becomes of each node: by the configuration, by patterns of names, by lines of its own. */
#include <string.h>
#include <qnt/train.h>
#include "lib/quant/layer_bits.h"
#include "lib/quant/ptq.h"

/* Whether text[0, n) with '*' for any characters is the whole of name. */
static bool fits(const char *text, size_t n, const char *name)
{
    if (!n)
        return !*name;
    if (*text != '*')
        return *name == *text && fits(text + 1, n - 1, name + 1);
    while (n && *text == '*') { /* many are one */
        text++;
        n--;
    }
    for (; *name; name++)
        if (fits(text, n, name))
            return true;
    return !n;
}

bool qnt_ptq_any_fits(const char *text, const char *name)
{
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (fits(p, strcspn(p, ","), name))
            return true;
    return false;
}

/* A misspelt one is no wish fulfilled. */
qnt_status qnt_ptq_check_pattern(const struct qnt_model *m, const char *field, const char *text)
{
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ","), i = 0;
        while (i < m->n_nodes && !fits(p, n, m->node[i].name))
            i++;
        if (n > 255 || i == m->n_nodes)
            return qnt_fail(QNT_ERR_ARG, "quantization config: %s: no node fits '%.*s'", field,
                            (int)(n < 255 ? n : 255), p);
    }
    return QNT_OK;
}

qnt_status qnt_ptq_check_patterns(const struct qnt_ptq *p)
{
    const qnt_status status = qnt_ptq_check_pattern(p->f, "keep_float", p->config.keep_float);
    return status ? status : qnt_ptq_check_pattern(p->f, "only", p->config.only);
}

bool qnt_ptq_kept(const struct qnt_ptq *p, const struct qnt_node *n)
{
    return qnt_ptq_any_fits(p->config.keep_float, n->name) ||
           (p->config.only && !qnt_ptq_any_fits(p->config.only, n->name));
}

static void choose(const struct qnt_node *n, struct qnt_choice *c, void *user)
{
    const struct qnt_ptq *p = user;
    const qnt_ptq_layer *line = &p->line[n - p->f->node];
    c->keep = line->weight_bits == QNT_BITS_FLOAT || qnt_ptq_kept(p, n);
    c->weight_bits = line->weight_bits ? line->weight_bits : c->weight_bits;
    c->activation_bits = line->activation_bits;
    c->per_tensor = line->granularity ? line->granularity == QNT_PER_TENSOR : p->config.per_tensor;
}

/* First and last layer have their own width, if one is wished, unless they are named. */
static void widen_edges(struct qnt_ptq *p)
{
    struct qnt_quantizer *q = p->q;
    for (size_t i = 0; p->config.edge_bits && i < 2 && q->n_layers; i++) {
        struct qnt_qlayer *l = &q->layer[i ? q->n_layers - 1 : 0];
        struct qnt_tensor *w = &q->model->tensor[l->w];
        if (p->line[l->node].weight_bits)
            continue;
        l->bits = qnt_layer_bits(p->config.layer_bits, p->f->node[l->node].name, p->config.edge_bits);
        w->type = l->bits == QNT_BITS_TERNARY ? QNT_TERNARY : QNT_S8;
        w->bits = l->bits == QNT_BITS_TERNARY ? 2 : l->bits;
    }
}

static qnt_status refuse(const qnt_ptq_layer *l, const char *field, uint32_t found, const char *expected)
{
    return qnt_fail(QNT_ERR_ARG, "quantization layer '%.255s': %s is %u, expected %s", l->name, field, found, expected);
}

static qnt_status check_line(const struct qnt_ptq *p, const qnt_ptq_layer *l, size_t *node)
{
    const struct qnt_model *f = p->f;
    size_t i = 0;
    while (l->name && i < f->n_nodes && strcmp(f->node[i].name, l->name))
        i++;
    if (!l->name || i == f->n_nodes)
        return qnt_fail(QNT_ERR_ARG, "quantization layer '%.255s': the model has no node of this name",
                        l->name ? l->name : "");
    *node = i;
    if (l->weight_bits > 8 && l->weight_bits != QNT_BITS_TERNARY && l->weight_bits != QNT_BITS_FLOAT)
        return refuse(l, "weight_bits", l->weight_bits, "0 to 8, QNT_BITS_TERNARY or QNT_BITS_FLOAT");
    if (!qnt_is_layer(f, &f->node[i]) && l->weight_bits && l->weight_bits != QNT_BITS_FLOAT)
        return refuse(l, "weight_bits", l->weight_bits, "0 or QNT_BITS_FLOAT: it has no constant weights");
    if (l->activation_bits && (l->activation_bits < 2 || l->activation_bits > 8))
        return refuse(l, "activation_bits", l->activation_bits, "0, or 2 to 8");
    if ((uint32_t)l->granularity > QNT_PER_TENSOR)
        return refuse(l, "granularity", l->granularity, "a qnt_granularity");
    return l->reserved ? refuse(l, "reserved", l->reserved, "0") : QNT_OK;
}

/* Of structs that each say their size: all the same one. */
static qnt_status read_lines(const struct qnt_ptq *p, const qnt_ptq_layer *layer, size_t n, qnt_ptq_layer *line)
{
    for (size_t i = 0; i < n; i++) {
        qnt_ptq_layer l;
        size_t node = 0;
        qnt_status status = qnt_config_copy(&l, sizeof l, (const char *)layer + i * layer->size, "quantization layer");
        if (!status &&
            ((const qnt_ptq_layer *)(const void *)((const char *)layer + i * layer->size))->size != layer->size)
            status =
                qnt_fail(QNT_ERR_ARG, "quantization layer %zu: its size is not that of the first, %zu", i, layer->size);
        if (status || (status = check_line(p, &l, &node)))
            return status;
        if (line[node].size)
            return qnt_fail(QNT_ERR_ARG, "quantization layer '%.255s': the second of this name", l.name);
        line[node] = l;
        line[node].name = NULL;
    }
    return QNT_OK;
}

qnt_status qnt_ptq_set_layers(struct qnt_ptq *p, const qnt_ptq_layer *layer, size_t n)
{
    qnt_ptq_layer *line = qnt_alloc_array(p->ctx, p->f->n_nodes + 1, sizeof *line, "layers"), *before = p->line;
    const struct qnt_quantizer_options wanted = {.bits = p->config.weight_bits,
                                                 .layer_bits = p->config.layer_bits,
                                                 .activation_bits = p->config.activation_bits,
                                                 .mixed = true,
                                                 .choose = choose,
                                                 .user = p};
    struct qnt_quantizer *q;
    qnt_status status = line ? read_lines(p, layer, n, line) : QNT_ERR_NOMEM;
    if (!status) {
        p->line = line;
        status = qnt_quantizer_create(p->f, &wanted, &q);
        p->line = status ? before : line;
    }
    if (status) {
        qnt_release(p->ctx, line);
        return status;
    }
    qnt_release(p->ctx, before);
    qnt_quantizer_free(p->q);
    p->q = q;
    widen_edges(p);
    return QNT_OK;
}

qnt_status qnt_ptq_choose(qnt_ptq *p, const qnt_ptq_layer *layers, size_t n)
{
    if (!p || (n && !layers))
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_choose: a pointer is NULL");
    return qnt_ptq_set_layers(p, layers, n);
}

size_t qnt_ptq_layer_count(const qnt_ptq *p)
{
    return p ? p->f->n_nodes : 0;
}

qnt_status qnt_ptq_layer_at(const qnt_ptq *p, size_t i, qnt_ptq_layer *out)
{
    if (!p || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_layer_at: a pointer is NULL");
    if (i >= p->f->n_nodes)
        return qnt_fail(QNT_ERR_ARG, "node %zu, the model has %zu", i, p->f->n_nodes);
    qnt_ptq_layer l = {.name = p->f->node[i].name};
    struct qnt_choice c = {0};
    choose(&p->f->node[i], &c, (void *)(uintptr_t)p);
    l.weight_bits = c.keep ? QNT_BITS_FLOAT : 0;
    for (size_t k = 0; k < p->q->n_layers; k++)
        if (p->q->layer[k].node == i) {
            l.weight_bits = p->q->layer[k].bits;
            l.granularity = p->q->layer[k].per_tensor ? QNT_PER_TENSOR : QNT_PER_CHANNEL;
        }
    for (size_t k = 0; k < p->q->n_groups; k++)
        if (p->q->group[k].node == (int)i)
            l.activation_bits = p->q->group[k].bits;
    return qnt_result_copy(out, &l, sizeof l, "qnt_ptq_layer_at");
}
