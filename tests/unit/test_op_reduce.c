/* softmax and log_softmax along every dimension, reduce_* over every set of dimensions, layer_norm: against double, and
 * the bytes of the documented order. */
#include "values.h"

static const size_t shape[4] = {3, 5, 2, 37};

struct pick {
    const char *op;
    uint32_t rank, axes; /* softmax: the axis from the last; reduce: a bit for each dimension */
};

static bool is_softmax(const char *op)
{
    return strstr(op, "softmax") != NULL;
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct pick *p = arg;
    qnt_node_attr attr = ATTR(.mode = 0);
    int x = add_input(m, p->rank, shape + 4 - p->rank);
    if (is_softmax(p->op))
        attr.axis[0] = p->axes;
    for (uint32_t d = 0; d < p->rank && !is_softmax(p->op); d++)
        attr.axis[d] = p->axes >> d & 1;
    add_node(m, p->op, p->op, &attr, &x, 1, NULL);
}

static void want_softmax(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const uint32_t axis = out->rank - 1 - n->attr.axis[0];
    size_t inner = 1, extent = out->dim[axis];
    for (uint32_t d = axis + 1; d < out->rank; d++)
        inner *= out->dim[d];
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const size_t first = i / (inner * extent) * inner * extent + i % inner;
        double max = -INFINITY, sum = 0.0;
        for (size_t k = 0; k < extent; k++)
            max =
                value_at(in->t, in->data, first + k * inner) > max ? value_at(in->t, in->data, first + k * inner) : max;
        for (size_t k = 0; k < extent; k++)
            sum += exp(value_at(in->t, in->data, first + k * inner) - max);
        y[i] = value_at(in->t, in->data, i) - max - log(sum);
        if (!strcmp(n->op->name, "softmax"))
            y[i] = exp(y[i]);
    }
}

START_TEST(softmax_along_every_dimension)
{
    for (uint32_t rank = 1; rank <= 4; rank++)
        for (uint32_t axis = 0; axis < rank; axis++) {
            const struct pick p = {_i ? "log_softmax" : "softmax", rank, axis};
            check_values(&(struct values){build, &p, want_softmax, 20.0f, 2e-6, 2e-7});
        }
}
END_TEST

/* The documented order, in float. */
static float reduce_one(const char *op, float a, float v)
{
    return strstr(op, "max") ? (v > a ? v : a) : strstr(op, "min") ? (v < a ? v : a) : a + v;
}

/* One result under way. */
struct part_sum {
    float sum, lane[16];
    size_t seen;
};

/* Lanes are folded at the end of a run of elements that lie side by side. */
static void take(struct part_sum *r, const char *op, size_t run, float begin, float v)
{
    float *lane = r->lane;
    if (run == 1) {
        r->sum = reduce_one(op, r->sum, v);
    } else {
        for (int l = 0; l < 16 && r->seen % run == 0; l++)
            lane[l] = begin;
        lane[r->seen % run % 16] = reduce_one(op, lane[r->seen % run % 16], v);
        if (r->seen % run == run - 1) {
            for (int half = 8; half > 0; half /= 2)
                for (int l = 0; l < half; l++)
                    lane[l] = reduce_one(op, lane[l], lane[l + half]);
            r->sum = r->seen == run - 1 ? lane[0] : reduce_one(op, r->sum, lane[0]);
        }
    }
    r->seen++;
}

static void want_reduce(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const struct qnt_tensor *x = in->t;
    const char *op = n->op->name;
    const float begin = strstr(op, "max") ? -INFINITY : strstr(op, "min") ? INFINITY : 0.0f;
    const size_t results = qnt_tensor_count(out);
    struct part_sum *r = calloc(results, sizeof *r);
    size_t run = 1;
    for (uint32_t d = x->rank; d-- > 0 && out->dim[d] == 1;)
        run *= x->dim[d];
    for (size_t o = 0; o < results; o++)
        r[o].sum = begin;
    for (size_t i = 0; i < qnt_tensor_count(x); i++) {
        size_t at = 0, left = i, step = 1; /* of the result that element i belongs to */
        for (uint32_t d = x->rank; d-- > 0; left /= x->dim[d], step *= out->dim[d])
            at += left % x->dim[d] % out->dim[d] * step;
        take(&r[at], op, run, begin, ((const float *)in->data)[i]);
    }
    for (size_t o = 0; o < results; o++)
        y[o] = (double)(strstr(op, "mean") ? r[o].sum / (float)r[o].seen : r[o].sum);
    free(r);
}

START_TEST(reductions_in_the_documented_order)
{
    static const char *const ops[] = {"reduce_mean", "reduce_sum", "reduce_max", "reduce_min"};
    for (uint32_t rank = 1; rank <= 4; rank++)
        for (uint32_t axes = 0; axes < 1u << rank; axes++) {
            const struct pick p = {ops[_i], rank, axes};
            check_values(&(struct values){build, &p, want_reduce, 20.0f, 0.0, 0.0});
        }
}
END_TEST

