/* cast, argmax, arithmetic of integers without scales, quantize_by and dequantize_by against their definitions. */
#include "values.h"

static const size_t shape[3] = {4, 3, 37};
static const qnt_dtype types[] = {QNT_S8, QNT_U8, QNT_S16, QNT_U16, QNT_S32, QNT_S64, QNT_BOOL, QNT_F32};
enum { TYPES = 8, INTEGERS = 6 };

static int cast(struct qnt_model *m, const char *name, int x, qnt_dtype type, uint32_t mode)
{
    const struct qnt_tensor q = {.type = type, .bits = 8 * (uint32_t)qnt_dtype_size(type)};
    const qnt_node_attr attr = ATTR(.mode = mode);
    return add_node(m, "cast", name, &attr, &x, 1, &q);
}

struct casting {
    qnt_dtype from, to;
    uint32_t mode;
};

static void build_cast(struct qnt_model *m, const void *arg)
{
    const struct casting *p = arg;
    int x = add_input(m, 3, shape);
    cast(m, "to", cast(m, "from", x, p->from, 0), p->to, p->mode);
}

/* The low bits of a whole number. */
static double low_bits(double v, uint32_t bits, bool has_sign)
{
    if (bits == 64)
        return v;
    const double all = ldexp(1.0, (int)bits), low = v - floor(v / all) * all;
    return has_sign && low >= all / 2 ? low - all : low;
}

static void want_cast(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const double v = value_at(in->t, in->data, i);
        const bool has_sign = out->type != QNT_U8 && out->type != QNT_U16;
        if (out->type == QNT_F32)
            y[i] = (double)(float)v;
        else if (out->type == QNT_BOOL)
            y[i] = v != 0.0;
        else
            y[i] = low_bits(trunc(v), n->attr.mode ? n->attr.mode : out->bits, has_sign);
    }
}

START_TEST(casts_keep_the_low_bits)
{
    for (int to = 0; to < TYPES; to++)
        for (uint32_t mode = 0; mode <= (to < 2 ? 4 : 0); mode += 2) {
            const struct casting p = {types[_i], types[to], mode};
            check_values(&(struct values){build_cast, &p, want_cast, 300.0f, 0.0, 0.0});
        }
}
END_TEST

/* Codes are what they stand for. */
static void build_coded(struct qnt_model *m, const void *arg)
{
    static float scale = 0.75f;
    const struct qnt_tensor q = quant(&scale, 3);
    int x = add_input(m, 3, shape);
    cast(m, "to", add_node(m, "quantize", "q", NULL, &x, 1, &q), *(const qnt_dtype *)arg, 0);
}

static void want_coded(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    (void)n;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const double v = real_at(in, i);
        y[i] = out->type == QNT_F32 ? v : out->type == QNT_BOOL ? v != 0.0 : low_bits(trunc(v), out->bits, true);
    }
}

START_TEST(casts_of_codes)
{
    static const qnt_dtype to[] = {QNT_F32, QNT_BOOL, QNT_S8, QNT_S16, QNT_S64};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        check_values(&(struct values){build_coded, &to[i], want_coded, 90.0f, 0.0, 0.0});
}
END_TEST

struct maximum {
    qnt_dtype type;
    uint32_t axis, last;
    bool codes;
};

static void build_argmax(struct qnt_model *m, const void *arg)
{
    const struct maximum *p = arg;
    static float scale = 0.5f;
    const struct qnt_tensor q = quant(&scale, 3);
    const qnt_node_attr attr = ATTR(.axis = {p->axis}, .mode = p->last);
    int x = add_input(m, 3, shape);
    x = add_node(m, "floor", "ties", NULL, &x, 1, NULL);
    x = p->codes ? add_node(m, "quantize", "q", NULL, &x, 1, &q) : cast(m, "c", x, p->type, 0);
    add_node(m, "argmax", "most", &attr, &x, 1, NULL);
}

