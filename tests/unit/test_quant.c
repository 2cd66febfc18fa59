/* qnt_quant_init's proofs: when it says that a reciprocal form is exact, it is, for every float near a threshold and
 * for many others; when it says no of the product, a float shows the difference. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "simd/quant.h"
#include "tests/common/quick.h"

enum { SCALES = 3000, FEW_SCALES = 700, ULPS = 3, OTHERS = 2000 };
static uint64_t seed, state;

static uint32_t next(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Code without its zero point, clamped to the reach of the zero points below. */
static float code(float v)
{
    return v < -255.0f ? -255.0f : v > 255.0f ? 255.0f : rintf(v);
}

enum form { PRODUCT, SUM };

static int differ(const struct qnt_quant *q, float x, enum form form)
{
    return code(x / q->scale) != code(form == PRODUCT ? x * q->recip : fmaf(x, q->high, x * q->low));
}

/* Floats around (k + 1/2) * scale for all codes of any type and zero point. */
static unsigned near_thresholds(const struct qnt_quant *q, enum form form, float *witness)
{
    unsigned found = 0;
    for (int k = -256; k < 256; k++) {
        float x = (float)((k + 0.5) * (double)q->scale);
        for (int i = 0; i < ULPS; i++)
            x = nextafterf(x, -INFINITY);
        for (int i = -ULPS; i <= ULPS; i++, x = nextafterf(x, INFINITY))
            if (fabsf(x) < INFINITY && differ(q, x, form)) {
                *witness = x;
                found++;
            }
    }
    return found;
}

/* The form is proved for q: no float may show a difference. */
static void check_proved(const struct qnt_quant *q, enum form form)
{
    float x = INFINITY;
    unsigned found = near_thresholds(q, form, &x) + (unsigned)differ(q, INFINITY, form) +
                     (unsigned)differ(q, FLT_MAX, form) + (unsigned)differ(q, FLT_TRUE_MIN, form);
    for (int k = 0; k < OTHERS && !found; k++) {
        x = k % 2 ? from_bits(next()) : ((float)(int32_t)next() * 0x1p-22f) * q->scale;
        found = !isnan(x) && differ(q, x, form);
    }
    if (found)
        ck_abort_msg("scale %a: x = %a gives another code by %s", (double)q->scale, (double)x,
                     form == PRODUCT ? "product" : "sum");
}

static float some_scale(int i)
{
    if (i < 254)
        return ldexpf(1.0f, i - 126); /* powers of two */
    uint32_t u = next() & 0x7fffffff;
    if (i % 2)
        u = (0x70u + u % 0x12u) << 23 | (next() & 0x7fffff); /* as in networks: 2^-15 .. 2^2 */
    return u >= 0x7f800000 || u == 0 ? 0.1f : from_bits(u);
}

START_TEST(proof_holds)
{
    unsigned exact = 0, shown = 0, summed = 0, ordinary = 0;
    const int scales = test_emulated() ? FEW_SCALES : SCALES;
    for (int i = 0; i < scales; i++) {
        struct qnt_quant q;
        float x = 0.0f;
        qnt_quant_init(&q, some_scale(i), i % 2 ? -128 : 255);
        if (q.recip_exact)
            check_proved(&q, PRODUCT);
        if (q.high > 0.0f)
            check_proved(&q, SUM);
        exact += q.recip_exact != 0;
        shown += !q.recip_exact && near_thresholds(&q, PRODUCT, &x);
        if (q.scale > 0x1p-90f && q.scale < 0x1p90f) {
            ordinary++;
            summed += q.high > 0.0f;
        }
        if (i < 254 && !q.recip_exact)
            ck_abort_msg("scale %a is a power of two", (double)q.scale);
    }
    printf("%u of %d scales exact; of the others %u shown inexact; sums exact for %u of %u (seed %llu)\n", exact,
           scales, shown, summed, ordinary, (unsigned long long)seed);
    ck_assert_uint_ge(shown * 100,
                      ((unsigned)scales - exact) * 95); /* those without a finite reciprocal have no witness here */
    ck_assert_uint_eq(summed, ordinary);
}
END_TEST

START_TEST(fields)
{
    struct qnt_quant q;
    qnt_quant_init(&q, 0.25f, -7);
    ck_assert_int_eq(q.zero, -7);
    ck_assert(q.scale == 0.25f && q.recip == 4.0f && q.recip_exact == 1);
    ck_assert(q.high < 4.0f && q.high + q.low == 4.0f);
    qnt_quant_init(&q, 0x1p-149f, 0); /* the reciprocal is infinite */
    ck_assert(q.recip_exact == 0 && q.high == 0.0f && q.low == 0.0f);
    qnt_quant_init(&q, 0x1.8p126f, 0); /* the reciprocal is subnormal, without a low part */
    ck_assert(q.high == 0.0f && q.low == 0.0f);
}
END_TEST

int main(void)
{
    const char *text = getenv("QNT_TEST_SEED");
    state = seed = text ? strtoull(text, NULL, 10) : 1;
    Suite *suite = suite_create("quant");
    TCase *tc = tcase_create("quant");
    tcase_add_test(tc, proof_holds);
    tcase_add_test(tc, fields);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
