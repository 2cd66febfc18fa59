/* qbench tune: what each tile costs on this machine. A layer of each shape is prepared once for each tile of its op;
 * all of them are measured in the same rounds, and the costs by which lib/gemm tells their times best go to the file
 * that contexts read. Tiles that the library's costs say to be far behind keep these: what they take does not matter.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/core/costs.h"
#include "lib/gemm/gemm.h"
#include "tools/qbench/fit.h"
#include "tools/qbench/layer.h"

#define PRODUCT(rows, columns, depth)                                                                                  \
    {                                                                                                                  \
        .batch = rows, .oc = columns, .c = depth, .kernel = 1, .stride = 1, .groups = 1                                \
    }
/* Of so many results a side. Larger windows go by two: by one they would be winograd's. */
#define CONV(side, channels, outputs, k)                                                                               \
    {                                                                                                                  \
        .h = (k > 1 ? 2 : 1) * side, .w = (k > 1 ? 2 : 1) * side, .c = channels, .oc = outputs, .kernel = k,           \
        .stride = k > 1 ? 2 : 1, .pad = k / 2, .groups = 1, .batch = 1                                                 \
    }
static const struct qb_layer shapes[] = {
    PRODUCT(1, 10, 256),    PRODUCT(1, 64, 64),     PRODUCT(1, 256, 256),   PRODUCT(1, 1024, 1024),
    PRODUCT(2, 256, 256),   PRODUCT(4, 128, 256),   PRODUCT(8, 512, 256),   PRODUCT(16, 64, 64),
    PRODUCT(16, 512, 1024), PRODUCT(25, 100, 400),  PRODUCT(32, 16, 144),   PRODUCT(64, 64, 64),
    PRODUCT(64, 256, 1024), PRODUCT(100, 100, 100), PRODUCT(128, 128, 128), PRODUCT(200, 24, 240),
    PRODUCT(256, 256, 256), CONV(32, 3, 16, 3),     CONV(16, 16, 16, 3),    CONV(16, 32, 32, 3),
    CONV(8, 64, 64, 3),     CONV(28, 64, 128, 1),   CONV(14, 128, 128, 3),  CONV(7, 256, 256, 3),
    CONV(14, 512, 64, 1),
};
static const struct {
    const char *op, *type;
    uint32_t bits; /* of the weights */
} ops[] = {
    {"gemm_s8", "s8", 8},     {"gemm_s4s8", "4-bit", 4}, {"gemm_s2s8", "2-bit", 2},
    {"gemm_b1", "binary", 1}, {"gemm_f32", "f32", 32},
};
enum { SHAPES = sizeof shapes / sizeof *shapes, OPS = sizeof ops / sizeof *ops, FAR = 16 };
static const double badly = 1.05; /* times the fastest tile's */

struct tuning {
    struct qbench *q;
    struct qnt_ctx own, measured; /* contexts by the library's costs and by the new ones */
    size_t op;
    struct qnt_gemm_list *list;                      /* of `measured` */
    struct qb_fit_point point[QNT_GEMM_MAX][SHAPES]; /* by tile of the list */
    size_t row[SHAPES][QNT_GEMM_MAX];                /* of the report */
};

static size_t outputs_of(const struct qb_layer *l)
{
    return l->h ? (l->h + 2 * l->pad - l->kernel) / l->stride + 1 : 1;
}

static struct qb_fit_point point_of(const struct tuning *t, size_t shape)
{
    const struct qb_layer *l = &shapes[shape];
    const size_t side = outputs_of(l), channels = ops[t->op].bits == 1 ? (l->c + 7) / 8 : l->c;
    return (struct qb_fit_point){.m = l->batch * side * side, .n = l->oc, .k = l->kernel * l->kernel * channels};
}

static struct qb_layer layer_of(const struct tuning *t, size_t shape)
{
    struct qb_layer l = shapes[shape];
    l.bits = ops[t->op].bits;
    return l;
}

static void name_shape(const struct qb_layer *l, char *name, size_t size)
{
    if (l->h)
        snprintf(name, size, "%zux%zu%s %zu->%zu @%zu", l->kernel, l->kernel, l->stride == 2 ? "s2" : "", l->c, l->oc,
                 l->h);
    else
        snprintf(name, size, "%zux%zux%zu", l->batch, l->oc, l->c);
}

/* The layer by a context of its own; what it allocates is the group's. */
static int case_by(struct qbench *q, const struct qnt_ctx *ctx, const struct qb_layer *l, struct qb_case *c)
{
    struct qnt_ctx *all = q->ctx, *own = qb_alloc(q, sizeof *own);
    if (!own)
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    *own = *ctx;
    q->ctx = own;
    int code = qb_layer_case(q, l, c);
    q->ctx = all;
    return code;
}

/* By one tile, the only one of its list. */
static int tile_case(struct tuning *t, size_t shape, const struct qnt_gemm *tile, struct qb_case *c)
{
    struct qnt_ctx only = t->own;
    const struct qb_layer l = layer_of(t, shape);
    struct qnt_gemm_list *list = qnt_dsp_tiles(&only.dsp, ops[t->op].op);
    list->count = 0;
    qnt_gemm_list_add(list, tile);
    name_shape(&l, c->name, sizeof c->name);
    return case_by(t->q, &only, &l, c);
}

