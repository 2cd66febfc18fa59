/* CPU detection on recorded feature words (the bits that decide) and parsing of level names. */
#include <check.h>
#include <stdlib.h>
#include "simd/cpu.h"

#define L1 ((uint32_t)1 << 12 | 1u << 27 | 1u << 28 | 1u << 29)
#define B_AVX2 (1u << 3 | 1u << 5 | 1u << 8)
#define B_512 (B_AVX2 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
#define X(...) {.max_leaf = 13, .leaf1_ecx = L1, __VA_ARGS__}
#define REF QNT_ISA_FLAG(ref)
#define AVX2 (REF | QNT_ISA_FLAG(avx2))
#define NEON (REF | QNT_ISA_FLAG(neon))

static const struct {
    const char *name;
    struct qnt_cpu_words w;
    qnt_isa_set want;
} cpus[] = {
    {"Zen 3", X(.leaf7_ebx = B_AVX2, .xcr0 = 0x207), AVX2},
    {"Zen 5", X(.leaf7_ebx = B_512, .leaf7_ecx = 1u << 11, .xcr0 = 0x2e7), AVX2 | QNT_ISA_FLAG(avx512vnni)},
    {"Skylake-X", X(.leaf7_ebx = B_512, .xcr0 = 0x2e7), AVX2},
    {"Cascade Lake", X(.leaf7_ebx = B_512, .leaf7_ecx = 1u << 11, .xcr0 = 0x2e7), AVX2 | QNT_ISA_FLAG(avx512vnni)},
    {"Haswell", X(.leaf7_ebx = B_AVX2, .xcr0 = 0x7), AVX2},
    {"ZMM not saved", X(.leaf7_ebx = B_512, .leaf7_ecx = 1u << 11, .xcr0 = 0x7), AVX2},
    {"YMM not saved", X(.leaf7_ebx = B_512, .leaf7_ecx = 1u << 11, .xcr0 = 0x3), REF},
    {"Cortex-A53", {.hwcap = 0xff}, NEON},
    {"Cortex-A76", {.hwcap = 0x100fff}, NEON | QNT_ISA_FLAG(neondot)},
    {"no dotprod", {.hwcap = 0xfff}, NEON},
    {"no SIMD", {.hwcap = 0}, REF},
};

START_TEST(recorded_cpu)
{
    ck_assert_msg(qnt_cpu_found(&cpus[_i].w) == cpus[_i].want, "%s: 0x%x, expected 0x%x", cpus[_i].name,
                  qnt_cpu_found(&cpus[_i].w), cpus[_i].want);
}
END_TEST

START_TEST(parse_closes_and_refuses)
{
    qnt_isa_set s;
    char bad[8];
    ck_assert_int_eq(qnt_isa_parse("avx512vnni,neon", &s, bad, sizeof bad), 0);
    ck_assert_uint_eq(s, AVX2 | NEON | QNT_ISA_FLAG(avx512vnni));
    ck_assert_int_eq(qnt_isa_parse("avx2,bogus", &s, bad, sizeof bad), -1);
    ck_assert_str_eq(bad, "bogus");
    ck_assert_int_eq(qnt_isa_parse("", &s, bad, sizeof bad), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu");
    TCase *tc = tcase_create("cpu");
    tcase_add_loop_test(tc, recorded_cpu, 0, sizeof cpus / sizeof *cpus);
    tcase_add_test(tc, parse_closes_and_refuses);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
