/* Gradients of binary layers against their definition, the weights that come out, and the errors. */
#include "lib/op/batchnorm.h"
#include "lib/op/binary.h"
#include "lib/train/grad.h"
#include "op_util.h"
#include "lib/quant/fake.h"
#include <qnt/train.h>

enum { BATCH = 3 };

struct shape {
    size_t h, w, c, oc; /* h == 0: fully connected */
    qnt_node_attr attr;
    bool bias, second, add; /* second: x has a gradient already; add: the parameters have */
};
#define WINDOW(...)                                                                                                    \
    {                                                                                                                  \
        .size = sizeof(qnt_node_attr), __VA_ARGS__                                                                     \
    }
static const struct shape shapes[] = {
    {0, 0, 20, 7, WINDOW(.groups = 1), true, false, false},
    {0, 0, 33, 4, WINDOW(.groups = 1), false, true, true},
    {6, 5, 3, 4, WINDOW(.pad = {1, 1, 1, 1}), true, false, false},
    {6, 5, 8, 6, WINDOW(.pad = {1, 1, 1, 1}, .lo = 1.0f), true, true, false},
    {7, 6, 8, 6, WINDOW(.pad = {2, 0, 1, 1}, .lo = -1.0f, .stride = {2, 1}), false, false, true},
    {7, 6, 8, 6, WINDOW(.pad = {2, 1, 1, 2}, .dilation = {2, 1}, .groups = 2), true, true, true},
    {6, 6, 10, 20, WINDOW(.pad = {1, 1, 1, 1}, .groups = 10, .lo = -1.0f, .stride = {2, 2}), true, false, false},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static qnt_ctx *ctx;

static void setup(void)
{
    unit_seed();
    OK(qnt_ctx_create(NULL, &ctx));
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

static float *floats(size_t n, float range)
{
    float *v = malloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = unit_random_float() * range;
    return v;
}

/* The definition, in double. All arrays by image. */
struct naive {
    const struct qnt_model *m;
    const struct qnt_node *n;
    const float *x, *w, *dy;
    double *dx, *dw, *db;
};

static double sign(float v)
{
    return v < 0.0f ? -1.0 : 1.0;
}

/* One product: input at (image b, pixel, channel k) or padding, weight wat, output at. */
static void naive_term(const struct naive *g, bool in, size_t xat, size_t wat, size_t at, double scale)
{
    const double dy = (double)g->dy[at], x = in ? sign(g->x[xat]) : (double)g->n->attr.lo;
    if (fabsf(g->w[wat]) <= 1.0f)
        g->dw[wat] += dy * x;
    if (in && fabsf(g->x[xat]) <= 1.0f)
        g->dx[xat] += dy * scale * sign(g->w[wat]);
}

static void naive_conv(const struct naive *g, size_t b)
{
    const struct qnt_tensor *x = &g->m->tensor[g->n->in[0]], *w = &g->m->tensor[g->n->in[1]],
                            *y = &g->m->tensor[g->n->out];
    const bool conv = w->rank == 4;
    const size_t oc = w->dim[0], pixels = qnt_tensor_count(y) / oc, cg = w->dim[w->rank - 1];
    const size_t taps = qnt_tensor_count(w) / oc / cg, og = oc / g->n->attr.groups;
    for (size_t p = 0; p < pixels; p++)
        for (size_t o = 0; o < oc; o++) {
            struct oracle_window win = {.n = g->n,
                                        .x = x,
                                        .oy = conv ? p / y->dim[1] : 0,
                                        .ox = conv ? p % y->dim[1] : 0,
                                        .kw = conv ? w->dim[2] : 1};
            const size_t at = (b * pixels + p) * oc + o;
            double scale = 0.0;
            for (size_t i = 0; i < taps * cg; i++)
                scale += fabs((double)g->w[o * taps * cg + i]) / (double)(taps * cg);
            for (size_t t = 0; t < taps; t++) {
                size_t pixel = 0;
                bool in = !conv || oracle_pixel(&win, t, &pixel);
                for (size_t k = 0; k < cg; k++)
                    naive_term(g, in, b * qnt_tensor_count(x) + pixel * cg * g->n->attr.groups + o / og * cg + k,
                               (o * taps + t) * cg + k, at, scale);
            }
            if (g->db)
                g->db[o] += (double)g->dy[at];
        }
}

static void expect(const char *what, const float *got, const double *want, const float *before, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double all = want[i] + (before ? (double)before[i] : 0.0);
        ck_assert_msg(fabs((double)got[i] - all) < 1e-4 * fmax(1.0, fabs(all)), "%s[%zu]: %g, expected %g", what, i,
                      (double)got[i], all);
    }
}

static struct qnt_model *build(const struct shape *s)
{
    struct qnt_model *m;
    const size_t groups = s->attr.groups ? s->attr.groups : 1;
    const size_t dim[] = {s->h, s->w, s->c}, wdim[] = {s->oc, 3, 3, s->c / groups}, full[] = {s->oc, s->c};
    OK(qnt_model_new(ctx, &m));
    int in[3] = {s->h ? add_input(m, 3, dim) : add_input(m, 1, &s->c)};
    in[1] = add_floats(m, "w", s->h ? 4 : 2, s->h ? wdim : full, 1.3f);
    if (s->bias)
        in[2] = add_floats(m, "b", 1, &s->oc, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, s->h ? "binary_conv2d" : "binary_fully_connected", "y",
                                        s->h ? &s->attr : NULL, in, s->bias ? 3 : 2, NULL)));
    return m;
}

