/* What the float model's nodes are to quantization, and what reads what. */
#include "lib/op/bounds.h"
#include "lib/quant/quantizer.h"

bool qnt_has_weights(const struct qnt_node *n)
{
    return n->op == &qnt_op_conv2d || n->op == &qnt_op_fully_connected;
}

bool qnt_is_layer(const struct qnt_model *f, const struct qnt_node *n)
{
    return qnt_has_weights(n) && f->tensor[n->in[1]].constant && f->tensor[n->in[1]].type == QNT_F32 &&
           (n->n_in < 3 || f->tensor[n->in[2]].constant);
}

bool qnt_passes_codes(const struct qnt_node *n)
{
    float lo, hi;
    return qnt_bounds_of(n, &lo, &hi) || n->op == &qnt_op_maxpool || n->op == &qnt_op_avgpool ||
           n->op == &qnt_op_global_avgpool || n->op == &qnt_op_global_maxpool || n->op == &qnt_op_flatten ||
           n->op == &qnt_op_reshape || n->op == &qnt_op_transpose || n->op == &qnt_op_pad || n->op == &qnt_op_slice ||
           n->op == &qnt_op_resize;
}

const struct qnt_node *qnt_sole_reader(const struct qnt_model *m, int id, uint32_t *which)
{
    const struct qnt_node *found = NULL;
    size_t readers = 0;
    for (size_t i = 0; i < m->outputs.n; i++)
        readers += m->outputs.id[i] == id;
    for (size_t i = 0; i < m->n_nodes; i++)
        for (uint32_t k = 0; k < m->node[i].n_in; k++)
            if (m->node[i].in[k] == id) {
                found = &m->node[i];
                *which = k;
                readers++;
            }
    return readers == 1 ? found : NULL;
}

const struct qnt_node *qnt_next_bounds(const struct qnt_model *f, int tensor, float *lo, float *hi)
{
    uint32_t which;
    const struct qnt_node *next = qnt_sole_reader(f, tensor, &which);
    return next && qnt_bounds_of(next, lo, hi) ? next : NULL;
}

int qnt_clamped(const struct qnt_model *f, const struct qnt_node *n)
{
    float lo, hi;
    int tensor = n->out;
    while ((n = qnt_next_bounds(f, tensor, &lo, &hi)))
        tensor = n->out;
    return tensor;
}
