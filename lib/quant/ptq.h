#ifndef QUANT_PTQ_H
#define QUANT_PTQ_H
/* Post-training quantization: ptq.c has the public functions, the other files a step of it each. */
#include <qnt/quantize.h>
#include "lib/quant/histogram.h"
#include "lib/quant/quantizer.h"

/* What a layer was given, for each of its groups: windows of k values, sampled. */
struct qnt_moments {
    size_t groups, k;
    uint64_t windows;
    double *sum;    /* [groups][k] */
    float *window;  /* [k]: the one being added */
    float *product; /* [groups][k][k], symmetric once qnt_moments_mirror has been called; NULL: not wanted */
};

struct qnt_ptq {
    qnt_ctx *ctx;
    qnt_ptq_config config; /* texts: own copies, or NULL */
    struct qnt_model *f;   /* the float model, folded and equalized */
    struct qnt_plan *plan; /* of f, all tensors kept */
    uint8_t *arena, *scratch;
    struct qnt_quantizer *q;
    struct qnt_histogram *seen;  /* by group */
    struct qnt_moments *moments; /* by layer */
    uint64_t inputs;
};

/* Scales channels between layers of m in place: equalize.c. */
void qnt_ptq_equalize(struct qnt_model *m);
/* By layer of p->q: moments.c. add: of the input that lies in the arena at index `at` of its batch. */
qnt_status qnt_moments_create(struct qnt_ptq *p);
void qnt_moments_add(struct qnt_ptq *p, size_t at);
void qnt_moments_mirror(struct qnt_moments *m);
void qnt_moments_free(struct qnt_ptq *p);
/* Codes of one output channel, of weights w with this scale, moved to where the layer's sums are closest: rounding.c.
 * work: k floats. Returns the squared error that is left. */
double qnt_round_learned(const float *w, size_t k, float scale, int32_t limit, const float *product, float *work,
                         int8_t *codes);
/* Codes, scales and biases of all layers into the quantized model: weights.c. */
qnt_status qnt_ptq_weights(struct qnt_ptq *p);
/* The float model's node that layer l is of. */
const struct qnt_node *qnt_ptq_node(const struct qnt_ptq *p, size_t l);
#endif
