/* Cross-layer equalization. Where one layer's channels go to another layer through nothing but what commutes with a
 * positive factor (relu, pools, a flatten), channel i of the first may be divided by s and the second's weights on it
 * multiplied by s: s = sqrt(r1 / r2), r the largest weights of that channel, makes both span alike. */
#include <math.h>
#include "lib/quant/ptq.h"

enum { SWEEPS = 12 };

/* The weights of a layer on one of its input channels, or those of one output channel. */
struct channel {
    float *first;
    size_t step, count; /* runs of `run` values, `step` apart */
    size_t run;
};

static bool commutes(const struct qnt_node *n)
{
    return n->op == &qnt_op_relu || n->op == &qnt_op_maxpool || n->op == &qnt_op_avgpool ||
           n->op == &qnt_op_global_avgpool || n->op == &qnt_op_global_maxpool || n->op == &qnt_op_flatten;
}

/* The layer behind layer `n` whose channels it may be scaled with; NULL: none. */
static const struct qnt_node *partner(const struct qnt_model *m, const struct qnt_node *n)
{
    uint32_t which = 0;
    while ((n = qnt_sole_reader(m, n->out, &which)) && which == 0) {
        if (qnt_has_weights(n))
            return n;
        if (!commutes(n))
            break;
    }
    return NULL;
}

static struct channel out_channel(const struct qnt_model *m, const struct qnt_node *n, size_t c)
{
    const struct qnt_tensor *w = &m->tensor[n->in[1]];
    const size_t row = qnt_tensor_count(w) / w->dim[0];
    return (struct channel){.first = (float *)w->data + c * row, .step = row, .count = 1, .run = row};
}

/* Input channel c of `channels`; grouped convolutions: by depth alone. */
static struct channel in_channel(const struct qnt_model *m, const struct qnt_node *n, size_t c, size_t channels)
{
    const struct qnt_tensor *w = &m->tensor[n->in[1]];
    const size_t all = qnt_tensor_count(w);
    if (n->op == &qnt_op_conv2d && n->attr.groups > 1) {
        const size_t row = all / channels; /* the output channels that are made of this one */
        return (struct channel){.first = (float *)w->data + c * row, .step = row, .count = 1, .run = row};
    }
    return (struct channel){.first = (float *)w->data + c, .step = channels, .count = all / channels, .run = 1};
}

static float largest(struct channel ch)
{
    float most = 0.0f;
    for (size_t i = 0; i < ch.count; i++)
        for (size_t k = 0; k < ch.run; k++)
            most = fmaxf(most, fabsf(ch.first[i * ch.step + k]));
    return most;
}

static void scale(struct channel ch, float s)
{
    for (size_t i = 0; i < ch.count; i++)
        for (size_t k = 0; k < ch.run; k++)
            ch.first[i * ch.step + k] *= s;
}

static void equalize_pair(struct qnt_model *m, const struct qnt_node *a, const struct qnt_node *b, size_t channels)
{
    float *bias = a->n_in > 2 ? m->tensor[a->in[2]].data : NULL;
    for (size_t c = 0; c < channels; c++) {
        const struct channel out = out_channel(m, a, c), in = in_channel(m, b, c, channels);
        const float r1 = largest(out), r2 = largest(in);
        if (!(r1 > 0.0f && r2 > 0.0f))
            continue;
        const float s = sqrtf(r1 / r2);
        if (!(s > 1e-4f && s < 1e4f)) /* a channel that is nearly dead */
            continue;
        scale(out, 1.0f / s);
        scale(in, s);
        if (bias)
            bias[c] *= 1.0f / s;
    }
}

/* Channels that pair up: b reads a's one by one, as groups of its own or in every group's sum. */
static bool pairs_up(const struct qnt_model *m, const struct qnt_node *a, const struct qnt_node *b)
{
    const size_t channels = m->tensor[a->in[1]].dim[0];
    const struct qnt_tensor *w = &m->tensor[b->in[1]];
    const size_t fan_in = qnt_tensor_count(w) / w->dim[0];
    if (b->op == &qnt_op_conv2d && b->attr.groups > 1)
        return b->attr.groups == channels;
    return fan_in % channels == 0;
}

/* Its weights and bias are floats that nobody else reads. */
static bool alone(const struct qnt_model *m, const struct qnt_node *n)
{
    uint32_t which;
    for (uint32_t k = 1; k < n->n_in; k++)
        if (!m->tensor[n->in[k]].constant || m->tensor[n->in[k]].type != QNT_F32 ||
            !qnt_sole_reader(m, n->in[k], &which))
            return false;
    return true;
}

void qnt_ptq_equalize(struct qnt_model *m)
{
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t i = 0; i < m->n_nodes; i++) {
            const struct qnt_node *a = &m->node[i], *b = qnt_has_weights(a) ? partner(m, a) : NULL;
            if (b && alone(m, a) && alone(m, b) && pairs_up(m, a, b))
                equalize_pair(m, a, b, m->tensor[a->in[1]].dim[0]);
        }
}
