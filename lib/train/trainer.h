#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H
/* The trainer. One optimizer step is (1) shards forward and backward, each on one thread, (2) the sum of their
 * gradients and the update in parallel chunks, (3) refresh: weights (in quantized training codes, scales and ranges)
 * into the plan's steps. So between steps the plan always is the model as trained so far. */
#include "lib/graph/plan.h"
#include "lib/run/team.h"
#include "lib/train/grad.h"
#include "lib/train/input.h"
#include "lib/train/loss.h"
#include "lib/quant/quantizer.h"
#include "lib/train/sgd.h"

enum {
    QNT_SHARD = 16,
    QNT_TASKS = 32, /* at most, of a mini-batch: each needs memory for gradients */
    QNT_PART = 4    /* images that convolutions take backward together: their gradients stay in the caches */
};

/* A trained constant, or a running average, and its place in the flat arrays. */
struct qnt_param {
    int master, plan; /* tensor ids in the master model and in the plan's */
    size_t at, count;
    bool binary; /* weights of which the signs count: kept within [-1, 1], where they can still turn */
};

/* One thread's memory, for one shard at a time. The tables are by tensor id of the plan's model, as qnt_grad's. */
struct qnt_worker {
    uint8_t *arena, *teacher_arena, *scratch;
    const float **value, **part_value; /* part_*: of the part of the shard that is at work */
    float **delta, **part_delta, **param;
    const uint8_t **pass, **part_pass;
    uint8_t *delta_set, *clamped;
    uint8_t labels[QNT_SHARD];           /* of the shard at work */
    int32_t *acc;                        /* sums of one step */
    struct qnt_channel_extremes extreme; /* of one step */
    float *p;                            /* the teacher's distribution */
    float *values, *deltas;              /* what the tables point into */
    uint8_t *masks;
};

struct qnt_train {
    qnt_ctx *ctx;
    qnt_train_config config; /* layer_bits: own copy, or NULL */
    const qnt_dataset *data;
    struct qnt_model *master;        /* the start model's clone; brought up to date on export */
    struct qnt_plan *plan;           /* what is trained: the float model, or quantizer->plan */
    struct qnt_plan *teacher;        /* or NULL */
    struct qnt_quantizer *quantizer; /* NULL: float training */
    struct qnt_team *team;
    struct qnt_input_map input;

    struct qnt_param *param; /* first what is trained, then the batch norms' running averages */
    size_t n_params, n_trained;
    size_t n_weights, n_values, stride;   /* floats: trained, all; stride: between the gradients of two tasks */
    float *weights, *velocity, *gradient; /* velocity: with Adam the means, then those of squares */
    float *effective;                     /* what backward sees: weights, or the quantized weights' values */

    size_t *value_at, *delta_at, *mask_at; /* by tensor id: offsets in a worker's blocks, SIZE_MAX: none */
    bool *part_only;                       /* by tensor id: delta holds one part, not a shard */
    size_t whole;                          /* steps from here on go backward by whole shards, those before by parts */
    struct qnt_bounds *bounds;             /* by step */
    const struct qnt_bounds **early;       /* by tensor id, as qnt_grad's */
    void **state;                          /* by step: op->backward_prepare's */
    struct qnt_worker *worker; /* by thread; with batch norms by shard: each waits for the others in between */
    size_t n_workers;
    size_t *stop, n_stops;         /* steps that are batch norms, whose statistics are the mini-batch's */
    size_t stage;                  /* the stop before which, or from which on, the shards are working */
    double *moments, *moments_all; /* by shard, and their sums: twice the channels of the widest stop */
    size_t n_moments;
    size_t task_shards;            /* shards of a task: 1, or more in large mini-batches; whatever the thread count */
    struct qnt_loss_sum *task_sum; /* by task */
    struct qnt_range *task_range;  /* by task and group; quantized training */
    qnt_status *task_status;       /* of refresh, by task */

