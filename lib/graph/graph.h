#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H
/* The model as data: tensors and nodes. Made by the builder, the importers and the quantizer; read by plan and train.
 * Nodes are in execution order (each node's inputs are produced before it). Activations are NHWC; dim leaves the batch
 * out. */
#include <qnt/model.h>
#include "lib/graph/names.h"

struct qnt_op_def;

struct qnt_tensor {
    char *name;
    qnt_dtype type;
    uint32_t bits; /* 1..8 for S8; 1: the codes are -1 and 1; 2 for TERNARY; 4 or 8 for constants of U8 */
    uint32_t rank;
    size_t dim[QNT_MAX_RANK];
    bool constant;
    bool owns_data;  /* data is freed with the model; otherwise it lies in the mapped file */
    uint32_t scales; /* 0, 1, or dim[0] for weights (the output channel is the first dimension) */
    float *scale;    /* owned */
    int32_t zero;    /* activations; 0 for weights */
    void *data; /* constants: elements of `type`, k-bit and ternary codes unpacked to s8; u8 ones of 4 bits stay packed,
                   low bits first, in a whole number of bytes */
};
enum { QNT_MAX_INPUTS = 16, QNT_MAX_ATTRIBUTE = 1 << 20 /* kernel, stride, dilation, pad, groups */ };
#define QNT_MAX_ELEMENTS ((size_t)1 << 40)
struct qnt_node {
    char *name;
    const struct qnt_op_def *op;
    int in[QNT_MAX_INPUTS]; /* tensor ids */
    uint32_t n_in;
    int out;
    qnt_node_attr attr; /* normalised: 0 replaced by the defaults */
};
/* Tensor ids in an order. */
struct qnt_ids {
    int *id;
    size_t n, cap;
};
struct qnt_model {
    qnt_ctx *ctx;
    _Atomic uint32_t refs;
    struct qnt_tensor *tensor;
    size_t n_tensors, cap_tensors;
    struct qnt_node *node;
    size_t n_nodes, cap_nodes;
    struct qnt_names tensor_names, node_names;
    struct qnt_ids inputs, outputs; /* none before they are set; inputs by rising id, each once; an output may be an
                                       input, and may be there more than once */
    float mean[4], deviation[4];
    void *map; /* the mapped file, or NULL */
    size_t map_bytes;
};

/* Elements of one image (activations) or of the whole constant; QNT_ERR_RANGE when the product overflows or exceeds
 * 2^40. */
qnt_status qnt_tensor_elements(const struct qnt_tensor *t, size_t *out);
/* Takes dimensions in front off until `rank` are left; their product. */
size_t qnt_tensor_strip(struct qnt_tensor *t, uint32_t rank);
/* In-memory count for a tensor already validated. */
size_t qnt_tensor_count(const struct qnt_tensor *t);
/* Whether data holds codes of less than a byte; how many bytes it has. */
static inline bool qnt_tensor_packed(const struct qnt_tensor *t)
{
    return t->type == QNT_U8 && t->bits < 8;
}
size_t qnt_tensor_bytes(const struct qnt_tensor *t);
/* The least and the greatest code of a type of integers; false: f32. TERNARY: of its two bits. */
bool qnt_dtype_range(qnt_dtype type, int64_t *least, int64_t *most);
/* "32 x 32 x 3" for error texts, into text[QNT_SHAPE_TEXT]. */
enum { QNT_SHAPE_TEXT = QNT_MAX_RANK * 24 };
const char *qnt_shape_text(const struct qnt_tensor *t, char *text);

/* Appends and returns the id in *id; name is copied. The tensor's other fields are taken as they are (scale: copied;
 * data: with owns_data, the model's from success on). */
qnt_status qnt_model_append_tensor(struct qnt_model *m, const struct qnt_tensor *t, int *id);
/* The same, and it is the model's next input; t: an activation of any type. */
qnt_status qnt_model_append_input(struct qnt_model *m, const struct qnt_tensor *t, int *id);
/* Appends a node whose inputs exist, runs its infer, and appends its output tensor (named out_name, or as the node).
 * out_q: NULL, or a tensor giving type, bits, scale and zero of the output (quantized graphs). */
qnt_status qnt_model_append_node(struct qnt_model *m, const struct qnt_op_def *op, const char *name,
                                 const qnt_node_attr *attr, const int *in, size_t n_in, const char *out_name,
                                 const struct qnt_tensor *out_q, int *id);
/* A .qnt file in memory, which is copied; or mapped, and then the model's from success on. */
qnt_status qnt_model_read(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out);
qnt_status qnt_model_read_map(qnt_ctx *ctx, void *map, size_t bytes, qnt_model **out);
qnt_status qnt_ids_push(const qnt_ctx *ctx, struct qnt_ids *ids, int id);
bool qnt_ids_have(const struct qnt_ids *ids, int id);
/* QNT_ERR_STATE when the model has no input or no output. */
qnt_status qnt_model_check_borders(const struct qnt_model *m);
qnt_status qnt_model_clone(const struct qnt_model *m, struct qnt_model **out);
/* The same, but constants' data stays m's, which must outlive the copy. */
qnt_status qnt_model_alias(const struct qnt_model *m, struct qnt_model **out);
/* A copy with every batch norm that alone reads a layer with weights folded into it (fold.c). */
qnt_status qnt_model_fold(const struct qnt_model *m, struct qnt_model **out);
/* Appends a copy of a tensor of another model; alias: the data stays that one's. */
qnt_status qnt_model_copy_tensor(struct qnt_model *m, const struct qnt_tensor *from, bool alias, int *id);
/* Multiply-accumulates of a node for one image; saturates. */
uint64_t qnt_node_macs(const struct qnt_model *m, const struct qnt_node *n);
/* Index of a tensor by name, -1 when absent. */
int qnt_model_find(const struct qnt_model *m, const char *name);
void qnt_model_ref(struct qnt_model *m);
#endif
