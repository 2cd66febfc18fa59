/* Attributes, and axes that were attributes in early opsets and are inputs since. */
#include <stdio.h>
#include <string.h>
#include "lib/import/onnx/map.h"

qnt_status qnt_onnx_fail(qnt_status status, const struct onnx_node *n, const char *format, ...)
{
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!n) /* at the graph's border */
        return qnt_fail(status, "%s", text);
    return qnt_fail(status, "node '%s' (%s%s%s): %s", n->name, n->domain, *n->domain ? "." : "", n->op, text);
}

qnt_status qnt_onnx_touches(const struct onnx_node *n)
{
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                         "needs the size of dimension 0, which the file leaves open: expected it to pass (config."
                         "batch fixes it)");
}

const struct onnx_attr *qnt_onnx_attr(const struct onnx_node *n, const char *name)
{
    for (size_t i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name))
            return &n->attr[i];
    return NULL;
}

int64_t qnt_onnx_attr_int(const struct onnx_node *n, const char *name, int64_t otherwise)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    return a ? a->i : otherwise;
}

float qnt_onnx_attr_float(const struct onnx_node *n, const char *name, float otherwise)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    return a ? a->f : otherwise;
}

bool qnt_onnx_attr_is(const struct onnx_node *n, const char *name, const char *otherwise, const char *text)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    return !strcmp(a && a->s ? a->s : otherwise, text);
}

bool qnt_onnx_listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    if (!length || strchr(name, ' '))
        return false;
    for (const char *at = list; (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

qnt_status qnt_onnx_attr_check(const struct onnx_node *n, const char *known)
{
    for (size_t i = 0; i < n->n_attr; i++)
        if (!qnt_onnx_listed(known, n->attr[i].name))
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "attribute '%s' is not known, expected of: %s",
                                 n->attr[i].name, *known ? known : "none");
    return QNT_OK;
}

qnt_status qnt_onnx_axis(const struct onnx_node *n, int64_t axis, uint32_t rank, bool inclusive, uint32_t *out)
{
    const int64_t last = (int64_t)rank - (inclusive ? 0 : 1);
    if (axis < -(int64_t)rank || axis > last)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "axis %lld, expected %lld to %lld", (long long)axis, -(long long)rank,
                             (long long)last);
    *out = (uint32_t)(axis < 0 ? axis + rank : axis);
    return QNT_OK;
}

qnt_status qnt_onnx_axes(struct onnx_mapper *mp, const struct onnx_node *n, const char *name, size_t k, uint32_t rank,
                         uint32_t *set)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    const int64_t *axis = a ? a->ints : NULL;
    size_t count = a ? a->n : 0;
    *set = 0;
    if (!a && k < n->n_in && *n->in[k]) {
        struct onnx_value *v;
        qnt_status status = qnt_onnx_constant(mp, n, k, name, &v);
        if (status)
            return status;
        if (!(axis = qnt_onnx_ints(mp, v)))
            return mp->lost;
        count = qnt_onnx_count(&v->shape);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t d = 0;
        qnt_status status = qnt_onnx_axis(n, axis[i], rank, false, &d);
        if (status)
            return status;
        if (*set >> d & 1)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "axis %u is there twice", d);
        *set |= 1u << d;
    }
    return QNT_OK;
}