static void want_argmax(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const uint32_t axis = out->rank - 1 - n->attr.axis[0];
    const size_t extent = in->t->dim[axis];
    size_t inner = 1;
    for (uint32_t d = axis + 1; d < out->rank; d++)
        inner *= out->dim[d];
    for (size_t i = 0; i < qnt_tensor_count(out); i++)
        for (size_t k = 0; k < extent; k++) {
            const size_t first = i / inner * inner * extent + i % inner;
            const double v = value_at(in->t, in->data, first + k * inner),
                         most = value_at(in->t, in->data, first + (size_t)y[i] * inner);
            if (v > most || (v == most && n->attr.mode))
                y[i] = (double)k;
        }
}

START_TEST(argmax_takes_the_first_or_the_last)
{
    static const qnt_dtype of[] = {QNT_F32, QNT_S8, QNT_U8, QNT_S32};
    for (uint32_t axis = 0; axis < 3; axis++)
        for (int t = 0; t < 5; t++) {
            const struct maximum p = {of[t % 4], axis, (uint32_t)_i, t == 4};
            check_values(&(struct values){build_argmax, &p, want_argmax, 5.0f, 0.0, 0.0});
        }
}
END_TEST

/* A NaN at first, before -Inf alone, and everywhere. */
static void build_nan(struct qnt_model *m, const void *arg)
{
    int x = add_input(m, 2, (size_t[]){3, 4});
    const int nan = add_floats(m, "nan", 2, (size_t[]){3, 4}, 0.0f);
    float *v = m->tensor[nan].data;
    v[0] = v[4] = v[6] = v[8] = v[9] = v[10] = v[11] = NAN;
    v[5] = v[7] = -INFINITY;
    (void)arg;
    x = add_node(m, "add", "some", NULL, (int[]){x, nan}, 2, NULL);
    add_node(m, "argmax", "most", NULL, &x, 1, NULL);
}

static void want_nan(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    (void)n;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const float *v = (const float *)in->data + i * 4;
        for (size_t k = 0; k < 4; k++)
            if (v[k] > v[(size_t)y[i]] || (v[k] == v[k] && v[(size_t)y[i]] != v[(size_t)y[i]]))
                y[i] = (double)k;
    }
}

START_TEST(nan_is_no_greatest)
{
    check_values(&(struct values){build_nan, NULL, want_nan, 5.0f, 0.0, 0.0});
}
END_TEST

struct arithmetic {
    const char *op;
    qnt_dtype type;
    size_t dim[3];
    bool constant;
};

static void build_arithmetic(struct qnt_model *m, const void *arg)
{
    const struct arithmetic *p = arg;
    int x = add_input(m, 3, shape), in[2], factor = add_floats(m, "factor", 3, p->dim, 1.0f);
    in[0] = cast(m, "a", x, p->type, 0);
    for (size_t i = 0; i < qnt_tensor_count(&m->tensor[factor]); i += 3)
        ((float *)m->tensor[factor].data)[i] = i % 2 ? -0.01f : 0.001f; /* some 0, some -1 */
    if (p->constant && p->type == QNT_S32) {
        in[1] = add_bias(m, "b", 37, 100);
    } else {
        int one = add_node(m, "reduce_max", "one", NULL, &x, 1, NULL);
        one = add_node(m, "mul", "b wide", NULL, (int[]){factor, one}, 2, NULL);
        in[1] = cast(m, "b", one, p->type, 0);
    }
    add_node(m, p->op, p->op, NULL, in, 2, NULL);
}

static void want_arithmetic(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const char *op = n->op->name;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const double a = value_at(in[0].t, in[0].data, oracle_broadcast(in[0].t, out, i)),
                     b = value_at(in[1].t, in[1].data, oracle_broadcast(in[1].t, out, i));
        const double v = !strcmp(op, "add")   ? a + b
                         : !strcmp(op, "sub") ? a - b
                         : !strcmp(op, "mul") ? a * b
                         : !strcmp(op, "min") ? (a < b ? a : b)
                         : !strcmp(op, "max") ? (a > b ? a : b)
                         : b == 0.0           ? 0.0
                                              : trunc(a / b);
        y[i] = low_bits(v, out->bits, out->type != QNT_U8 && out->type != QNT_U16);
    }
}

