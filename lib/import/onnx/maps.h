#ifndef IMPORT_ONNX_MAPS_H
#define IMPORT_ONNX_MAPS_H
/* The functions that ops.def names, and the parts of the mapper's way that have files of their own. */
#include "lib/import/onnx/map.h"

#define ONNX_OP(domain, name, needed, in, out, fold, map, attr) onnx_map_fn qnt_onnx_fold_##fold, qnt_onnx_map_##map;
#include "lib/import/onnx/ops.def"
#undef ONNX_OP

/* map.c: fills mp->model; mp: ctx, g, config, model, whole and batch are set. */
qnt_status qnt_onnx_map_once(struct onnx_mapper *mp);

/* border.c */
/* Inputs that the configuration gives become constants. */
qnt_status qnt_onnx_bind(struct onnx_mapper *mp);
/* Shape of an input; what the file leaves open, from the configuration. */
qnt_status qnt_onnx_input_shape(const struct onnx_mapper *mp, const struct onnx_value_info *info, struct onnx_shape *s);
/* What the codes of input v mean: the first node that says it, looked for behind those that only move them; *q stays as
 * it is when there is none. */
bool qnt_onnx_find_quant(struct onnx_mapper *mp, const struct onnx_value *v, struct onnx_quant *q);
/* The model's type for an ONNX one, integers of 4 and 2 bits in 8; false: it has none. */
bool qnt_onnx_dtype(int32_t type, qnt_dtype *dtype, uint32_t *bits);
/* v, an input of the graph, is a constant or an activation that a tensor can hold; n: who asks, or NULL. */
qnt_status qnt_onnx_check_input(const struct onnx_value *v, const struct onnx_node *n);
/* An input of the model of ONNX type `type`; *id is the tensor to compute with. */
qnt_status qnt_onnx_append_input(struct onnx_mapper *mp, const struct qnt_tensor *t, int32_t type, int *id);
qnt_status qnt_onnx_append_output(struct onnx_mapper *mp, const struct onnx_value *v, int id);

/* quant.c: codes of one scale that mean the same. */
bool qnt_onnx_same_quant(const struct onnx_quant *a, const struct onnx_quant *b);
/* quant_general.c: as floats. */
qnt_status qnt_onnx_dequantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                       const struct onnx_quant *q);
qnt_status qnt_onnx_quantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                     const struct onnx_quant *q);
/* Type and bits of the model's tensor of an ONNX type, or a refusal. */
qnt_status qnt_onnx_integer_type(const struct onnx_node *n, int32_t type, struct qnt_tensor *t);
/* x, integers, as a tensor of them without a scale. */
qnt_status qnt_onnx_integers(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, bool last,
                             int *id);
/* Floats, rounded and saturated, as a tensor of integers. */
qnt_status qnt_onnx_to_ints(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type, int in, int *id);
/* map_cast.c: tensor in as one of an ONNX type. */
qnt_status qnt_onnx_cast(struct onnx_mapper *mp, const struct onnx_node *n, int in, int32_t type, int *id);

/* map_pair.c */
/* Shape of what two shapes are broadcast to. */
qnt_status qnt_onnx_broadcast(const struct onnx_node *n, const struct onnx_shape *a, const struct onnx_shape *b,
                              struct onnx_shape *s);
/* A constant, its dimensions aligned to the last of `rank`, as a float constant of the model. */
qnt_status qnt_onnx_spread_const(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, uint32_t rank,
                                 bool last, int *id);
/* The same of integers, in the model's type for them. */
qnt_status qnt_onnx_spread_ints(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_value *v,
                                uint32_t rank, bool last, int *id);
/* Tensor in, an activation of shape s in ONNX's order, plus c. */
qnt_status qnt_onnx_add_to(struct onnx_mapper *mp, const struct onnx_node *n, int in, const struct onnx_shape *s,
                           struct onnx_value *c, int *id);