static int measure_shape(struct tuning *t, size_t shape)
{
    struct qb_case cases[QNT_GEMM_MAX] = {0};
    size_t tile_of[QNT_GEMM_MAX], n = 0;
    double least = INFINITY;
    struct qb_fit_point p = point_of(t, shape);
    for (uint32_t i = 0; i < t->list->count; i++)
        least = fmin(least, qnt_gemm_cost(t->list, t->list->v[i], p.m, p.n, p.k));
    for (uint32_t i = 0; i < t->list->count; i++) {
        t->point[i][shape] = p;
        t->row[shape][i] = SIZE_MAX;
        if (qnt_gemm_cost(t->list, t->list->v[i], p.m, p.n, p.k) > FAR * least)
            continue;
        int code = tile_case(t, shape, t->list->v[i], &cases[n]);
        if (code)
            return qb_drop(t->q, code);
        tile_of[n++] = i;
    }
    const size_t first = t->q->rows;
    int code = qb_group(t->q, cases, n);
    for (size_t i = 0; i < n && !code; i++) {
        t->row[shape][tile_of[i]] = first + i;
        t->point[tile_of[i]][shape].seconds = t->q->row[first + i].seconds.median;
    }
    return code;
}

/* In the unit of the library's costs: so that the fastest tile of the largest product costs what it did. */
static double unit_of(const struct tuning *t)
{
    const struct qb_fit_point *best = NULL;
    double unit = 1;
    for (uint32_t i = 0; i < t->list->count; i++)
        for (size_t s = 0; s < SHAPES; s++) {
            const struct qb_fit_point *p = &t->point[i][s];
            const double macs = (double)p->m * (double)p->n * (double)p->k;
            const double most = best ? (double)best->m * (double)best->n * (double)best->k : 0;
            if (p->seconds > 0 && (macs > most || (macs >= most && p->seconds < best->seconds))) {
                best = p;
                unit = p->seconds / qnt_gemm_cost(t->list, t->list->v[i], p->m, p->n, p->k);
            }
        }
    return unit;
}

/* A tile's costs must be right where it is among the fastest. What it takes for a panel that is not full is its own
 * business: those products count where there are no others. */
static void weigh(struct tuning *t)
{
    for (size_t s = 0; s < SHAPES; s++) {
        double least = INFINITY;
        for (uint32_t i = 0; i < t->list->count; i++)
            least = t->point[i][s].seconds > 0 ? fmin(least, t->point[i][s].seconds) : least;
        for (uint32_t i = 0; i < t->list->count; i++) {
            struct qb_fit_point *p = &t->point[i][s];
            p->weight = p->seconds > 0 ? pow(least / p->seconds, 4) : 0;
            p->weight *= p->n % t->list->v[i]->nr ? 1e-3 : 1;
        }
    }
}

static void fit(struct tuning *t)
{
    const double unit = unit_of(t);
    weigh(t);
    for (uint32_t i = 0; i < t->list->count; i++) {
        bool measured = false;
        for (size_t s = 0; s < SHAPES; s++)
            measured = measured || t->point[i][s].seconds > 0;
        if (measured)
            t->list->cost[i] = qb_fit(t->list->v[i], t->point[i], SHAPES, unit);
    }
}

/* Which tile prepare takes for the shape; -1: an error, told. */
static int choice_of(struct tuning *t, const struct qnt_ctx *ctx, size_t shape)
{
    struct qb_case c = {0};
    const struct qb_layer l = layer_of(t, shape);
    int code = qb_drop(t->q, case_by(t->q, ctx, &l, &c)), tile = -1;
    const struct qnt_kernel_row *row = qnt_kernel_rows;
    while (!code && row->op && (strcmp(row->op, ops[t->op].op) || strcmp(row->variant, c.kernel)))
        row++;
    for (uint32_t i = 0; i < t->list->count && !code; i++)
        if (t->list->v[i] == row->gemm)
            tile = (int)i;
    if (!code && tile < 0)
        opt_error(t->q->tool, EXIT_FAILED, "%s: the layer takes %s, which is no tile", ops[t->op].op, c.kernel);
    return tile;
}

static double seconds_of(const struct tuning *t, int tile, size_t shape)
{
    const double s = t->point[tile][shape].seconds;
    return s > 0 ? s : INFINITY; /* too far behind to be measured */
}

