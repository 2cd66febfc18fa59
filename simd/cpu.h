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
    char vendor[13];                              /* x86: CPUID(0) as text */
    uint32_t leaf1_eax;                           /* x86: family, model, stepping */
    uint32_t midr;                                /* ARM: MIDR_EL1 of the core at hand, 0 when not told */
};
struct qnt_isa_info {
    const char *id, *text;
    enum qnt_arch arch;
    enum qnt_isa implies;
    int built;    /* this build holds code for it (ref: always) */
};
extern const struct qnt_isa_info qnt_isa_table[QNT_ISA_COUNT];

/* What a level needs beyond those it implies: the bits `mask` of a word, as a number at least `least`. */
struct qnt_cpu_need {
    enum qnt_isa isa;
    uint8_t offset, wide; /* of the word in struct qnt_cpu_words; 64 bits? */
    uint64_t mask, least;
    const char *missing; /* what to say where it is not so: "the CPU lacks AVX2" */
};
#define QNT_CPU_NEED(isa, word, mask, least, missing)                                                                  \
    {QNT_ISA_##isa, offsetof(struct qnt_cpu_words, word), sizeof(((struct qnt_cpu_words *)0)->word) == 8, mask, least,  \
     missing}
extern const struct qnt_cpu_need qnt_cpu_needs_x86[], qnt_cpu_needs_arm[]; /* end with missing == NULL */

/* Reads this machine's words (CPUID/XGETBV, or getauxval). No other side effect. */
void qnt_cpu_read(struct qnt_cpu_words *w);
/* Why the words do not allow a level (OS state included), the lowest level's reason first; NULL when they do. */
const char *qnt_cpu_missing(const struct qnt_cpu_words *w, enum qnt_isa isa);
/* Levels that the words allow, whether built or not. The other architecture's words are zero. */
qnt_isa_set qnt_cpu_found(const struct qnt_cpu_words *w);
/* Levels this build holds. */
qnt_isa_set qnt_isa_built(void);
/* Adds everything implied. */
qnt_isa_set qnt_isa_close(qnt_isa_set s);
/* Parses "avx2" or "avx2,neon" into a closed set. Returns 0, or -1 with the offending word copied to bad[bad_size]. */
int qnt_isa_parse(const char *text, qnt_isa_set *out, char *bad, size_t bad_size);
#endif
