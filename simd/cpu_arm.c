/* ARM64: the kernel's HWCAP words say what both the CPU and the kernel support. */
#include <string.h>
#include "cpu.h"

#define HAS(isa, word, n, name) QNT_CPU_NEED(isa, word, UINT64_C(1) << (n), 1, "the CPU lacks " name)

const struct qnt_cpu_need qnt_cpu_needs_arm[] = {
    HAS(neon, hwcap, 1, "Advanced SIMD"),
    HAS(neondot, hwcap, 20, "dotprod"),
    HAS(neoni8mm, hwcap2, 13, "i8mm"),
    {.missing = NULL},
};

#if !defined(__x86_64__)
#include <sys/auxv.h>

enum { HWCAP_TELLS_ID = 11 }; /* HWCAP_CPUID */

void qnt_cpu_read(struct qnt_cpu_words *w)
{
    memset(w, 0, sizeof *w);
    w->hwcap = getauxval(AT_HWCAP);
    w->hwcap2 = getauxval(AT_HWCAP2);
#if defined(__aarch64__)
    if (w->hwcap >> HWCAP_TELLS_ID & 1) {
        uint64_t midr;
        __asm__("mrs %0, midr_el1" : "=r"(midr)); /* the kernel answers */
        w->midr = (uint32_t)midr;
    }
#endif
}
#endif
