/* The search: greedy, by what is won for the noise that it adds, as found for each layer alone; after each group of
 * moves the whole model is judged, and a group that loses too much is taken back and halved; two that are kept, one
 * after the other, make the next one twice as large. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "search.h"

/* Differences of times below this share of a layer's are taken for none. */
static const double least_faster = 0.05;

/* What is left to be won: [0] bytes, [1] microseconds; below 0: met, or no target. */
struct gap {
    double of[2];
};

static struct gap gap_of(const struct search *s, double bytes, double us)
{
    const struct settings *set = s->r->s;
    struct gap g = {{-1, -1}};
    if (set->target_size)
        g.of[0] = bytes - (double)set->target_size;
    if (set->target_latency > 0)
        g.of[1] = us - (double)set->target_latency;
    return g;
}

static double faster(const struct layer *l, uint32_t to)
{
    const double us = l->option[l->bits].us - l->option[to].us;
    return us > least_faster * l->option[l->bits].us ? us : 0;
}

static double smaller(const struct layer *l, uint32_t to)
{
    return (double)l->option[l->bits].bytes - (double)l->option[to].bytes;
}

/* Shares of the gaps that are closed; without targets bytes. */
static double gain(const struct search *s, const struct layer *l, uint32_t to, struct gap g)
{
    const struct settings *set = s->r->s;
    if (!set->target_size && !(set->target_latency > 0))
        return smaller(l, to);
    return (g.of[0] > 0 ? smaller(l, to) / g.of[0] : 0) + (g.of[1] > 0 ? faster(l, to) / g.of[1] : 0);
}

/* The best step down of a layer: for bytes the next width, for time any that is faster. Its gain for the noise added,
 * 0: there is none. */
static int best_of(struct search *s, size_t layer, struct gap g, uint32_t *to, double *worth)
{
    const struct layer *l = &s->layer[layer];
    const int bytes = g.of[0] > 0 || !(s->r->s->target_latency > 0);
    *worth = 0;
    if (l->bits < 3 || l->bits > 8)
        return EXIT_OK;
    int code = search_option(s, layer, l->bits);
    for (uint32_t b = l->bits - 1; b >= 2 && b > l->barred && code == EXIT_OK; b--) {
        if (!(bytes && b == l->bits - 1) && !(g.of[1] > 0 && faster(l, b) > 0))
            continue;
        if ((code = search_option(s, layer, b)) != EXIT_OK)
            break;
        const double won = gain(s, l, b, g), lost = fmax(l->option[b].noise - l->option[l->bits].noise, 1e-12);
        if (won > 0 && won / lost > *worth) {
            *worth = won / lost;
            *to = b;
        }
    }
    return code;
}

static int best_move(struct search *s, struct gap g, struct move *m, int *found)
{
    double most = 0;
    int code = EXIT_OK;
    for (size_t i = 0; i < s->layers && code == EXIT_OK; i++) {
        uint32_t to = 0;
        double worth;
        if ((code = best_of(s, i, g, &to, &worth)) == EXIT_OK && worth > most) {
            most = worth;
            *m = (struct move){i, s->layer[i].bits, to};
        }
    }
    *found = most > 0;
    return code;
}

int search_moves(struct search *s, size_t most, struct move *move, size_t *n)
{
    double bytes = (double)s->now.bytes, us = s->now.us;
    struct gap g = gap_of(s, bytes, us);
    int code = EXIT_OK, found;
    *n = 0;
    while (*n < most && code == EXIT_OK) { /* nothing is gained past the targets */
        if ((code = best_move(s, g, &move[*n], &found)) != EXIT_OK || !found)
            break;
        const struct move *m = &move[(*n)++];
        struct layer *l = &s->layer[m->layer];
        bytes -= smaller(l, m->to);
        us -= faster(l, m->to);
        g = gap_of(s, bytes, us);
        l->bits = m->to;
    }
    for (size_t i = *n; i-- > 0;)
        s->layer[move[i].layer].bits = move[i].from;
    return code;
}