static float *copy(const float *from, size_t n)
{
    float *to = malloc(n * sizeof *to);
    ck_assert_ptr_nonnull(to);
    return memcpy(to, from, n * sizeof *to);
}

static float *signed_floats(size_t n)
{
    float *x = floats(n, 2.0f);
    return memcpy(x, (const float[]){0.0f /* of sign +1 */, -1.0f, 1.0f /* inside */}, 3 * sizeof *x);
}

static void free_all(void **p)
{
    while (*p)
        free(*p++);
}

START_TEST(gradients_are_the_definition)
{
    const struct shape *s = &shapes[_i];
    struct qnt_model *m = build(s);
    struct qnt_plan_options o = {.max_batch = BATCH, .keep_graph = true};
    struct qnt_plan *p;
    OK(qnt_plan_create(m, &o, &p));
    const struct qnt_step *step = &p->step[0];
    const int *in = step->node->in, out = step->node->out;
    const size_t nx = BATCH * qnt_tensor_count(step->in[0]), nw = qnt_tensor_count(step->in[1]),
                 ny = BATCH * qnt_tensor_count(step->out);
    float *x = signed_floats(nx), *dy = floats(ny, 1.0f), *dx = floats(nx, 1.0f), *dw = floats(nw, 1.0f),
          *db = floats(s->oc, 1.0f), *y = floats(ny, 1.0f), *dx0 = copy(dx, nx), *dw0 = copy(dw, nw),
          *db0 = copy(db, s->oc);
    const float *value[8] = {0};
    float *delta[8] = {0}, *param[8] = {0};
    uint8_t set[8] = {0}, clamped[8] = {0};
    const struct qnt_bounds *early[8] = {0};
    void *state = NULL;
    size_t bytes = 0;
    value[in[0]] = x;
    value[in[1]] = step->in[1]->data;
    value[out] = y;
    delta[in[0]] = dx;
    delta[out] = dy;
    param[in[1]] = dw;
    if (s->bias)
        param[in[2]] = db;
    set[out] = 1;
    set[in[0]] = s->second;
    struct naive want = {m, step->node, x, value[in[1]], dy, calloc(nx, 8), calloc(nw, 8), calloc(s->oc, 8)};
    for (size_t b = 0; b < BATCH; b++)
        naive_conv(&want, b);
    OK(step->op->backward_prepare(ctx, step, value, BATCH, &state, &bytes));
    OK(step->op->backward_prepare(ctx, step, value, BATCH, &state, &bytes));
    struct qnt_grad g = {.dsp = &ctx->dsp,
                         .batch = BATCH,
                         .value = value,
                         .delta = delta,
                         .delta_set = set,
                         .param = param,
                         .param_add = s->add,
                         .early = early,
                         .clamped = clamped,
                         .state = state,
                         .scratch = qnt_alloc(ctx, bytes, "scratch")};
    step->op->backward(step, &g);
    expect("dx", dx, want.dx, s->second ? dx0 : NULL, nx);
    for (size_t i = 0; s->add && i < nw; i++) /* sums so far went through the same gate */
        dw0[i] = fabsf(want.w[i]) <= 1.0f ? dw0[i] : 0.0f;
    expect("dw", dw, want.dw, s->add ? dw0 : NULL, nw);
    if (s->bias)
        expect("db", db, want.db, s->add ? db0 : NULL, s->oc);
    ck_assert_uint_eq(set[in[0]], 1);
    step->op->backward_release(ctx, state);
    qnt_release(ctx, g.scratch);
    free_all((void *[]){x, dy, dx, dw, db, y, dx0, dw0, db0, want.dx, want.dw, want.db, NULL});
    qnt_plan_free(p);
    qnt_model_free(m);
}
END_TEST

