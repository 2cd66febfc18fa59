/* block_fully_connected against its definition: of both widths, with and without zero points and bias, rows that end
 * within a block, of floats and of codes; files that hold it; refusals. */
#include <qnt/session.h>
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "values.h"

struct pick {
    uint32_t bits, mode;
    size_t images, k, n, block;
};

static uint32_t random_byte(void)
{
    return unit_random() >> 24;
}

/* A constant of u8; of 4 bits two codes to a byte. */
static int add_bytes(struct qnt_model *m, const char *name, uint32_t bits, size_t rows, size_t cols, uint32_t most)
{
    struct qnt_tensor t = {
        .name = (char *)(uintptr_t)name, .type = QNT_U8, .bits = bits, .rank = 2, .dim = {rows, cols}};
    int id;
    t.constant = t.owns_data = true;
    uint8_t *data = t.data = qnt_alloc(m->ctx, qnt_tensor_bytes(&t), name);
    for (size_t i = 0; i < qnt_tensor_bytes(&t); i++)
        data[i] = (uint8_t)(random_byte() % (most + 1));
    OK(qnt_model_append_tensor(m, &t, &id));
    return id;
}

static size_t blocks_of(const struct pick *p)
{
    return (p->k + p->block - 1) / p->block;
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct pick *p = arg;
    const qnt_node_attr attr = ATTR(.dim = {p->block}, .mode = p->mode);
    const size_t blocks = blocks_of(p);
    int in[5], n = 3;
    in[0] = add_input(m, 2, (size_t[]){p->images, p->k});
    in[1] = add_bytes(m, "w", p->bits, p->n, blocks * p->block, 255);
    in[2] = add_floats(m, "scale", 2, (size_t[]){p->n, blocks}, 0.1f);
    if (p->mode & QNT_BLOCK_ZEROS)
        in[n++] = add_bytes(m, "zero", 8, p->n, blocks, p->bits == 4 ? 15 : 255);
    if (p->mode & QNT_BLOCK_BIAS)
        in[n++] = add_floats(m, "bias", 1, (size_t[]){p->n}, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, "block_fully_connected", "full", &attr, in, (size_t)n, NULL)));
}

/* What a block of x becomes: codes times their scale. */
static void requantized(const float *x, size_t n, double *to)
{
    float most = 0.0f;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    for (size_t i = 0; i < n; i++)
        to[i] = (double)(most > 0.0f ? rintf(x[i] * (127.0f / most)) : 0.0f) * (double)(most / 127.0f);
}

static void want(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y)
{
    const size_t block = n->attr.dim[0], k = in[0].t->dim[in[0].t->rank - 1], rows = out->dim[out->rank - 1];
    const size_t row = in[1].t->dim[1], blocks = row / block, images = qnt_tensor_count(out) / rows;
    const uint32_t bits = in[1].t->bits;
    const bool zeros = n->attr.mode & QNT_BLOCK_ZEROS, bias = n->attr.mode & QNT_BLOCK_BIAS;
    const uint8_t *code = in[1].data;
    double x[512];
    for (size_t i = 0; i < images; i++)
        for (size_t b = 0; b < blocks; b++) {
            const float *from = (const float *)in[0].data + i * k + b * block;
            const size_t left = k - b * block < block ? k - b * block : block;
            for (size_t e = 0; e < left; e++)
                x[e] = (double)from[e];
            if (n->attr.mode & QNT_BLOCK_CODES)
                requantized(from, left, x);
            for (size_t j = 0; j < rows; j++) {
                const double zero = zeros ? value_at(in[3].t, in[3].data, j * blocks + b) : bits == 4 ? 8 : 128;
                const double scale = value_at(in[2].t, in[2].data, j * blocks + b);
                double *to = &y[i * rows + j];
                if (b == 0)
                    *to = bias ? value_at(in[n->n_in - 1].t, in[n->n_in - 1].data, j) : 0.0;
                for (size_t e = 0; e < left; e++) {
                    const size_t at = j * row + b * block + e;
                    const int c = bits == 8 ? code[at] : code[at / 2] >> at % 2 * 4 & 15;
                    *to += x[e] * (c - zero) * scale;
                }
            }
        }
}

static const struct pick picks[] = {
    {4, 0, 1, 64, 33, 32},
    {4, QNT_BLOCK_ZEROS | QNT_BLOCK_BIAS, 5, 50, 70, 16},
    {8, QNT_BLOCK_ZEROS, 3, 100, 7, 64},
    {8, QNT_BLOCK_BIAS, 40, 16, 32, 16},
    {4, QNT_BLOCK_CODES, 1, 96, 65, 32},
    {4, QNT_BLOCK_CODES | QNT_BLOCK_ZEROS | QNT_BLOCK_BIAS, 4, 41, 40, 16},
    {8, QNT_BLOCK_CODES | QNT_BLOCK_ZEROS, 2, 200, 9, 128},
    {8, QNT_BLOCK_CODES | QNT_BLOCK_BIAS, 35, 33, 32, 48},
};
enum { PICKS = sizeof picks / sizeof *picks };

