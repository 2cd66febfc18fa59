/* Convolutions, products with weights, batch norms. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/op.h"

/* [rows][places][channels] to [rows][channels][places]. */
static void *channels_first(struct onnx_export *e, const void *from, size_t size, size_t rows, size_t places,
                            size_t channels)
{
    char *to = qnt_onnx_room(e, rows * places * channels, size);
    for (size_t r = 0; to && r < rows; r++)
        for (size_t p = 0; p < places; p++)
            for (size_t c = 0; c < channels; c++)
                memcpy(to + ((r * channels + c) * places + p) * size,
                       (const char *)from + ((r * places + p) * channels + c) * size, size);
    return to;
}

static size_t element_size(const struct qnt_tensor *t)
{
    return t->type == QNT_F32 ? sizeof(float) : 1;
}

/* Weights as floats of the file; data: of w's elements. */
static const char *weights(struct onnx_export *e, const struct qnt_node *n, uint32_t rank, const size_t *dim,
                           const void *data)
{
    const struct qnt_tensor *w = &e->m->tensor[n->in[1]];
    if (e->status)
        return "";
    return w->type == QNT_F32 ? qnt_onnx_put_const(e, w->name, "", ONNX_FLOAT, rank, dim, data)
                              : qnt_onnx_put_weights(e, n, rank, dim, data);
}

static const char *bias(struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *b = &e->m->tensor[n->in[2]];
    return b->type == QNT_F32 ? qnt_onnx_put_const(e, b->name, "", ONNX_FLOAT, 1, b->dim, b->data)
                              : qnt_onnx_put_bias(e, n);
}

static void put_pair(struct onnx_export *e, onnx_node_proto *node, const char *name, const uint32_t from[2])
{
    qnt_onnx_set_ints(e, node, name, (int64_t[]){from[0], from[1]}, 2);
}

void qnt_onnx_put_windows(struct onnx_export *e, onnx_node_proto *node, const struct qnt_node *n)
{
    const qnt_node_attr *a = &n->attr;
    put_pair(e, node, "kernel_shape", a->kernel);
    put_pair(e, node, "strides", a->stride);
    qnt_onnx_set_ints(e, node, "pads", (int64_t[]){a->pad[0], a->pad[1], a->pad[2], a->pad[3]}, 4);
    if (a->dilation[0] != 1 || a->dilation[1] != 1)
        put_pair(e, node, "dilations", a->dilation);
}

bool qnt_onnx_is_image(struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    if (x->rank != 3)
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "input '%s' has %u dimensions, expected height, width, channels",
                          x->name, x->rank);
    return !e->status;
}

void qnt_onnx_put_conv(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *w = &e->m->tensor[n->in[1]];
    const size_t dim[] = {w->dim[0], w->dim[3], w->dim[1], w->dim[2]};
    if (!qnt_onnx_is_image(e, n))
        return;
    const void *data = channels_first(e, w->data, element_size(w), w->dim[0], w->dim[1] * w->dim[2], w->dim[3]);
    const char *in[3] = {qnt_onnx_as_floats(e, n->in[0], ONNX_FIRST)};
    in[1] = weights(e, n, 4, dim, data);
    if (n->n_in > 2)
        in[2] = bias(e, n);
    const char *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, n->n_in > 2 ? 3 : 2, out);
    qnt_onnx_put_windows(e, node, n);
    if (n->attr.groups > 1)
        qnt_onnx_set_int(e, node, "group", n->attr.groups);
    qnt_onnx_put_result(e, n, ONNX_FIRST, out);
}

/* x as [batch][k]: what was flattened out of an image is taken channels first where it lies so, and the weights'
 * columns follow; *data are these. */
static const char *rows(struct onnx_export *e, const struct qnt_node *n, const void **data)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]], *w = &e->m->tensor[n->in[1]];
    struct onnx_written *v = &e->value[n->in[0]];
    const struct qnt_tensor *s = v->source >= 0 ? &e->m->tensor[v->source] : NULL;
    if (!s || v->name[ONNX_AS_IS] || e->value[v->source].name[ONNX_AS_IS] || qnt_onnx_alike(s))
        return qnt_onnx_as_floats(e, n->in[0], ONNX_AS_IS);
    const size_t channels = s->dim[s->rank - 1];
    *data = channels_first(e, w->data, element_size(w), w->dim[0], w->dim[1] / channels, channels);
    if (!v->flat) {
        const char *in = qnt_onnx_value(e, v->source, ONNX_FIRST);
        v->flat = qnt_onnx_new_name(e, x->name, "_channels_first");
        qnt_onnx_put_node(e, NULL, "Flatten", &in, 1, v->flat);
    }
    if (e->status || !qnt_onnx_has_codes(x))
        return v->flat;
    return qnt_onnx_put_dequantized(e, v->flat, ONNX_INT8, x, NULL, qnt_onnx_new_name(e, x->name, "_dequantized"));
}

