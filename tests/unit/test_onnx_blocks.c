/* MatMulNBits: its codes, scales and zero points go into the model as they are; the results are those that ONNX
 * Runtime 1.30 gave for the same numbers. */
#include <math.h>
#include "onnx_graphs.h"

enum { K = 40, N = 3, BLOCK = 16, BLOCKS = 3, ROWS = 2, LONGEST = N * BLOCKS * BLOCK };

struct made {
    uint8_t codes[LONGEST], zero[N * BLOCKS];
    float scale[N * BLOCKS], zeros[N * BLOCKS], x[ROWS * K];
};

/* Packed where bits is 4; then each row of zero points begins with a byte. */
static void fill(struct made *d, int bits)
{
    const int row = BLOCKS * BLOCK * bits / 8, zero_row = (BLOCKS * bits + 7) / 8;
    memset(d, 0, sizeof *d);
    for (int n = 0; n < N; n++) {
        for (int k = 0; k < BLOCKS * BLOCK; k++) {
            const int code = (n * 5 + k * 3) % (bits == 4 ? 16 : 251);
            d->codes[n * row + k * bits / 8] |= (uint8_t)(bits == 4 ? code << k % 2 * 4 : code);
        }
        for (int b = 0; b < BLOCKS; b++) {
            const int zero = 3 * n + b * 2 + 5;
            d->zero[n * zero_row + b * bits / 8] |= (uint8_t)(bits == 4 ? zero << b % 2 * 4 : zero);
            d->zeros[n * BLOCKS + b] = (float)zero;
            d->scale[n * BLOCKS + b] = 0.01f * (float)(1 + n + b);
        }
    }
    for (int i = 0; i < ROWS * K; i++)
        d->x[i] = ((float)(i * 7 % 13) - 6.0f) * 0.25f + (float)(i % 5) * 0.01f;
}

/* zeros: "zero", "zeros" (floats) or "-". */
static qnt_model *model_of(const struct made *d, int bits, int level, const char *zeros)
{
    static const float bias[N] = {0.5f, -0.25f, 2.0f};
    static const int64_t dims[] = {-1, K};
    struct graph b;
    char in[64];
    begin(&b, 17);
    input(&b, "x", ONNX_FLOAT, 2, dims);
    constant(&b, "w", ONNX_UINT8, 3, (size_t[]){N, BLOCKS, (size_t)(BLOCK * bits / 8)}, d->codes);
    constant(&b, "scale", ONNX_FLOAT, 2, (size_t[]){N, BLOCKS}, d->scale);
    constant(&b, "zero", ONNX_UINT8, 2, (size_t[]){N, (size_t)((BLOCKS * bits + 7) / 8)}, d->zero);
    constant(&b, "zeros", ONNX_FLOAT, 2, (size_t[]){N, BLOCKS}, d->zeros);
    constant(&b, "bias", ONNX_FLOAT, 1, (size_t[]){N}, bias);
    snprintf(in, sizeof in, "x w scale %s - bias", zeros);
    node(&b, "MatMulNBits", in, "y")->domain = "com.microsoft";
    attr_int(&b, "K", K);
    attr_int(&b, "N", N);
    attr_int(&b, "bits", bits);
    attr_int(&b, "block_size", BLOCK);
    attr_int(&b, "accuracy_level", level);
    output(&b, "y");
    return mapped(&b);
}

static const struct {
    int bits, level;
    float y[ROWS * N];
} recorded[] = {
    {4, 0, {0.708599925f, -0.587499976f, 1.32520008f, 0.931100011f, -0.449999988f, 0.967700124f}},
    {4, 4, {0.707372427f, -0.58792913f, 1.32609534f, 0.93325913f, -0.449787408f, 0.979115844f}},
    {8, 0, {3.05099964f, 3.0924983f, 6.10599852f, 4.15350008f, 4.46999979f, 7.82849836f}},
    {8, 4, {3.06999254f, 3.11691451f, 6.13598394f, 4.10398054f, 4.40167761f, 7.74043941f}},
};

START_TEST(recorded_numbers)
{
    const int bits = recorded[_i].bits;
    struct made d;
    float y[ROWS * N];
    fill(&d, bits);
    qnt_model *m = model_of(&d, bits, recorded[_i].level, "zero");
    const struct qnt_tensor *w = &m->tensor[qnt_model_find(m, "w")];
    ck_assert_uint_eq(qnt_model_node_count(m), 1);
    ck_assert(w->type == QNT_U8 && w->bits == (uint32_t)bits);
    ck_assert_mem_eq(w->data, d.codes, qnt_tensor_bytes(w));
    run(m, d.x, y, ROWS);
    for (int i = 0; i < ROWS * N; i++)
        ck_assert_float_eq_tol(y[i], recorded[_i].y[i], 1e-6f * fabsf(y[i]));
    qnt_model_free(m);
}
END_TEST

/* Zero points as floats: whole ones are codes; of others the values of the weights are taken. */
START_TEST(zero_points_as_floats)
{
    struct made d;
    float y[3][ROWS * N];
    qnt_model *m;
    fill(&d, 4);
    for (int i = 0; i < 3; i++) {
        for (int z = 0; i == 2 && z < N * BLOCKS; z++)
            d.zeros[z] += 0.5f;
        m = model_of(&d, 4, 0, i ? "zeros" : "zero");
        ck_assert_uint_eq(count_op(m, "block_fully_connected"), i < 2);
        run(m, d.x, y[i], ROWS);
        qnt_model_free(m);
    }
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
    for (int i = 0; i < ROWS * N; i++) { /* half a code less everywhere */
        float less = 0.0f;
        for (int k = 0; k < K; k++)
            less += d.x[i / N * K + k] * 0.5f * d.scale[i % N * BLOCKS + k / BLOCK];
        ck_assert_float_eq_tol(y[2][i], y[0][i] - less, 1e-5f);
    }
}
END_TEST

/* Without zero points half of the codes is zero. */
START_TEST(no_zero_points)
{
    struct made d;
    float y[2][ROWS * N];
    fill(&d, 8);
    memset(d.zero, 128, sizeof d.zero);
    for (int i = 0; i < 2; i++) {
        qnt_model *m = model_of(&d, 8, 4, i ? "zero" : "-");
        run(m, d.x, y[i], ROWS);
        qnt_model_free(m);
    }
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_blocks");
    TCase *tc = tcase_create("blocks");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, recorded_numbers, 0, sizeof recorded / sizeof *recorded);
    tcase_add_test(tc, zero_points_as_floats);
    tcase_add_test(tc, no_zero_points);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
