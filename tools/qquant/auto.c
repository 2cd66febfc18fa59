/* --auto: the search, the model that it ends with, and what is told of both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/common/json.h"
#include "search.h"

enum { FLOAT, START, RESULT, MODELS }; /* that are measured in the end */

static const char *unit_of(const struct search *s)
{
    return s->r->test ? "points" : "dB";
}

static void print_steps(const struct search *s)
{
    printf("%-5s %10s %9s%s %9s  %s\n", "step", "bytes", "SQNR dB", s->r->test ? "  accuracy" : "", "lost",
           "widths that changed");
    for (size_t i = 0; i < s->steps; i++) {
        const struct step *t = &s->step[i];
        printf("%-5zu %10llu %9.2f", i, (unsigned long long)t->got.bytes, t->got.like.sqnr);
        if (s->r->test)
            printf("  %6.2f %%", t->got.like.accuracy * 100);
        printf(" %9.2f %s", t->got.drop, t->kept ? "" : " taken back:");
        for (size_t k = 0; k < t->n; k++) {
            printf(" %s %s>%s", s->layer[t->move[k].layer].name, width_word(t->move[k].from),
                   width_word(t->move[k].to));
        }
        printf("%s\n", t->n ? "" : " none: as the options say");
    }
}

static int print_text(const struct search *s, const struct cost *cost)
{
    const struct run *r = s->r;
    print_steps(s);
    printf("\n");
    const int code = opt_fail(r->tool, plan_print(r, stdout));
    printf("\n%zu inputs, %llu bytes of weights (as the options say: %llu, float: %llu)\n", r->n,
           (unsigned long long)s->now.bytes, (unsigned long long)s->step[0].got.bytes,
           (unsigned long long)qnt_model_weight_bytes(r->start));
    if (r->test)
        printf("accuracy: %.2f %% (%.2f %%, float: %.2f %%) of %zu test images\n", s->now.like.accuracy * 100,
               s->step[0].got.like.accuracy * 100, s->accuracy * 100, qnt_dataset_size(r->test));
    printf("SQNR: %.2f dB (%.2f dB)\n", s->now.like.sqnr, s->step[0].got.like.sqnr);
    printf("us/image: %.2f (%.2f, float: %.2f), the best median on one core\n", cost[RESULT].run, cost[START].run,
           cost[FLOAT].run);
    return code;
}

static json_t *verdict_json(const struct search *s, const struct verdict *v)
{
    json_t *row = json_pack("{sI,so,so,so}", "weight_bytes", (json_int_t)v->bytes, "lost", real_json(v->drop), "cosine",
                            real_json(v->like.cosine), "sqnr_db", real_json(v->like.sqnr));
    if (v->us > 0)
        json_object_set_new(row, "us", json_real(v->us));
    if (s->r->test)
        json_object_set_new(row, "accuracy", json_real(v->like.accuracy));
    return row;
}

static json_t *step_json(const struct search *s, const struct step *t)
{
    json_t *row = verdict_json(s, &t->got), *moves = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(moves, json_pack("{ss,si,si}", "layer", s->layer[t->move[i].layer].name, "from",
                                               (int)t->move[i].from, "to", (int)t->move[i].to));
    json_object_set_new(row, "kept", json_boolean(t->kept));
    json_object_set_new(row, "moves", moves);
    return row;
}

/* What was found for each layer alone. */
static json_t *layers_json(const struct search *s)
{
    json_t *all = json_array();
    for (size_t i = 0; i < s->layers; i++) {
        const struct layer *l = &s->layer[i];
        json_t *widths = json_array();
        for (int b = 0; b < WIDTHS; b++) {
            const struct option *o = &l->option[b];
            json_t *row = json_pack("{ss}", "weights", b ? width_word((uint32_t)b) : width_word(QNT_BITS_FLOAT));
            if (o->noise >= 0)
                json_object_set_new(row, "noise", real_json(o->noise));
            if (o->noise >= 0)
                json_object_set_new(row, "bytes", json_integer((json_int_t)o->bytes));
            if (o->us > 0 && isfinite(o->us))
                json_object_set_new(row, "us", json_real(o->us));
            if (json_object_size(row) > 1)
                json_array_append(widths, row);
            json_decref(row);
        }
        json_array_append_new(all, json_pack("{ss,so}", "layer", l->name, "widths", widths));
    }
    return all;
}

