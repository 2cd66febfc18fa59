/* Costs from times. For a given `least` the time is a sum of known numbers, each times a cost, so the costs come by
 * least squares; `least` is tried out. */
#include "lib/gemm/gemm.h"
#include "tools/qbench/fit.h"

enum { STEP, TILE, UNPACK, ROW, CALL, TERMS, SWEEPS = 3000 };
struct sums { /* of products of terms by points, and of the terms */
    double square[TERMS][TERMS], sum[TERMS];
    double weight;
};

static double ceil_div(size_t n, size_t by)
{
    return (double)((n + by - 1) / by);
}

/* How often the product pays each cost, over its time. */
static void terms_of(const struct qnt_gemm *g, uint32_t least, const struct qb_fit_point *p, double x[TERMS])
{
    const double panels = ceil_div(p->n, g->nr), steps = ceil_div(p->k, g->kr), tiles = ceil_div(p->m, g->mr);
    x[STEP] = panels * qnt_gemm_full_tiles(g, least, p->m) * steps / p->seconds;
    x[TILE] = panels * tiles / p->seconds;
    x[UNPACK] = g->unpack ? panels * steps / p->seconds : 0;
    x[ROW] = (double)p->m * steps / p->seconds;
    x[CALL] = 1 / p->seconds;
}

static struct sums sums_of(const struct qnt_gemm *g, uint32_t least, const struct qb_fit_point *p, size_t count)
{
    struct sums s = {0};
    for (size_t i = 0; i < count; i++) {
        double x[TERMS];
        if (!(p[i].seconds > 0))
            continue;
        terms_of(g, least, &p[i], x);
        for (int a = 0; a < TERMS; a++) {
            s.sum[a] += p[i].weight * x[a];
            for (int b = 0; b < TERMS; b++)
                s.square[a][b] += p[i].weight * x[a] * x[b];
        }
        s.weight += p[i].weight;
    }
    return s;
}

/* Each cost in turn to where the error is least while the others stay. Returns the sum of the squares that is left. */
static double solve(const struct sums *s, double cost[TERMS])
{
    double left = s->weight;
    for (int a = 0; a < TERMS; a++)
        cost[a] = 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int a = 0; a < TERMS; a++) {
            double rest = s->sum[a];
            for (int b = 0; b < TERMS; b++)
                rest -= b == a ? 0 : s->square[a][b] * cost[b];
            cost[a] = s->square[a][a] > 0 && rest > 0 ? rest / s->square[a][a] : 0;
        }
    for (int a = 0; a < TERMS; a++) {
        left -= 2 * s->sum[a] * cost[a];
        for (int b = 0; b < TERMS; b++)
            left += s->square[a][b] * cost[a] * cost[b];
    }
    return left;
}

struct qnt_tile_cost qb_fit(const struct qnt_gemm *g, const struct qb_fit_point *p, size_t count, double unit)
{
    struct qnt_tile_cost best = {0};
    double fewest = 0;
    for (uint32_t least = 0; least <= g->mr; least++) {
        const struct sums s = sums_of(g, least, p, count);
        double cost[TERMS], left = solve(&s, cost);
        if (least && left >= fewest)
            continue;
        fewest = left;
        best = (struct qnt_tile_cost){.step = (float)(cost[STEP] / unit),
                                      .tile = (float)(cost[TILE] / unit),
                                      .unpack = (float)(cost[UNPACK] / unit),
                                      .row = (float)(cost[ROW] / unit),
                                      .least = least};
    }
    return best;
}
