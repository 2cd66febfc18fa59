/* Whether two imports gave the same model: proof that it holds nothing that was computed from the size assumed for a
 * batch that the file leaves open. */
#include <string.h>
#include "lib/import/onnx/maps.h"

static bool same_tensor(const struct qnt_tensor *a, const struct qnt_tensor *b)
{
    if (strcmp(a->name, b->name) || a->type != b->type || a->bits != b->bits || a->rank != b->rank ||
        a->zero != b->zero || a->scales != b->scales || a->constant != b->constant ||
        memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) ||
        (a->scales && memcmp(a->scale, b->scale, a->scales * sizeof *a->scale)))
        return false;
    return !a->constant || !memcmp(a->data, b->data, qnt_tensor_bytes(a));
}

/* Attributes were cleared before they were filled, padding included. */
static bool same_node(const struct qnt_node *a, const struct qnt_node *b)
{
    return !strcmp(a->name, b->name) && a->op == b->op && a->n_in == b->n_in && a->out == b->out &&
           !memcmp(a->in, b->in, a->n_in * sizeof *a->in) && !memcmp(&a->attr, &b->attr, sizeof a->attr);
}

bool qnt_onnx_same(const struct qnt_model *a, const struct qnt_model *b, const char **what)
{
    *what = "number of tensors or nodes";
    if (a->n_tensors != b->n_tensors || a->n_nodes != b->n_nodes)
        return false;
    for (size_t i = 0; i < a->n_tensors; i++)
        if (!same_tensor(&a->tensor[i], &b->tensor[i])) {
            *what = a->tensor[i].name;
            return false;
        }
    for (size_t i = 0; i < a->n_nodes; i++)
        if (!same_node(&a->node[i], &b->node[i])) {
            *what = a->node[i].name;
            return false;
        }
    return true;
}
