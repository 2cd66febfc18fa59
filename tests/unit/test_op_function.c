/* Functions of one value, and div, min, max and prelu, against their definitions in double; codes: what ONNX's three
 * nodes give, exactly. */
#include "values.h"

struct function {
    const char *op;
    qnt_node_attr attr;
    double (*exact)(double);
    bool positive; /* tried where the function is defined */
};

static double elu(double x)
{
    return x < 0.0 ? 0.7 * expm1(x) : x;
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752);
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1.0 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

static double hard_sigmoid(double x)
{
    const double y = 0.3 * x + 0.4;
    return y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y;
}

static double reciprocal(double x)
{
    return 1.0 / x;
}

static double neg(double x)
{
    return -x;
}

static double sign(double x)
{
    return (x > 0.0) - (x < 0.0);
}

#define WITH(...)                                                                                                      \
    {                                                                                                                  \
        .size = sizeof(qnt_node_attr), __VA_ARGS__                                                                     \
    }
static const struct function functions[] = {
    {"elu", WITH(.lo = 0.7f), elu, false},
    {"gelu", WITH(.mode = QNT_GELU_BY_ERF), gelu, false},
    {"gelu", WITH(.mode = QNT_GELU_BY_TANH), gelu_tanh, false},
    {"hard_sigmoid", WITH(.lo = 0.3f, .hi = 0.4f), hard_sigmoid, false},
    {"erf", WITH(.mode = 0), erf, false},
    {"exp", WITH(.mode = 0), exp, false},
    {"log", WITH(.mode = 0), log, true},
    {"sqrt", WITH(.mode = 0), sqrt, true},
    {"reciprocal", WITH(.mode = 0), reciprocal, false},
    {"abs", WITH(.mode = 0), fabs, false},
    {"neg", WITH(.mode = 0), neg, false},
    {"sign", WITH(.mode = 0), sign, false},
    {"floor", WITH(.mode = 0), floor, false},
    {"ceil", WITH(.mode = 0), ceil, false},
    {"round", WITH(.mode = 0), rint, false},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };
static int chosen;
static float scale_x = 0.031f, scale_y = 0.02f;

static void build_function(struct qnt_model *m, const void *arg)
{
    const struct function *f = &functions[chosen];
    const bool codes = *(const bool *)arg;
    const struct qnt_tensor qx = quant(&scale_x, -11), qy = quant(&scale_y, 23);
    int x = add_input(m, 1, (size_t[]){1031});
    if (f->positive)
        x = add_node(m, "abs", "positive", NULL, &x, 1, NULL);
    if (codes)
        x = add_node(m, "quantize", "q", NULL, &x, 1, &qx);
    add_node(m, f->op, f->op, &f->attr, &x, 1, codes ? &qy : NULL);
}

static void want_function(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    (void)n;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        y[i] = functions[chosen].exact(real_at(in, i));
        if (out->type == QNT_S8) {
            const double code = isnan(y[i]) ? out->zero : rint(y[i] / (double)scale_y) + out->zero;
            y[i] = code < -128 ? -128 : code > 127 ? 127 : code;
        }
    }
}

/* Codes may differ by one where double finds a tie that float rounds away from; floats by a few units. */
START_TEST(functions_are_the_definitions)
{
    const bool codes = _i % 2;
    chosen = _i / 2;
    const bool exact = !strcmp(functions[chosen].op, "sign");
    check_values(&(struct values){.build = build_function,
                                  .arg = &codes,
                                  .want = want_function,
                                  .range = 6.0f,
                                  .relative = codes ? 0.0 : 3e-6,
                                  .absolute = codes ? (exact ? 0.0 : 1.0) : 2e-7});
}
END_TEST

struct pair {
    const char *op;
    int constant; /* which operand is one; 2: none */
    bool codes;
    size_t dim[2][3];
};
static const size_t wide[3] = {5, 4, 19};

