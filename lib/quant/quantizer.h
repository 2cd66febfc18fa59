#ifndef QUANT_QUANTIZER_H
#define QUANT_QUANTIZER_H
/* The quantized twin of a float model: quantize -> the same nodes on s8 -> dequantize. Tensors that must share scale
 * and zero point form a group with one range: what passes codes on (pool, flatten, relu) is in the group of its input;
 * a layer with weights, an add, sub or mul followed by relu or clamp is in the group of the clamped output, so that the
 * clamp fuses into the requantization; a function's output is a group of its own. */
#include <qnt/train.h>
#include "lib/graph/plan.h"
#include "lib/quant/fake.h"

struct qnt_group {
    struct qnt_range range;
    float clamp_lo, clamp_hi; /* real bounds of the values: relu 0, INF */
    int tensor;               /* float model's tensor whose values the range is of */
    int node;                 /* the float model's node that is asked for their width; -1: none, they are an input's */
    uint32_t bits;            /* of the codes */
    bool fixed;               /* not observed: the input's */
};

/* A convolution or fully connected layer; ids in the quantized model. */
struct qnt_qlayer {
    int x, w, b, out;        /* b: -1 for none */
    int float_w, float_b;    /* the float model's constants */
    size_t w_param, b_param; /* the trainer's parameters, set by the trainer */
    uint32_t bits;           /* as weight_bits of qnt_train_config */
    bool per_tensor;         /* as chosen; for who makes the scales */
    size_t node;             /* of the float model */
    size_t channels, fan_in;
    float *real;      /* by channel: input scale * weight scale, the value of one unit of the sum */
    int32_t *lo, *hi; /* by channel: sums in [lo, hi] pass the straight-through gradient */
};

struct qnt_channel_extremes {
    int32_t *min, *max; /* by channel */
};

struct qnt_quantizer {
    const qnt_ctx *ctx;
    struct qnt_model *model; /* the quantized graph; plan's source */
    struct qnt_plan *plan;
    int *plan_id;       /* by tensor id of model: its id in the plan's model, -1: fused away */
    int *group_of;      /* by tensor id of model: -1 for constants and float tensors */
    int *layer_of_step; /* by step of the plan: -1 for none */
    int *made_group;    /* by step of the plan: the group whose range a step without weights makes, -1 for none */
    struct qnt_group *group;
    size_t n_groups;
    struct qnt_qlayer *layer;
    size_t n_layers, max_channels, max_sums; /* max_sums: sums of one image, largest layer */
};

/* What becomes of a node of the float model. */
struct qnt_choice {
    bool keep, per_tensor;
    uint32_t weight_bits;
    uint32_t activation_bits; /* of the codes that it makes; 0: as others */
};
/* c is filled in as the options say. */
typedef void qnt_choose_fn(const struct qnt_node *n, struct qnt_choice *c, void *user);
struct qnt_quantizer_options {
    uint32_t bits; /* of weights, and by layer name: as qnt_train_config says */
    const char *layer_bits;
    uint32_t activation_bits; /* 0: 8. The model's inputs and outputs keep 8 unless chosen */
    struct qnt_range input;   /* not mixed: the input's, which is quantized at once */
    bool mixed; /* nodes may stay in float, between borders: those without a quantized form, and those kept */
    qnt_choose_fn *choose; /* NULL: all as said */
    void *user;
};
/* Builds groups, layers and the model (scales are placeholders). f, unless mixed: one input, one output. */
qnt_status qnt_quantizer_create(const struct qnt_model *f, const struct qnt_quantizer_options *o,
                                struct qnt_quantizer **out);
bool qnt_has_weights(const struct qnt_node *n); /* conv2d, fully_connected */
/* One whose weights, and bias, are constants: it has a quantized form. */
bool qnt_is_layer(const struct qnt_model *f, const struct qnt_node *n);
/* Its output's codes are its input's, moved or the larger ones. */
bool qnt_passes_codes(const struct qnt_node *n);
/* The relu or clamp that alone reads a tensor, with its bounds: it fuses with what is in front. NULL: none. */
const struct qnt_node *qnt_next_bounds(const struct qnt_model *f, int tensor, float *lo, float *hi);
/* The tensor whose values are those of the codes that a layer or a pair makes: behind relus and clamps that follow. */
int qnt_clamped(const struct qnt_model *f, const struct qnt_node *n);
/* The one node that reads a tensor, and as which input; NULL: none or several do, or it is an output of the model. */
const struct qnt_node *qnt_sole_reader(const struct qnt_model *m, int id, uint32_t *which);
void qnt_quantizer_free(struct qnt_quantizer *q);
/* Prepares the plan; all scales must be set. */
qnt_status qnt_quantizer_plan(struct qnt_quantizer *q, size_t max_batch);
/* Group ranges into scales and zero points of `m` (ids by `id`, NULL: the same as the model's). */
void qnt_quantizer_put_ranges(const struct qnt_quantizer *q, struct qnt_model *m, const int *id);
/* Weights and bias of channel `c` of a layer into `m`; effective (may be NULL): the quantized weights' values. Sets
 * real, lo, hi. */
void qnt_quantizer_put_channel(const struct qnt_quantizer *q, size_t layer, size_t c, const float *w, const float *b,
                               struct qnt_model *m, const int *id, float *effective);
/* Sums [rows][channels] of a layer: extremes by channel (NULL: not wanted) and pass[rows][channels]. */
void qnt_quantizer_watch(const struct qnt_quantizer *q, size_t layer, const int32_t *acc, size_t rows,
                         const struct qnt_channel_extremes *e, uint8_t *pass);
/* Widens the range of made_group[step] by the real results of `batch` images, clamped as the group says; 0 stays
 * inside. value: by tensor id of the plan, what the codes mean. */
void qnt_quantizer_widen_made(const struct qnt_quantizer *q, size_t step, const float *const *value, size_t batch,
                              struct qnt_range *range);
/* Widens a range by the real values that the extremes mean, clamped as the group says; 0 stays inside. */
void qnt_quantizer_widen(struct qnt_range *range, const struct qnt_qlayer *l, const struct qnt_group *g,
                         const struct qnt_channel_extremes *e);
#endif