START_TEST(layers)
{
    const struct values v = {build, &picks[_i], want, 3.0f, 1e-6, 2e-4};
    check_values(&v);
}
END_TEST

/* What a session gives, of a model and of a file that holds it, mapped and in memory. */
START_TEST(files)
{
    const struct pick *p = &picks[_i];
    const size_t n_in = p->images * p->k, n_out = p->images * p->n;
    float *in = calloc(n_in, sizeof *in), *out[3];
    char path[TEST_PATH];
    qnt_ctx *ctx;
    qnt_model *m[3];
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m[0]));
    build(m[0], p);
    test_temp_file(path);
    OK(qnt_model_save(m[0], path));
    struct qnt_bytes file = qnt_bytes_read(path);
    OK(qnt_model_load(ctx, path, &m[1]));
    OK(qnt_model_load_memory(ctx, file.data, file.n, &m[2]));
    for (size_t i = 0; i < n_in; i++)
        in[i] = unit_random_float();
    for (int i = 0; i < 3; i++) {
        qnt_session *s;
        const struct qnt_tensor *w = &m[i]->tensor[qnt_model_find(m[i], "w")];
        ck_assert(w->type == QNT_U8 && w->bits == p->bits);
        ck_assert_mem_eq(w->data, m[0]->tensor[qnt_model_find(m[0], "w")].data, qnt_tensor_bytes(w));
        out[i] = calloc(n_out, sizeof **out);
        OK(qnt_session_create(m[i], NULL, &s));
        OK(qnt_session_run(s, in, out[i], 1));
        ck_assert_mem_eq(out[i], out[0], n_out * sizeof **out);
        qnt_session_free(s);
    }
    const size_t packed = blocks_of(p) * p->block * p->n * p->bits / 8;
    ck_assert_uint_ge(qnt_model_weight_bytes(m[1]), packed);
    ck_assert_uint_lt(qnt_model_weight_bytes(m[1]), packed + (blocks_of(p) * 5 + 4) * p->n + 1);
    for (int i = 0; i < 3; i++) {
        free(out[i]);
        qnt_model_free(m[i]);
    }
    free(in);
    free(file.data);
    unlink(path);
    qnt_ctx_free(ctx);
}
END_TEST

/* The twin in floats gives the same, within their rounding. */
START_TEST(twins_in_floats)
{
    const struct pick *p = &picks[_i];
    const size_t n_in = p->images * p->k, n_out = p->images * p->n;
    float *in = calloc(n_in, sizeof *in), *out[2];
    qnt_ctx *ctx;
    qnt_model *m[2];
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m[0]));
    build(m[0], p);
    OK(qnt_model_dequantize(m[0], &m[1]));
    ck_assert_str_eq(m[1]->node[0].op->name, "fully_connected");
    ck_assert_uint_eq(qnt_node_macs(m[0], &m[0]->node[0]), qnt_node_macs(m[1], &m[1]->node[0]));
    for (size_t i = 0; i < n_in; i++)
        in[i] = unit_random_float();
    for (int i = 0; i < 2; i++) {
        qnt_session *s;
        out[i] = calloc(n_out, sizeof **out);
        OK(qnt_session_create(m[i], NULL, &s));
        OK(qnt_session_run(s, in, out[i], 1));
        qnt_session_free(s);
    }
    const float bound = p->mode & QNT_BLOCK_CODES ? p->bits == 4 ? 0.1f : 2.0f : 1e-3f;
    for (size_t i = 0; i < n_out; i++)
        ck_assert_float_eq_tol(out[0][i], out[1][i], bound);
    for (int i = 0; i < 2; i++) {
        free(out[i]);
        qnt_model_free(m[i]);
    }
    free(in);
    qnt_ctx_free(ctx);
}
END_TEST