static void apply(struct search *s, const struct step *t, int back)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct move *m = &t->move[back ? t->n - 1 - i : i];
        s->layer[m->layer].bits = back ? m->from : m->to;
    }
}

static void tell(const struct search *s, const struct step *t)
{
    const struct run *r = s->r;
    fprintf(stderr, "%s: step %zu: %zu change%s, %llu bytes", r->tool->name, s->steps - 1, t->n, t->n == 1 ? "" : "s",
            (unsigned long long)t->got.bytes);
    if (t->got.us > 0)
        fprintf(stderr, ", %.4g us", t->got.us);
    fprintf(stderr, ", %.2f dB", t->got.like.sqnr);
    if (r->test)
        fprintf(stderr, ", %.2f %%", t->got.like.accuracy * 100);
    fprintf(stderr, ": %s\n", t->kept ? "kept" : "taken back");
}

/* Tries moves together; they are kept when not more is lost than may be, or when they raise. */
static int try_moves(struct search *s, const struct move *move, size_t n, int raise)
{
    struct step *grown = realloc(s->step, (s->steps + 1) * sizeof *grown), *t;
    if (!grown)
        return opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: %zu steps", s->steps);
    s->step = grown;
    t = &grown[s->steps];
    *t = (struct step){.move = malloc((n + 1) * sizeof *move), .n = n};
    if (!t->move)
        return opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: %zu moves", n);
    s->steps++;
    memcpy(t->move, move, n * sizeof *move);
    apply(s, t, 0);
    const int code = search_verify(s, &t->got);
    if (code != EXIT_OK)
        return code;
    if (s->steps == 1 && !s->r->test) { /* what a drop is from */
        s->base = -t->got.drop;
        t->got.drop = 0;
    }
    t->kept = raise || search_within(s, &t->got);
    if (t->kept)
        s->now = t->got;
    else
        apply(s, t, 1);
    tell(s, t);
    return EXIT_OK;
}

/* The layer in codes that does most harm alone goes back to float. */
static int raise_one(struct search *s, int *found)
{
    struct move m = {0};
    double most = -1;
    int code = EXIT_OK;
    for (size_t i = 0; i < s->layers && code == EXIT_OK; i++) {
        struct layer *l = &s->layer[i];
        if (l->bits > 8)
            continue;
        if ((code = search_option(s, i, l->bits)) == EXIT_OK && l->option[l->bits].noise > most) {
            most = l->option[l->bits].noise;
            m = (struct move){i, l->bits, QNT_BITS_FLOAT};
        }
    }
    *found = most >= 0;
    return code == EXIT_OK && *found ? try_moves(s, &m, 1, 1) : code;
}

static int lower(struct search *s, struct move *move)
{
    size_t group = (s->layers + 1) / 2, n = 1;
    int code = EXIT_OK;
    while (code == EXIT_OK && !search_met(s, &s->now)) {
        if ((code = search_moves(s, group, move, &n)) != EXIT_OK || !n)
            break;
        if ((code = try_moves(s, move, n, 0)) != EXIT_OK)
            break;
        const struct step *t = &s->step[s->steps - 1];
        if (t->kept)
            group = t[-1].kept && 2 * n < 8 * s->layers ? 2 * n : n;
        else if (n > 1)
            group = n / 2;
        else
            s->layer[move->layer].barred = move->to;
    }
    return code;
}

int search_run(struct search *s)
{
    struct move *move = calloc(8 * s->layers + 1, sizeof *move);
    int code = move ? try_moves(s, move, 0, 1) : opt_error(s->r->tool, EXIT_RESOURCE, "out of memory: moves"),
        found = 1;
    while (code == EXIT_OK && found && !search_within(s, &s->now))
        code = raise_one(s, &found);
    if (code == EXIT_OK && s->r->s->target_latency > 0)
        code = search_times(s);
    if (code == EXIT_OK)
        code = lower(s, move);
    free(move);
    return code;
}
