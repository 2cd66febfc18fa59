/* What is counted: products and layers of fixed size, run once between the plugin's markers after a run for warming up
 * (lazy binding). Prints the build, then the cases in the order of their markers. One thread. */
#include <stdio.h>
#include <string.h>
#include <qnt/qnt.h>
#include "lib/gemm/gemm.h"
#include "tests/common/twin.h"

#define BEGIN() __asm__ volatile("hint #112" ::: "memory")
#define END() __asm__ volatile("hint #113" ::: "memory")

static qnt_ctx *ctx;

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, qnt_last_error());
    return 1;
}

static void fill(void *dst, size_t bytes)
{
    uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        ((uint8_t *)dst)[i] = (uint8_t)(state >> 24);
    }
}

/* A count that is known: what the plugin says of it is checked to the last one. */
static int known(void)
{
    __asm__ volatile("hint #112\n"
                     "mov x0, #1000\n"
                     "1: sub x0, x0, #1\n"
                     "cbnz x0, 1b\n"
                     "hint #113" ::
                         : "x0", "memory");
    printf("2001 instructions\n");
    return 0;
}

/* c[m][n] = a[m][k] * w[n][k] into s32; k counts bytes. */
static int product(const char *name, const struct qnt_gemm_list *list, size_t m, size_t n, size_t k)
{
    const struct qnt_gemm *g = qnt_gemm_choose(list, m, n, k);
    int8_t *a = qnt_alloc(ctx, m * k, name), *w = qnt_alloc(ctx, n * k, name);
    int32_t *c = qnt_alloc_array(ctx, m * n, sizeof *c, name), *bias = qnt_alloc_array(ctx, n, sizeof *bias, name);
    void *packed = qnt_alloc(ctx, qnt_gemm_packed_bytes(g, n, k), name),
         *scratch = qnt_alloc(ctx, qnt_gemm_scratch_bytes(g, k, 1), name);
    if (!a || !w || !c || !bias || !packed || !scratch)
        return fail(name);
    fill(a, m * k);
    fill(w, n * k);
    const struct qnt_operand rows = qnt_operand_rows(w, k, k, 1);
    qnt_gemm_pack_w(g, &rows, n, k, packed);
    if (!g->binary)
        qnt_gemm_fold_bias(ctx, g, w, n, k, 0, NULL, bias);
    const struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = bias};
    const struct qnt_gemm_call call = {.g = g,
                                       .a = qnt_operand_rows(a, k, k, 1),
                                       .packed_w = packed,
                                       .m = m,
                                       .n = n,
                                       .k = k,
                                       .c = c,
                                       .ldc = n,
                                       .e = &e};
    qnt_gemm_run(&call, 0, m, scratch);
    BEGIN();
    qnt_gemm_run(&call, 0, m, scratch);
    END();
    printf("%s\n", name);
    void *const all[] = {a, w, c, bias, packed, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
    return 0;
}

/* taps x taps, the same size out, from SIDE x SIDE x c to oc channels, of floats or of `bits`. */
enum { SIDE = 16, CHANNELS = 64 };
static qnt_status conv_model(uint32_t bits, size_t taps, size_t c, size_t oc, uint32_t groups, qnt_model **out)
{
    const size_t image[] = {SIDE, SIDE, c}, dim[] = {oc, taps, taps, c / groups}, p = taps / 2;
    const qnt_node_attr attr = {.size = sizeof attr, .pad = {p, p, p, p}, .groups = groups};
    static float weight[64 * 3 * 3 * 32], bias[64];
    qnt_model *m;
    int in[3], y;
    for (size_t i = 0; i < sizeof weight / sizeof *weight; i++)
        weight[i] = (float)(i % 251) * 0.008f - 1.0f;
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "x", 3, image, &in[0])) ||
        (s = qnt_model_add_const(m, "w", 4, dim, weight, &in[1])) ||
        (s = qnt_model_add_const(m, "b", 1, dim, bias, &in[2])) ||
        (s = qnt_model_add_node(m, "conv2d", "y", &attr, in, 3, &y)) || (s = qnt_model_set_output(m, y))) {
        qnt_model_free(m);
        return s;
    }
    *out = m;
    if (!bits)
        return QNT_OK;
    s = test_twin(m, bits, NULL, out);
    qnt_model_free(m);
    return s;
}

/* In a session that takes and gives what the layer has: s8 or floats. */
static int convolution(const char *name, uint32_t bits, size_t taps, size_t c, size_t oc, uint32_t groups)
{
    static float in[SIDE * SIDE * CHANNELS], out[SIDE * SIDE * CHANNELS];
    const qnt_session_config config = {.size = sizeof config, .max_batch = 1, .quantized_io = bits > 0};
    qnt_model *m;
    qnt_session *s;
    if (bits)
        fill(in, sizeof in);
    if (conv_model(bits, taps, c, oc, groups, &m) || qnt_session_create(m, &config, &s) ||
        qnt_session_run(s, in, out, 1))
        return fail(name);
    BEGIN();
    qnt_session_run(s, in, out, 1);
    END();
    printf("%s\n", name);
    qnt_session_free(s);
    qnt_model_free(m);
    return 0;
}

int main(void)
{
    printf("%s\n", INSN_BUILD);
    if (qnt_ctx_create(NULL, &ctx))
        return fail("context");
    int bad = known() || product("gemm s8 64 x 256 x 128", &ctx->dsp.gemm_s8, 64, 128, 256) ||
              product("gemm b1 64 x 2048 x 128", &ctx->dsp.gemm_b1, 64, 128, 2048 / 8) ||
              convolution("conv 3 x 3, 16 x 16 x 32 to 64", 8, 3, 32, 64, 1) ||
              convolution("depthwise 3 x 3, 16 x 16 x 64", 8, 3, 64, 64, 64) ||
              convolution("f32 conv 1 x 1, 16 x 16 x 32 to 64", 0, 1, 32, 64, 1) ||
              convolution("f32 conv 3 x 3, 16 x 16 x 32 to 64", 0, 3, 32, 64, 1) ||
              convolution("f32 depthwise 3 x 3, 16 x 16 x 64", 0, 3, 64, 64, 64);
    qnt_ctx_free(ctx);
    return bad;
}
