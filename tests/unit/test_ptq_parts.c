/* The parts of post-training quantization: widths by layer, codes of few bits, rounding learned from second moments,
 * histograms and the ranges that they give. */
#include <math.h>
#include <qnt/quantize.h>
#include <qnt/session.h>
#include "lib/quant/ptq.h"
#include "op_util.h"
#include "tests/common/models.h"

/* quantize, relu and a table into codes of 3 bits. */
START_TEST(narrow_codes_saturate)
{
    static const char *const op[] = {"relu", "tanh"};
    static const float in[6] = {-9.0f, -0.4f, 0.0f, 0.2f, 0.7f, 9.0f};
    float scale = 0.25f, fine = 0.125f, out[6], *last = _i ? &fine : &scale;
    struct qnt_tensor t = {.type = QNT_S8, .bits = 3, .scales = 1, .scale = &scale, .zero = -1};
    qnt_session *s;
    qnt_ctx *ctx;
    qnt_model *m;
    int id, y;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 1, (size_t[]){6}, &id));
    OK(qnt_model_append_node(m, qnt_op_find("quantize"), "q", NULL, &id, 1, NULL, &t, &id));
    t.scale = last;
    OK(qnt_model_append_node(m, qnt_op_find(op[_i]), "op", NULL, &id, 1, NULL, &t, &y));
    OK(qnt_model_append_node(m, qnt_op_find("dequantize"), "f", NULL, &y, 1, NULL, NULL, &y));
    OK(qnt_model_set_output(m, y));
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run(s, in, out, 1));
    qnt_session_free(s);
    for (size_t i = 0; i < 6; i++) {
        float v = fminf(fmaxf(rintf(in[i] / scale), -3.0f), 4.0f) * scale;
        v = _i ? fminf(fmaxf(rintf(tanhf(v) / fine), -3.0f), 4.0f) * fine : fmaxf(v, 0.0f);
        ck_assert_msg(out[i] == v, "%g: %g, expected %g", (double)in[i], (double)out[i], (double)v);
    }
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* The error that rounding leaves, by the second moments. */
static double error(const float *h, const float *w, const int8_t *q, size_t k, float scale)
{
    double sum = 0.0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            sum += ((double)q[i] * scale - w[i]) * h[i * k + j] * ((double)q[j] * scale - w[j]);
    return sum;
}

START_TEST(learned_rounding_is_closer)
{
    enum { K = 24 };
    float x[40][K], h[K * K] = {0}, w[K], work[K];
    int8_t nearest[K], learned[K];
    test_model_images(&x[0][0], 40 * K);
    test_model_images(w, K);
    for (size_t i = 0; i < K; i++)
        w[i] = 0.9f * sinf((float)(i * i));
    for (size_t n = 0; n < 40; n++)
        for (size_t i = 0; i < K; i++)
            for (size_t j = 0; j < K; j++)
                h[i * K + j] += (x[n][i] + 1.0f) * (x[n][j] + 1.0f); /* inputs that have much in common */
    qnt_weight_codes(w, K, 3, 0.31f, nearest);
    memcpy(learned, nearest, sizeof learned);
    qnt_round_learned(w, K, 0.31f, 3, h, work, learned);
    ck_assert_double_lt(error(h, w, learned, K, 0.31f), 0.6 * error(h, w, nearest, K, 0.31f));
    for (size_t i = 0; i < K; i++)
        ck_assert(learned[i] == nearest[i] || fabsf((float)learned[i] * 0.31f - w[i]) <= 0.31f);
}
END_TEST

START_TEST(histograms_merge_in_any_order)
{
    static struct qnt_histogram a, b;
    float x[300];
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    for (int i = 0; i < 300; i++)
        x[i] = ldexpf(sinf((float)i), i % 29 - 14);
    for (size_t i = 0; i < 300; i += 10) {
        qnt_histogram_add(&a, x + i, 10);
        qnt_histogram_add(&b, x + 290 - i, 10);
    }
    ck_assert_int_eq(a.exponent, b.exponent);
    ck_assert_mem_eq(a.count, b.count, sizeof a.count);
    ck_assert(a.least == b.least && a.most == b.most);
    const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f};
    qnt_histogram_add(&a, odd, 4);
    ck_assert_uint_eq(a.total, 303);
    for (int how = QNT_CALIBRATE_MSE; how <= QNT_CALIBRATE_ENTROPY; how++) {
        const struct qnt_range r = qnt_histogram_range(&b, how, 0.01f, 8);
        ck_assert(r.lo < 0.0f && r.lo >= b.least && r.hi > 0.0f && r.hi <= b.most);
    }
}
END_TEST

/* One far value among many near ones is given up by all that weigh, and kept by those that do not. */
START_TEST(ranges_of_a_far_value)
{
    static struct qnt_histogram h;
    float x[20000];
    memset(&h, 0, sizeof h);
    for (int i = 0; i < 20000; i++)
        x[i] = (float)(i % 200) / 100.0f - 1.0f;
    x[77] = 40.0f;
    qnt_histogram_add(&h, x, 20000);
    ck_assert(qnt_histogram_range(&h, QNT_CALIBRATE_MINMAX, 0, 8).hi == 40.0f);
    ck_assert_float_lt(qnt_histogram_range(&h, QNT_CALIBRATE_PERCENTILE, 1e-3f, 8).hi, 1.1f);
    ck_assert_float_lt(qnt_histogram_range(&h, QNT_CALIBRATE_MSE, 0, 4).hi, 30.0f);
    ck_assert_float_lt(qnt_histogram_range(&h, QNT_CALIBRATE_ENTROPY, 0, 8).hi, 10.0f);
}
END_TEST

START_TEST(edges_have_their_own_width)
{
    const qnt_ptq_config config = {.size = sizeof config, .weight_bits = 3, .edge_bits = 7, .layer_bits = "fc2=5"};
    static float image[3072];
    qnt_ctx *ctx;
    qnt_model *f, *q;
    qnt_ptq *p;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_build(ctx, "article-cnn", 1, &f));
    test_model_images(image, 3072);
    OK(qnt_ptq_create(f, &config, &p));
    OK(qnt_ptq_observe(p, image, 1));
    OK(qnt_ptq_model(p, &q));
    qnt_ptq_free(p);
    for (size_t i = 0; i < q->n_nodes; i++)
        if (qnt_has_weights(&q->node[i])) {
            const char *name = q->node[i].name;
            const uint32_t bits = q->tensor[q->node[i].in[1]].bits;
            ck_assert_msg(bits == (!strcmp(name, "conv1") ? 7
                                   : !strcmp(name, "fc2") ? 5
                                                          : 3),
                          "'%s': %u bits", name, bits);
        }
    qnt_model_free(q);
    qnt_model_free(f);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptq_parts");
    TCase *tc = tcase_create("ptq_parts");
    tcase_add_loop_test(tc, narrow_codes_saturate, 0, 2);
    tcase_add_test(tc, edges_have_their_own_width);
    tcase_add_test(tc, learned_rounding_is_closer);
    tcase_add_test(tc, histograms_merge_in_any_order);
    tcase_add_test(tc, ranges_of_a_far_value);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
