/* Between codes and floats: QuantizeLinear and DequantizeLinear. */
#include <math.h>
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/bounds.h"
#include "lib/op/infer.h"
#include "lib/op/op.h"
#include "lib/op/requant.h"

bool qnt_onnx_has_codes(const struct qnt_tensor *t)
{
    return t->type != QNT_F32;
}

int32_t qnt_onnx_type_of(const struct qnt_tensor *t)
{
    return t->type == QNT_F32 ? ONNX_FLOAT : t->type == QNT_U8 ? ONNX_UINT8 : ONNX_INT8;
}

/* Scale and zero point of t: one number each, or one for each index of dimension 0. */
static void parameters(struct onnx_export *e, int32_t type, const struct qnt_tensor *t, const int8_t *zeros,
                       const char *base, const char *in[3])
{
    const uint32_t rank = t->scales > 1;
    const size_t n = t->scales;
    int8_t *all = zeros ? NULL : qnt_onnx_room(e, n, 1);
    if (e->status)
        return;
    for (size_t i = 0; all && i < n; i++)
        all[i] = (int8_t)t->zero;
    in[1] = qnt_onnx_put_const(e, base, "_scale", ONNX_FLOAT, rank, &n, t->scale);
    in[2] = qnt_onnx_put_const(e, base, "_zero_point", type, rank, &n, zeros ? zeros : all);
}

const char *qnt_onnx_put_dequantized(struct onnx_export *e, const char *from, int32_t type, const struct qnt_tensor *t,
                                     const int8_t *zeros, const char *name)
{
    const char *in[3] = {from, "", ""};
    parameters(e, type, t, zeros, name, in);
    onnx_node_proto *node = qnt_onnx_put_node(e, NULL, "DequantizeLinear", in, 3, name);
    if (t->scales > 1)
        qnt_onnx_set_int(e, node, "axis", 0);
    return name;
}

const char *qnt_onnx_as_floats(struct onnx_export *e, int id, enum onnx_order order)
{
    const struct qnt_tensor *t = &e->m->tensor[id];
    const char *value = qnt_onnx_value(e, id, order);
    if (e->status || !qnt_onnx_has_codes(t))
        return value;
    return qnt_onnx_put_dequantized(e, value, qnt_onnx_type_of(t), t, NULL,
                                    qnt_onnx_new_name(e, t->name, "_dequantized"));
}

/* One zero point for each scale, or NULL where all are 0. */
static const int8_t *zero_points(struct onnx_export *e, const struct qnt_node *n, uint32_t scales)
{
    const struct qnt_tensor *z = n->n_in > 3 ? &e->m->tensor[n->in[3]] : NULL;
    int8_t *to = z ? qnt_onnx_room(e, scales, 1) : NULL;
    if (to && scales < z->dim[0])
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "weights with %u scales and %zu zero points, expected as many",
                          scales, z->dim[0]);
    for (uint32_t i = 0; to && i < scales; i++)
        to[i] = (int8_t)((const int32_t *)z->data)[z->dim[0] == 1 ? 0 : i];
    return to;
}

const char *qnt_onnx_put_weights(struct onnx_export *e, const struct qnt_node *n, uint32_t rank, const size_t *dim,
                                 const int8_t *codes)
{
    const struct qnt_tensor *w = &e->m->tensor[n->in[1]];
    const int8_t *zeros = zero_points(e, n, w->scales);
    const int32_t type = e->config->int4 && w->bits <= 4 && !zeros ? ONNX_INT4 : ONNX_INT8;
    const char *name = qnt_onnx_put_const(e, w->name, "", type, rank, dim, codes);
    return e->status ? ""
                     : qnt_onnx_put_dequantized(e, name, type, w, zeros, qnt_onnx_new_name(e, name, "_dequantized"));
}

const char *qnt_onnx_put_bias(struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]], *w = &e->m->tensor[n->in[1]], *b = &e->m->tensor[n->in[2]];
    const size_t scales = w->scales;
    float *scale = qnt_onnx_room(e, scales, sizeof *scale);
    const char *name = qnt_onnx_put_const(e, b->name, "", ONNX_INT32, 1, b->dim, b->data);
    if (e->status)
        return "";
    for (size_t i = 0; i < scales; i++) {
        scale[i] = x->scale[0] * w->scale[i];
        if (!(scale[i] > 0.0f) || !isfinite(scale[i]))
            qnt_onnx_put_fail(e, QNT_ERR_RANGE, n,
                              "a unit of the sums of channel %zu is %g, expected a finite number above 0", i,
                              (double)scale[i]);
    }
    const char *out = qnt_onnx_new_name(e, b->name, "_dequantized");
    const char *const in[] = {name, qnt_onnx_put_const(e, b->name, "_scale", ONNX_FLOAT, scales > 1, &scales, scale)};
    onnx_node_proto *node = qnt_onnx_put_node(e, NULL, "DequantizeLinear", in, 2, out);
    if (scales > 1)
        qnt_onnx_set_int(e, node, "axis", 0);
    return out;
}

