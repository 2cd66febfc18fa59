#ifndef SIMD_FPENV_H
#define SIMD_FPENV_H
/* The float environment the arithmetic is specified in: round to nearest even, no flush to zero, exceptions masked. A
 * caller's own (a game's flush-to-zero, say) is put back afterwards. */
#include <stdint.h>

#if defined(__x86_64__)
typedef uint32_t qnt_fpenv;

static inline qnt_fpenv qnt_fpenv_enter(void)
{
    qnt_fpenv saved = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x1f80);
    return saved;
}

static inline void qnt_fpenv_leave(qnt_fpenv saved)
{
    __builtin_ia32_ldmxcsr(saved);
}
#elif defined(__aarch64__)
typedef uint64_t qnt_fpenv;

static inline qnt_fpenv qnt_fpenv_enter(void)
{
    qnt_fpenv saved, plain = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" ::"r"(plain) : "memory");
    return saved;
}

static inline void qnt_fpenv_leave(qnt_fpenv saved)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(saved) : "memory");
}
#endif
#endif
