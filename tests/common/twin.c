#include <math.h>
#include <string.h>
#include "lib/op/bounds.h"
#include "lib/quant/quantizer.h"
#include "tests/common/twin.h"

/* Of a tensor's values, by id of the float model: mean square, and deviation before the clamps behind the layer. */
struct spread {
    double square, deviation;
};

static double mean_square(const struct qnt_tensor *t)
{
    const float *v = t->data;
    const size_t n = qnt_tensor_count(t);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    return sum / (double)n;
}

/* Share of a convolution's taps along axis d that lie inside the image: in small images padding takes much of the sum.
 */
static double inside(const struct qnt_tensor *x, const struct qnt_tensor *y, const qnt_node_attr *a, int d)
{
    size_t count = 0;
    for (size_t i = 0; i < y->dim[d]; i++)
        for (size_t k = 0; k < a->kernel[d]; k++) {
            const size_t at = i * a->stride[d] + k * a->dilation[d];
            count += at >= a->pad[d] && at < a->pad[d] + x->dim[d];
        }
    return (double)count / (double)(y->dim[d] * a->kernel[d]);
}

static struct spread spread_of(const struct qnt_model *f, const struct qnt_node *n, const struct spread *known)
{
    struct spread s = known[n->in[0]];
    float lo, hi;
    if (n->op == &qnt_op_conv2d || n->op == &qnt_op_fully_connected) {
        const struct qnt_tensor *w = &f->tensor[n->in[1]];
        double taps = (double)(qnt_tensor_count(w) / w->dim[0]);
        for (int d = 0; d < 2 && n->op == &qnt_op_conv2d; d++)
            taps *= inside(&f->tensor[n->in[0]], &f->tensor[n->out], &n->attr, d);
        s.square = s.square * taps * mean_square(w) + (n->n_in > 2 ? mean_square(&f->tensor[n->in[2]]) : 0);
        s.deviation = sqrt(s.square);
    } else if (n->op == &qnt_op_add || n->op == &qnt_op_sub) {
        s.square += known[n->in[1]].square;
        s.deviation = sqrt(s.square);
    } else if (qnt_bounds_of(n, &lo, &hi) && lo >= 0.0f) {
        s.square /= 2;
    }
    return s;
}

static void set_ranges(struct qnt_quantizer *q, const struct spread *spread)
{
    for (size_t i = 0; i < q->n_groups; i++) {
        struct qnt_group *g = &q->group[i];
        const float reach = (float)(3 * spread[g->tensor].deviation);
        if (!g->fixed)
            g->range =
                (struct qnt_range){fminf(fmaxf(-reach, g->clamp_lo), 0.0f), fmaxf(fminf(reach, g->clamp_hi), 0.0f)};
    }
    qnt_quantizer_put_ranges(q, q->model, NULL);
}

qnt_status test_twin(const qnt_model *model, uint32_t bits, const char *layer_bits, qnt_model **out)
{
    struct qnt_quantizer *q;
    const struct qnt_quantizer_options o = {.bits = bits, .layer_bits = layer_bits, .input = {-1.0f, 1.0f}};
    qnt_status status = qnt_quantizer_create(model, &o, &q);
    if (status)
        return status;
    struct spread *spread = qnt_alloc_array(model->ctx, model->n_tensors, sizeof *spread, "spreads");
    if (!spread) {
        qnt_quantizer_free(q);
        return QNT_ERR_NOMEM;
    }
    spread[model->inputs.id[0]] = (struct spread){1.0 / 3, 1};
    for (size_t i = 0; i < model->n_nodes; i++)
        spread[model->node[i].out] = spread_of(model, &model->node[i], spread);
    set_ranges(q, spread);
    for (size_t l = 0; l < q->n_layers; l++)
        for (size_t c = 0; c < q->layer[l].channels; c++)
            qnt_quantizer_put_channel(q, l, c, model->tensor[q->layer[l].float_w].data,
                                      q->layer[l].float_b < 0 ? NULL : model->tensor[q->layer[l].float_b].data,
                                      q->model, NULL, NULL);
    qnt_release(model->ctx, spread);
    *out = q->model;
    qnt_model_ref(q->model);
    qnt_quantizer_free(q);
    return QNT_OK;
}
