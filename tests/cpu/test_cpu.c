/* CPU detection on recorded machines and parsing of level names. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "simd/cpu.h"

#define REF QNT_ISA_FLAG(ref)
#define AVX2 (REF | QNT_ISA_FLAG(avx2))
#define AVX512 (AVX2 | QNT_ISA_FLAG(avx512))
#define VNNI (AVX512 | QNT_ISA_FLAG(avx512vnni))
#define ICL (VNNI | QNT_ISA_FLAG(avx512icl))
#define NEON (REF | QNT_ISA_FLAG(neon))
#define NEONDOT (NEON | QNT_ISA_FLAG(neondot))

/* CPUID as read on the machine: the highest leaf, (1).ecx, (7,0).ebx, (7,0).ecx, (7,1).eax, and XCR0. */
#define X86(leaf, l1_ecx, l7_ebx, l7_ecx, l71_eax, xcr)                                                                \
    {                                                                                                                  \
        .max_leaf = leaf, .leaf1_ecx = l1_ecx, .leaf7_ebx = l7_ebx, .leaf7_ecx = l7_ecx, .leaf7_1_eax = l71_eax,       \
        .xcr0 = xcr                                                                                                    \
    }
static const struct {
    const char *name;
    struct qnt_cpu_words w;
    qnt_isa_set want;
} x86[] = {
    {"Haswell (i7-4710MQ)", X86(0x0d, 0x7fdafbbf, 0x000027ab, 0, 0, 0x7), AVX2},
    {"Skylake-X (i7-7820X)", X86(0x16, 0x7ffefbbf, 0xd39ffffb, 0, 0, 0xff), AVX512},
    {"Cascade Lake (i9-10980XE)", X86(0x16, 0x7ffefbbf, 0xd39ffffb, 0x00000800, 0, 0xff), VNNI},
    {"Ice Lake (i7-1065G7)", X86(0x1b, 0x7ffafbbf, 0xf2bf27ef, 0x40405f4e, 0, 0x2e7), ICL},
    {"Alder Lake (i9-12900K)", X86(0x20, 0x7ffafbff, 0x239ca7eb, 0x98c027ac, 0x00400810, 0x207),
     AVX2 | QNT_ISA_FLAG(avxvnni)},
    {"Zen 5 (Ryzen 9 9950X)", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0x2e7),
     ICL | QNT_ISA_FLAG(avxvnni)},
    /* That machine under systems that save less, or hide something. */
    {"ZMM not saved", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0x7), AVX2 | QNT_ISA_FLAG(avxvnni)},
    {"opmasks not saved", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0xc7),
     AVX2 | QNT_ISA_FLAG(avxvnni)},
    {"YMM not saved", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0x3), REF},
    {"no OSXSAVE", X86(0x10, 0x76d8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0), REF},
    {"leaf 7 hidden", X86(0x06, 0x7ed8320b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0x2e7), REF},
    {"no FMA", X86(0x10, 0x7ed8220b, 0xf1bf97ab, 0x19405fce, 0x00000030, 0x2e7), REF},
    {"no VL", X86(0x10, 0x7ed8320b, 0x71bf97ab, 0x19405fce, 0x00000030, 0x2e7), AVX2 | QNT_ISA_FLAG(avxvnni)},
    {"no VPOPCNTDQ", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19401fce, 0x00000030, 0x2e7), VNNI | QNT_ISA_FLAG(avxvnni)},
    {"no VBMI", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x19405fcc, 0x00000030, 0x2e7), VNNI | QNT_ISA_FLAG(avxvnni)},
    {"VPOPCNTDQ without VNNI", X86(0x10, 0x7ed8320b, 0xf1bf97ab, 0x194057ce, 0, 0x2e7), AVX512},
};

