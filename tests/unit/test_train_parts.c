/* The trainer's parts: scales and codes, loss and its gradient, update and learning rate, crop and flip. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/rng.h"
#include "lib/quant/fake.h"
#include "lib/train/input.h"
#include "lib/train/loss.h"
#include "lib/train/sgd.h"

static qnt_ctx *ctx;

static void setup(void)
{
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

static float uniform(struct qnt_rng *r)
{
    return (float)qnt_rng_between(r, -1000000, 1000000) / 1000000.0f;
}

static double error_of(const float *w, size_t n, uint32_t bits, float scale)
{
    int8_t q[512];
    double sum = 0.0;
    qnt_weight_codes(w, n, bits, scale, q);
    int largest = 0; /* Check's own calls are slow: one for all */
    for (size_t i = 0; i < n; i++) {
        largest = abs(q[i]) > largest ? abs(q[i]) : largest;
        double e = (double)w[i] - (double)(scale * (float)q[i]);
        sum += e * e;
    }
    ck_assert_int_le(largest, (1 << (bits - 1)) - 1);
    return sum;
}

START_TEST(weight_scale_is_near_the_least_error)
{
    uint32_t bits = (uint32_t)_i;
    struct qnt_rng r = qnt_rng_key(1, bits, 0);
    float w[301];
    const size_t sizes[] = {1, 7, 27, 144, 301};
    for (size_t k = 0; k < 5; k++) {
        float most = 0.0f;
        for (size_t i = 0; i < sizes[k]; i++) {
            w[i] = uniform(&r) + uniform(&r) + uniform(&r);
            most = fmaxf(most, fabsf(w[i]));
        }
        float widest = most / (float)((1 << (bits - 1)) - 1),
              s = qnt_weight_scale(&ctx->dsp, w, sizes[k], bits, 1e-12f);
        double least = 1e30, found = error_of(w, sizes[k], bits, s);
        for (int i = 10; i <= 130; i++)
            least = fmin(least, error_of(w, sizes[k], bits, widest * (float)i / 100.0f));
        ck_assert_double_le(found, error_of(w, sizes[k], bits, widest) + 1e-9);
        if (bits == 8)
            ck_assert(s == widest);
        else if (sizes[k] > 100)
            ck_assert_msg(found <= 1.15 * least, "bits %u n %zu: %g, least %g", bits, sizes[k], found, least);
    }
    memset(w, 0, sizeof w);
    ck_assert(qnt_weight_scale(&ctx->dsp, w, 301, bits, 0.5f) == 0.5f);
    w[5] = NAN; /* a diverged training: any codes, but in range */
    error_of(w, 301, bits, 0.5f);
}
END_TEST

START_TEST(range_scale_holds_the_range_and_zero)
{
    struct qnt_rng r = qnt_rng_key(2, 0, 0);
    for (int i = 0; i < 1000; i++) {
        float lo = -fabsf(uniform(&r)) * (float)(i % 7), hi = fabsf(uniform(&r)) * (float)(i % 5), s;
        int32_t zero;
        qnt_range_scale((struct qnt_range){lo, hi}, 8, &s, &zero);
        ck_assert(s > 0.0f && zero >= -128 && zero <= 127);
        if (lo == 0.0f)
            ck_assert_int_eq(zero, -128);
        ck_assert(s * (float)(127 - zero) >= hi - 0.51f * s && s * (float)(-128 - zero) <= lo + 0.51f * s);
    }
}
END_TEST

static double loss_of(const struct qnt_loss *l, const float *z, const float *teacher, const uint8_t *labels,
                      size_t batch)
{
    float delta[64], p[64];
    struct qnt_loss_sum sum = {0};
    qnt_loss_run(l, z, teacher, labels, batch, delta, p, &sum);
    return sum.loss * (double)l->weight;
}

/* _i: 0 plain, 1 with a teacher, 2 with the printed minus sign. */
START_TEST(loss_gradient_is_the_slope)
{
    enum { BATCH = 4, CLASSES = 10, N = BATCH * CLASSES };
    struct qnt_rng r = qnt_rng_key(3, (uint64_t)_i, 0);
    struct qnt_loss l = {.dsp = &ctx->dsp, .classes = CLASSES, .weight = 1.0f / BATCH, .kl = _i == 2 ? -0.7f : 0.7f};
    const uint8_t labels[BATCH] = {0, 9, 3, 3};
    float z[N], t[N], delta[N], p[N], *teacher = _i ? t : NULL;
    struct qnt_loss_sum sum = {0};
    for (int i = 0; i < N; i++) {
        z[i] = 4.0f * uniform(&r);
        t[i] = 4.0f * uniform(&r);
    }
    qnt_loss_run(&l, z, teacher, labels, BATCH, delta, p, &sum);
    for (int i = 0; i < N; i++) {
        float held = z[i], h = 0.01f;
        z[i] = held + h;
        double up = loss_of(&l, z, teacher, labels, BATCH);
        z[i] = held - h;
        double down = loss_of(&l, z, teacher, labels, BATCH);
        z[i] = held;
        ck_assert_double_eq_tol((up - down) / (2.0 * (double)h), (double)delta[i], 2e-5);
    }
}
END_TEST