static int print_json(const struct search *s, const struct cost *cost, int met)
{
    json_t *steps = json_array(), *all = verdict_json(s, &s->now);
    for (size_t i = 0; i < s->steps; i++)
        json_array_append_new(steps, step_json(s, &s->step[i]));
    json_object_set_new(all, "model", met ? json_string(s->r->s->out) : json_null());
    json_object_set_new(all, "met", json_boolean(met));
    json_object_set_new(all, "lost_unit", json_string(unit_of(s)));
    json_object_set_new(all, "inputs", json_integer((json_int_t)s->r->n));
    json_object_set_new(all, "us", json_real(cost[RESULT].run));
    json_object_set_new(all, "start_us", json_real(cost[START].run));
    json_object_set_new(all, "float_us", json_real(cost[FLOAT].run));
    json_object_set_new(all, "float_weight_bytes", json_integer((json_int_t)qnt_model_weight_bytes(s->r->start)));
    if (s->r->test)
        json_object_set_new(all, "float_accuracy", json_real(s->accuracy));
    json_object_set_new(all, "plan", plan_json(s->r));
    json_object_set_new(all, "steps", steps);
    json_object_set_new(all, "layers", layers_json(s));
    return json_out(all, 0);
}

/* Why nothing was written. */
static int not_met(const struct search *s)
{
    const struct settings *set = s->r->s;
    const double most = search_most_drop(s);
    if (!search_within(s, &s->now))
        return opt_error(s->r->tool, EXIT_FAILED,
                         "--auto: %.2f %s are lost with all layers that may in float, expected at most %g", s->now.drop,
                         unit_of(s), most);
    if (set->target_size && s->now.bytes > set->target_size)
        return opt_error(s->r->tool, EXIT_FAILED,
                         "--target-size: %llu bytes are the least found that lose at most %g %s, expected %llu",
                         (unsigned long long)s->now.bytes, most, unit_of(s), (unsigned long long)set->target_size);
    return opt_error(s->r->tool, EXIT_FAILED,
                     "--target-latency: %.4g us are the least found that lose at most %g %s, expected %.4g", s->now.us,
                     most, unit_of(s), (double)set->target_latency);
}

static int finish(struct search *s)
{
    const struct settings *set = s->r->s;
    const int met =
        search_within(s, &s->now) && (search_met(s, &s->now) || (!set->target_size && !(set->target_latency > 0)));
    qnt_model *model[MODELS] = {[FLOAT] = s->r->start};
    struct cost cost[MODELS] = {{.run = 0}};
    uint32_t *bits = malloc(s->layers * sizeof *bits);
    int code = bits ? EXIT_OK : opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: %zu layers", s->layers);
    for (size_t i = 0; i < s->layers && bits; i++) {
        bits[i] = s->layer[i].bits;
        s->layer[i].bits = s->layer[i].start;
    }
    if (code == EXIT_OK)
        code = search_model(s, &model[START]);
    for (size_t i = 0; i < s->layers && bits; i++)
        s->layer[i].bits = bits[i];
    if (code == EXIT_OK)
        code = search_model(s, &model[RESULT]);
    if (code == EXIT_OK)
        code = cost_measure(s->r, model, MODELS, cost);
    if (code == EXIT_OK && met)
        code = write_model(s->r, model[RESULT]);
    if (code == EXIT_OK)
        code = set->json ? print_json(s, cost, met) : print_text(s, cost);
    free(bits);
    qnt_model_free(model[START]);
    qnt_model_free(model[RESULT]);
    return code == EXIT_OK && !met ? not_met(s) : code;
}

int auto_run(struct run *r)
{
    struct search s;
    int code = search_create(&s, r);
    if (code == EXIT_OK)
        code = search_run(&s);
    if (code == EXIT_OK)
        code = finish(&s);
    search_free(&s);
    return code;
}
