#ifndef TESTS_UNIT_SAME_MODEL_H
#define TESTS_UNIT_SAME_MODEL_H
/* Two models are the same in all that a file of them would hold. */
#include <string.h>
#include "unit.h"
#include "lib/graph/graph.h"

static inline void same_tensor(const struct qnt_tensor *a, const struct qnt_tensor *b)
{
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->type, b->type);
    ck_assert_uint_eq(a->bits, b->bits);
    ck_assert_uint_eq(a->rank, b->rank);
    ck_assert_mem_eq(a->dim, b->dim, a->rank * sizeof *a->dim);
    ck_assert_int_eq(a->constant, b->constant);
    ck_assert_int_eq(a->zero, b->zero);
    ck_assert_uint_eq(a->scales, b->scales);
    if (a->scales)
        ck_assert_mem_eq(a->scale, b->scale, a->scales * sizeof *a->scale);
    if (a->constant)
        ck_assert_mem_eq(a->data, b->data, qnt_tensor_count(a) * qnt_dtype_size(a->type));
}

static inline void same_ids(const struct qnt_ids *a, const struct qnt_ids *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_mem_eq(a->id, b->id, a->n * sizeof *a->id);
}

static inline void same_model(const qnt_model *a, const qnt_model *b)
{
    ck_assert_uint_eq(a->n_tensors, b->n_tensors);
    ck_assert_uint_eq(a->n_nodes, b->n_nodes);
    same_ids(&a->inputs, &b->inputs);
    same_ids(&a->outputs, &b->outputs);
    ck_assert_mem_eq(a->mean, b->mean, sizeof a->mean);
    ck_assert_mem_eq(a->deviation, b->deviation, sizeof a->deviation);
    for (size_t i = 0; i < a->n_tensors; i++)
        same_tensor(&a->tensor[i], &b->tensor[i]);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const struct qnt_node *m = &a->node[i], *n = &b->node[i];
        ck_assert_str_eq(m->name, n->name);
        ck_assert_ptr_eq(m->op, n->op);
        ck_assert_uint_eq(m->n_in, n->n_in);
        ck_assert_mem_eq(m->in, n->in, m->n_in * sizeof *m->in);
        ck_assert_int_eq(m->out, n->out);
        ck_assert_mem_eq(&m->attr, &n->attr, sizeof m->attr);
    }
}
#endif
