#ifndef SIMD_PAUSE_H
#define SIMD_PAUSE_H
/* What a waiting loop says to the CPU. */
static inline void qnt_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}
#endif