START_TEST(loss_stands_extreme_logits)
{
    struct qnt_loss l = {.dsp = &ctx->dsp, .classes = 3, .weight = 1.0f};
    float z[3] = {1000.0f, -1000.0f, 0.0f}, delta[3];
    struct qnt_loss_sum sum = {0};
    qnt_loss_run(&l, z, NULL, (const uint8_t[]){1}, 1, delta, NULL, &sum);
    ck_assert_double_eq_tol(sum.loss, 2000.0, 1e-3);
    ck_assert_uint_eq(sum.correct, 0);
    qnt_loss_run(&l, z, NULL, (const uint8_t[]){0}, 1, delta, NULL, &sum);
    ck_assert_double_eq_tol(sum.loss, 2000.0, 1e-3);
    ck_assert_uint_eq(sum.correct, 1);
}
END_TEST

START_TEST(sgd_is_pytorchs)
{
    enum { N = 700, SHARDS = 3, STRIDE = 704 };
    static float w[N], v[N], g[SHARDS * STRIDE], ew[N], ev[N];
    float worst = 0.0f;
    struct qnt_rng r = qnt_rng_key(4, 0, 0);
    struct qnt_sgd s = {.lr = 0.05f, .momentum = 0.9f, .decay = 5e-4f};
    for (int i = 0; i < N; i++)
        ew[i] = w[i] = uniform(&r);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SHARDS * STRIDE; i++)
            g[i] = uniform(&r);
        qnt_sgd_run(&s, w, v, g, STRIDE, SHARDS, N);
        for (int i = 0; i < N; i++) {
            double sum = (double)g[i] + (double)g[STRIDE + i] + (double)g[2 * STRIDE + i] + 5e-4 * (double)ew[i];
            ev[i] = (float)(0.9 * (double)ev[i] + sum);
            ew[i] = (float)((double)ew[i] - 0.05 * (double)ev[i]);
            worst = fmaxf(worst, fabsf(w[i] - ew[i]));
        }
    }
    ck_assert_float_lt(worst, 2e-6f);
}
END_TEST

/* Against the formulas of the paper (algorithm 1) in double. */
START_TEST(adam_is_pytorchs)
{
    enum { N = 700, SHARDS = 2, STRIDE = 704 };
    static float w[N], m[N], v[N], g[SHARDS * STRIDE];
    static double ew[N], em[N], ev[N];
    struct qnt_rng r = qnt_rng_key(6, 0, 0);
    struct qnt_adam a = {.lr = 0.01f, .decay = 5e-4f};
    for (int i = 0; i < N; i++)
        ew[i] = w[i] = uniform(&r);
    for (int step = 0; step < 20; step++) {
        for (int i = 0; i < SHARDS * STRIDE; i++)
            g[i] = uniform(&r) * (i % 7 ? 1.0f : 1e-5f);
        qnt_adam_begin(&a, (uint64_t)step);
        qnt_adam_run(&a, w, m, v, g, STRIDE, SHARDS, N);
        for (int i = 0; i < N; i++) {
            double sum = (double)g[i] + (double)g[STRIDE + i] + 5e-4 * ew[i];
            em[i] = 0.9 * em[i] + 0.1 * sum;
            ev[i] = 0.999 * ev[i] + 0.001 * sum * sum;
            ew[i] -= 0.01 * em[i] / (1.0 - pow(0.9, step + 1)) / (sqrt(ev[i] / (1.0 - pow(0.999, step + 1))) + 1e-8);
            ck_assert_double_eq_tol((double)w[i], ew[i], 1e-4);
        }
    }
}
END_TEST

START_TEST(one_bit_is_sign_and_mean_magnitude)
{
    const float w[5] = {0.5f, -1.0f, -0.0f, NAN, -1e-30f}, even[4] = {1.0f, -2.0f, 3.0f, 0.0f};
    const int8_t expected[5] = {1, -1, 1, 1, -1};
    int8_t q[5];
    qnt_weight_codes(w, 5, 1, 0.5f, q);
    ck_assert_mem_eq(q, expected, 5);
    ck_assert(qnt_weight_scale(&ctx->dsp, even, 4, 1, 1e-12f) == 1.5f);
    ck_assert(qnt_weight_scale(&ctx->dsp, even, 4, 1, 2.0f) == 2.0f);
    ck_assert(qnt_weight_scale(&ctx->dsp, w, 5, 1, 0.25f) == 0.25f);
}
END_TEST

