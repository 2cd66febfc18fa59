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

/* A tensor of the float model whose values some group's codes may stand for, whatever is chosen. */
struct qnt_watched {
    int tensor, plan_id; /* of the float model; of its plan */
    struct qnt_histogram *seen;
};

struct qnt_ptq {
    qnt_ctx *ctx;
    qnt_ptq_config config; /* texts: own copies, or NULL; layers: none, they are in `line` */
    struct qnt_model *f;   /* the float model, folded and equalized */
    struct qnt_plan *plan; /* of f, all tensors kept */
    uint8_t *arena, *scratch;
    qnt_ptq_layer *line; /* by node of f: what was chosen for it; names are not set */
    struct qnt_quantizer *q;
    struct qnt_watched *watched;
    size_t n_watched;
    struct qnt_moments *moments; /* by node of f; all 0 of what is no layer */
    uint64_t inputs;
};

/* choice.c. Whether one of these patterns, separated by commas, fits a name; NULL: there are none. */
bool qnt_ptq_any_fits(const char *patterns, const char *name);
/* Each of them fits some node of the model; field: of the configuration. */
qnt_status qnt_ptq_check_pattern(const struct qnt_model *m, const char *field, const char *patterns);
/* Every pattern of the configuration fits some node. */
qnt_status qnt_ptq_check_patterns(const struct qnt_ptq *p);
/* Whether the configuration's patterns keep a node in float, for good. */
bool qnt_ptq_kept(const struct qnt_ptq *p, const struct qnt_node *n);
/* The quantizer that p->config and these lines ask for, instead of p->q and p->line. */
qnt_status qnt_ptq_set_layers(struct qnt_ptq *p, const qnt_ptq_layer *layer, size_t n);
/* seen.c: what tensors hold, of inputs that lie in the arena at index `at` of their batch; a group's is NULL when the
 * plan does not compute the tensor. */
qnt_status qnt_seen_create(struct qnt_ptq *p);
void qnt_seen_add(struct qnt_ptq *p, size_t at);
const struct qnt_histogram *qnt_seen_of(const struct qnt_ptq *p, int tensor);
void qnt_seen_free(struct qnt_ptq *p);
/* Scales channels between layers of m in place: equalize.c. */
void qnt_ptq_equalize(struct qnt_model *m);
/* moments.c: what the layers of the float model are given, likewise. */
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
#endif
