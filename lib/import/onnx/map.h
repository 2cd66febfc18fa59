#ifndef IMPORT_ONNX_MAP_H
#define IMPORT_ONNX_MAP_H
/* From an ONNX graph to a model. Nodes are mapped one after another by the functions that ops.def names, each of which
 * finds its inputs as values (value.h) and gives its outputs as such. */
#include <qnt/import.h>
#include "lib/graph/graph.h"
#include "lib/import/onnx/onnx.h"
#include "lib/import/onnx/value.h"

struct onnx_mapper {
    const qnt_ctx *ctx;
    const struct onnx_graph *g;
    const qnt_import_config *config;
    qnt_model *model;
    /* false: dimension 0 of every activation is the session's batch, which tensors leave out; here it counts `batch`.
     * true: tensors have all dimensions. */
    bool whole;
    size_t batch;
    struct onnx_value *value;
    size_t n_values;
    struct qnt_names names;
    struct onnx_owned *owned; /* memory that lives as long as the mapper */
    bool *done;               /* by node: another node's mapping has taken it in */
    size_t node;              /* the one being mapped */
    unsigned serial;          /* makes names unique */
    size_t folded;            /* elements of constants made so far */
    qnt_status lost;          /* why the last function that gives a pointer gave NULL */
};

typedef qnt_status onnx_map_fn(struct onnx_mapper *mp, const struct onnx_node *n);

enum { ONNX_ANY = UINT8_MAX }; /* any number */
struct onnx_op {
    const char *domain, *name;
    uint16_t needed; /* a bit for each input that must be there */
    uint8_t most_in, most_out;
    onnx_map_fn *fold; /* when every input is known: gives constants. NULL: there is none */
    onnx_map_fn *map;  /* NULL: inputs must be known */
    const char *attr;  /* names of the attributes it knows, a blank between them */
};

/* The whole way. *out is untouched on failure. */
qnt_status qnt_onnx_map(qnt_ctx *ctx, const struct onnx_graph *g, const qnt_import_config *config, qnt_model **out);
/* NULL: unknown. */
const struct onnx_op *qnt_onnx_op(const char *domain, const char *name);
/* Line i of ops.def; NULL: past the last. */
const struct onnx_op *qnt_onnx_op_at(size_t i);
/* Refuses a node without an input that its operation cannot do without, with more than it takes or gives, or with an
 * attribute of another kind than its name says. An operation that is none of ops.def passes: it is refused when it is
 * needed. */
qnt_status qnt_onnx_node_check(const struct onnx_node *n);

/* Texts begin with "node 'n' (Op): ". */
qnt_status qnt_onnx_fail(qnt_status status, const struct onnx_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For a node that would have to look into dimension 0 while it is the batch: the graph is then imported again as a
 * whole, or refused with this text where the batch is open. */
qnt_status qnt_onnx_touches(const struct onnx_node *n);

/* attr.c */
const struct onnx_attr *qnt_onnx_attr(const struct onnx_node *n, const char *name);
int64_t qnt_onnx_attr_int(const struct onnx_node *n, const char *name, int64_t otherwise);
float qnt_onnx_attr_float(const struct onnx_node *n, const char *name, float otherwise);
/* The string attribute `name`, or `otherwise` if absent, is `text`. */
bool qnt_onnx_attr_is(const struct onnx_node *n, const char *name, const char *otherwise, const char *text);
/* Whether `name` is a word of the list, whose words have blanks between them. */
bool qnt_onnx_listed(const char *list, const char *name);
/* Only attributes that the list names. */
qnt_status qnt_onnx_attr_check(const struct onnx_node *n, const char *known);
/* An axis, counted from the end when negative; inclusive: rank itself is one, too. */
qnt_status qnt_onnx_axis(const struct onnx_node *n, int64_t axis, uint32_t rank, bool inclusive, uint32_t *out);
/* Axes from input k (a constant) or attribute `name`, sorted out into `set`, a bit each. Absent: *set is 0, QNT_OK. */
qnt_status qnt_onnx_axes(struct onnx_mapper *mp, const struct onnx_node *n, const char *name, size_t k, uint32_t rank,
                         uint32_t *set);

/* emit.c: nodes and tensors of the model. */
/* The tensor that holds the activation v: in ONNX's order or channels last (the same below rank 3); as floats if it is
 * a float by meaning. Constants are refused. */
qnt_status qnt_onnx_as_tensor(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, bool last,
                              int *id);
/* Whether v lies there channels last already, or what its floats are made from does. */
bool qnt_onnx_is_last(const struct onnx_value *v);
/* Input k as an activation of type float. */
qnt_status qnt_onnx_float_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value **v);
/* A node whose output is named base or, where that is taken, base and a number; it is named as n if base is an output
 * of n, else as its own. out_q: see qnt_model_append_node. */
