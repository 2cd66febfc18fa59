/* x86: a level needs its CPUID bits and the operating system's word (XCR0) that it saves the registers. */
#include <string.h>
#include "cpu.h"

#define BIT(word, n) ((word) >> (n)&1)

qnt_isa_set qnt_cpu_isas_x86(const struct qnt_cpu_words *w)
{
    qnt_isa_set s = QNT_ISA_FLAG(ref);
    if (w->max_leaf < 7 || !BIT(w->leaf1_ecx, 27)) /* OSXSAVE */
        return s;
    int ymm = (w->xcr0 & 0x06) == 0x06, zmm = (w->xcr0 & 0xe6) == 0xe6;
    /* FMA, AVX, F16C; BMI1, AVX2, BMI2 */
    int avx2 = BIT(w->leaf1_ecx, 12) && BIT(w->leaf1_ecx, 28) && BIT(w->leaf1_ecx, 29) && BIT(w->leaf7_ebx, 3) &&
               BIT(w->leaf7_ebx, 5) && BIT(w->leaf7_ebx, 8);
    if (!ymm || !avx2)
        return s;
    s |= QNT_ISA_FLAG(avx2);
    if (BIT(w->leaf7_1_eax, 4)) /* AVX-VNNI */
        s |= QNT_ISA_FLAG(avxvnni);
    /* F, DQ, BW, VL */
    int avx512 = BIT(w->leaf7_ebx, 16) && BIT(w->leaf7_ebx, 17) && BIT(w->leaf7_ebx, 30) && BIT(w->leaf7_ebx, 31);
    if (!zmm || !avx512)
        return s;
    s |= QNT_ISA_FLAG(avx512);
    if (!BIT(w->leaf7_ecx, 11)) /* AVX512_VNNI */
        return s;
    s |= QNT_ISA_FLAG(avx512vnni);
    /* VBMI, BITALG, VPOPCNTDQ */
    if (BIT(w->leaf7_ecx, 1) && BIT(w->leaf7_ecx, 12) && BIT(w->leaf7_ecx, 14))
        s |= QNT_ISA_FLAG(avx512icl);
    return s;
}

#if defined(__x86_64__)
#include <cpuid.h>

void qnt_cpu_read(struct qnt_cpu_words *w)
{
    unsigned a, b, c, d;
    memset(w, 0, sizeof *w);
    w->max_leaf = __get_cpuid_max(0, NULL);
    if (__get_cpuid(1, &a, &b, &c, &d)) {
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