    uint32_t *order; /* a permutation of the images, of epoch order_epoch (UINT32_MAX: none yet) */
    uint32_t order_epoch;
    uint32_t epoch, step;    /* the next step's place */
    uint32_t steps;          /* in an epoch */
    struct qnt_loss_sum sum; /* this epoch's so far, over `seen` images */
    size_t seen;
    size_t batch_first, batch_size; /* the mini-batch being computed: order[first ...] */
    float image_weight; /* of one image in the gradient: 1 / images of a full mini-batch, in a smaller last one too */
    bool observe;
    struct qnt_sgd sgd;
    struct qnt_adam adam;
    double busy; /* seconds spent in steps by this trainer, and on how many images */
    size_t busy_images;
    struct qnt_plan *frozen; /* with batch norms: the plan of the model as it stands, NULL when it has moved on */
    uint8_t *frozen_arena, *frozen_scratch;
    uint8_t *peek; /* what qnt_train_forward hands out */
    size_t peek_bytes;
};

/* memory.c: everything that depends on the plan: workers, tables, gradients. Quantized: after quantizer->plan is there.
 */
qnt_status qnt_train_memory_create(struct qnt_train *t);
void qnt_train_memory_free(struct qnt_train *t);
/* shard.c: forward, loss and backward of one task's shards (a team task; arg: the trainer). */
void qnt_train_task(void *arg, size_t task, uint32_t thread);
/* Steps [from, to) forward, and last to first backward; g: from qnt_train_grad. */
void qnt_train_forward_steps(const struct qnt_train *t, struct qnt_worker *w, size_t from, size_t to, size_t batch,
                             struct qnt_range *ranges);
void qnt_train_backward_steps(const struct qnt_train *t, struct qnt_worker *w, struct qnt_grad *g, size_t from,
                              size_t to);
/* more: gradients of parameters are added to those of the task's shards before. */
struct qnt_grad qnt_train_grad(const struct qnt_train *t, struct qnt_worker *w, size_t batch, bool more);
void qnt_train_clear_params(const struct qnt_train *t, const struct qnt_worker *w, const struct qnt_node *n);
/* The shard's images into the arena, its labels into w; returns how many. */
size_t qnt_train_load(const struct qnt_train *t, struct qnt_worker *w, size_t shard);
/* The loss of `batch` images, and its gradient at the output: the start of the backward pass. */
void qnt_train_loss(const struct qnt_train *t, struct qnt_worker *w, size_t batch, struct qnt_loss_sum *sum);
/* Shards [*begin, *end) of a task; points the worker's gradients to the task's. */
void qnt_train_task_shards(const struct qnt_train *t, size_t task, size_t *begin, size_t *end);
void qnt_train_task_params(const struct qnt_train *t, struct qnt_worker *w, size_t task);
/* Tasks of the mini-batch. */
size_t qnt_train_tasks(const struct qnt_train *t);
/* staged.c: forward, loss and backward of the mini-batch where batch norms part it. */
void qnt_train_staged(struct qnt_train *t);
/* binarize.c: float weights of binary layers become codes with scales. */
qnt_status qnt_train_binarize(struct qnt_model *m);
/* evaluate.c: forgets the frozen plan. */
void qnt_train_thaw(struct qnt_train *t);
/* The forward pass on w->arena, whose input is there; ranges: NULL, or widened by what the groups' values reach.
 */
void qnt_train_forward_shard(const struct qnt_train *t, struct qnt_worker *w, size_t batch, struct qnt_range *ranges);
/* Images [first, first + n) of the mini-batch, augmented, and their labels. */
void qnt_train_fill(const struct qnt_train *t, size_t first, size_t n, float *dst, uint8_t *labels);
/* refresh.c: current weights and ranges into the plan's steps and what backward keeps. */
qnt_status qnt_train_refresh(struct qnt_train *t);
/* The ranges of the first mini-batch under the float model. */
qnt_status qnt_train_first_ranges(struct qnt_train *t, const struct qnt_plan *float_plan);
/* What the optimiser keeps for each weight: numbers in `velocity`. */
static inline size_t qnt_train_moments(const struct qnt_train *t)
{
    return t->config.optimizer == QNT_ADAM ? 2 : 1;
}
/* train.c: makes `order` the given epoch's. */
void qnt_train_shuffle(struct qnt_train *t, uint32_t epoch);
#endif