/* The definition in double; the values keep clear of the threshold. */
START_TEST(ternary_is_threshold_and_mean_of_the_larger)
{
    const float w[8] = {1.0f, -2.0f, 0.25f, -0.5f, 3.0f, 0.0f, -0.0f, 1.25f}; /* mean |w| 1, threshold 0.7 */
    const float at[2] = {7.0f, 13.0f}, nan[3] = {NAN, 1.0f, -1.0f}, zeros[4] = {0.0f};
    const int8_t expected[8] = {1, -1, 0, 0, 1, 0, 0, 1}, none[4] = {0};
    int8_t q[301];
    ck_assert(qnt_ternary_weights(w, 8, 1e-12f, q) == 7.25f / 4.0f);
    ck_assert_mem_eq(q, expected, 8);
    ck_assert(qnt_ternary_weights(w, 8, 2.0f, q) == 2.0f); /* the floor; the codes stay */
    ck_assert_mem_eq(q, expected, 8);
    ck_assert(qnt_ternary_weights(at, 2, 1e-12f, q) == 13.0f); /* at the threshold: 0 */
    ck_assert_int_eq(q[0], 0);
    ck_assert(qnt_ternary_weights(zeros, 4, 0.5f, q) == 0.5f);
    ck_assert_mem_eq(q, none, 4);
    qnt_ternary_weights(nan, 3, 1e-12f, q); /* a diverged training: any codes, but ternary ones */
    for (int i = 0; i < 3; i++)
        ck_assert_int_le(abs(q[i]), 1);
    struct qnt_rng r = qnt_rng_key(1, 3, 0);
    float v[301];
    double mean = 0.0, sum = 0.0, count = 0.0;
    for (int i = 0; i < 301; i++)
        mean += fabs((double)(v[i] = uniform(&r))) / 301.0;
    float scale = qnt_ternary_weights(v, 301, 1e-12f, q);
    for (int i = 0; i < 301; i++) {
        bool large = fabs((double)v[i]) > 0.7 * mean;
        ck_assert_int_eq(q[i], large ? (v[i] > 0.0f ? 1 : -1) : 0);
        sum += large ? fabs((double)v[i]) : 0.0;
        count += large;
    }
    ck_assert_double_eq_tol((double)scale, sum / count, 1e-6);
}
END_TEST

START_TEST(schedule_warms_up_and_falls_as_a_cosine)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    c.lr = 0.05f;
    ck_assert(qnt_schedule_lr(&c, 12345, 20000) == 0.05f);
    double worst = 0.0;
    c.warmup_steps = 200;
    c.schedule = QNT_LR_COSINE;
    for (uint64_t step = 0; step < 2000; step++) {
        double t = ((double)step - 200.0) / 1800.0;
        double expected = step < 200 ? 0.05 * (double)(step + 1) / 200.0 : 0.025 * (1.0 + cos(3.14159265358979 * t));
        worst = fmax(worst, fabs((double)qnt_schedule_lr(&c, step, 2000) - expected));
    }
    ck_assert_double_lt(worst, 1e-8);
}
END_TEST

START_TEST(crop_and_flip_move_pixels)
{
    static float plain[32][32][3], moved[32][32][3];
    static uint8_t image[32 * 32 * 3];
    struct qnt_input_map m;
    struct qnt_rng r = qnt_rng_key(5, 0, 0);
    const float mean[4] = {0.5f, 0.25f, 0.1f, 0.0f}, deviation[4] = {0.2f, 0.3f, 0.4f, 1.0f};
    int seen_flip = 0, wrong = 0, seen_shift[9] = {0};
    qnt_input_map_init(&m, mean, deviation);
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)qnt_rng_next(&r);
    qnt_input_write(&m, image, (struct qnt_augment){0}, &plain[0][0][0]);
    ck_assert(plain[31][31][2] == ((float)image[3071] / 255.0f - 0.1f) / 0.4f);
    for (size_t k = 0; k < 300; k++) {
        struct qnt_augment a = qnt_augment_draw(7, 3, k);
        seen_flip += a.flip;
        ck_assert(a.dx >= -4 && a.dx <= 4 && a.dy >= -4 && a.dy <= 4);
        seen_shift[a.dx + 4]++;
        memset(moved, 0xff, sizeof moved);
        qnt_input_write(&m, image, a, &moved[0][0][0]);
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++) {
                    int sy = y + a.dy, sx = (a.flip ? 31 - x : x) + a.dx;
                    bool inside = sy >= 0 && sy < 32 && sx >= 0 && sx < 32;
                    wrong += moved[y][x][c] != (inside ? plain[sy][sx][c] : 0.0f);
                }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert(seen_flip > 100 && seen_flip < 200);
    for (int i = 0; i < 9; i++)
        ck_assert_int_gt(seen_shift[i], 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train parts");
    TCase *tc = tcase_create("train parts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, weight_scale_is_near_the_least_error, 2, 9);
    tcase_add_test(tc, range_scale_holds_the_range_and_zero);
    tcase_add_loop_test(tc, loss_gradient_is_the_slope, 0, 3);
    tcase_add_test(tc, loss_stands_extreme_logits);
    tcase_add_test(tc, sgd_is_pytorchs);
    tcase_add_test(tc, adam_is_pytorchs);
    tcase_add_test(tc, one_bit_is_sign_and_mean_magnitude);
    tcase_add_test(tc, ternary_is_threshold_and_mean_of_the_larger);
    tcase_add_test(tc, schedule_warms_up_and_falls_as_a_cosine);
    tcase_add_test(tc, crop_and_flip_move_pixels);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