static void want_mean(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    (void)n;
    (void)out;
    for (size_t i = 0; i < qnt_tensor_count(in->t); i++)
        y[0] += value_at(in->t, in->data, i) / (double)qnt_tensor_count(in->t);
}

START_TEST(a_mean_is_one)
{
    const struct pick p = {"reduce_mean", 4, 0};
    check_values(&(struct values){build, &p, want_mean, 20.0f, 1e-5, 1e-6});
}
END_TEST

struct norm {
    uint32_t last;
    bool beta;
};

static void build_norm(struct qnt_model *m, const void *arg)
{
    const struct norm *p = arg;
    const qnt_node_attr attr = ATTR(.axis = {p->last}, .epsilon = 1e-5f);
    int in[3] = {add_input(m, 4, shape)};
    in[1] = add_floats(m, "gamma", p->last + 1, shape + 3 - p->last, 2.0f);
    if (p->beta)
        in[2] = add_floats(m, "beta", p->last + 1, shape + 3 - p->last, 2.0f);
    add_node(m, "layer_norm", "norm", &attr, in, p->beta ? 3 : 2, NULL);
}

static void want_norm(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const size_t count = qnt_tensor_count(in[1].t);
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const float *row = (const float *)in[0].data + i / count * count;
        double mean = 0.0, variance = 0.0;
        for (size_t k = 0; k < count; k++)
            mean += (double)row[k] / (double)count;
        for (size_t k = 0; k < count; k++)
            variance += ((double)row[k] - mean) * ((double)row[k] - mean) / (double)count;
        y[i] = ((double)row[i % count] - mean) / sqrt(variance + 1e-5) * value_at(in[1].t, in[1].data, i % count);
        y[i] += n->n_in > 2 ? value_at(in[2].t, in[2].data, i % count) : 0.0;
    }
}

START_TEST(layer_norm_is_the_definition)
{
    for (uint32_t i = 0; i < 8; i++) {
        const struct norm p = {i / 2, i % 2};
        check_values(&(struct values){build_norm, &p, want_norm, 20.0f, 2e-5, 2e-6});
    }
}
END_TEST

START_TEST(layer_norm_refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, shape), g = add_floats(m, "g", 1, shape, 1.0f), h = add_floats(m, "h", 1, shape + 1, 1.0f);
    const qnt_node_attr two = ATTR(.axis = {2}), both = ATTR(.axis = {1}), negative = ATTR(.epsilon = -1.0f);
    REFUSED(m, QNT_ERR_SHAPE, "layer_norm", &two, ((int[]){x, h}), 2, NULL, "'refused'", "axis 2", "at most 1");
    REFUSED(m, QNT_ERR_SHAPE, "layer_norm", NULL, ((int[]){x, g}), 2, NULL, "gamma 'g' is 3", "expected 5");
    REFUSED(m, QNT_ERR_SHAPE, "layer_norm", &both, ((int[]){x, h}), 2, NULL, "gamma 'h' is 5", "expected 3 x 5");
    REFUSED(m, QNT_ERR_SHAPE, "layer_norm", NULL, ((int[]){x, h, g}), 3, NULL, "beta 'g'", "expected 5");
    REFUSED(m, QNT_ERR_UNSUPPORTED, "layer_norm", NULL, ((int[]){x, x}), 2, NULL, "gamma 'x'", "not a constant");
    REFUSED(m, QNT_ERR_ARG, "layer_norm", &negative, ((int[]){x, h}), 2, NULL, "epsilon -1", ">= 0");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    float one = 1.0f;
    const struct qnt_tensor q = quant(&one, 0);
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, shape), codes = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    const qnt_node_attr two = ATTR(.axis = {2}), past = ATTR(.axis = {1, 0, 1});
    REFUSED(m, QNT_ERR_SHAPE, "softmax", &two, &x, 1, NULL, "'refused'", "axis 2", "at most 1");
    REFUSED(m, QNT_ERR_UNSUPPORTED, "log_softmax", NULL, &codes, 1, NULL, "'refused'", "s8", "'q'", "f32");
    REFUSED(m, QNT_ERR_ARG, "reduce_sum", &two, &x, 1, NULL, "'refused'", "axis[0] is 2", "0 or 1");
    REFUSED(m, QNT_ERR_ARG, "reduce_sum", &past, &x, 1, NULL, "'refused'", "axis[2] is 1", "past the rank");
    REFUSED(m, QNT_ERR_UNSUPPORTED, "reduce_mean", NULL, &codes, 1, NULL, "'refused'", "s8", "'q'", "f32");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_reduce");
    TCase *tc = tcase_create("op_reduce");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, softmax_along_every_dimension, 0, 2);
    tcase_add_loop_test(tc, reductions_in_the_documented_order, 0, 4);
    tcase_add_test(tc, a_mean_is_one);
    tcase_add_test(tc, layer_norm_is_the_definition);
    tcase_add_test(tc, layer_norm_refusals);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
