/* FPCR. Vector registers have no upper halves to clean. */
#include "run.h"

const char *ck_state_calibrate(qnt_isa_set found)
{
    (void)found;
    return "none on this architecture";
}

void ck_state_clean(void)
{
}

void ck_state_read(struct ck_state *s)
{
    __asm__ volatile("mrs %0, fpcr" : "=r"(s->control));
    s->upper = 0;
}
