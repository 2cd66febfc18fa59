/* qbench kernels: every usable variant of every op, beside its reference, on data in the first cache: plain ops on the
 * library's samples, tiles on full panels. */
#include <math.h>
#include <string.h>
#include "lib/core/sample.h"
#include "tools/qbench/qbench.h"

enum { ROWS = 32, CHANNELS = 64, DEPTH = 512, SUMS = 1 << 12, MOST_VARIANTS = 32 };

struct call {
    const struct qnt_kernel_row *kernel;
    const struct qnt_sample_op *op; /* plain ops */
    struct qnt_sample *sample;      /* of each thread */
    size_t k;                       /* tiles: padded */
    void *a, *w;
    struct qnt_epilogue e;
    struct qnt_tile tile;
};

static void run_plain(void *arg, uint32_t part, uint32_t parts)
{
    const struct call *c = arg;
    (void)parts;
    c->op->run(c->kernel->fn, &c->sample[part], 0);
}

static void run_tile(void *arg, uint32_t part, uint32_t parts)
{
    const struct call *c = arg;
    const struct qnt_gemm *g = c->kernel->gemm;
    struct qnt_tile t = c->tile;
    (void)parts;
    t.c = (int32_t *)t.c + part * SUMS;
    if (g->run_f32) {
        const struct qnt_f32_operands o = {
            .a = c->a, .w = c->w, .a_row = (ptrdiff_t)c->k, .a_k = 1, .w_k = g->nr, .run = c->k, .runs = 1};
        g->run_f32(&o, &t);
    } else if (g->run_rows) {
        const struct qnt_s8_operands o = {
            .a = c->a, .w = c->w, .a_row = (ptrdiff_t)qnt_rows_pitch(c->k), .run = c->k, .runs = 1};
        g->run_rows(&o, &t);
    } else {
        g->run(c->k, c->a, c->w, &t);
    }
}

/* Figures of a part of the team each would tell nothing of a kernel: all threads do the same. */
static void describe(struct qb_case *c, struct call *arg, qb_run *run, enum qb_peak peak)
{
    c->work = (struct qb_work){.run = run, .arg = arg, .each = true};
    c->peak = peak;
    snprintf(c->name, sizeof c->name, "%s", arg->kernel->op);
    snprintf(c->kernel, sizeof c->kernel, "%s", arg->kernel->variant);
}

static enum qb_peak peak_of(const char *op, bool macs)
{
    return !macs ? QB_COPY : strstr(op, "b1") ? QB_B1 : strstr(op, "f32") ? QB_F32 : QB_S8;
}

static int plain_case(struct qbench *q, struct call *arg, const struct qnt_sample_op *op, struct qb_case *c)
{
    size_t macs, bytes;
    if (!(arg->sample = qb_alloc(q, q->threads * sizeof *arg->sample)))
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    for (uint32_t i = 0; i < q->threads; i++) {
        void *memory = qb_alloc(q, QNT_SAMPLE_BYTES(ROWS, CHANNELS));
        if (!memory)
            return opt_fail(q->tool, QNT_ERR_NOMEM);
        qnt_sample_init(&arg->sample[i], memory, ROWS, CHANNELS);
    }
    arg->op = op;
    op->work(arg->sample, &macs, &bytes);
    describe(c, arg, run_plain, peak_of(op->op, macs > 0));
    c->macs = (double)macs;
    c->bytes = macs ? 0 : (double)bytes;
    c->held = fmin(c->bytes, 2 * sizeof(float) * ROWS * CHANNELS); /* operands of an op may overlap */
    snprintf(c->type, sizeof c->type, macs ? "%zu MACs" : "%zu bytes", macs ? macs : bytes);
    return EXIT_OK;
}

/* The panels of a full tile, of any bytes: what they hold does not change the time. */
static int tile_case(struct qbench *q, struct call *arg, struct qb_case *c)
{
    const struct qnt_gemm *g = arg->kernel->gemm;
    const size_t k = g->binary ? DEPTH / 8 : DEPTH, size = g->run_f32 ? sizeof(float) : 1;
    arg->k = qnt_round_up(k, g->kr);
    arg->a = size > 1 ? (void *)qb_noise_f32(q, g->mr * arg->k)
                      : qb_noise(q, g->mr * (g->run_rows ? qnt_rows_pitch(arg->k) : arg->k * g->a_size));
    arg->w = size > 1 ? (void *)qb_noise_f32(q, g->nr * arg->k)
                      : qb_noise(q, g->unpack ? g->nr * arg->k : qnt_panel_w_bytes(g, arg->k));
    _Static_assert(SUMS >= 64 * 64, "no tile has more than 64 rows or columns"); /* as lib/core/selftest_tile.c */
    int32_t *bias = qb_alloc(q, g->nr * sizeof *bias), *sums = qb_alloc(q, q->threads * SUMS * sizeof *sums);
    if (!arg->a || !arg->w || !bias || !sums)
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    arg->e = size > 1 ? (struct qnt_epilogue){.kind = QNT_EPI_F32, .lo = -INFINITY, .hi = INFINITY}
                      : (struct qnt_epilogue){.kind = QNT_EPI_S32, .bias = bias};
    arg->tile = (struct qnt_tile){sums, g->nr, g->mr, g->nr, 0, 0, 1, 1, &arg->e};
    describe(c, arg, run_tile, g->binary ? QB_B1 : size > 1 ? QB_F32 : QB_S8);
    c->macs = (double)g->mr * g->nr * DEPTH;
    snprintf(c->type, sizeof c->type, "k = %d", DEPTH);
    return EXIT_OK;
}

/* The variants of one op, from `row` on, in one group; *next: the row after them. */
static int run_op(struct qbench *q, const struct qnt_kernel_row *row, const struct qnt_sample_op *op,
                  const struct qnt_kernel_row **next)
{
    struct qb_case cases[MOST_VARIANTS] = {0};
    struct call calls[MOST_VARIANTS] = {0};
    const char *name = row->op;
    size_t n = 0;
    int code = EXIT_OK;
    for (; row->op && !strcmp(row->op, name); row++) {
        if (!(q->ctx->usable >> row->isa & 1) || code || n == MOST_VARIANTS || !qb_wanted(q, name))
            continue;
        calls[n].kernel = row;
        code = row->gemm ? tile_case(q, &calls[n], &cases[n]) : plain_case(q, &calls[n], op, &cases[n]);
        n++;
    }
    *next = row;
    return code || !n ? qb_drop(q, code) : qb_group(q, cases, n);
}

int qb_kernels(struct qbench *q)
{
    const struct qnt_sample_op *op = qnt_sample_ops;
    int code = EXIT_OK;
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op && !code;) {
        const bool plain = !row->gemm;
        code = run_op(q, row, op, &row);
        op += plain;
    }
    return code || q->rows ? code : opt_usage(q->tool, "--sizes: no op has '%s' in its name", q->sizes);
}
