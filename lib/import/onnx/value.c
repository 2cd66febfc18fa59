/* The names of the graph and what is known of them. */
#include <stdio.h>
#include <string.h>
#include "lib/import/onnx/map.h"

struct onnx_owned {
    struct onnx_owned *next;
    _Alignas(64) unsigned char bytes[];
};

void *qnt_onnx_alloc(struct onnx_mapper *mp, size_t count, size_t size, const char *what)
{
    size_t bytes;
    if (qnt_mul_overflows(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        mp->lost = qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu elements of %zu bytes for %s", count, size, what);
        return NULL;
    }
    struct onnx_owned *o = qnt_alloc(mp->ctx, sizeof *o + bytes, what);
    if (!o) {
        mp->lost = QNT_ERR_NOMEM;
        return NULL;
    }
    o->next = mp->owned;
    mp->owned = o;
    return o->bytes;
}

void qnt_onnx_free_all(struct onnx_mapper *mp)
{
    while (mp->owned) {
        struct onnx_owned *next = mp->owned->next;
        qnt_release(mp->ctx, mp->owned);
        mp->owned = next;
    }
    qnt_names_free(mp->ctx, &mp->names);
}

size_t qnt_onnx_count(const struct onnx_shape *s)
{
    size_t n = 1;
    for (uint32_t d = 0; d < s->rank; d++)
        n *= s->dim[d];
    return n;
}

const char *qnt_onnx_shape_text(const struct onnx_shape *s, char *text)
{
    size_t used = 0;
    snprintf(text, ONNX_SHAPE_TEXT, "a scalar");
    for (uint32_t d = 0; d < s->rank; d++)
        used += (size_t)snprintf(text + used, ONNX_SHAPE_TEXT - used, d ? " x %zu" : "%zu", s->dim[d]);
    return text;
}

struct onnx_value *qnt_onnx_find(struct onnx_mapper *mp, const char *name)
{
    int i = qnt_names_find(&mp->names, (struct qnt_named){mp->value, sizeof *mp->value}, name);
    return i < 0 ? NULL : &mp->value[i];
}

static qnt_status add(struct onnx_mapper *mp, const char *name, const char *what, struct onnx_value **out)
{
    if (!*name)
        return qnt_fail(QNT_ERR_FORMAT, "graph '%s': %s without a name", mp->g->name, what);
    if (qnt_onnx_find(mp, name))
        return qnt_fail(QNT_ERR_FORMAT, "graph '%s': '%s' (%s) is given twice", mp->g->name, name, what);
    qnt_status status = qnt_names_reserve(mp->ctx, &mp->names);
    if (status)
        return status;
    struct onnx_value *v = &mp->value[mp->n_values];
    size_t bytes = strlen(name) + 1;
    if (!(v->name = qnt_onnx_alloc(mp, bytes, 1, name)))
        return QNT_ERR_NOMEM;
    memcpy(v->name, name, bytes);
    v->id[0] = v->id[1] = -1;
    qnt_names_add(&mp->names, v->name, (int)mp->n_values++);
    *out = v;
    return QNT_OK;
}

/* 4- and 2-bit elements, a byte each. */
static const void *unpacked(struct onnx_mapper *mp, const struct onnx_tensor *t)
{
    const uint32_t bits = qnt_onnx_type_bits(t->type);
    const bool negative = t->type == ONNX_INT4 || t->type == ONNX_INT2;
    if (bits >= 8)
        return t->data;
    uint8_t *to = qnt_onnx_alloc(mp, t->count, 1, t->name);
    for (size_t i = 0; to && i < t->count; i++) {
        const unsigned at = (unsigned)(i * bits % 8), mask = (1u << bits) - 1;
        unsigned x = ((const uint8_t *)t->data)[i * bits / 8] >> at & mask;
        to[i] = (uint8_t)(negative && x >> (bits - 1) ? x | ~mask : x);
    }
    return to;
}

qnt_status qnt_onnx_set_tensor(struct onnx_mapper *mp, struct onnx_value *v, const struct onnx_tensor *t)
{
    v->kind = ONNX_CONSTANT;
    v->type = t->type;
    v->shape.rank = t->rank;
    memcpy(v->shape.dim, t->dim, sizeof v->shape.dim);
    return (v->data = unpacked(mp, t)) ? QNT_OK : QNT_ERR_NOMEM;
}

static qnt_status add_outputs(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *v;
    qnt_status status = QNT_OK;
    for (size_t k = 0; k < n->n_out && !status; k++)
        if (*n->out[k])
            status = add(mp, n->out[k], n->name, &v);
    return status;
}

static qnt_status count_readers(struct onnx_mapper *mp, size_t at)
{
    const struct onnx_node *n = &mp->g->node[at];
    for (size_t k = 0; k < n->n_in; k++) {
        struct onnx_value *v = *n->in[k] ? qnt_onnx_find(mp, n->in[k]) : NULL;
        if (*n->in[k] && !v)
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input '%s' is given by nothing in the graph", n->in[k]);
        if (v) {
            v->readers++;
            v->reader = at;
        }
    }
    return QNT_OK;
}

qnt_status qnt_onnx_values_create(struct onnx_mapper *mp)
{
    const struct onnx_graph *g = mp->g;
    size_t most = g->n_init + g->n_inputs;
    struct onnx_value *v;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < g->n_nodes; i++)
        most += g->node[i].n_out;
    if (most > INT32_MAX)
        return qnt_fail(QNT_ERR_RANGE, "graph '%s': %zu values, expected less than 2^31", g->name, most);
    if (!(mp->value = qnt_onnx_alloc(mp, most, sizeof *mp->value, "values")) ||
        !(mp->done = qnt_onnx_alloc(mp, g->n_nodes, sizeof *mp->done, "nodes")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < g->n_init && !status; i++)
        if (!(status = add(mp, g->init[i].name, "an initializer", &v)))
            status = qnt_onnx_set_tensor(mp, v, &g->init[i]);
    for (size_t i = 0; i < g->n_inputs && !status; i++)
        status = add(mp, g->input[i].name, "an input", &v);
    for (size_t i = 0; i < g->n_nodes && !status; i++)
        status = add_outputs(mp, &g->node[i]);
    for (size_t i = 0; i < g->n_nodes && !status; i++)
        status = count_readers(mp, i);
    for (size_t i = 0; i < g->n_outputs && !status; i++) {
        if (!(v = qnt_onnx_find(mp, g->output[i].name)))
            return qnt_fail(QNT_ERR_FORMAT, "graph '%s': output '%s' is given by nothing in it", g->name,
                            g->output[i].name);
        v->given = true;
    }
    return status;
}

struct onnx_value *qnt_onnx_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k)
{
    return k < n->n_in && *n->in[k] ? qnt_onnx_find(mp, n->in[k]) : NULL;
}

