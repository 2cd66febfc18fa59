/* MXCSR, and through XGETBV(1) whether upper vector halves are in use. Some machines and emulators report them always
 * in use or do not know the instruction, so what can be trusted is tried out at the start. */
#include "run.h"

enum { FLAGS = 0x3f, FTZ = 0x8000, YMM = 1 << 2, ZMM = 1 << 6 }; /* sticky flags of MXCSR; state components */
static uint32_t trusted;
static bool has_ymm;

static uint32_t in_use(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(1));
    return lo;
}

void ck_state_clean(void)
{
    if (has_ymm)
        __asm__ volatile("vzeroupper" ::: "memory");
}

void ck_state_read(struct ck_state *s)
{
    uint32_t mxcsr;
    s->upper = trusted ? in_use() & trusted : 0;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    s->control = mxcsr & ~(uint32_t)FLAGS;
}

const char *ck_state_calibrate(qnt_isa_set found)
{
    uint32_t dirty = 0, clean;
    has_ymm = found & QNT_ISA_FLAG(avx2);
    if (!has_ymm)
        return "no AVX";
    ck_state_clean();
    clean = in_use();
    __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
    dirty |= in_use() & YMM;
    ck_state_clean();
    clean |= in_use();
    if (found & QNT_ISA_FLAG(avx512)) {
        __asm__ volatile("vpternlogd $255, %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
        dirty |= in_use() & ZMM;
        ck_state_clean();
        clean |= in_use();
    }
    trusted = dirty & ~clean;
    return trusted == (YMM | ZMM) ? "YMM and ZMM"
           : trusted == YMM       ? "YMM"
           : trusted == ZMM       ? "ZMM"
                                  : "not reported here";
}

void ck_state_set(uint64_t control)
{
    uint32_t mxcsr = (uint32_t)control;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

bool ck_state_dirty(void)
{
    if (!(trusted & YMM))
        return false;
    __asm__ volatile("vpcmpeqd %%ymm1, %%ymm1, %%ymm1" ::: "xmm1");
    return true;
}

bool ck_state_flush_denormals(void)
{
    struct ck_state s;
    ck_state_read(&s);
    ck_state_set(s.control | FTZ);
    return true;
}

void ck_state_illegal(void)
{
    __asm__ volatile("ud2");
}