/* Keeps the rows of the tiles that are chosen, and of the fastest where it is not among them. */
static void keep_rows(struct tuning *t, size_t shape, const int *tile, const char *const *label, size_t n, size_t *kept)
{
    struct qb_row rows[3];
    for (size_t i = 0; i < n; i++) {
        const size_t at = t->row[shape][tile[i]];
        if (at == SIZE_MAX)
            continue;
        rows[i] = t->q->row[at];
        snprintf(rows[i].type, sizeof rows[i].type, "%s, %s", ops[t->op].type, label[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (t->row[shape][tile[i]] != SIZE_MAX)
            t->q->row[(*kept)++] = rows[i];
}

/* How the choices by the old and by the new costs do. An exit code. */
static int judge(struct tuning *t, size_t *kept)
{
    size_t bad[2] = {0, 0};
    double lost[2] = {0, 0};
    for (size_t s = 0; s < SHAPES; s++) {
        int tile[3] = {choice_of(t, &t->own, s), choice_of(t, &t->measured, s), 0};
        if (tile[0] < 0 || tile[1] < 0)
            return EXIT_FAILED;
        for (uint32_t i = 1; i < t->list->count; i++)
            if (seconds_of(t, (int)i, s) < seconds_of(t, tile[2], s))
                tile[2] = (int)i;
        for (int i = 0; i < 2; i++) {
            const double times = seconds_of(t, tile[i], s) / seconds_of(t, tile[2], s);
            bad[i] += times > badly;
            lost[i] += log(times) / SHAPES;
        }
        const bool same = tile[0] == tile[1], found = tile[2] == tile[0] || tile[2] == tile[1];
        const int kinds[] = {tile[0], same ? tile[2] : tile[1], tile[2]};
        const char *const label[] = {same ? "both choose" : "before", same ? "fastest" : "after", "fastest"};
        keep_rows(t, s, kinds, label, (same ? 1 : 2) + !found, kept);
    }
    const bool better = lost[1] < lost[0];
    fprintf(stderr,
            "%s: %s: of %d shapes %zu are chosen more than 5 %% slower than the fastest tile by the library's costs, "
            "%zu by "
            "the measured ones; on average %.1f and %.1f %% slower%s\n",
            t->q->tool->name, ops[t->op].op, SHAPES, bad[0], bad[1], 100 * expm1(lost[0]), 100 * expm1(lost[1]),
            better ? "" : ": the library's stay");
    if (!better)
        *t->list = *qnt_dsp_tiles(&t->own.dsp, ops[t->op].op);
    return EXIT_OK;
}

/* All folders on the way to a file. */
static int make_folders(const char *path)
{
    char part[QNT_COSTS_PATH];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return -1;
        *p = '/';
    }
    return 0;
}

static qnt_status write_text(int fd, void *text)
{
    return qnt_write_at(fd, text, strlen(text), 0);
}

static int write_file(struct tuning *t, const char *path)
{
    const size_t length = qnt_costs_text(&t->own, &t->measured.dsp, NULL, 0);
    char *text = malloc(length + 1);
    if (!text)
        return opt_fail(t->q->tool, QNT_ERR_NOMEM);
    qnt_costs_text(&t->own, &t->measured.dsp, text, length + 1);
    if (make_folders(path)) {
        free(text);
        return opt_error(t->q->tool, EXIT_FAILED, "%s: %s", path, strerror(errno));
    }
    const qnt_status status = qnt_replace_file(t->q->ctx, path, write_text, text);
    free(text);
    if (status)
        return opt_error(t->q->tool, EXIT_FAILED, "%s: %s", path, qnt_last_error());
    fprintf(stderr, "%s: written: %s\n", t->q->tool->name, path);
    return EXIT_OK;
}

/* Where to: as for reading, but that a variable that switches it off does not. */
static int find_file(const struct qbench *q, char *path, size_t size)
{
    const char *name = q->costs ? q->costs : getenv("QNT_COSTS");
    if (!q->costs && name && !*name)
        name = NULL;
    if (!name)
        return qnt_costs_default(q->ctx, path, size);
    return (size_t)snprintf(path, size, "%s", name) < size ? 0 : -1;
}

static int tune_op(struct tuning *t, size_t *kept)
{
    t->list = qnt_dsp_tiles(&t->measured.dsp, ops[t->op].op);
    for (size_t s = 0; s < SHAPES; s++) {
        int code = measure_shape(t, s);
        if (code)
            return code;
    }
    fit(t);
    return judge(t, kept);
}

int qb_tune(struct qbench *q)
{
    char path[QNT_COSTS_PATH];
    struct tuning *t = calloc(1, sizeof *t);
    size_t kept = 0;
    int code = t ? EXIT_OK : opt_fail(q->tool, QNT_ERR_NOMEM);
    if (!code && q->threads > 1)
        code = opt_usage(q->tool, "tune: one thread is measured, not %u", q->threads);
    if (!code && find_file(q, path, sizeof path))
        code = opt_error(q->tool, EXIT_FAILED, "there is no cache folder: name a file by --costs");
    if (!code) {
        t->q = q;
        t->own = t->measured = *q->ctx;
    }
    for (size_t i = 0; i < OPS && !code; i++) {
        if (!qb_wanted(q, ops[i].op))
            continue;
        t->op = i;
        code = tune_op(t, &kept);
        q->rows = kept;
    }
    if (!code && !kept)
        code = opt_usage(q->tool, "--sizes: no op of tiles has '%s' in its name", q->sizes);
    if (!code && *path)
        code = write_file(t, path);
    free(t);
    return code;
}
