/* matmul against its definition: floats in bits (one chain of fma), codes exactly, to s32 and s8; shapes that
 * broadcast, constants on either side, zero points by column. gather by its definition. */
#include "values.h"

struct shapes {
    uint32_t rank[2];
    size_t dim[2][4];
};
static const struct shapes all[] = {
    {{2, 2}, {{5, 7}, {7, 3}}},           {{2, 2}, {{1, 1}, {1, 1}}},
    {{3, 3}, {{2, 17, 33}, {2, 33, 70}}}, {{4, 4}, {{2, 3, 4, 5}, {1, 3, 5, 6}}},
    {{2, 4}, {{9, 64}, {2, 2, 64, 16}}},  {{4, 2}, {{2, 1, 3, 130}, {130, 41}}},
    {{4, 3}, {{2, 1, 4, 9}, {3, 9, 8}}},
};
enum { SHAPES = sizeof all / sizeof *all };
struct pick {
    const struct shapes *s;
    int constant; /* which operand is one; 2: none */
    bool codes, requantized, zeros;
};

static int operand(struct qnt_model *m, const struct pick *p, int x, int which, const struct qnt_tensor *q)
{
    const char *name = which ? "b" : "a";
    const uint32_t rank = p->s->rank[which];
    const size_t *dim = p->s->dim[which];
    if (which == p->constant) {
        if (!p->codes)
            return add_floats(m, name, rank, dim, 2.0f);
        const int id = add_weights(m, name, 8, rank, dim, 1, RANDOM);
        m->tensor[id].scale[0] = q->scale[0];
        m->tensor[id].zero = q->zero;
        return id;
    }
    char node[32];
    snprintf(node, sizeof node, "%s spread", name);
    int in[2] = {x, add_floats(m, name, rank, dim, 3.0f)};
    x = add_node(m, "mul", node, NULL, in, 2, NULL);
    return p->codes ? add_node(m, "quantize", which ? "qb" : "qa", NULL, &x, 1, q) : x;
}

static void build(struct qnt_model *m, const void *arg)
{
    static float scale[3] = {0.02f, 0.031f, 0.35f};
    const struct pick *p = arg;
    const struct qnt_tensor q[] = {quant(&scale[0], -9), quant(&scale[1], p->zeros ? 17 : 0), quant(&scale[2], 3)};
    int x = add_input(m, 1, (size_t[]){1}), in[3];
    for (int i = 0; i < 2; i++)
        in[i] = operand(m, p, x, i, &q[i]);
    if (p->codes && p->zeros) {
        const size_t n = p->s->dim[1][p->s->rank[1] - 1];
        in[2] = add_bias(m, "zeros", n, 128);
        m->tensor[in[2]].rank = 1;
    }
    add_node(m, "matmul", "product", NULL, in, p->codes && p->zeros ? 3 : 2, p->requantized ? &q[2] : NULL);
}

/* Where the rows or columns of a product begin in an operand. */
static size_t front_of(const struct qnt_tensor *t, const struct qnt_tensor *out, size_t product)
{
    size_t at = 0, step = t->dim[t->rank - 1] * t->dim[t->rank - 2];
    for (uint32_t d = 2; d < out->rank; d++) {
        const size_t extent = d < t->rank ? t->dim[t->rank - 1 - d] : 1, whole = out->dim[out->rank - 1 - d];
        at += extent == 1 ? 0 : product % whole * step;
        step *= extent;
        product /= whole;
    }
    return at;
}

static void want(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const struct qnt_tensor *a = in[0].t, *b = in[1].t;
    const size_t rows = out->dim[out->rank - 2], cols = out->dim[out->rank - 1], depth = a->dim[a->rank - 1];
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const size_t p = i / (rows * cols), at = front_of(a, out, p) + i / cols % rows * depth,
                     bt = front_of(b, out, p) + i % cols;
        const int32_t zero = n->n_in > 2 ? ((const int32_t *)in[2].data)[i % cols] : b->zero;
        float sum = 0.0f;
        int64_t acc = 0;
        for (size_t k = 0; k < depth; k++)
            if (a->type == QNT_F32)
                sum = fmaf(((const float *)in[0].data)[at + k], ((const float *)in[1].data)[bt + k * cols], sum);
            else
                acc += (int64_t)(((const int8_t *)in[0].data)[at + k] - a->zero) *
                       (((const int8_t *)in[1].data)[bt + k * cols] - zero);
        if (out->type == QNT_S8)
            y[i] = oracle_requant(acc, a->scale[0] * b->scale[0] / out->scale[0], out);
        else
            y[i] = a->type == QNT_F32 ? (double)sum : (double)acc;
    }
}

START_TEST(products_are_the_definition)
{
    for (int i = 0; i < 15; i++) {
        const struct pick p = {&all[_i], i % 3, i > 2, i > 2 && (i / 3) % 2, i > 8};
        check_values(&(struct values){build, &p, want, 1.0f, 0.0, 0.0});
    }
}
END_TEST