START_TEST(integers_keep_the_low_bits)
{
    static const char *const ops[] = {"add", "sub", "mul", "div", "min", "max"};
    static const size_t dims[][3] = {{4, 3, 37}, {1, 3, 1}, {1, 1, 37}};
    for (int i = 0; i < 18; i++) {
        struct arithmetic p = {.op = ops[i % 6], .type = types[_i], .constant = i >= 12};
        memcpy(p.dim, dims[i / 6], sizeof p.dim);
        check_values(&(struct values){build_arithmetic, &p, want_arithmetic, 300.0f, 0.0, 0.0});
    }
}
END_TEST

struct scaling {
    qnt_dtype type;
    size_t dim[3], block[3];
    bool zero, back;
    float lo, hi;
};

static void build_scales(struct qnt_model *m, const void *arg)
{
    const struct scaling *p = arg;
    const struct qnt_tensor q = {.type = p->type, .bits = 8 * (uint32_t)qnt_dtype_size(p->type)};
    qnt_node_attr attr = ATTR(.dim = {p->block[0], p->block[1], p->block[2]}, .lo = p->lo, .hi = p->hi);
    int in[3] = {add_input(m, 3, shape), add_floats(m, "scale", 3, p->dim, 1.0f)};
    const size_t n = qnt_tensor_count(&m->tensor[in[1]]);
    float *scale = m->tensor[in[1]].data;
    for (size_t i = 0; i < n; i++)
        scale[i] = i % 3 ? 0.1f + fabsf(scale[i]) : 0.25f; /* ties with inputs of eighths */
    if (p->zero) {
        in[2] = add_bias(m, "zero", n, 100);
        m->tensor[in[2]].rank = 3;
        memcpy(m->tensor[in[2]].dim, p->dim, sizeof p->dim);
    }
    if (p->back) {
        in[0] = cast(m, "codes", in[0], p->type, 0);
        add_node(m, "dequantize_by", "by", &attr, in, p->zero ? 3 : 2, NULL);
    } else {
        add_node(m, "quantize_by", "by", &attr, in, p->zero ? 3 : 2, &q);
    }
}

static void want_scales(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    int64_t least = 0, most = 0;
    const bool back = out->type == QNT_F32;
    qnt_dtype_range(out->type, &least, &most);
    const double lo = n->attr.lo != n->attr.hi ? (double)n->attr.lo : (double)least,
                 hi = n->attr.lo != n->attr.hi ? (double)n->attr.hi : (double)most;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        size_t at = 0, step = 1, left = i;
        for (uint32_t d = 3; d-- > 0; left /= out->dim[d]) {
            const size_t block = n->attr.dim[d] ? n->attr.dim[d] : 1, extent = in[1].t->dim[d];
            at += extent == 1 ? 0 : left % out->dim[d] / block * step;
            step *= extent;
        }
        const float scale = ((const float *)in[1].data)[at];
        const int32_t zero = n->n_in > 2 ? ((const int32_t *)in[2].data)[at] : 0;
        if (back) {
            y[i] = (double)((float)((int64_t)value_at(in[0].t, in[0].data, i) - zero) * scale);
        } else {
            const double v = rint((double)(((const float *)in[0].data)[i] / scale)) + zero;
            y[i] = v < lo ? lo : v > hi ? hi : v;
        }
    }
}

START_TEST(scales_of_indices_and_blocks)
{
    static const struct {
        size_t dim[3], block[3];
    } rows[] = {{{1, 1, 1}, {0}},       {{4, 1, 1}, {0}},        {{1, 3, 1}, {0}},       {{1, 1, 37}, {0}},
                {{4, 3, 5}, {0, 0, 8}}, {{2, 3, 37}, {2, 0, 0}}, {{4, 3, 37}, {1, 1, 1}}};
    for (int back = 0; back < 2; back++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct scaling p = {.type = types[_i], .zero = i % 2, .back = back};
            if (!back && p.type == QNT_S32)
                continue;
            memcpy(p.dim, rows[i].dim, sizeof p.dim);
            memcpy(p.block, rows[i].block, sizeof p.block);
            if (i % 3 == 2 && p.type != QNT_S32) {
                p.lo = 0.0f;
                p.hi = 15.0f;
            }
            check_values(&(struct values){build_scales, &p, want_scales, 300.0f, 0.0, 0.0});
        }
}
END_TEST