/* map_pool.c: op over all places of x; *s: as x, these of extent 1; channels last. */
qnt_status qnt_onnx_pool_all(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                             const struct qnt_tensor *out, int *id, struct onnx_shape *s);
/* op with windows over x, as the node's attributes say; channels last. out: what the result means, NULL: as x. */
qnt_status qnt_onnx_pool(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                         const struct qnt_tensor *out, int *id, struct onnx_shape *s);
/* map_function.c: op from codes to codes, which after gives. */
qnt_status qnt_onnx_function_codes(struct onnx_mapper *mp, const struct onnx_node *n, const char *op,
                                   const qnt_node_attr *attr, struct onnx_value *codes, const struct onnx_after *after);
/* map_pair.c: a op b, floats by meaning stored as codes, to codes that after gives; either may be a constant. */
qnt_status qnt_onnx_pair_codes(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *a,
                               struct onnx_value *b, const struct onnx_after *after);
/* map_matmul_pair.c: the right side of floats may be an activation, or a constant of any rank. */
qnt_status qnt_onnx_matmul_activations(struct onnx_mapper *mp, const struct onnx_node *n);
/* Codes a by codes b. after NULL: the sums, and a constant b's zero points may differ by column. */
qnt_status qnt_onnx_matmul_codes(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *a,
                                 struct onnx_value *b, const struct onnx_quant *b_quant,
                                 const struct onnx_after *after);
/* full.c: a constant that fully_connected takes, a vector or one matrix. */
bool qnt_onnx_one_matrix(const struct onnx_shape *s);

/* move.c: operations that only move elements do so with codes, and what these mean stays. *x: what to move for input k.
 */
qnt_status qnt_onnx_moved_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value **x);
/* Output k of shape s is tensor id, made of *x; as floats by meaning if input k_in is such. */
qnt_status qnt_onnx_moved(struct onnx_mapper *mp, const struct onnx_node *n, size_t k_in, size_t k,
                          const struct onnx_shape *s, bool last, int id);
/* Output 0 is x under shape s. */
qnt_status qnt_onnx_reshaped(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s);

/* batch.c: the tensor of a value wherever its batch is; an output whose batch is dimension `batch`, of which id holds
 * the rest. Transpose and the operations that reshape, of input 0 whose batch is another dimension or becomes one. */
qnt_status qnt_onnx_batch_tensor(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, int *id);
qnt_status qnt_onnx_batch_result(struct onnx_mapper *mp, const struct onnx_node *n, size_t k,
                                 const struct onnx_shape *s, uint32_t batch, int id);
qnt_status qnt_onnx_batch_transpose(struct onnx_mapper *mp, const struct onnx_node *n, const uint32_t *perm);
qnt_status qnt_onnx_batch_reshape(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s);

/* map_shape.c: the new shape of x by Reshape, Flatten, Squeeze, Unsqueeze, and the axes of Transpose. */
qnt_status qnt_onnx_new_shape(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *x,
                              struct onnx_shape *s);
qnt_status qnt_onnx_reshape_shape(const struct onnx_node *n, const struct onnx_shape *x, const int64_t *dims,
                                  size_t rank, struct onnx_shape *s);
qnt_status qnt_onnx_perm(const struct onnx_node *n, uint32_t rank, uint32_t perm[ONNX_MAX_RANK]);
/* fold_arithmetic.c: element i of shape s takes this one of an operand of shape x that is broadcast to it. */
size_t qnt_onnx_broadcast_at(const struct onnx_shape *s, const struct onnx_shape *x, size_t i);
/* fold_number.c: input 0, a constant, as another type. */
qnt_status qnt_onnx_fold_as(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type);
/* fold_shape.c: input k, a constant, has `data` of its type, also where it was codes. */
qnt_status qnt_onnx_plain_data(struct onnx_mapper *mp, const struct onnx_node *n, size_t k);
/* map_pad.c: *value, a code of input 0, becomes the number that tensor id means by it. */
qnt_status qnt_onnx_pad_code(struct onnx_mapper *mp, const struct onnx_node *n, int id, float *value);
/* finish.c: outputs have the graph's names. */
qnt_status qnt_onnx_name_outputs(struct onnx_mapper *mp);

/* same.c: the two models are equal, names and constants included; *what names a difference. */
bool qnt_onnx_same(const struct qnt_model *a, const struct qnt_model *b, const char **what);
#endif