static void build_pair(struct qnt_model *m, const void *arg)
{
    const struct pair *p = arg;
    static float scale[2] = {0.05f, 0.031f}, result = 0.06f;
    const struct qnt_tensor q[2] = {quant(&scale[0], -9), quant(&scale[1], 17)}, y = quant(&result, 3);
    int x = add_input(m, 3, wide), in[2];
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "b" : "a";
        if (i == p->constant && !p->codes) {
            in[i] = add_floats(m, name, 3, p->dim[i], 3.0f);
        } else if (i == p->constant) {
            in[i] = add_weights(m, name, 8, 3, p->dim[i], 1, RANDOM);
            m->tensor[in[i]].scale[0] = scale[i];
            m->tensor[in[i]].zero = q[i].zero;
        } else {
            in[i] = add_node(m, i ? "sigmoid" : "neg", name, NULL, &x, 1, NULL);
            if (p->codes)
                in[i] = add_node(m, "quantize", i ? "qb" : "qa", NULL, &in[i], 1, &q[i]);
        }
    }
    add_node(m, p->op, p->op, NULL, in, 2, p->codes ? &y : NULL);
}

/* float by float: what the operation is, here the same in the reference's order */
static float pair_of(const char *op, float a, float b)
{
    if (!strcmp(op, "div"))
        return a / b;
    if (!strcmp(op, "min"))
        return a < b ? a : b;
    if (!strcmp(op, "max"))
        return a > b ? a : b;
    return a < 0.0f ? a * b : a;
}

static void want_pair(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        float v[2];
        for (int k = 0; k < 2; k++) {
            const struct qnt_tensor *t = in[k].t;
            const size_t at = oracle_broadcast(t, out, i);
            v[k] = (float)value_at(t, in[k].data, at);
            if (t->scales)
                v[k] = (v[k] - (float)t->zero) * t->scale[0];
        }
        const float r = pair_of(n->op->name, v[0], v[1]);
        y[i] = out->type == QNT_S8 ? oracle_quantize(r, out) : (double)r;
    }
}

START_TEST(pairs_are_the_definitions)
{
    static const char *const ops[] = {"div", "min", "max", "prelu"};
    static const size_t shapes[][3] = {{5, 4, 19}, {1, 1, 19}, {1, 4, 1}, {1, 1, 1}};
    for (int i = 0; i < 24; i++) {
        struct pair p = {.op = ops[_i], .constant = i / 2 % 3, .codes = i % 2};
        memcpy(p.dim[0], shapes[i / 6 % 4], sizeof p.dim[0]);
        memcpy(p.dim[1], shapes[i / 6 % 4], sizeof p.dim[1]);
        check_values(&(struct values){build_pair, &p, want_pair, 3.0f, 0.0, 0.0});
    }
}
END_TEST

START_TEST(refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 3, wide), c = add_floats(m, "c", 3, wide, 1.0f);
    const qnt_node_attr no_factor = ATTR(.lo = NAN), no_shift = ATTR(.lo = 1.0f, .hi = INFINITY),
                        mode = ATTR(.mode = 2);
    REFUSED(m, QNT_ERR_ARG, "elu", &no_factor, &x, 1, NULL, "'refused'", "factor", "nan");
    REFUSED(m, QNT_ERR_ARG, "hard_sigmoid", &no_shift, &x, 1, NULL, "'refused'", "shift", "inf");
    REFUSED(m, QNT_ERR_ARG, "gelu", &mode, &x, 1, NULL, "'refused'", "mode 2");
    REFUSED(m, QNT_ERR_TYPE, "div", NULL, ((int[]){c, c}), 2, NULL, "'refused'", "'c'", "an activation");
    REFUSED(m, QNT_ERR_TYPE, "exp", NULL, &c, 1, NULL, "'refused'", "'c'", "constant");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_function");
    TCase *tc = tcase_create("op_function");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, functions_are_the_definitions, 0, 2 * FUNCTIONS);
    tcase_add_loop_test(tc, pairs_are_the_definitions, 0, 4);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