qnt_status qnt_onnx_emit(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, const qnt_node_attr *attr,
                         const int *in, size_t n_in, const char *base, const struct qnt_tensor *out_q, int *id);
/* The same elements under the shape s of a tensor (batch left out). */
qnt_status qnt_onnx_emit_reshape(struct onnx_mapper *mp, const struct onnx_node *n, int in, const struct onnx_shape *s,
                                 const char *base, int *id);
/* A tensor of its own with what tensor in holds. */
qnt_status qnt_onnx_emit_copy(struct onnx_mapper *mp, int in, const char *base, int *id);
/* A float constant of the model, copied. */
qnt_status qnt_onnx_emit_floats(struct onnx_mapper *mp, const struct onnx_shape *s, const float *data, const char *base,
                                int *id);
/* Any constant of the model; t: all but the name. Data and scales are copied. */
qnt_status qnt_onnx_emit_const(struct onnx_mapper *mp, const struct qnt_tensor *t, const char *base, int *id);
/* Output k is the activation of this ONNX type and shape that tensor id holds. */
qnt_status qnt_onnx_result(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                           const struct onnx_shape *s, bool last, int id);
/* Shape of the tensor for an activation of ONNX shape s. */
struct onnx_shape qnt_onnx_stored(const struct onnx_mapper *mp, const struct onnx_shape *s, bool last);
/* Where ONNX dimension d lies in the stored tensor, -1: it is the batch. */
int qnt_onnx_stored_axis(const struct onnx_mapper *mp, uint32_t rank, bool last, uint32_t d);

/* qdq.c */
/* Scale (input k) and zero point (input k + 1, may be left out: 0) of codes of shape s. axis: as the attribute says,
 * for those that are not per tensor; block: 0 or indices that share a scale. type: of the codes. */
qnt_status qnt_onnx_quant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                          const struct onnx_shape *s, int64_t axis, int64_t block, struct onnx_quant *q);
/* q->n zero points of q->type: input k, or 0 where it is left out. */
qnt_status qnt_onnx_zeros(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_quant *q);
/* Scale and zero point of a QuantizeLinear, whose type its zero point or an attribute says. */
qnt_status qnt_onnx_quantize_params(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s,
                                    struct onnx_quant *q);
/* Bounds of a Clip; its inputs must be known. */
qnt_status qnt_onnx_clip(struct onnx_mapper *mp, const struct onnx_node *n, float *lo, float *hi);
/* One scale and 8-bit codes: what a tensor of the model can be. */
bool qnt_onnx_is_plain(const struct onnx_quant *q);
/* Type, bits, scale and zero point of an s8 tensor with such codes; *q must outlive it. */
struct qnt_tensor qnt_onnx_code_tensor(const struct onnx_quant *q);
/* The codes of input k, a float by meaning stored as plain codes; NULL otherwise. */
struct onnx_value *qnt_onnx_codes(struct onnx_mapper *mp, const struct onnx_node *n, size_t k);
/* For operations on codes, whose scales are inputs. Input k as an activation of 8-bit codes that mean what inputs
 * k_scale and k_scale + 1 say. */
qnt_status qnt_onnx_code_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, size_t k_scale,
                            struct onnx_value **v, struct onnx_quant *q);
/* The same where *q says it; of its scale 0 says that any will do. */
qnt_status qnt_onnx_same_quant_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k,
                                  const struct onnx_quant *q, struct onnx_value **v);
/* What output codes mean: inputs k_scale and k_scale + 1. */
qnt_status qnt_onnx_code_out(struct onnx_mapper *mp, const struct onnx_node *n, size_t k_scale, struct onnx_quant *q);
/* For exact sums: input k's zero point, or one for each index of `axis`, input k_zero or 0; the scale is 1. */
qnt_status qnt_onnx_sum_quant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, size_t k_zero, int64_t axis,
                              struct onnx_quant *q);
/* What follows node n's first output, when that is a QuantizeLinear to plain codes alone, perhaps behind Relu and Clip.
 */
struct onnx_after {
    struct onnx_quant quant;
    float lo, hi;                 /* bounds on the way */
    const struct onnx_node *last; /* the QuantizeLinear */
    size_t taken[4], n_taken;     /* the nodes behind n, by index */
};
bool qnt_onnx_after(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_after *a);
/* Puts the bounds behind tensor id, whose codes are a->quant's, and gives it as the output of a->last; the nodes are
 * done. */
qnt_status qnt_onnx_after_result(struct onnx_mapper *mp, const struct onnx_after *a, const struct onnx_shape *s,
                                 bool last, int id);
#endif
