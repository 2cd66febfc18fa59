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

void ck_state_set(uint64_t control)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(control));
}

bool ck_state_dirty(void)
{
    return false;
}

bool ck_state_flush_denormals(void)
{
    struct ck_state s;
    ck_state_read(&s);
    ck_state_set(s.control | UINT64_C(1) << 24); /* FZ */
    return true;
}

void ck_state_illegal(void)
{
    __asm__ volatile(".inst 0");
}