/* image -> binary layers by hand; codes, scales and floats of the weights after training. */
static qnt_model *start(void)
{
    const size_t image[] = {32, 32, 3}, w0[] = {8, 3, 3, 3}, w1[] = {10, 16 * 16 * 8};
    const qnt_node_attr attr = ATTR(.stride = {2, 2}, .pad = {1, 1, 1, 1});
    struct qnt_model *m;
    OK(qnt_model_new(ctx, &m));
    int in[2] = {add_input(m, 3, image), add_floats(m, "w0", 4, w0, 0.9f)};
    int x = add_node(m, "binary_conv2d", "conv", &attr, in, 2, NULL);
    in[0] = add_node(m, "flatten", "flat", NULL, &x, 1, NULL);
    in[1] = add_floats(m, "w1", 2, w1, 0.9f);
    OK(qnt_model_set_output(m, add_node(m, "binary_fully_connected", "full", NULL, in, 2, NULL)));
    return m;
}

START_TEST(weights_come_out_as_codes)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_model *m = start(), *binary, *master;
    qnt_dataset *data;
    qnt_train *t;
    size_t at_bound = 0, count = 0;
    int done = 0;
    c.batch = 20;
    c.epochs = 2;
    c.lr = 0.5f; /* far enough for bounds */
    c.threads = 2;
    c.optimizer = QNT_ADAM;
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, 40, &data));
    OK(qnt_train_create(m, NULL, data, &c, &t));
    while (!done)
        OK(qnt_train_step(t, NULL, &done));
    OK(qnt_train_model(t, &binary));
    OK(qnt_train_float_model(t, &master));
    for (int k = 0; k < 2; k++) {
        const struct qnt_tensor *f = &master->tensor[qnt_model_find(master, k ? "w1" : "w0")],
                                *b = &binary->tensor[qnt_model_find(binary, k ? "w1" : "w0")];
        ck_assert(b->type == QNT_S8 && b->bits == 1 && b->scales == b->dim[0] && f->type == QNT_F32);
        for (size_t i = 0; i < qnt_tensor_count(f); i++, count++) {
            const float w = ((const float *)f->data)[i];
            ck_assert(fabsf(w) <= 1.0f);
            ck_assert_int_eq(((const int8_t *)b->data)[i], w < 0.0f ? -1 : 1);
            at_bound += fabsf(w) == 1.0f;
        }
        for (size_t o = 0; o < f->dim[0]; o++)
            ck_assert(b->scale[o] == oracle_sign_scale(f, o));
    }
    ck_assert_uint_gt(at_bound, count / 10);
    ck_assert_uint_eq(qnt_model_weight_bytes(binary), count / 8);
    qnt_train_free(t);
    /* codes do not train */
    ck_assert_int_eq(qnt_train_create(binary, NULL, data, &c, &t), QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "'w0', which is s8; a float model is expected"));
    c.weight_bits = 8;
    ck_assert_int_eq(qnt_train_create(m, NULL, data, &c, &t), QNT_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "node 'conv' is a binary_conv2d"));
    qnt_model_free(binary);
    qnt_model_free(master);
    qnt_model_free(m);
    qnt_dataset_free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binary_train");
    TCase *tc = tcase_create("binary_train");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, gradients_are_the_definition, 0, SHAPES);
    tcase_add_test(tc, weights_come_out_as_codes);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
