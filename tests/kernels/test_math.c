/* The references of exp, tanh, sigmoid and softmax against other people's arithmetic: SLEEF's deterministic function
 * bit for bit, and double precision within stated bounds. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "simd/cpu.h"
#include "simd/kernels.h"
#include "tests/common/quick.h"

/* Through all 2^32 bit patterns; primes. Double precision takes longest. */
static uint32_t stride(void)
{
    return test_quick() ? 20011 : 331;
}

static uint32_t stride_of_doubles(void)
{
    return test_quick() ? 20011 : 1009;
}

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

#if HAVE_SLEEF_FINZ
/* The header declares it for compilers with FMA switched on only. */
float Sleef_finz_expf1_u10purecfma(float x);

static void same_as_sleef(float x)
{
    float y, want;
    qnt_exp_f32_ref(&x, &y, 1);
    want = isnan(x) ? from_bits(0x7fc00000) : Sleef_finz_expf1_u10purecfma(x);
    if (to_bits(y) != to_bits(want)) /* a check's assertion is too slow for millions */
        ck_abort_msg("exp(%a): %a, SLEEF %a", (double)x, (double)y, (double)want);
}

START_TEST(exp_is_sleefs)
{
    /* Every float where results become 0, denormal, infinite, and where the argument is cut. */
    static const float edges[][2] = {{-104.1f, -103.9f}, {-87.34f, -87.33f}, {88.72f, 88.73f}, {99.99f, 100.01f}};
    struct qnt_cpu_words words;
    qnt_cpu_read(&words);
    if (qnt_cpu_found(&words) == QNT_ISA_FLAG(ref)) { /* every level above has FMA; this function needs it */
        printf("1 skipped: exp against SLEEF, this CPU has no FMA\n");
        return;
    }
    uint64_t seen = 0;
    for (uint64_t u = 0; u <= UINT32_MAX; u += stride(), seen++)
        same_as_sleef(from_bits((uint32_t)u));
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        for (float x = edges[i][0]; x < edges[i][1]; x = nextafterf(x, INFINITY), seen++)
            same_as_sleef(x);
    printf("exp equals SLEEF's on %llu floats\n", (unsigned long long)seen);
}
END_TEST
#endif

/* Every usable variant of the unary functions on the same sweep, a block at a time. */
START_TEST(variants_are_the_reference)
{
    static const struct {
        const char *op;
        qnt_exp_f32_fn *ref;
    } ops[] = {{"exp_f32", qnt_exp_f32_ref}, {"tanh_f32", qnt_tanh_f32_ref}, {"sigmoid_f32", qnt_sigmoid_f32_ref}};
    enum { BLOCK = 4096 };
    static float x[BLOCK], want[BLOCK], y[BLOCK];
    struct qnt_cpu_words words;
    qnt_cpu_read(&words);
    qnt_isa_set isas = qnt_cpu_found(&words);
    for (uint64_t u = 0, end = UINT32_MAX; u <= end;) {
        size_t n = 0;
        for (; n < BLOCK && u <= end; n++, u += stride())
            x[n] = from_bits((uint32_t)u);
        ops[_i].ref(x, want, n);
        for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++) {
            if (strcmp(row->op, ops[_i].op) || row->isa == QNT_ISA_ref || !(isas >> row->isa & 1))
                continue;
            ((qnt_exp_f32_fn *)row->fn)(x, y, n);
            for (size_t i = 0; i < n; i++)
                if (to_bits(y[i]) != to_bits(want[i]))
                    ck_abort_msg("%s %s(%a): %a, reference %a", row->op, row->variant, (double)x[i], (double)y[i],
                                 (double)want[i]);
        }
    }
}
END_TEST

/* Distance of y from the true value, in ulp of the true value rounded to float32. */
static double ulp_error(float y, double exact)
{
    int e;
    frexp(exact, &e);
    return fabs((double)y - exact) / ldexp(1.0, (e < -125 ? -125 : e) - 24);
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* Denormal results may be off by `small`. */
static double worst(qnt_exp_f32_fn *fn, double (*exact)(double), double small, float *at)
{
    double most = 0.0;
    const uint32_t by = stride_of_doubles();
    for (uint64_t u = 0; u <= UINT32_MAX; u += by) {
        float x = from_bits((uint32_t)u), y;
        if (isnan(x))
            continue;
        fn(&x, &y, 1);
        double want = exact((double)x);
        bool ends = fabs(want) < 0x1p-126 || want > 0x1.fffffep127;
        if (ends && fabs((double)y - want) > small && !(want > 1.0 && y >= 0x1.fffffep127f))
            ck_abort_msg("f(%a): %a, exact %a", (double)x, (double)y, want);
        if (ends)
            continue;
        double error = ulp_error(y, want);
        if (!(error <= most)) {
            most = error;
            *at = x;
        }
    }
    return most;
}

/* The kinds of function_f32 as functions of their own. */
#define KIND(name, which)                                                                                              \
    static void name##_kind(const float *src, float *dst, size_t n)                                                    \
    {                                                                                                                  \
        qnt_function_f32_ref(src, dst, n, &(struct qnt_function){which, 1.0f, 0.0f});                                  \
    }
KIND(erf, QNT_ERF)
KIND(elu, QNT_ELU)
KIND(gelu, QNT_GELU)
KIND(gelu_tanh, QNT_GELU_TANH)

static void log_kind(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float x = fabsf(src[i]);
        qnt_function_f32_ref(&x, dst + i, 1, &(struct qnt_function){QNT_LOG, 0.0f, 0.0f});
    }
}