START_TEST(refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    float one = 1.0f;
    const struct qnt_tensor q = quant(&one, 0), raw = {.type = QNT_S16, .bits = 16}, s8 = {.type = QNT_S8, .bits = 8};
    const qnt_node_attr four = ATTR(.mode = 4), two = ATTR(.axis = {2}), wide = ATTR(.lo = -129.0f, .hi = 5.0f),
                        block = ATTR(.dim = {0, 2});
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, (size_t[]){4, 5}), codes = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    int a = cast(m, "a", x, QNT_S32, 0), b = cast(m, "b", x, QNT_S16, 0);
    int s = add_floats(m, "s", 2, (size_t[]){4, 5}, 0.0f), one_s = add_floats(m, "one", 2, (size_t[]){1, 1}, 0.0f);
    int z = add_bias(m, "z", 3, 1);
    *(float *)m->tensor[one_s].data = 1.0f;
    REFUSED(m, QNT_ERR_TYPE, "cast", NULL, &x, 1, &q, "output is s8 with 1 scales");
    REFUSED(m, QNT_ERR_TYPE, "dequantize_by", NULL, ((int[]){codes, one_s}), 2, NULL, "'q' is s8 with 1 scales");
    REFUSED(m, QNT_ERR_ARG, "cast", &four, &x, 1, &raw, "mode 4 for s16");
    REFUSED(m, QNT_ERR_SHAPE, "argmax", &two, &x, 1, NULL, "axis 2", "at most 1");
    REFUSED(m, QNT_ERR_ARG, "argmax", &four, &x, 1, NULL, "mode 4");
    REFUSED(m, QNT_ERR_TYPE, "argmax", NULL, &x, 1, &raw, "output is s16", "s64");
    REFUSED(m, QNT_ERR_TYPE, "add", NULL, ((int[]){a, b}), 2, NULL, "'b' is s16", "expected s32");
    REFUSED(m, QNT_ERR_TYPE, "prelu", NULL, ((int[]){a, a}), 2, NULL, "'a' is s32 without a scale");
    REFUSED(m, QNT_ERR_TYPE, "mul", NULL, ((int[]){a, a}), 2, &raw, "output is s16", "expected s32");
    REFUSED(m, QNT_ERR_TYPE, "quantize_by", NULL, ((int[]){x, one_s}), 2, NULL, "not preset");
    REFUSED(m, QNT_ERR_ARG, "quantize_by", &wide, ((int[]){x, one_s}), 2, &s8, "-129 to 5", "whole numbers of s8");
    REFUSED(m, QNT_ERR_RANGE, "quantize_by", NULL, ((int[]){x, s}), 2, &raw, "scale 0 of 's' is 0");
    REFUSED(m, QNT_ERR_SHAPE, "quantize_by", &block, ((int[]){x, s}), 2, &raw, "'s' of 4 x 5", "do not fit");
    REFUSED(m, QNT_ERR_SHAPE, "dequantize_by", NULL, ((int[]){a, one_s, z}), 3, NULL, "'z' are 3", "expected 1 x 1");
    REFUSED(m, QNT_ERR_TYPE, "dequantize_by", NULL, ((int[]){x, one_s}), 2, NULL, "'x' is f32", "s32 without");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_integers");
    TCase *tc = tcase_create("op_integers");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, casts_keep_the_low_bits, 0, TYPES);
    tcase_add_test(tc, casts_of_codes);
    tcase_add_loop_test(tc, argmax_takes_the_first_or_the_last, 0, 2);
    tcase_add_test(tc, nan_is_no_greatest);
    tcase_add_loop_test(tc, integers_keep_the_low_bits, 0, INTEGERS);
    tcase_add_loop_test(tc, scales_of_indices_and_blocks, 0, 5);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
