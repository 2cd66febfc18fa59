/* x86: a level needs its CPUID bits and the operating system's word (XCR0) that it saves the registers. */
#include <string.h>
#include "cpu.h"

#define BIT(word, n) ((word) >> (n)&1)
#define HAS(isa, word, n, name) QNT_CPU_NEED(isa, word, UINT64_C(1) << (n), 1, "the CPU lacks " name)
#define SAVES(isa, bits, name) QNT_CPU_NEED(isa, xcr0, bits, bits, "the OS does not save " name)

const struct qnt_cpu_need qnt_cpu_needs_x86[] = {
    QNT_CPU_NEED(avx2, max_leaf, UINT32_MAX, 7, "the CPU lacks CPUID leaf 7"),
    HAS(avx2, leaf1_ecx, 12, "FMA"),
    HAS(avx2, leaf1_ecx, 28, "AVX"),
    HAS(avx2, leaf1_ecx, 29, "F16C"),
    HAS(avx2, leaf7_ebx, 3, "BMI1"),
    HAS(avx2, leaf7_ebx, 5, "AVX2"),
    HAS(avx2, leaf7_ebx, 8, "BMI2"),
    QNT_CPU_NEED(avx2, leaf1_ecx, 1 << 27, 1, "the OS does not use XSAVE"),
    SAVES(avx2, 0x06, "YMM registers"),
    HAS(avxvnni, leaf7_1_eax, 4, "AVX-VNNI"),
    HAS(avx512, leaf7_ebx, 16, "AVX512F"),
    HAS(avx512, leaf7_ebx, 17, "AVX512DQ"),
    HAS(avx512, leaf7_ebx, 30, "AVX512BW"),
    HAS(avx512, leaf7_ebx, 31, "AVX512VL"),
    SAVES(avx512, 0xe6, "ZMM registers"),
    HAS(avx512vnni, leaf7_ecx, 11, "AVX512_VNNI"),
    HAS(avx512icl, leaf7_ecx, 1, "AVX512_VBMI"),
    HAS(avx512icl, leaf7_ecx, 12, "AVX512_BITALG"),
    HAS(avx512icl, leaf7_ecx, 14, "AVX512_VPOPCNTDQ"),
    {.missing = NULL},
};

#if defined(__x86_64__)
#include <cpuid.h>

void qnt_cpu_read(struct qnt_cpu_words *w)
{
    unsigned a, b, c, d;
    memset(w, 0, sizeof *w);
    w->max_leaf = __get_cpuid_max(0, NULL);
    if (__get_cpuid(0, &a, &b, &c, &d)) {
        memcpy(w->vendor, &b, sizeof b);
        memcpy(w->vendor + sizeof b, &d, sizeof d);
        memcpy(w->vendor + sizeof b + sizeof d, &c, sizeof c);
    }
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        w->leaf1_eax = a;
        w->leaf1_ecx = c;
        w->leaf1_edx = d;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        w->leaf7_ebx = b;
        w->leaf7_ecx = c;
        w->leaf7_edx = d;
        if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
            w->leaf7_1_eax = a;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        w->ext1_ecx = c;
        w->ext1_edx = d;
    }
    if (BIT(w->leaf1_ecx, 27)) {
        uint32_t lo, hi;
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
        w->xcr0 = (uint64_t)hi << 32 | lo;
    }
}
#endif