/* Bounds become part of the layer, with the same bytes. */
START_TEST(bounds_are_fused)
{
    const struct pick p = {4, 0, 2, 32, 20, 16};
    qnt_ctx *ctx;
    qnt_model *m;
    float in[2 * 32], out[2][2 * 20];
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    build(m, &p);
    for (size_t i = 0; i < 2 * 32; i++)
        in[i] = unit_random_float();
    for (int i = 0; i < 2; i++) {
        qnt_session *s;
        int x = m->outputs.id[0];
        if (i)
            OK(qnt_model_set_output(m, add_node(m, "relu", "relu", NULL, &x, 1, NULL)));
        OK(qnt_session_create(m, NULL, &s));
        ck_assert_uint_eq(qnt_session_step_count(s), 1);
        OK(qnt_session_run(s, in, out[i], 1));
        qnt_session_free(s);
    }
    for (size_t i = 0; i < 2 * 20; i++)
        ck_assert(out[1][i] == (out[0][i] < 0.0f ? 0.0f : out[0][i]));
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* One thing wrong with a layer of 8 x 32 in blocks of 16; the text names it. */
START_TEST(refusals)
{
    static const struct {
        const char *text;
        uint32_t w_bits, mode, inputs;
        size_t block, cols, scales, zeros, bias;
    } rows[] = {
        {"blocks of 8, expected a multiple of 16", 4, 0, 3, 8, 32, 4, 0, 0},
        {"blocks of 40, expected a multiple of 16", 4, 0, 3, 40, 40, 1, 0, 0},
        {"up to 65536", 4, QNT_BLOCK_CODES, 3, 1 << 17, 1 << 17, 1, 0, 0},
        {"expected outputs x 32, in blocks of 16", 4, 0, 3, 16, 48, 3, 0, 0},
        {"scales 'scale' are 8 x 3, expected 8 x 2", 8, 0, 3, 16, 32, 3, 0, 0},
        {"zero points 'zero' are 8 x 1, expected 8 x 2", 8, QNT_BLOCK_ZEROS, 4, 16, 32, 2, 1, 0},
        {"bias 'bias' is 9, expected 8", 8, QNT_BLOCK_BIAS, 4, 16, 32, 2, 0, 9},
        {"mode 1 with 3 inputs", 8, QNT_BLOCK_ZEROS, 3, 16, 32, 2, 0, 0},
        {"mode 8 with 3 inputs", 8, 8, 3, 16, 32, 2, 0, 0},
    };
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qnt_model *m;
        int in[5], n = 3, id;
        const qnt_node_attr attr = ATTR(.dim = {rows[i].block}, .mode = rows[i].mode);
        OK(qnt_model_new(ctx, &m));
        in[0] = add_input(m, 1, (size_t[]){32});
        in[1] = add_bytes(m, "w", rows[i].w_bits, 8, rows[i].cols, 255);
        in[2] = add_floats(m, "scale", 2, (size_t[]){8, rows[i].scales}, 0.1f);
        if (rows[i].zeros)
            in[n++] = add_bytes(m, "zero", 8, 8, rows[i].zeros, 255);
        if (rows[i].bias)
            in[n++] = add_floats(m, "bias", 1, (size_t[]){rows[i].bias}, 1.0f);
        const qnt_status status =
            qnt_model_append_node(m, &qnt_op_block_fully_connected, "full", &attr, in, rows[i].inputs, NULL, NULL, &id);
        ck_assert_msg(status && strstr(qnt_last_error(), rows[i].text), "%zu: status %d, '%s' lacks '%s'", i,
                      (int)status, qnt_last_error(), rows[i].text);
        qnt_model_free(m);
    }
    qnt_ctx_free(ctx);
}
END_TEST

/* Codes of 4 bits are two to a byte: no other op reads them; nor are zero points past them. */
START_TEST(packed_codes_are_weights_alone)
{
    const qnt_node_attr attr = ATTR(.dim = {16}, .mode = QNT_BLOCK_ZEROS);
    qnt_ctx *ctx;
    qnt_model *m;
    int in[4], id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    in[0] = add_input(m, 1, (size_t[]){16});
    in[1] = add_bytes(m, "w", 4, 1, 16, 255);
    ck_assert_int_eq(qnt_model_append_node(m, &qnt_op_add, "sum", NULL, in, 2, NULL, NULL, &id), QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "node 'sum': add of 'w', u8 of 4 bits, expected 8"));
    in[2] = add_floats(m, "scale", 2, (size_t[]){1, 1}, 0.1f);
    in[3] = add_bytes(m, "zero", 8, 1, 1, 255);
    ((uint8_t *)m->tensor[in[3]].data)[0] = 16;
    ck_assert_int_eq(qnt_model_append_node(m, &qnt_op_block_fully_connected, "full", &attr, in, 4, NULL, NULL, &id),
                     QNT_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "zero point 0 of 'zero' is 16, expected at most 15"));
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_blocks");
    TCase *tc = tcase_create("block_fully_connected");
    tcase_add_checked_fixture(tc, unit_seed, NULL);
    tcase_add_loop_test(tc, layers, 0, PICKS);
    tcase_add_loop_test(tc, files, 0, PICKS);
    tcase_add_loop_test(tc, twins_in_floats, 0, PICKS);
    tcase_add_test(tc, bounds_are_fused);
    tcase_add_test(tc, refusals);
    tcase_add_test(tc, packed_codes_are_weights_alone);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
