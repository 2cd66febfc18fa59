#ifndef SIMD_WAIT_H
#define SIMD_WAIT_H
/* Waiting for a store by another core without spinning: the core rests until the line changes. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "cpu.h"
#include "pause.h"

/* Whether this CPU can. x86: CPUID says WAITPKG. ARM: WFE, which every one has. */
static inline bool qnt_wait_known(const struct qnt_cpu_words *w)
{
#if defined(__x86_64__)
    return w->leaf7_ecx >> 5 & 1;
#else
    (void)w;
    return true;
#endif
}

/* Returns once *word may have another value than `value`, and after `ticks` of the counter or what else wakes the core;
 * its caller looks again. Only where qnt_wait_known. */
static inline void qnt_wait_while(_Atomic uint64_t *word, uint64_t value, uint64_t now, uint64_t ticks)
{
#if defined(__x86_64__)
    const uint64_t until = now + ticks;
    __asm__ volatile("umonitor %0" ::"r"(word) : "memory");
    if (atomic_load_explicit(word, memory_order_acquire) == value) /* C0.1, which wakes sooner */
        __asm__ volatile("umwait %0" ::"r"(1), "a"((uint32_t)until), "d"((uint32_t)(until >> 32)) : "cc", "memory");
#elif defined(__aarch64__)
    uint64_t seen;
    (void)now;
    (void)ticks; /* the event stream, which the kernel has run, ends a wait */
    __asm__ volatile("ldaxr %0, [%1]" : "=&r"(seen) : "r"(word) : "memory");
    if (seen == value)
        __asm__ volatile("wfe" ::: "memory");
#endif
}
#endif
