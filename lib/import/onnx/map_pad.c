/* Pad, Resize and Upsample. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

struct around {
    int64_t before[ONNX_MAX_RANK], after[ONNX_MAX_RANK];
};

/* Numbers around each dimension: an attribute before opset 11 (first named paddings), an input since. */
static qnt_status pads_of(struct onnx_mapper *mp, const struct onnx_node *n, uint32_t rank, struct around *p)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "pads") ? qnt_onnx_attr(n, "pads") : qnt_onnx_attr(n, "paddings");
    struct onnx_value *v, *axes = NULL;
    qnt_status status;
    const int64_t *pads = a ? a->ints : NULL, *axis = NULL;
    size_t count = a ? a->n / 2 : 0;
    *p = (struct around){0};
    if (!a) {
        if ((status = qnt_onnx_constant(mp, n, 1, "pads", &v)))
            return status;
        if (!(pads = qnt_onnx_ints(mp, v)))
            return mp->lost;
        count = qnt_onnx_count(&v->shape) / 2;
    }
    if (qnt_onnx_in(mp, n, 3)) {
        if ((status = qnt_onnx_constant(mp, n, 3, "axes", &axes)))
            return status;
        axis = qnt_onnx_ints(mp, axes);
    }
    if (count != (axes ? qnt_onnx_count(&axes->shape) : rank) || (axes && !axis))
        return qnt_onnx_fail(QNT_ERR_SHAPE, n,
                             "%zu pairs of pads, expected one for each of %u dimensions, or of the axes", count, rank);
    for (size_t i = 0; i < count; i++) {
        uint32_t d;
        if ((status = qnt_onnx_axis(n, axis ? axis[i] : (int64_t)i, rank, false, &d)))
            return status;
        p->before[d] = pads[i];
        p->after[d] = pads[i + count];
    }
    return QNT_OK;
}

static qnt_status pad_value(struct onnx_mapper *mp, const struct onnx_node *n, float *value)
{
    struct onnx_value *v;
    *value = qnt_onnx_attr_float(n, "value", 0.0f);
    if (!qnt_onnx_in(mp, n, 2))
        return QNT_OK;
    qnt_status status = qnt_onnx_constant(mp, n, 2, "the value around", &v);
    if (status)
        return status;
    const float *x = qnt_onnx_floats(mp, v);
    if (!x || qnt_onnx_count(&v->shape) != 1)
        return x ? qnt_onnx_fail(QNT_ERR_SHAPE, n, "the value around '%s' is no scalar", v->name) : QNT_ERR_NOMEM;
    *value = *x;
    return QNT_OK;
}

/* The model's attributes, by the dimensions of the stored tensor. negative: what is cut off instead. */
static qnt_status place(const struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *x, bool last,
                        const struct around *p, qnt_node_attr *pad, qnt_node_attr *slice, struct onnx_shape *s)
{
    for (uint32_t d = 0; d < s->rank; d++) {
        const int at = qnt_onnx_stored_axis(mp, s->rank, last, d);
        const int64_t extent = (int64_t)x->shape.dim[d], limit = QNT_MAX_ATTRIBUTE;
        if (!p->before[d] && !p->after[d])
            continue;
        if (at < 0)
            return qnt_onnx_touches(n);
        if (at >= QNT_MAX_RANK || p->before[d] > limit || p->after[d] > limit || p->before[d] < -extent ||
            p->after[d] < -extent || extent + p->before[d] + p->after[d] <= 0)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%lld and %lld elements around dimension %u, which has %lld",
                                 (long long)p->before[d], (long long)p->after[d], d, (long long)extent);
        pad->begin[at] = p->before[d] > 0 ? p->before[d] : 0;
        pad->end[at] = p->after[d] > 0 ? p->after[d] : 0;
        slice->begin[at] = p->before[d] < 0 ? -p->before[d] : 0;
        slice->end[at] = extent + pad->begin[at] + pad->end[at] + (p->after[d] < 0 ? p->after[d] : 0);
        slice->step[at] = 1;
        s->dim[d] = (size_t)(extent + p->before[d] + p->after[d]);
    }
    return QNT_OK;
}

static bool any(const int64_t *a, const int64_t *b)
{
    for (int d = 0; d < QNT_MAX_RANK; d++)
        if (a[d] || b[d])
            return true;
    return false;
}

static bool cuts_off(const struct around *p)
{
    for (int d = 0; d < ONNX_MAX_RANK; d++)
        if (p->before[d] < 0 || p->after[d] < 0)
            return true;
    return false;
}