/* The line "Features" of /proc/cpuinfo: the kernel's names of the bits of HWCAP and HWCAP2, in order. */
static const struct {
    const char *name, *features;
    qnt_isa_set want;
} arm[] = {
    {"Cortex-A53", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid", NEON},
    {"Cortex-A76", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
     NEONDOT},
    {"Neoverse-N1",
     "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp ssbs",
     NEONDOT},
    {"Neoverse-V1",
     "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop sha3 sm3 "
     "sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs paca pacg dcpodp svei8mm svebf16 i8mm bf16 dgh rng",
     NEONDOT | QNT_ISA_FLAG(neoni8mm)},
    {"A64FX", /* SVE, but no dot products */
     "fp asimd evtstrm sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm fcma dcpop sve", NEON},
    {"i8mm for SVE only", "fp asimd asimddp sve svei8mm", NEONDOT},
    {"i8mm without dotprod", "fp asimd i8mm", NEON},
    {"no SIMD", "evtstrm cpuid", REF},
};

static const char *const cap_names[2][32] = {
    {"fp",    "asimd",    "evtstrm", "aes",   "pmull",  "sha1",  "sha2", "crc32", "atomics", "fphp",    "asimdhp",
     "cpuid", "asimdrdm", "jscvt",   "fcma",  "lrcpc",  "dcpop", "sha3", "sm3",   "sm4",     "asimddp", "sha512",
     "sve",   "asimdfhm", "dit",     "uscat", "ilrcpc", "flagm", "ssbs", "sb",    "paca",    "pacg"},
    {"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint", "svei8mm",
     "svef32mm", "svef64mm", "svebf16", "i8mm", "bf16", "dgh", "rng", "bti"},
};

static struct qnt_cpu_words words_of(const char *features)
{
    struct qnt_cpu_words w = {0};
    uint64_t caps[2] = {0, 0};
    for (size_t len; *features; features += len, features += *features == ' ') {
        unsigned known = 0;
        len = strcspn(features, " ");
        for (unsigned i = 0; i < 64; i++) {
            const char *name = cap_names[i / 32][i % 32];
            if (name && strlen(name) == len && !memcmp(name, features, len)) {
                caps[i / 32] |= UINT64_C(1) << i % 32;
                known++;
            }
        }
        ck_assert_msg(known == 1, "'%.*s' is no name of a feature", (int)len, features);
    }
    w.hwcap = caps[0];
    w.hwcap2 = caps[1];
    return w;
}

static void expect(const char *name, const struct qnt_cpu_words *w, qnt_isa_set want)
{
    qnt_isa_set got = qnt_cpu_found(w);
    ck_assert_msg(got == want, "%s: 0x%x, expected 0x%x", name, got, want);
    ck_assert_msg(qnt_isa_close(got) == got, "%s: 0x%x lacks an implied level", name, got);
}

START_TEST(recorded_x86)
{
    expect(x86[_i].name, &x86[_i].w, x86[_i].want);
}
END_TEST

START_TEST(recorded_arm)
{
    struct qnt_cpu_words w = words_of(arm[_i].features);
    expect(arm[_i].name, &w, arm[_i].want);
}
END_TEST

/* Why not: the lowest level's reason, on recorded machines. */
START_TEST(reasons_are_told)
{
    static const struct {
        const char *name;
        enum qnt_isa isa;
        const char *missing;
    } why[] = {
        {"Zen 5 (Ryzen 9 9950X)", QNT_ISA_avx512icl, NULL},
        {"Haswell (i7-4710MQ)", QNT_ISA_avx2, NULL},
        {"Haswell (i7-4710MQ)", QNT_ISA_avx512icl, "the CPU lacks AVX512F"},
        {"Skylake-X (i7-7820X)", QNT_ISA_avx512vnni, "the CPU lacks AVX512_VNNI"},
        {"Skylake-X (i7-7820X)", QNT_ISA_avxvnni, "the CPU lacks AVX-VNNI"},
        {"ZMM not saved", QNT_ISA_avx512vnni, "the OS does not save ZMM registers"},
        {"YMM not saved", QNT_ISA_avx512, "the OS does not save YMM registers"},
        {"no OSXSAVE", QNT_ISA_avx2, "the OS does not use XSAVE"},
        {"leaf 7 hidden", QNT_ISA_avx2, "the CPU lacks CPUID leaf 7"},
        {"no VPOPCNTDQ", QNT_ISA_avx512icl, "the CPU lacks AVX512_VPOPCNTDQ"},
        {"Cortex-A53", QNT_ISA_neoni8mm, "the CPU lacks dotprod"},
        {"Neoverse-N1", QNT_ISA_neoni8mm, "the CPU lacks i8mm"},
        {"no SIMD", QNT_ISA_neon, "the CPU lacks Advanced SIMD"},
    };
    for (size_t i = 0; i < sizeof why / sizeof *why; i++) {
        struct qnt_cpu_words w;
        bool known = false;
        for (size_t k = 0; k < sizeof x86 / sizeof *x86; k++)
            if (!strcmp(x86[k].name, why[i].name)) {
                w = x86[k].w;
                known = true;
            }
        for (size_t k = 0; k < sizeof arm / sizeof *arm; k++)
            if (!strcmp(arm[k].name, why[i].name)) {
                w = words_of(arm[k].features);
                known = true;
            }
        ck_assert(known);
        ck_assert_pstr_eq(qnt_cpu_missing(&w, why[i].isa), why[i].missing);
    }
    struct qnt_cpu_words none = {0};
    expect("nothing", &none, REF);
}
END_TEST

/* Each level on its own, closed: itself and the chain of those it implies. */
START_TEST(levels_imply)
{
    static const struct {
        const char *id;
        qnt_isa_set want;
    } levels[] = {
        {"ref", REF},       {"avx2", AVX2},       {"avxvnni", AVX2 | QNT_ISA_FLAG(avxvnni)},
        {"avx512", AVX512}, {"avx512vnni", VNNI}, {"avx512icl", ICL},
        {"neon", NEON},     {"neondot", NEONDOT}, {"neoni8mm", NEONDOT | QNT_ISA_FLAG(neoni8mm)},
    };
    qnt_isa_set s;
    ck_assert_uint_eq(sizeof levels / sizeof *levels, QNT_ISA_COUNT);
    for (size_t i = 0; i < QNT_ISA_COUNT; i++) {
        ck_assert_int_eq(qnt_isa_parse(levels[i].id, &s, NULL, 0), 0);
        ck_assert_msg(s == levels[i].want, "%s: 0x%x, expected 0x%x", levels[i].id, s, levels[i].want);
    }
}
END_TEST

START_TEST(parse_closes_and_refuses)
{
    qnt_isa_set s;
    char bad[8];
    ck_assert_int_eq(qnt_isa_parse("avx512vnni,neon", &s, bad, sizeof bad), 0);
    ck_assert_uint_eq(s, VNNI | NEON);
    ck_assert_int_eq(qnt_isa_parse("avx2,bogus", &s, bad, sizeof bad), -1);
    ck_assert_str_eq(bad, "bogus");
    ck_assert_int_eq(qnt_isa_parse("", &s, bad, sizeof bad), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu");
    TCase *tc = tcase_create("cpu");
    tcase_add_loop_test(tc, recorded_x86, 0, sizeof x86 / sizeof *x86);
    tcase_add_loop_test(tc, recorded_arm, 0, sizeof arm / sizeof *arm);
    tcase_add_test(tc, reasons_are_told);
    tcase_add_test(tc, levels_imply);
    tcase_add_test(tc, parse_closes_and_refuses);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
