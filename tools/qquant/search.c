/* The state of a search: what is known of the layers, and what the model is like with all of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "search.h"

static int add_layers(struct search *s)
{
    for (size_t i = 0; i < s->nodes; i++) {
        qnt_ptq_layer *l = &s->line[i];
        l->size = sizeof *l;
        const int code = opt_fail(s->r->tool, qnt_ptq_layer_at(s->r->ptq, i, l));
        if (code != EXIT_OK)
            return code;
        if (!l->weight_bits || l->weight_bits == QNT_BITS_FLOAT)
            continue;
        struct layer *to = &s->layer[s->layers++];
        *to = (struct layer){.node = i, .name = l->name, .start = l->weight_bits, .bits = l->weight_bits, .barred = 1};
        for (size_t k = 0; k < WIDTHS; k++)
            to->option[k].noise = -1;
    }
    if (!s->layers)
        return opt_error(s->r->tool, EXIT_FAILED, "%s: --auto: no layer of the model has weights that can be codes",
                         s->r->s->model);
    return EXIT_OK;
}

/* As many inputs as a bounded number of products allows, and no less than 16: each layer is judged in several widths.
 */
static size_t some_of(const struct run *r)
{
    const uint64_t most = UINT64_C(1) << 36;
    uint64_t macs = 1;
    qnt_node_info node;
    for (size_t i = 0; i < qnt_model_node_count(r->start); i++)
        if (!qnt_model_node(r->start, i, &node) && node.macs < most)
            macs += node.macs;
    const uint64_t some = most / macs > 16 ? most / macs : 16;
    return some < r->n ? (size_t)some : r->n;
}

int search_create(struct search *s, struct run *r)
{
    *s = (struct search){.r = r, .nodes = qnt_ptq_layer_count(r->ptq), .some = some_of(r)};
    s->line = calloc(s->nodes + 1, sizeof *s->line);
    s->layer = calloc(s->nodes + 1, sizeof *s->layer);
    if (!s->line || !s->layer)
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu layers", s->nodes);
    int code = add_layers(s);
    if (code == EXIT_OK)
        code = outputs_of(r, r->start, r->n, &s->plain);
    if (code == EXIT_OK && r->test)
        code = accuracy_of(r, r->start, &s->accuracy);
    return code;
}

void search_free(struct search *s)
{
    for (size_t i = 0; i < s->steps; i++)
        free(s->step[i].move);
    free(s->step);
    free(s->layer);
    free(s->line);
    free(s->plain.value);
}

static int make(struct search *s, qnt_model **out)
{
    const int code = opt_fail(s->r->tool, qnt_ptq_choose(s->r->ptq, s->line, s->nodes));
    return code == EXIT_OK ? opt_fail(s->r->tool, qnt_ptq_model(s->r->ptq, out)) : code;
}

int search_model(struct search *s, qnt_model **out)
{
    for (size_t i = 0; i < s->layers; i++)
        s->line[s->layer[i].node].weight_bits = s->layer[i].bits;
    return make(s, out);
}

static int like_float(struct search *s, qnt_model *model, size_t images, struct likeness *l)
{
    struct outputs got = {.value = NULL}, plain = s->plain;
    int code = outputs_of(s->r, model, images, &got);
    plain.images = images;
    if (code == EXIT_OK)
        code = likeness_of(s->r, &plain, &got, l);
    free(got.value);
    return code;
}

/* SQNRs that differences can be taken of, where outputs are exact or no numbers, too. */
static double level(double sqnr)
{
    return fmin(fmax(sqnr, -120.0), 120.0);
}

int search_verify(struct search *s, struct verdict *v)
{
    qnt_model *model = NULL;
    struct cost cost = {.run = NAN};
    *v = (struct verdict){.us = NAN};
    int code = search_model(s, &model);
    if (code == EXIT_OK)
        code = like_float(s, model, s->r->n, &v->like);
    if (code == EXIT_OK && s->r->test)
        code = accuracy_of(s->r, model, &v->like.accuracy);
    if (code == EXIT_OK && s->r->s->target_latency > 0)
        code = cost_measure(s->r, &model, 1, &cost);
    v->us = cost.run;
    v->bytes = qnt_model_weight_bytes(model);
    v->drop = s->r->test ? 100 * (s->accuracy - v->like.accuracy) : s->base - level(v->like.sqnr);
    qnt_model_free(model);
    return code;
}