static qnt_status pad_mode(const struct onnx_node *n, uint32_t *mode)
{
    static const char *const names[] = {"constant", "reflect", "edge"};
    for (uint32_t i = 0; i < 3; i++)
        if (qnt_onnx_attr_is(n, "mode", "constant", names[i])) {
            *mode = i;
            return QNT_OK;
        }
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "mode '%s', expected constant, reflect, edge or wrap",
                         qnt_onnx_attr(n, "mode")->s);
}

/* The end of x before it and its begin behind it, one dimension after the other. */
static qnt_status wrapped(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                          const struct around *p)
{
    const bool last = qnt_onnx_is_last(x);
    struct onnx_shape s = x->shape;
    int id;
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, &id);
    for (uint32_t d = 0; d < s.rank && !status; d++) {
        const int64_t extent = (int64_t)s.dim[d], ends[2][2] = {{extent - p->before[d], extent}, {0, p->after[d]}};
        const int at = qnt_onnx_stored_axis(mp, s.rank, last, d);
        int part[3];
        size_t parts = 0;
        if (!p->before[d] && !p->after[d])
            continue;
        if (at < 0)
            return qnt_onnx_touches(n);
        if (at >= QNT_MAX_RANK || p->before[d] < 0 || p->after[d] < 0 || p->before[d] > extent || p->after[d] > extent)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                                 "%lld and %lld elements around dimension %u, expected 0 to %lld",
                                 (long long)p->before[d], (long long)p->after[d], d, (long long)extent);
        for (int k = 0; k < 3 && !status; k++) { /* the end, all, the begin */
            qnt_node_attr slice = {0};
            slice.begin[at] = ends[k / 2][0];
            slice.end[at] = ends[k / 2][1];
            slice.step[at] = 1;
            if (k == 1)
                part[parts++] = id;
            else if (k ? p->after[d] : p->before[d])
                status = qnt_onnx_emit(mp, n, "slice", &slice, &id, 1, n->out[0], NULL, &part[parts++]);
        }
        const qnt_node_attr concat = {.axis = {(uint32_t)at}};
        if (!status)
            status = qnt_onnx_emit(mp, n, "concat", &concat, part, parts, n->out[0], NULL, &id);
        s.dim[d] += (size_t)(p->before[d] + p->after[d]);
    }
    return status ? status : qnt_onnx_moved(mp, n, 0, 0, &s, last, id);
}

qnt_status qnt_onnx_map_pad(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct around p;
    qnt_node_attr pad = {0}, slice = {0};
    int id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = pads_of(mp, n, x->shape.rank, &p)))
        return status;
    if (qnt_onnx_attr_is(n, "mode", "constant", "wrap"))
        return wrapped(mp, n, x, &p);
    if ((status = pad_value(mp, n, &pad.value)) || (status = pad_mode(n, &pad.mode)))
        return status;
    struct onnx_value *own = qnt_onnx_in(mp, n, 0);
    if (x != own && pad.mode == QNT_PAD_CONSTANT && pad.value != 0.0f)
        x = own; /* codes have no place for every number */
    struct onnx_shape s = x->shape;
    const bool last = qnt_onnx_is_last(x);
    if ((status = place(mp, n, x, last, &p, &pad, &slice, &s)) || (status = qnt_onnx_as_tensor(mp, n, x, last, &id)))
        return status;
    if (x->type != ONNX_FLOAT && x == own && pad.mode == QNT_PAD_CONSTANT &&
        (status = qnt_onnx_pad_code(mp, n, id, &pad.value)))
        return status;
    if (any(pad.begin, pad.end) && (status = qnt_onnx_emit(mp, n, "pad", &pad, &id, 1, n->out[0], NULL, &id)))
        return status;
    if (cuts_off(&p) && (status = qnt_onnx_emit(mp, n, "slice", &slice, &id, 1, n->out[0], NULL, &id)))
        return status;
    return x == own ? qnt_onnx_result(mp, n, 0, x->type, &s, last, id) : qnt_onnx_moved(mp, n, 0, 0, &s, last, id);
}

/* The value of padding is a code; the model's pad takes what it stands for. */
qnt_status qnt_onnx_pad_code(struct onnx_mapper *mp, const struct onnx_node *n, int id, float *value)
{
    const struct qnt_tensor *t = &mp->model->tensor[id];
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    if (t->type != QNT_S8 || !t->scales)
        return QNT_OK;
    const float code = *value - (x->type == ONNX_UINT8 ? 128.0f : 0.0f);
    *value = (code - (float)t->zero) * t->scale[0];
    return QNT_OK;
}
