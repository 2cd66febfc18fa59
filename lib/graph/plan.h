#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H
/* Model -> plan: fold batch norm, fuse relu/clamp into the producer, hand signs on as bits, order steps, place tensors in one arena, prepare. */
#include "lib/op/op.h"

struct qnt_plan {
    qnt_ctx *ctx;
    struct qnt_model *model; /* the rewritten graph, owned by the plan (weights may alias the source model's); its inputs
                              * and outputs are the plan's */
    struct qnt_model *source; /* reference kept */
    struct qnt_step *step;
    struct qnt_tensor *view; /* two a step: what it sees for its first input and output where the op works on fewer
                                dimensions; names and scales are the model's */
    size_t n_steps;
    size_t max_batch, arena_bytes, scratch_bytes; /* scratch: maximum over the steps, per thread */
    size_t packed_bytes;     /* of all steps */
    size_t *offset;          /* by tensor id of `model`; SIZE_MAX for constants and for inputs outside */
    size_t inputs_inside;    /* of the model's inputs, those with a place in the arena */
};
struct qnt_plan_options {
    size_t max_batch;
    bool quantized_io; /* strip leading quantizes and trailing dequantizes */
    bool keep_tensors; /* no sharing of arena memory, and no value as bits */
    bool keep_graph;   /* no folding or fusing that changes the node list */
    bool inputs_outside; /* inputs that only steps read which can do so outside of the arena get no place in it */
    bool small_weights; /* as of struct qnt_step */
    bool keep_batchnorm; /* no folding of batch norms: they are being trained */
};
qnt_status qnt_plan_create(struct qnt_model *source, const struct qnt_plan_options *o, struct qnt_plan **out);
void qnt_plan_free(struct qnt_plan *p);
/* All steps on one thread's share. With x->parts > 1 the caller puts a barrier between steps itself. */
static inline void qnt_plan_run_step(const struct qnt_plan *p, size_t i, const struct qnt_exec *x)
{
    const struct qnt_step *s = &p->step[i];
    struct qnt_exec images = *x;
    images.batch *= s->lead;
    if (s->op->run)
        s->op->run(s, &images);
}
#endif
