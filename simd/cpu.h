#ifndef SIMD_CPU_H
#define SIMD_CPU_H
/* CPU detection: raw words -> set of ISA levels. The words can be injected, so tests use recorded CPUs. */
#include <stddef.h>
#include <stdint.h>
#include "isa.h"

struct qnt_cpu_words {
    uint32_t max_leaf;                            /* x86: CPUID(0).eax */
    uint32_t leaf1_ecx, leaf1_edx;                /* CPUID(1) */
    uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx;     /* CPUID(7,0) */
    uint32_t leaf7_1_eax;                         /* CPUID(7,1) */
    uint32_t ext1_ecx, ext1_edx;                  /* CPUID(0x80000001) */
    uint64_t xcr0;                                /* XGETBV(0), 0 when OSXSAVE is off */
    uint64_t hwcap, hwcap2;                       /* ARM: getauxval */
};
struct qnt_isa_info {
    const char *id, *text;
    enum qnt_isa implies;
    int built;    /* this build holds code for it (ref: always) */
};
extern const struct qnt_isa_info qnt_isa_table[QNT_ISA_COUNT];

/* Reads this machine's words (CPUID/XGETBV, or getauxval). No other side effect. */
void qnt_cpu_read(struct qnt_cpu_words *w);
/* Levels the words allow (OS state included), whether built or not. Exactly one of the two does work on an architecture. */
qnt_isa_set qnt_cpu_isas_x86(const struct qnt_cpu_words *w);
qnt_isa_set qnt_cpu_isas_arm(const struct qnt_cpu_words *w);
/* Levels of this machine's architecture found in the words. */
qnt_isa_set qnt_cpu_found(const struct qnt_cpu_words *w);
/* Levels this build holds. */
qnt_isa_set qnt_isa_built(void);
/* Adds everything implied. */
qnt_isa_set qnt_isa_close(qnt_isa_set s);
/* Parses "avx2" or "avx2,neon" into a closed set. Returns 0, or -1 with the offending word copied to bad[bad_size]. */
int qnt_isa_parse(const char *text, qnt_isa_set *out, char *bad, size_t bad_size);
#endif
