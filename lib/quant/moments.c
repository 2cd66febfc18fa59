/* First and second moments of what layers are given: windows of a convolution's input, whole inputs of a fully
 * connected layer. Of each input's windows a number is taken that keeps the work in bounds, evenly spread, from another
 * one on for each input. */
#include <string.h>
#include "lib/quant/ptq.h"

enum { MOST_WINDOWS = 256, WORK = 1 << 23 /* multiply-adds an input and layer */ };

/* The window of one group that output pixel (oy, ox) sees, in the order of the weights; padding is 0. */
static void window(const struct qnt_tensor *x, const qnt_node_attr *a, const float *image, size_t oy, size_t ox,
                   size_t group, size_t channels, float *to)
{
    for (size_t ky = 0; ky < a->kernel[0]; ky++)
        for (size_t kx = 0; kx < a->kernel[1]; kx++, to += channels) {
            const size_t y = oy * a->stride[0] + ky * a->dilation[0], z = ox * a->stride[1] + kx * a->dilation[1];
            const bool inside =
                y >= a->pad[0] && y - a->pad[0] < x->dim[0] && z >= a->pad[1] && z - a->pad[1] < x->dim[1];
            if (inside)
                memcpy(to, image + ((y - a->pad[0]) * x->dim[1] + (z - a->pad[1])) * x->dim[2] + group * channels,
                       channels * sizeof *to);
            else
                memset(to, 0, channels * sizeof *to);
        }
}

static void add_window(struct qnt_moments *m, size_t group, const float *x)
{
    double *sum = m->sum + group * m->k;
    for (size_t i = 0; i < m->k; i++)
        sum[i] += (double)x[i];
    if (!m->product)
        return;
    float *product = m->product + group * m->k * m->k;
    for (size_t i = 0; i < m->k; i++, product += m->k) {
        const float v = x[i];
        if (v != 0.0f) /* relus make many */
            for (size_t j = 0; j <= i; j++)
                product[j] += v * x[j];
    }
}

/* What layer `n` is given of one image: x and y are without the dimensions in front that are images. */
static void add_image(struct qnt_moments *m, const struct qnt_node *n, const struct qnt_tensor *x,
                      const struct qnt_tensor *y, const float *image, uint64_t turn)
{
    const bool conv = n->op == &qnt_op_conv2d;
    const size_t pixels = conv ? y->dim[0] * y->dim[1] : 1;
    size_t most = WORK / (m->product ? m->k * m->k * m->groups / 2 + 1 : m->k * m->groups);
    most = most < 1 ? 1 : most > MOST_WINDOWS ? MOST_WINDOWS : most;
    const size_t windows = pixels < most ? pixels : most, first = (size_t)(turn * 40503u % pixels);
    for (size_t i = 0; i < windows; i++, m->windows++) {
        const size_t pixel = (first + i * pixels / windows) % pixels;
        for (size_t g = 0; g < m->groups; g++) {
            if (conv)
                window(x, &n->attr, image, pixel / y->dim[1], pixel % y->dim[1], g, x->dim[2] / m->groups, m->window);
            add_window(m, g, conv ? m->window : image);
        }
    }
}

/* Of a layer's node. */
static void add_layer(struct qnt_ptq *p, size_t node, size_t at)
{
    const struct qnt_node *n = &p->f->node[node];
    const struct qnt_model *pm = p->plan->model;
    const int id = qnt_model_find(pm, p->f->tensor[n->in[0]].name);
    if (id < 0 || p->plan->offset[id] == SIZE_MAX)
        return;
    struct qnt_tensor x = pm->tensor[id], y = p->f->tensor[n->out];
    const float *image = (const float *)(p->arena + p->plan->offset[id]) + at * qnt_tensor_count(&x);
    const size_t lead = qnt_tensor_strip(&x, n->op->rank);
    qnt_tensor_strip(&y, n->op->rank);
    for (size_t i = 0; i < lead; i++, image += qnt_tensor_count(&x))
        add_image(&p->moments[node], n, &x, &y, image, p->inputs * lead + i);
}

void qnt_moments_add(struct qnt_ptq *p, size_t at)
{
    for (size_t i = 0; i < p->f->n_nodes; i++)
        if (p->moments[i].k)
            add_layer(p, i, at);
}

void qnt_moments_mirror(struct qnt_moments *m)
{
    for (size_t g = 0; m->product && g < m->groups; g++) {
        float *h = m->product + g * m->k * m->k;
        for (size_t i = 0; i < m->k; i++)
            for (size_t j = 0; j < i; j++)
                h[j * m->k + i] = h[i * m->k + j];
    }
}

static qnt_status create_layer(struct qnt_ptq *p, size_t node)
{
    const struct qnt_node *n = &p->f->node[node];
    const struct qnt_tensor *w = &p->f->tensor[n->in[1]];
    struct qnt_moments *m = &p->moments[node];
    const size_t groups = n->op == &qnt_op_conv2d ? n->attr.groups : 1, k = qnt_tensor_count(w) / w->dim[0];
    size_t square;
    *m = (struct qnt_moments){.groups = groups, .k = k};
    if (!(m->sum = qnt_alloc_array(p->ctx, groups * k, sizeof *m->sum, "moments")) ||
        !(m->window = qnt_alloc_array(p->ctx, k, sizeof *m->window, "moments")))
        return QNT_ERR_NOMEM;
    if (p->config.rounding != QNT_ROUND_LEARNED)
        return QNT_OK;
    if (qnt_mul_overflows(k, k, &square) || qnt_mul_overflows(square, groups, &square))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': learned rounding needs %zu x %zu x %zu floats", n->name, groups, k,
                        k);
    m->product = qnt_alloc_array(p->ctx, square, sizeof *m->product, "second moments");
    return m->product ? QNT_OK : QNT_ERR_NOMEM;
}

qnt_status qnt_moments_create(struct qnt_ptq *p)
{
    qnt_status status = QNT_OK;
    if (!(p->moments = qnt_alloc_array(p->ctx, p->f->n_nodes + 1, sizeof *p->moments, "moments")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < p->f->n_nodes && !status; i++)
        if (qnt_is_layer(p->f, &p->f->node[i]) && !qnt_ptq_kept(p, &p->f->node[i]))
            status = create_layer(p, i);
    return status;
}

void qnt_moments_free(struct qnt_ptq *p)
{
    for (size_t i = 0; p->moments && i < p->f->n_nodes; i++) {
        qnt_release(p->ctx, p->moments[i].sum);
        qnt_release(p->ctx, p->moments[i].window);
        qnt_release(p->ctx, p->moments[i].product);
    }
    qnt_release(p->ctx, p->moments);
}