static double log_of_magnitude(double x)
{
    return log(fabs(x));
}

static double elu(double x)
{
    return x < 0.0 ? expm1(x) : x;
}

static double gelu(double x)
{
    return isinf(x) ? (x < 0.0 ? -0.0 : x) : 0.5 * x * erfc(-x * 0.70710678118654752);
}

/* Below -10 it is less than 2^-120, and e^88.7 ends the range of what divides. */
static double gelu_tanh(double x)
{
    return isinf(x) || x < -10.0 ? (x < 0.0 ? 0.0 : x)
                                 : x / (1.0 + exp(-2.0 * 0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

START_TEST(functions_are_accurate)
{
    static const struct { /* bounds in units of the last place of a normal float32 result */
        const char *name;
        qnt_exp_f32_fn *fn;
        double (*exact)(double);
        double bound, small; /* ulp; of denormal results */
    } f[] = {{"exp", qnt_exp_f32_ref, exp, 1.0, 0x1p-149},
             {"tanh", qnt_tanh_f32_ref, tanh, 1.5, 0x1p-149},
             /* exp(-x) overflows where the result is denormal: 0 */
             {"sigmoid", qnt_sigmoid_f32_ref, sigmoid, 2.5, 0x1p-126},
             {"erf", erf_kind, erf, 2.5, 0x1p-149},
             {"log", log_kind, log_of_magnitude, 1.5, 0x1p-149},
             {"elu", elu_kind, elu, 1.5, 0x1p-149},
             /* far below 0, where the argument's rounding is multiplied by its square */
             {"gelu", gelu_kind, gelu, 400.0, 0x1p-126},
             {"gelu by tanh", gelu_tanh_kind, gelu_tanh, 400.0, 0x1p-120}};
    float at = 0.0f;
    double most = worst(f[_i].fn, f[_i].exact, f[_i].small, &at);
    printf("%s: at most %.3f ulp, at %a\n", f[_i].name, most, (double)at);
    ck_assert_msg(most <= f[_i].bound, "%s: %.3f ulp at %a, allowed %.3f", f[_i].name, most, (double)at, f[_i].bound);
}
END_TEST

START_TEST(fixed_points)
{
    const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN};
    const float want[3][4] = {{1.0f, 1.0f, INFINITY, 0.0f}, {0.0f, -0.0f, 1.0f, -1.0f}, {0.5f, 0.5f, 1.0f, 0.0f}};
    qnt_exp_f32_fn *const fn[] = {qnt_exp_f32_ref, qnt_tanh_f32_ref, qnt_sigmoid_f32_ref};
    float y[5];
    for (int f = 0; f < 3; f++) {
        fn[f](x, y, 5);
        ck_assert_mem_eq(y, want[f], sizeof want[f]);
        ck_assert_uint_eq(to_bits(y[4]), 0x7fc00000);
    }
}
END_TEST

START_TEST(softmax_is_a_distribution)
{
    enum { COLS = 37 };
    float x[COLS], y[COLS];
    for (uint32_t round = 0; round < 200; round++) {
        double sum = 0.0, total = 0.0;
        for (uint32_t i = 0; i < COLS; i++) {
            uint32_t r = (round * COLS + i) * 2654435761u;
            x[i] = (float)(int32_t)(r ^ r >> 15) * 0x1p-31f * (float)(1 + round);
        }
        qnt_softmax_f32_ref(x, y, 1, COLS);
        for (int i = 0; i < COLS; i++)
            sum += exp((double)x[i]);
        for (int i = 0; i < COLS; i++) {
            ck_assert_double_le(fabs((double)y[i] - exp((double)x[i]) / sum), 1e-6);
            total += (double)y[i];
        }
        ck_assert_double_le(fabs(total - 1.0), 1e-5);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("math");
    TCase *tc = tcase_create("math");
#if HAVE_SLEEF_FINZ
    tcase_add_test(tc, exp_is_sleefs);
#else
    printf("1 skipped: exp against SLEEF, this build has none\n");
#endif
    tcase_add_loop_test(tc, variants_are_the_reference, 0, 3);
    tcase_add_loop_test(tc, functions_are_accurate, 0, 8);
    tcase_add_test(tc, fixed_points);
    tcase_add_test(tc, softmax_is_a_distribution);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
