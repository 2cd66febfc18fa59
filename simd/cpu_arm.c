/* ARM64: the kernel's HWCAP words say what both the CPU and the kernel support. */
#include <string.h>
#include "cpu.h"

enum { CAP_ASIMD = 1 << 1, CAP_ASIMDDP = 1 << 20, CAP2_I8MM = 1 << 13 };

qnt_isa_set qnt_cpu_isas_arm(const struct qnt_cpu_words *w)
{
    qnt_isa_set s = QNT_ISA_FLAG(ref);
    if (!(w->hwcap & CAP_ASIMD))
        return s;
    s |= QNT_ISA_FLAG(neon);
    if (!(w->hwcap & CAP_ASIMDDP))
        return s;
    s |= QNT_ISA_FLAG(neondot);
    if (w->hwcap2 & CAP2_I8MM)
        s |= QNT_ISA_FLAG(neoni8mm);
    return s;
}

#if !defined(__x86_64__)
#include <sys/auxv.h>

void qnt_cpu_read(struct qnt_cpu_words *w)
{
    memset(w, 0, sizeof *w);
    w->hwcap = getauxval(AT_HWCAP);
    w->hwcap2 = getauxval(AT_HWCAP2);
}
#endif