struct onnx_value *qnt_onnx_out(struct onnx_mapper *mp, const struct onnx_node *n, size_t k)
{
    return k < n->n_out && *n->out[k] ? qnt_onnx_find(mp, n->out[k]) : NULL;
}

qnt_status qnt_onnx_constant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, const char *what,
                             struct onnx_value **out)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    if (!v)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "%s (input %zu) is left out, expected a constant", what, k);
    const struct onnx_value *from = v->codes && v->codes->input ? v->codes : v;
    if (v->kind != ONNX_CONSTANT && from->input)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%s '%s' is an input of the model, expected a constant (bind it)",
                             what, from->name);
    if (v->kind != ONNX_CONSTANT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%s '%s' is computed from the inputs, expected a constant", what,
                             v->name);
    *out = v;
    return QNT_OK;
}

qnt_status qnt_onnx_give(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                         const struct onnx_shape *s, void **data)
{
    struct onnx_value *v = qnt_onnx_out(mp, n, k);
    size_t count = 1;
    for (uint32_t d = 0; d < s->rank; d++)
        if (qnt_mul_overflows(count, s->dim[d], &count) || count > QNT_ONNX_MOST_FOLDED - mp->folded) {
            char text[ONNX_SHAPE_TEXT];
            return qnt_onnx_fail(QNT_ERR_RANGE, n, "a constant of shape %s, expected at most %d elements in all",
                                 qnt_onnx_shape_text(s, text), QNT_ONNX_MOST_FOLDED);
        }
    mp->folded += count;
    if (!(*data = qnt_onnx_alloc(mp, count, qnt_onnx_type_size(type), n->name)))
        return QNT_ERR_NOMEM;
    if (!v)
        return QNT_OK;
    v->kind = ONNX_CONSTANT;
    v->type = type;
    v->shape = *s;
    v->data = *data;
    return QNT_OK;
}

void qnt_onnx_alias(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, const struct onnx_value *v)
{
    struct onnx_value *out = qnt_onnx_out(mp, n, k);
    if (!out)
        return;
    struct onnx_value copy = *v;
    copy.name = out->name;
    copy.readers = out->readers;
    copy.reader = out->reader;
    copy.given = out->given;
    *out = copy;
}