static uint64_t bytes_of(const qnt_model *model, const char *name)
{
    qnt_node_info node;
    for (size_t i = 0; i < qnt_model_node_count(model); i++)
        if (!qnt_model_node(model, i, &node) && !strcmp(node.name, name))
            return node.weight_bytes;
    return 0;
}

/* The layer alone in codes, all else in floats. */
int search_option(struct search *s, size_t layer, uint32_t bits)
{
    struct layer *l = &s->layer[layer];
    struct option *o = &l->option[bits];
    struct likeness like;
    qnt_model *model = NULL;
    if (o->noise >= 0)
        return EXIT_OK;
    qnt_ptq_layer *alone = malloc(s->nodes * sizeof *alone);
    if (!alone)
        return opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: %zu layers", s->nodes);
    memcpy(alone, s->line, s->nodes * sizeof *alone);
    for (size_t i = 0; i < s->nodes; i++)
        alone[i].weight_bits = QNT_BITS_FLOAT;
    alone[l->node].weight_bits = bits;
    int code = opt_fail(s->r->tool, qnt_ptq_choose(s->r->ptq, alone, s->nodes));
    if (code == EXIT_OK)
        code = opt_fail(s->r->tool, qnt_ptq_model(s->r->ptq, &model));
    if (code == EXIT_OK)
        code = like_float(s, model, s->some, &like);
    if (code == EXIT_OK) {
        o->noise = like.noise;
        o->bytes = bytes_of(model, l->name);
        fprintf(stderr, "%s: %s alone, %u bits: %.2f dB\n", s->r->tool->name, l->name, bits, like.sqnr);
    }
    free(alone);
    qnt_model_free(model);
    return code;
}

/* Models of one width each, in turn: [0] is the float one. */
static int time_widths(struct search *s, qnt_model **model, struct cost *cost, double *us)
{
    int code = EXIT_OK;
    model[0] = s->r->start;
    for (uint32_t bits = 2; bits < WIDTHS && code == EXIT_OK; bits++) {
        for (size_t i = 0; i < s->layers; i++)
            s->line[s->layer[i].node].weight_bits = bits;
        code = make(s, &model[bits - 1]);
    }
    for (size_t k = 0; k < WIDTHS - 1; k++)
        cost[k].node = us + k * s->nodes;
    if (code == EXIT_OK)
        code = cost_measure(s->r, model, WIDTHS - 1, cost);
    for (size_t i = 0; i < s->layers && code == EXIT_OK; i++)
        for (size_t k = 0; k < WIDTHS - 1; k++)
            s->layer[i].option[k ? k + 1 : 0].us = cost[k].node[s->layer[i].node];
    return code;
}

int search_times(struct search *s)
{
    qnt_model *model[WIDTHS - 1] = {NULL};
    struct cost cost[WIDTHS - 1];
    double *us = calloc(s->nodes + 1, (WIDTHS - 1) * sizeof *us);
    int code = us ? time_widths(s, model, cost, us)
                  : opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: times of %zu layers", s->layers);
    for (size_t k = 1; k < WIDTHS - 1; k++)
        qnt_model_free(model[k]);
    free(us);
    return code;
}

int search_met(const struct search *s, const struct verdict *v)
{
    const struct settings *set = s->r->s;
    if (!set->target_size && !(set->target_latency > 0))
        return 0;
    return (!set->target_size || v->bytes <= set->target_size) &&
           (!(set->target_latency > 0) || v->us <= (double)set->target_latency);
}

int search_within(const struct search *s, const struct verdict *v)
{
    return v->drop <= search_most_drop(s) + 1e-9; /* 0.5 points of the difference of two shares */
}

double search_most_drop(const struct search *s)
{
    return s->r->s->max_drop >= 0 ? (double)s->r->s->max_drop : s->r->test ? 0.5 : 3.0;
}
