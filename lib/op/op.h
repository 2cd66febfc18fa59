#ifndef OP_OP_H
#define OP_OP_H
/* The op table: one file per layer kind, one const object per file, one line in ops.def. */
#include "lib/graph/graph.h"

/* A prepared node. Steps are made by lib/graph/plan.c; `state` is the op's own (packed weights, bound kernels). */
struct qnt_step {
    const struct qnt_node *node;
    const struct qnt_op_def *op;
    const struct qnt_tensor *in[QNT_MAX_INPUTS]; /* descriptions; constants carry data */
    const struct qnt_tensor *out;
    size_t in_offset[QNT_MAX_INPUTS], out_offset; /* activations: byte offset in the arena, laid out [batch][elements] */
    float clamp_lo, clamp_hi; /* real bounds fused into this step (relu: 0, INF); -INF, INF for none */
    void *state;              /* from qnt_alloc; freed by op->release */
    size_t scratch_bytes;     /* per thread, set by prepare for max_batch */
    size_t packed_bytes;      /* of weights in the form that the kernels take, set by prepare */
    bool small_weights;       /* that form is to take about as much as the codes, faster or not */
    const struct qnt_kernel_row *variant; /* kernel bound, &qnt_no_variant for none */
    const struct qnt_winograd *winograd;  /* the variant's, where that is how it runs; else NULL */
    uint64_t macs;            /* per image */
    size_t lead;              /* images of the op in one of the model: in[0] and out are without dimensions in front */
    uint32_t outside;         /* input 0 is the model's input outside - 1 and lies where the caller has it; 0: in the arena */
};
static inline const char *qnt_step_variant(const struct qnt_step *s)
{
    return s->winograd ? s->winograd->name : s->variant->variant;
}
/* One thread's view of a run. */
struct qnt_exec {
    uint8_t *arena;
    const uint8_t *outside; /* for a step whose input 0 is not in the arena: where that lies, of the same images */
    uint8_t *scratch; /* this thread's own, 64-byte aligned */
    size_t batch;
    uint32_t part, parts; /* this thread does share `part` of `parts` of the step (any split gives the same bytes) */
};
struct qnt_grad; /* lib/train/grad.h */

struct qnt_op_def {
    const char *name;
    uint32_t min_in, max_in;
    /* Dimensions of input 0 that it works on; more in front of them are images: infer and prepare see tensors without,
     * and a run has as many images more. 0: it works on all. */
    uint32_t rank;
    bool packed_weights; /* input 1 may be a constant whose codes are packed */
    bool reads_outside;  /* it reads input 0 by qnt_step_in and nothing past it: that may lie outside of the arena */
    /* Before infer: replaces attributes that are 0 for "by default", for a node of which nothing is proved but its inputs.
     * Doing it twice changes nothing. NULL: 0 has no such meaning, or lib/graph/model.c knows it. */
    void (*normalise)(const struct qnt_model *m, struct qnt_node *n);
    /* Types and shapes: fills out->{type,rank,dim} from the inputs, or refuses with a text naming the node. out->type and
     * scales may be preset by the caller (quantized graphs); infer checks them. */
    qnt_status (*infer)(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
    /* First call: allocates step->state, packs weights, binds kernels for up to max_batch images. A later call on the same
     * step repacks changed weights and ranges in place, without allocating (training does this every step). */
    qnt_status (*prepare)(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
    void (*run)(const struct qnt_step *s, const struct qnt_exec *x); /* cannot fail; NULL: the output aliases the input */
    void (*release)(const qnt_ctx *ctx, struct qnt_step *s);         /* NULL: free(state) is enough */
    /* Reverse mode over one shard; cannot fail. NULL: not trainable, said so when training is set up. See lib/train/grad.h. */
    void (*backward)(const struct qnt_step *s, const struct qnt_grad *g);
    /* What backward keeps between steps, e.g. weights packed for the gradient of the input: the first call allocates *state for
     * shards of up to max_batch images and sets *scratch_bytes (per thread); every call packs the weights of `value` (by
     * tensor id, float). NULL: backward keeps nothing. */
    qnt_status (*backward_prepare)(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                   size_t max_batch, void **state, size_t *scratch_bytes);
    void (*backward_release)(const qnt_ctx *ctx, void *state);
    /* conv2d, fully_connected with s8 input: as run, and the exact s32 sums (bias included, before requantization) go to
     * acc[batch][out elements]. Training observes ranges on these. The codes are those of run. */
    void (*run_acc)(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc);
};
#define QNT_OP_DEF(id) extern const struct qnt_op_def qnt_op_##id;
#include "ops.def"
#undef QNT_OP_DEF
extern const struct qnt_op_def *const qnt_op_table[]; /* NULL-ended, from ops.def */
const struct qnt_op_def *qnt_op_find(const char *name);
#endif
