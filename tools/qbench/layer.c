/* One layer of a model made for it: prepared by the library's own plan, so the choices are those of a session; run step
 * by step, so that nothing else is timed. */
#include <string.h>
#include "lib/graph/plan.h"
#include "tools/qbench/layer.h"

/* A model under construction: the first error stays. */
struct draft {
    struct qbench *q;
    const struct qb_layer *l;
    qnt_model *m;
    qnt_status status;
};
struct layer {
    struct qnt_plan *plan;
    size_t step;
    uint8_t *arena, *scratch; /* scratch: stride bytes for each thread */
    size_t stride, batch;
};

static void run(void *arg, uint32_t part, uint32_t parts)
{
    const struct layer *l = arg;
    const struct qnt_exec x = {
        .arena = l->arena, .scratch = l->scratch + part * l->stride, .batch = l->batch, .part = part, .parts = parts};
    qnt_plan_run_step(l->plan, l->step, &x);
}

/* A constant with noise in it: codes of `bits` with a scale for each of dim[0], or floats. */
static int constant(struct draft *d, const char *name, uint32_t bits, uint32_t rank, const size_t *dim)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name, .type = QNT_S8, .bits = bits, .rank = rank};
    size_t count = 1;
    int id = 0;
    for (uint32_t i = 0; i < rank; i++)
        count *= t.dim[i] = dim[i];
    if (d->status)
        return 0;
    if (bits == 32) {
        const float *data = qb_noise_f32(d->q, count);
        d->status = data ? qnt_model_add_const(d->m, name, rank, dim, data, &id) : QNT_ERR_NOMEM;
        return id;
    }
    int8_t *code = qb_noise(d->q, count);
    if (!code || !(t.scale = qb_alloc(d->q, dim[0] * sizeof *t.scale))) {
        d->status = QNT_ERR_NOMEM;
        return 0;
    }
    for (t.scales = 0; t.scales < dim[0]; t.scales++)
        t.scale[t.scales] = 0.01f;
    for (size_t i = 0; i < count; i++)
        code[i] = (int8_t)(bits == 1 ? (code[i] < 0 ? -1 : 1) : code[i] >> (8 - bits));
    t.constant = true;
    t.data = code; /* stays the group's */
    d->status = qnt_model_append_tensor(d->m, &t, &id);
    return id;
}

static int node(struct draft *d, const char *op, const char *name, const qnt_node_attr *attr, const int *in,
                size_t n_in, bool f32)
{
    float scale = 0.05f;
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale};
    int id = 0;
    if (!d->status)
        d->status = qnt_model_append_node(d->m, qnt_op_find(op), name, attr, in, n_in, NULL, f32 ? NULL : &q, &id);
    return id;
}

/* A layer's node; x: its input. */
static int weighted(struct draft *d, const struct qb_layer *l, const char *name, const char *w_name, int x)
{
    const uint32_t pad = (uint32_t)l->pad, stride = (uint32_t)l->stride;
    const qnt_node_attr attr = {
        .size = sizeof attr, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}, .groups = (uint32_t)l->groups};
    const size_t conv[] = {l->oc, l->kernel, l->kernel, l->c / l->groups}, full[] = {l->oc, l->c};
    const int in[] = {x, constant(d, w_name, l->bits, l->h ? 4 : 2, l->h ? conv : full)};
    const char *const op[] = {"fully_connected", "conv2d", "binary_fully_connected", "binary_conv2d"};
    return node(d, op[2 * (l->bits == 1) + (l->h > 0)], name, l->h ? &attr : NULL, in, 2, l->bits == 32);
}

/* Between layers that hand it signs as bits and take its own so. */
static int between_signs(struct draft *d, int x)
{
    struct qb_layer pixel = *d->l;
    pixel.kernel = pixel.stride = 1;
    pixel.pad = 0;
    pixel.oc = pixel.c;
    x = weighted(d, &pixel, "before", "before w", x);
    x = weighted(d, d->l, "layer", "layer w", x);
    pixel.c = pixel.oc = d->l->oc;
    return weighted(d, &pixel, "after", "after w", x);
}

static void build(struct draft *d)
{
    const struct qb_layer *l = d->l;
    const bool codes = l->bits < 32;
    const size_t image[] = {l->h, l->w, l->c}, row[] = {l->c};
    int x = 0;
    if ((d->status = qnt_model_new(d->q->ctx, &d->m)) ||
        (d->status = qnt_model_add_input(d->m, "x", l->h ? 3 : 1, l->h ? image : row, &x)))
        return;
    if (codes)
        x = node(d, "quantize", "codes", NULL, &x, 1, false);
    x = l->bits == 1 ? between_signs(d, x) : weighted(d, l, "layer", "layer w", x);
    if (codes)
        x = node(d, "dequantize", "y", NULL, &x, 1, true);
    if (!d->status)
        d->status = qnt_model_set_output(d->m, x);
}

/* At the end of the group, before its memory goes. */
static void release(void *arg)
{
    struct layer *l = arg;
    qnt_plan_free(l->plan);
}

/* Random values everywhere: of floats none that are slow. */
static int fill(struct qbench *q, const struct qb_layer *s, struct layer *l)
{
    l->stride = qnt_round_up(l->plan->scratch_bytes, 128);
    l->scratch = qb_alloc(q, q->threads * l->stride);
    l->arena =
        s->bits == 32 ? (uint8_t *)qb_noise_f32(q, (l->plan->arena_bytes + 3) / 4) : qb_noise(q, l->plan->arena_bytes);
    return !l->scratch || !l->arena;
}

static void describe(const struct qb_layer *s, const struct qnt_step *step, struct qb_case *c)
{
    const double in = (double)qnt_tensor_count(step->in[0]), out = (double)qnt_tensor_count(step->out);
    const double value = s->bits == 32 ? 4 : s->bits == 1 ? 0.125 : 1;
    const double weights = (double)qnt_tensor_count(step->in[1]) * s->bits / 8;
    snprintf(c->kernel, sizeof c->kernel, "%s", qnt_step_variant(step));
    c->macs = (double)step->macs * (double)s->batch;
    c->bytes = weights + (in + out) * value * (double)s->batch;
    c->peak = s->bits == 1 ? QB_B1 : s->bits == 32 ? QB_F32 : QB_S8;
}

int qb_layer_case(struct qbench *q, const struct qb_layer *s, struct qb_case *c)
{
    struct draft d = {.q = q, .l = s};
    struct layer *l = qb_alloc(q, sizeof *l);
    const struct qnt_plan_options o = {.max_batch = s->batch, .quantized_io = s->bits < 32};
    if (!l)
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    build(&d);
    if (!d.status)
        d.status = qnt_plan_create(d.m, &o, &l->plan);
    qnt_model_free(d.m);
    if (d.status || (d.status = qb_at_end(q, release, l)))
        return opt_fail(q->tool, d.status);
    while (strcmp(l->plan->step[l->step].node->name, "layer"))
        l->step++;
    l->batch = s->batch;
    if (fill(q, s, l))
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    c->work = (struct qb_work){.run = run, .arg = l};
    describe(s, &l->plan->step[l->step], c);
    return EXIT_OK;
}