/* Of vectors: Gemm. Of rows with dimensions in front, floats alone: MatMul, and Add. */
static void matmul(struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *w = &e->m->tensor[n->in[1]];
    const size_t dim[] = {w->dim[1], w->dim[0]};
    if (w->type != QNT_F32) {
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "codes of %u dimensions, expected 1", e->m->tensor[n->in[0]].rank);
        return;
    }
    const void *data = channels_first(e, w->data, sizeof(float), 1, dim[1], dim[0]);
    const char *in[2] = {qnt_onnx_as_floats(e, n->in[0], ONNX_AS_IS)};
    in[1] = weights(e, n, 2, dim, data);
    const char *out = qnt_onnx_result_name(e, n);
    if (n->n_in > 2) {
        const char *sum[2] = {qnt_onnx_new_name(e, n->name, "_product")};
        sum[1] = bias(e, n);
        qnt_onnx_put_node(e, n->name, "MatMul", in, 2, sum[0]);
        qnt_onnx_put_node(e, NULL, "Add", sum, 2, out);
    } else {
        qnt_onnx_put_node(e, n->name, "MatMul", in, 2, out);
    }
    qnt_onnx_put_result(e, n, ONNX_AS_IS, out);
}

void qnt_onnx_put_full(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *w = &e->m->tensor[n->in[1]];
    const void *data = w->data;
    if (e->m->tensor[n->in[0]].rank > 1) {
        matmul(e, n);
        return;
    }
    const char *in[3] = {rows(e, n, &data)};
    in[1] = weights(e, n, 2, w->dim, data);
    if (n->n_in > 2)
        in[2] = bias(e, n);
    const char *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, n->n_in > 2 ? 3 : 2, out);
    qnt_onnx_set_int(e, node, "transB", 1);
    qnt_onnx_put_result(e, n, ONNX_AS_IS, out);
}

/* Zero points of rows of blocks: of 4 bits two to a byte, each row begins with one. */
static const char *zero_points(struct onnx_export *e, const struct qnt_node *n, uint32_t bits)
{
    const struct qnt_tensor *z = &e->m->tensor[n->in[3]];
    const size_t dim[] = {z->dim[0], (z->dim[1] * bits + 7) / 8};
    const uint8_t *from = z->data;
    uint8_t *to = qnt_onnx_room(e, dim[0], dim[1]);
    for (size_t i = 0; to && i < dim[0] * z->dim[1]; i++) {
        const size_t b = i % z->dim[1];
        to[i / z->dim[1] * dim[1] + b * bits / 8] |= (uint8_t)(bits == 4 ? from[i] << b % 2 * 4 : from[i]);
    }
    return e->status ? "" : qnt_onnx_put_const(e, z->name, "", ONNX_UINT8, 2, dim, to);
}

void qnt_onnx_put_blocks(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]], *w = &e->m->tensor[n->in[1]], *s = &e->m->tensor[n->in[2]];
    const size_t block = n->attr.dim[0], dim[] = {w->dim[0], s->dim[1], block * w->bits / 8};
    const bool zeros = n->attr.mode & QNT_BLOCK_ZEROS, with_bias = n->attr.mode & QNT_BLOCK_BIAS;
    if (block & (block - 1)) {
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "blocks of %zu, expected a power of two", block);
        return;
    }
    const char *in[6] = {qnt_onnx_as_floats(e, n->in[0], ONNX_AS_IS), "", "", "", "", ""};
    in[1] = qnt_onnx_put_const(e, w->name, "", ONNX_UINT8, 3, dim, w->data);
    in[2] = qnt_onnx_put_const(e, s->name, "", ONNX_FLOAT, 2, s->dim, s->data);
    if (zeros)
        in[3] = zero_points(e, n, w->bits);
    if (with_bias) {
        const struct qnt_tensor *b = &e->m->tensor[n->in[n->n_in - 1]];
        in[5] = qnt_onnx_put_const(e, b->name, "", ONNX_FLOAT, 1, b->dim, b->data);
    }
    const char *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, with_bias ? 6 : zeros ? 4 : 3, out);
    qnt_onnx_set_microsoft(e, node);
    qnt_onnx_set_int(e, node, "K", (int64_t)x->dim[x->rank - 1]);
    qnt_onnx_set_int(e, node, "N", (int64_t)w->dim[0]);
    qnt_onnx_set_int(e, node, "bits", w->bits);
    qnt_onnx_set_int(e, node, "block_size", (int64_t)block);
    if (n->attr.mode & QNT_BLOCK_CODES)
        qnt_onnx_set_int(e, node, "accuracy_level", 4);
    qnt_onnx_put_result(e, n, ONNX_AS_IS, out);
}

/* x, gamma, beta, mean, variance. */
void qnt_onnx_put_batchnorm(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const char *in[5] = {qnt_onnx_as_floats(e, n->in[0], ONNX_FIRST)};
    for (uint32_t k = 1; k < 5; k++) {
        const struct qnt_tensor *t = &e->m->tensor[n->in[k]];
        in[k] = qnt_onnx_put_const(e, t->name, "", ONNX_FLOAT, 1, t->dim, t->data);
    }
    const char *out = qnt_onnx_result_name(e, n);
    qnt_onnx_set_float(e, qnt_onnx_put_node(e, n->name, as, in, 5, out), "epsilon", n->attr.epsilon);
    qnt_onnx_put_result(e, n, ONNX_FIRST, out);
}
