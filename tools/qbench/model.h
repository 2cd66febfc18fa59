#ifndef QBENCH_MODEL_H
#define QBENCH_MODEL_H
/* qbench model: what is known of a network's layers once they are measured. */
#include "tools/qbench/qbench.h"

enum { QB_WHY = 240 };
/* A step of the session. Work of the whole batch; shares are of one. */
struct qb_layer {
    qnt_step_work work;
    struct qb_stat seconds;
    double float_seconds;             /* median of the same layer in floats; 0: there is none */
    double macs, padded;              /* padded: with what fills the tiles up; as macs where there are none */
    double bytes, held;               /* that must be moved; that a cache must hold */
    enum qb_peak peak, roof;          /* of its products, QB_NONE without; what binds it first */
    double by_peak, by_tile, by_roof; /* seconds at least: products; with the padding; products or memory */
    char why[QB_WHY];                 /* it is far from its roof; "" when it is not */
};
struct qb_network {
    struct qb_layer *layer; /* by step */
    size_t layers;
    struct qb_stat seconds; /* a run that is not measured inside */
    double begin, end,
        steps; /* medians: waking the workers and copying the input; copying the output; the steps' sum */
};
struct qb_model {
    struct qbench *q;
    struct qb_network net[2];    /* the model; the same network in floats */
    double *peak_rate[QB_PEAKS]; /* samples; their medians are q's */
    size_t peak_samples;
};

/* model_run.c: a session with the times of its parts. */
struct qb_runner {
    struct qbench *q;
    qnt_session *session;
    void **in, **out; /* by input and output of the model */
    size_t n_in, n_out;
    size_t parts, calls, samples, room; /* parts: the steps, and what comes before and behind; calls: in a round */
    uint64_t *ticks;
    double *part, *whole;           /* seconds: [parts][room]; of runs that are not measured inside */
    double seconds_per_tick, watch; /* watch: what reading the counter takes */
};
qnt_status qb_runner_create(struct qbench *q, qnt_model *model, struct qb_runner *r);
void qb_runner_free(struct qb_runner *r);                        /* also one that is half made */
qnt_status qb_runner_begin(struct qb_runner *r);                 /* warms up and chooses the number of calls */
qnt_status qb_runner_round(struct qb_runner *r);                 /* measures some runs */
struct qb_stat qb_runner_part(struct qb_runner *r, size_t part); /* sorts its times */

/* model_why.c: from the work alone, what a layer can be told of; with the peaks and times, roofs and reasons. */
void qb_layer_work(const struct qb_model *m, struct qb_layer *l, double all_weights); /* bytes of the network */
void qb_layer_why(const struct qb_model *m, struct qb_layer *l);

/* model_out.c: an exit code. */
int qb_model_report(const struct qb_model *m);
#endif
