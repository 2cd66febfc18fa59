/* rnn, gru and lstm against plain loops in double: directions, first states, peepholes, lengths, linear_before_reset.
 */
#include "values.h"

enum { T = 5, I = 3 };
struct pick {
    const char *op;
    uint32_t mode;
    size_t n, h;
    bool fed; /* the first states are activations */
};

static size_t gates_of(const char *op)
{
    return !strcmp(op, "lstm") ? 4 : !strcmp(op, "gru") ? 3 : 1;
}

/* [d][n][h], from the input where it is an activation. */
static int state(struct qnt_model *m, const struct pick *p, int x, const char *name, size_t d)
{
    const size_t dim[] = {d, p->n, p->h};
    if (!p->fed)
        return add_floats(m, name, 3, dim, 1.0f);
    char node[32];
    snprintf(node, sizeof node, "%s fed", name);
    int in[2] = {add_node(m, "reduce_mean", node, NULL, &x, 1, NULL), add_floats(m, name, 3, dim, 3.0f)};
    snprintf(node, sizeof node, "%s spread", name);
    return add_node(m, "mul", node, NULL, in, 2, NULL);
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct pick *p = arg;
    const size_t d = p->mode & QNT_RNN_BOTH ? 2 : 1, g = gates_of(p->op);
    const qnt_node_attr attr = ATTR(.mode = p->mode);
    int in[8], n = 3;
    in[0] = add_input(m, 3, (size_t[]){T, p->n, I});
    in[1] = add_floats(m, "w", 3, (size_t[]){d, g * p->h, I}, 0.8f);
    in[2] = add_floats(m, "r", 3, (size_t[]){d, g * p->h, p->h}, 0.5f);
    if (p->mode & QNT_RNN_BIAS)
        in[n++] = add_floats(m, "bias", 2, (size_t[]){d, 2 * g * p->h}, 0.5f);
    if (p->mode & QNT_RNN_FIRST_H)
        in[n++] = state(m, p, in[0], "h", d);
    if (p->mode & QNT_RNN_FIRST_C)
        in[n++] = state(m, p, in[0], "c", d);
    if (p->mode & QNT_RNN_PEEPHOLES)
        in[n++] = add_floats(m, "peepholes", 2, (size_t[]){d, 3 * p->h}, 0.7f);
    if (p->mode & QNT_RNN_LENGTHS) {
        in[n] = add_bias(m, "lengths", p->n, 0);
        for (size_t i = 0; i < p->n; i++)
            ((int32_t *)m->tensor[in[n]].data)[i] = (int32_t)((i * 2 + 3) % (T + 1));
        n++;
    }
    add_node(m, p->op, p->op, &attr, in, (size_t)n, NULL);
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* A direction of a sequence. */
struct line {
    const char *op;
    const float *x, *w, *r, *b, *p;
    size_t n, d, i, h, g, length; /* of x; which one */
    bool linear, backwards;
    double *hs, *cs; /* [h] */
};

static double sum_of(const struct line *l, const float *x, const double *h, size_t row, int which)
{
    double v = 0.0;
    for (size_t k = 0; k < l->i && which & 1; k++)
        v += (double)x[k] * (double)l->w[row * l->i + k];
    for (size_t k = 0; k < l->h && which & 2; k++)
        v += h[k] * (double)l->r[row * l->h + k];
    if (l->b && which & 1)
        v += (double)l->b[row];
    if (l->b && which & 2)
        v += (double)l->b[l->g * l->h + row];
    return v;
}

static void cell(const struct line *l, const float *x)
{
    double before[64], gated[64], next[64];
    memcpy(before, l->hs, l->h * sizeof *before);
    for (size_t j = 0; j < l->h && l->g == 3; j++)
        gated[j] = before[j] * sigmoid(sum_of(l, x, before, l->h + j, 3));
    for (size_t j = 0; j < l->h; j++) {
        const size_t h = l->h;
        if (l->g == 1) {
            next[j] = tanh(sum_of(l, x, before, j, 3));
        } else if (l->g == 3) {
            const double z = sigmoid(sum_of(l, x, before, j, 3)), r = sigmoid(sum_of(l, x, before, h + j, 3));
            const double c =
                tanh(l->linear ? sum_of(l, x, before, 2 * h + j, 1) + r * sum_of(l, x, before, 2 * h + j, 2)
                               : sum_of(l, x, gated, 2 * h + j, 3));
            next[j] = (1.0 - z) * c + z * before[j];
        } else {
            const double p[3] = {l->p ? (double)l->p[j] : 0.0, l->p ? (double)l->p[h + j] : 0.0,
                                 l->p ? (double)l->p[2 * h + j] : 0.0};
            const double i = sigmoid(sum_of(l, x, before, j, 3) + p[0] * l->cs[j]);
            const double f = sigmoid(sum_of(l, x, before, 2 * h + j, 3) + p[2] * l->cs[j]);
            l->cs[j] = f * l->cs[j] + i * tanh(sum_of(l, x, before, 3 * h + j, 3));
            next[j] = sigmoid(sum_of(l, x, before, h + j, 3) + p[1] * l->cs[j]) * tanh(l->cs[j]);
        }
    }
    memcpy(l->hs, next, l->h * sizeof *next);
}

static void want(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const uint32_t mode = n->attr.mode;
    const size_t d = mode & QNT_RNN_BOTH ? 2 : 1, sequences = in[0].t->dim[1], h = in[2].t->dim[2];
    const size_t states = d * sequences * h, g = gates_of(n->op->name);
    uint32_t at = 3;
    const float *b = mode & QNT_RNN_BIAS ? in[at++].data : NULL, *h0 = mode & QNT_RNN_FIRST_H ? in[at++].data : NULL;
    const float *c0 = mode & QNT_RNN_FIRST_C ? in[at++].data : NULL,
                *p = mode & QNT_RNN_PEEPHOLES ? in[at++].data : NULL;
    const int32_t *lengths = mode & QNT_RNN_LENGTHS ? in[at++].data : NULL;
    (void)out;
    for (size_t q = 0; q < d * sequences; q++) {
        double hs[64], cs[64];
        const size_t way = q / sequences, s = q % sequences;
        const struct line l = {.op = n->op->name,
                               .w = (const float *)in[1].data + way * g * h * I,
                               .r = (const float *)in[2].data + way * g * h * h,
                               .b = b ? b + way * 2 * g * h : NULL,
                               .p = p ? p + way * 3 * h : NULL,
                               .i = I,
                               .h = h,
                               .g = g,
                               .linear = mode & QNT_RNN_LINEAR,
                               .hs = hs,
                               .cs = cs};
        const size_t length = lengths ? (size_t)lengths[s] : T;
        for (size_t j = 0; j < h; j++) {
            hs[j] = h0 ? (double)h0[q * h + j] : 0.0;
            cs[j] = c0 ? (double)c0[q * h + j] : 0.0;
        }
        for (size_t step = 0; step < length; step++) {
            const size_t t = mode & QNT_RNN_REVERSE || way ? length - 1 - step : step;
            cell(&l, (const float *)in[0].data + (t * sequences + s) * I);
            memcpy(y + ((t * d + way) * sequences + s) * h, hs, h * sizeof *hs);
        }
        memcpy(y + T * states + q * h, hs, h * sizeof *hs);
        if (g == 4)
            memcpy(y + (T + 1) * states + q * h, cs, h * sizeof *cs);
    }
}

START_TEST(they_are_the_definitions)
{
    static const char *const ops[] = {"rnn", "gru", "lstm"};
    const uint32_t direction[] = {0, QNT_RNN_REVERSE, QNT_RNN_BOTH};
    for (uint32_t i = 0; i < 24; i += test_quick() ? 5 : 1) {
        struct pick p = {.op = ops[_i], .mode = direction[i % 3], .n = i / 3 % 2 ? 2 : 31, .h = i / 6 % 2 ? 37 : 4};
        p.mode |= (i & 1 ? QNT_RNN_BIAS : 0) | (i & 2 ? QNT_RNN_FIRST_H : 0) | (i & 4 ? QNT_RNN_LENGTHS : 0);
        if (_i == 1 && i & 8)
            p.mode |= QNT_RNN_LINEAR;
        if (_i == 2)
            p.mode |= (i & 8 ? QNT_RNN_PEEPHOLES : 0) | (i & 2 ? QNT_RNN_FIRST_C : 0);
        p.fed = i & 16;
        check_values(&(struct values){build, &p, want, 1.0f, 1e-5, 2e-6});
    }
}
END_TEST

START_TEST(refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    const qnt_node_attr both = ATTR(.mode = QNT_RNN_REVERSE | QNT_RNN_BOTH), bias = ATTR(.mode = QNT_RNN_BIAS),
                        linear = ATTR(.mode = QNT_RNN_LINEAR), lengths = ATTR(.mode = QNT_RNN_LENGTHS);
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 3, (size_t[]){T, 2, I}), w = add_floats(m, "w", 3, (size_t[]){1, 4, I}, 1.0f);
    int r = add_floats(m, "r", 3, (size_t[]){1, 4, 4}, 1.0f), b = add_floats(m, "b", 2, (size_t[]){1, 7}, 1.0f);
    int l = add_bias(m, "l", 2, 0);
    ((int32_t *)m->tensor[l].data)[1] = T + 1;
    REFUSED(m, QNT_ERR_ARG, "rnn", &both, ((int[]){x, w, r}), 3, NULL, "'refused'", "mode 3");
    REFUSED(m, QNT_ERR_ARG, "rnn", &linear, ((int[]){x, w, r}), 3, NULL, "'refused'", "does not suit rnn");
    REFUSED(m, QNT_ERR_ARG, "rnn", &bias, ((int[]){x, w, r}), 3, NULL, "3 inputs", "expected 4");
    REFUSED(m, QNT_ERR_SHAPE, "rnn", &bias, ((int[]){x, w, r, b}), 4, NULL, "bias 'b' is 1 x 7", "expected 1 x 8");
    REFUSED(m, QNT_ERR_SHAPE, "gru", NULL, ((int[]){x, w, r}), 3, NULL, "weights 'w' is 1 x 4 x 3", "1 x 12 x 3");
    REFUSED(m, QNT_ERR_UNSUPPORTED, "rnn", NULL, ((int[]){x, x, r}), 3, NULL, "weights 'x'", "not a constant");
    REFUSED(m, QNT_ERR_RANGE, "rnn", &lengths, ((int[]){x, w, r, l}), 4, NULL, "length 1 of 'l' is 6", "0 to 5");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_rnn");
    TCase *tc = tcase_create("op_rnn");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, they_are_the_definitions, 0, 3);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