START_TEST(matmul_refusals)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    float one = 1.0f;
    const struct qnt_tensor q = quant(&one, 0);
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, (size_t[]){4, 5}), c = add_floats(m, "c", 2, (size_t[]){4, 5}, 1.0f);
    int line = add_floats(m, "line", 1, (size_t[]){5}, 1.0f), codes = add_node(m, "quantize", "q", NULL, &x, 1, &q);
    int w = add_weights(m, "w", 8, 2, (size_t[]){5, 6}, 1, RANDOM), z = add_bias(m, "z", 6, 500);
    ((int32_t *)m->tensor[z].data)[3] = 128;
    REFUSED(m, QNT_ERR_SHAPE, "matmul", NULL, ((int[]){x, c}), 2, NULL, "'refused'", "4 x 5", "no product");
    REFUSED(m, QNT_ERR_SHAPE, "matmul", NULL, ((int[]){x, line}), 2, NULL, "'refused'", "'line'");
    REFUSED(m, QNT_ERR_TYPE, "matmul", NULL, ((int[]){c, c}), 2, NULL, "'refused'", "constants");
    REFUSED(m, QNT_ERR_TYPE, "matmul", NULL, ((int[]){codes, c}), 2, NULL, "'refused'", "'c' is f32", "s8");
    REFUSED(m, QNT_ERR_RANGE, "matmul", NULL, ((int[]){codes, w, z}), 3, NULL, "'refused'", "zero point",
            "-128 to 127");
    REFUSED(m, QNT_ERR_SHAPE, "matmul", NULL, ((int[]){codes, w, add_bias(m, "z5", 5, 1)}), 3, NULL, "'z5' are 5",
            "expected 6");
    REFUSED(m, QNT_ERR_TYPE, "matmul", NULL, ((int[]){codes, w, line}), 3, NULL, "'line'", "s32");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

struct gather {
    uint32_t axis, rank;
    size_t dim[2];
    bool codes;
};

static void build_gather(struct qnt_model *m, const void *arg)
{
    const struct gather *p = arg;
    static float scale = 0.02f;
    const struct qnt_tensor q = quant(&scale, 5);
    qnt_node_attr attr = ATTR(.axis = {p->axis});
    int in[2] = {add_input(m, 3, (size_t[]){3, 4, 11}), 0};
    if (p->codes)
        in[0] = add_node(m, "quantize", "q", NULL, &in[0], 1, &q);
    in[1] = add_bias(m, "index", p->dim[0] * p->dim[1], 0);
    m->tensor[in[1]].rank = p->rank;
    memcpy(m->tensor[in[1]].dim, p->dim, sizeof p->dim);
    int32_t *at = m->tensor[in[1]].data;
    for (size_t i = 0; i < p->dim[0] * p->dim[1]; i++)
        at[i] = (int32_t)(unit_random() % 6) - 3;
    for (size_t i = 0; p->axis == 0 && i < p->dim[0] * p->dim[1]; i++)
        at[i] = at[i] > 2 ? 2 : at[i];
    add_node(m, "gather", "gather", &attr, in, 2, NULL);
}

static void want_gather(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const struct qnt_tensor *x = in[0].t;
    const size_t count = qnt_tensor_count(in[1].t), extent = x->dim[n->attr.axis[0]];
    size_t inner = 1;
    for (uint32_t d = n->attr.axis[0] + 1; d < x->rank; d++)
        inner *= x->dim[d];
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        const int32_t place = ((const int32_t *)in[1].data)[i / inner % count];
        const size_t at = (size_t)(place < 0 ? place + (int32_t)extent : place);
        y[i] = value_at(x, in[0].data, (i / inner / count * extent + at) * inner + i % inner);
    }
}

START_TEST(gather_takes_the_places)
{
    for (uint32_t axis = 0; axis < 3; axis++)
        for (uint32_t rank = 1; rank <= 2; rank++) {
            const struct gather p = {axis, rank, {5, rank == 2 ? 2 : 1}, _i};
            check_values(&(struct values){build_gather, &p, want_gather, 3.0f, 0.0, 0.0});
        }
}
END_TEST

START_TEST(gather_refusals)
{
    const qnt_node_attr last = ATTR(.axis = {1}), past = ATTR(.axis = {2});
    qnt_ctx *ctx;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, (size_t[]){4, 5}), at = add_bias(m, "at", 3, 0),
        f = add_floats(m, "f", 1, (size_t[]){2}, 1.0f);
    REFUSED(m, QNT_ERR_SHAPE, "gather", &past, ((int[]){x, at}), 2, NULL, "'refused'", "axis 2", "at most 1");
    REFUSED(m, QNT_ERR_TYPE, "gather", &last, ((int[]){x, f}), 2, NULL, "'refused'", "'f' is f32", "s32");
    REFUSED(m, QNT_ERR_UNSUPPORTED, "gather", &last, ((int[]){x, x}), 2, NULL, "'refused'", "'x'", "constant");
    ((int32_t *)m->tensor[at].data)[1] = 5;
    REFUSED(m, QNT_ERR_RANGE, "gather", &last, ((int[]){x, at}), 2, NULL, "'refused'", "5 at 1", "-5 to 4");
    ((int32_t *)m->tensor[at].data)[1] = -6;
    REFUSED(m, QNT_ERR_RANGE, "gather", &last, ((int[]){x, at}), 2, NULL, "'refused'", "-6 at 1", "-5 to 4");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_matmul");
    TCase *tc = tcase_create("op_matmul");
    tcase_set_timeout(tc, 120);
    unit_add_cases(tc, products_are_the_definition, SHAPES);
    tcase_add_test(tc, matmul_refusals);
    tcase_add_loop_test(tc, gather_takes_the_places, 0, 2);
    tcase_add_test(tc, gather_refusals);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
