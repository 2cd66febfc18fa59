#ifndef TOOLS_QQUANT_SEARCH_H
#define TOOLS_QQUANT_SEARCH_H
/* --auto: widths of weights, layer by layer. search.c has the state, search_move.c chooses what is lowered next,
 * auto.c leads and tells; cost.c measures. */
#include "qquant.h"

/* Microseconds of a run of one image, and of each node of r->ptq in it (INFINITY: it has no step of its own; NULL: not
 * wanted). */
struct cost {
    double run, *node;
};
/* Of n models in turn. An exit code, told. */
int cost_measure(const struct run *r, qnt_model *const *model, size_t n, struct cost *cost);

enum { WIDTHS = 9 /* 1 to 8 bits; 0: float */ };
/* What is known of a layer of one width: noise is the share of the outputs' power that its error has when it alone is
 * quantized, below 0: not known yet. */
struct option {
    double noise, us;
    uint64_t bytes;
};
struct layer {
    size_t node;
    const char *name;
    uint32_t start, bits; /* as the options say; now. Only 2 to 8 are lowered */
    uint32_t barred;      /* this width was tried and lost too much: what is above it is left */
    struct option option[WIDTHS];
};
/* All layers at once, measured. */
struct verdict {
    uint64_t bytes;
    double us; /* NAN: not measured */
    struct likeness like;
    double drop; /* points of accuracy, without test images dB of SQNR */
};
struct move {
    size_t layer;
    uint32_t from, to;
};
/* Moves that were tried together. */
struct step {
    struct move *move;
    size_t n;
    struct verdict got;
    int kept;
};
struct search {
    struct run *r;
    struct outputs plain; /* of the float model */
    size_t some;          /* of the inputs: layers alone are judged on these */
    double accuracy;
    qnt_ptq_layer *line; /* [nodes]: as the options say, but for the widths of layers */
    size_t nodes;
    struct layer *layer;
    size_t layers;
    struct verdict now;
    double base; /* SQNR that a drop without test images is from */
    struct step *step;
    size_t steps;
};
int search_create(struct search *s, struct run *r);
void search_free(struct search *s);
/* The model of the widths as they are now. */
int search_model(struct search *s, qnt_model **out);
/* What it is like; with a target of latency its time, too. */
int search_verify(struct search *s, struct verdict *v);
/* Fills in the option of a layer. */
int search_option(struct search *s, size_t layer, uint32_t bits);
/* Fills in the times of all layers for all widths. */
int search_times(struct search *s);
/* Whether all targets are met; without one: never. */
int search_met(const struct search *s, const struct verdict *v);
/* Whether no more is lost than may be, and how much that is. */
int search_within(const struct search *s, const struct verdict *v);
double search_most_drop(const struct search *s);
/* From the widths of the options to those that are left: every step is in s->step. */
int search_run(struct search *s);
/* The next moves, at most `most` and only as many as the targets need by what is known; *n: 0 when there are none.
 * Widths are left as they were. */
int search_moves(struct search *s, size_t most, struct move *move, size_t *n);

/* The whole of --auto. */
int auto_run(struct run *r);
#endif
