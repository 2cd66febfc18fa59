/* A tile with the tail of k that its panels pad, against plain loops. */
#include <math.h>
#include <string.h>
#include "lib/core/selftest.h"
#include "simd/ref/popcount.h"
#include "simd/ref/scalar.h"

enum { SIDE = 64, K = 37, KP = 64, WIDEST = 2 }; /* rows and columns of any tile, its depth, padded, bytes of a code */
struct tile {
    const void *a_rows[SIDE], *w_rows[SIDE];
    int32_t bias[SIDE];
    float scale[SIDE];
    struct qnt_epilogue e;
    union {
        int8_t s8[2 * SIDE * K];
        float f32[2 * SIDE * K];
    } src;
    _Alignas(64) uint8_t a[SIDE * KP * WIDEST];
    _Alignas(64) uint8_t w[SIDE * KP * sizeof(float)];
    _Alignas(64) int8_t unpacked[SIDE * KP];
    union {
        int8_t s8[SIDE * SIDE];
        float f32[SIDE * SIDE];
    } out;
};

static bool run_s8(const struct qnt_gemm *g, struct tile *x)
{
    const int8_t *a = x->src.s8, *w = a + SIDE * K;
    uint32_t r = 1;
    for (size_t i = 0; i < 2 * SIDE * K; i++)
        x->src.s8[i] = (int8_t)((r = r * 1664525u + 1013904223u) >> 24);
    for (size_t i = SIDE * K; g->w_bits < 8 && i < 2 * SIDE * K; i++)
        x->src.s8[i] = (int8_t)(x->src.s8[i] >> (8 - g->w_bits)); /* a code of the width */
    for (size_t j = 0; j < SIDE; j++) {
        x->a_rows[j] = a + j * K;
        x->w_rows[j] = w + j * K;
        x->bias[j] = 0;
        for (size_t l = 0; l < K; l++)
            x->bias[j] -= qnt_gemm_extra(g, l, w[j * K + l]);
        x->scale[j] = 0.001f + 0.00001f * (float)j;
    }
    x->e = (struct qnt_epilogue){.kind = QNT_EPI_S8, .bias = x->bias};
    x->e.rq = (struct qnt_requant){.zero = 5, .lo = -120, .hi = 127, .per_channel = 1, .scale = x->scale};
    g->pack_a(x->a_rows, K, 0, K, g->mr, 0, x->a);
    g->pack_w(x->w_rows, K, 0, K, g->nr, 0, x->w);
    const struct qnt_tile t = {x->out.s8, g->nr, g->mr, g->nr, 0, 0, 1, 1, &x->e};
    const size_t kp = qnt_round_up(K, g->kr);
    const struct qnt_s8_operands o = {.a = x->a,
                                      .w = g->unpack ? (const void *)x->unpacked : x->w,
                                      .a_row = (ptrdiff_t)qnt_rows_pitch(K),
                                      .run = kp,
                                      .runs = 1};
    if (g->unpack)
        g->unpack(x->w, kp, x->unpacked);
    if (g->run_rows)
        g->run_rows(&o, &t);
    else
        g->run(kp, x->a, x->w, &t);
    for (size_t i = 0; i < g->mr; i++)
        for (size_t j = 0; j < g->nr; j++) {
            int32_t sum = 0;
            for (size_t l = 0; l < K; l++)
                sum += a[i * K + l] * w[j * K + l];
            if (x->out.s8[i * g->nr + j] != qnt_requantize_one(sum, x->scale[j], &x->e.rq))
                return false;
        }
    return true;
}

static bool run_b1(const struct qnt_gemm *g, struct tile *x)
{
    const uint8_t *a = (const uint8_t *)x->src.s8, *w = a + SIDE * K;
    uint32_t r = 1;
    for (size_t i = 0; i < 2 * SIDE * K; i++)
        x->src.s8[i] = (int8_t)((r = r * 1664525u + 1013904223u) >> 24);
    for (size_t j = 0; j < SIDE; j++) {
        x->a_rows[j] = a + j * K;
        x->w_rows[j] = w + j * K;
        x->bias[j] = 8 * K - (int32_t)j;
    }
    x->e = (struct qnt_epilogue){.kind = QNT_EPI_BITS, .bias = x->bias};
    g->pack_a(x->a_rows, K, 0, K, g->mr, 0, x->a);
    g->pack_w(x->w_rows, K, 0, K, g->nr, 0, x->w);
    const struct qnt_tile t = {x->out.s8, g->nr / 8, g->mr, g->nr, 0, 0, 1, 1, &x->e};
    g->run(qnt_round_up(K, g->kr), x->a, x->w, &t);
    for (size_t i = 0; i < g->mr; i++)
        for (size_t j = 0; j < g->nr; j++) {
            int32_t sum = x->bias[j];
            for (size_t l = 0; l < K; l++)
                sum -= 2 * (int32_t)qnt_popcount64(a[i * K + l] ^ w[j * K + l]);
            if (((uint8_t)x->out.s8[i * (g->nr / 8) + j / 8] >> j % 8 & 1) != (sum < 0))
                return false;
        }
    return true;
}

static bool run_f32(const struct qnt_gemm *g, struct tile *x)
{
    const float *a = x->src.f32, *w = a + SIDE * K;
    uint32_t r = 1;
    for (size_t i = 0; i < 2 * SIDE * K; i++)
        x->src.f32[i] = (float)(int32_t)(r = r * 1664525u + 1013904223u) / 3e8f;
    for (size_t j = 0; j < SIDE; j++)
        x->w_rows[j] = w + j * K;
    x->e = (struct qnt_epilogue){.kind = QNT_EPI_F32, .lo = -100.0f, .hi = INFINITY};
    g->pack_w(x->w_rows, K, 0, K, g->nr, 0, x->w);
    const struct qnt_f32_operands o = {
        .a = a, .w = (const float *)(const void *)x->w, .a_row = K, .a_k = 1, .w_k = g->nr, .run = K, .runs = 1};
    const struct qnt_tile t = {x->out.f32, g->nr, g->mr, g->nr, 0, 0, 1, 1, &x->e};
    g->run_f32(&o, &t);
    for (size_t i = 0; i < g->mr; i++)
        for (size_t j = 0; j < g->nr; j++) {
            float sum = 0.0f;
            for (size_t l = 0; l < K; l++)
                sum = fmaf(a[i * K + l], w[j * K + l], sum);
            sum = sum < -100.0f ? -100.0f : sum;
            if (memcmp(&x->out.f32[i * g->nr + j], &sum, sizeof sum))
                return false;
        }
    return true;
}

bool qnt_selftest_tile(const struct qnt_gemm *g)
{
    struct tile x;
    if (g->mr > SIDE || g->nr > SIDE || qnt_round_up(K, g->kr) > KP || (g->run && g->mr * g->a_size > SIDE * WIDEST))
        return false;
    return g->run_f32 ? run_f32(g, &x) : g->binary ? run_b1(g, &x) : run_s8(g, &x);
}
