#ifndef SIMD_TICKS_H
#define SIMD_TICKS_H
/* The processor's counter of constant rate. */
#include <stdint.h>

/* Its count after all that stands before has been done, and before anything that stands behind is begun. */
static inline uint64_t qnt_ticks(void)
{
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t count;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(count)::"memory");
    return count;
#endif
}

/* The same but for the order: it may be read some instructions earlier or later, and costs a fraction. */
static inline uint64_t qnt_ticks_near(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#endif
}

/* Its rate in Hz; 0 where only measuring tells. */
static inline uint64_t qnt_ticks_rate(void)
{
#if defined(__aarch64__)
    uint64_t rate;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(rate));
    return rate;
#else
    return 0;
#endif
}
#endif