void qnt_onnx_put_bounds_node(struct onnx_export *e, const char *name, const char *in, float lo, float hi,
                              const char *out)
{
    if (lo == 0.0f && hi == INFINITY) {
        qnt_onnx_put_node(e, name, "Relu", &in, 1, out);
        return;
    }
    const char *ins[3] = {in, "", ""};
    if (lo != -INFINITY)
        ins[1] = qnt_onnx_put_const_float(e, out, "_min", lo);
    if (hi != INFINITY)
        ins[2] = qnt_onnx_put_const_float(e, out, "_max", hi);
    qnt_onnx_put_node(e, name, "Clip", ins, hi != INFINITY ? 3 : lo != -INFINITY ? 2 : 1, out);
}

const char *qnt_onnx_result_name(struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *t = &e->m->tensor[n->out];
    return qnt_onnx_new_name(e, t->name, qnt_onnx_has_codes(t) ? "_float" : "");
}

/* A relu or clamp that alone reads tensor id and passes its codes on. */
static const struct qnt_node *bounds_behind(const struct onnx_export *e, int id)
{
    const struct onnx_written *v = &e->value[id];
    const struct qnt_node *n = v->readers == 1 ? &e->m->node[v->reader] : NULL;
    float lo, hi;
    return n && !qnt_ids_have(&e->m->outputs, id) && qnt_bounds_of(n, &lo, &hi) ? n : NULL;
}

void qnt_onnx_moved_to(struct onnx_export *e, const struct qnt_node *n, enum onnx_order order, const char *name)
{
    const bool one = e->m->tensor[n->out].rank < 2;
    e->value[n->out].name[one ? ONNX_AS_IS : order] = name;
}

const char *qnt_onnx_put_code_bounds(struct onnx_export *e, const char *name, const char *codes, int8_t lo, int8_t hi,
                                     const char *out)
{
    const char *in[3] = {codes, "", ""};
    in[1] = qnt_onnx_put_const(e, out, "_min", ONNX_INT8, 0, NULL, &lo);
    in[2] = qnt_onnx_put_const(e, out, "_max", ONNX_INT8, 0, NULL, &hi);
    qnt_onnx_put_node(e, name, "Clip", in, 3, out);
    return out;
}

/* Bounds that quantization draws itself stand in front of it, where ONNX has its Relu; others, and those of codes of
 * fewer bits than QuantizeLinear's type, behind it between codes: then what is in front can be computed in integers. */
void qnt_onnx_put_result(struct onnx_export *e, const struct qnt_node *n, enum onnx_order order, const char *floats)
{
    const struct qnt_tensor *t = &e->m->tensor[n->out];
    const struct qnt_node *next;
    if (e->status)
        return;
    if (!qnt_onnx_has_codes(t)) {
        qnt_onnx_moved_to(e, n, order, floats);
        return;
    }
    int8_t least = INT8_MIN, most = INT8_MAX;
    if (t->type == QNT_S8) {
        least = (int8_t)qnt_least_code(t);
        most = (int8_t)qnt_most_code(t);
    }
    while ((next = bounds_behind(e, n->out)) && !e->status) {
        float lo, hi;
        qnt_bounds_of(next, &lo, &hi);
        const int8_t lo_code = qnt_bound_code(lo, t), hi_code = qnt_bound_code(hi, t);
        n = next;
        e->done[n - e->m->node] = true;
        t = &e->m->tensor[n->out];
        if (lo_code == INT8_MIN && hi_code == INT8_MAX) {
            const char *out = qnt_onnx_result_name(e, n);
            qnt_onnx_put_bounds_node(e, n->name, floats, lo, hi, out);
            floats = out;
        } else {
            least = least < lo_code ? lo_code : least > hi_code ? hi_code : least;
            most = most > hi_code ? hi_code : most < lo_code ? lo_code : most;
        }
    }
    const bool all = least == INT8_MIN && most == INT8_MAX;
    const char *out = qnt_onnx_new_name(e, t->name, all ? "" : "_unbounded");
    const char *in[3] = {floats, "", ""};
    parameters(e, qnt_onnx_type_of(t), t, NULL, out, in);
    qnt_onnx_put_node(e, NULL, "QuantizeLinear", in, 3, out);
    if (!all)
        out = qnt_onnx_put_code_bounds(e, n->op == &qnt_op_relu || n->op == &qnt_op_clamp ? n->name : NULL, out, least,
                                       most, qnt_onnx_new_name(e, t->name, ""));
    qnt_onnx_moved_to(e, n, order, out);
}

/* From floats, or from codes of another type by way of floats. */
void qnt_onnx_put_quantize(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    (void)as;
    qnt_onnx_put_result(e, n, order, qnt_onnx_as_floats(e, n->in[0], order));
}

void qnt_onnx_put_dequantize(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    (void)as;
    const char *value = qnt_onnx_value(e, n->in[0], order);
    if (e->status)
        return;
    const char *out = qnt_onnx_new_name(e, e->m->tensor[n->out].name, "");
    qnt_onnx_moved_to(e, n, order, qnt_onnx_put_dequantized(e, value, qnt_onnx_type_of(x), x, NULL, out));
}
