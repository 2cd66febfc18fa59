/* ISA levels as data, parsing of their names, and what this machine has. */
#include <string.h>
#include "cpu.h"

const struct qnt_isa_info qnt_isa_table[QNT_ISA_COUNT] = {
#define QNT_ISA(id, arch, implies, text) {#id, text, QNT_ARCH_##arch, QNT_ISA_##implies, QNT_HAVE_##id},
#include "isa.def"
#undef QNT_ISA
};

qnt_isa_set qnt_isa_built(void)
{
    qnt_isa_set s = QNT_ISA_FLAG(ref);
    for (unsigned i = 0; i < QNT_ISA_COUNT; i++)
        if (qnt_isa_table[i].built)
            s |= (qnt_isa_set)1 << i;
    return s;
}

qnt_isa_set qnt_isa_close(qnt_isa_set s)
{
    /* isa.def lists a level after the one it implies, so one pass from the top suffices. */
    for (unsigned i = QNT_ISA_COUNT; i-- > 0;)
        if (s >> i & 1)
            s |= (qnt_isa_set)1 << qnt_isa_table[i].implies;
    return s | QNT_ISA_FLAG(ref);
}

int qnt_isa_parse(const char *text, qnt_isa_set *out, char *bad, size_t bad_size)
{
    qnt_isa_set s = 0;
    for (;;) {
        size_t len = strcspn(text, ","), i = 0;
        while (i < QNT_ISA_COUNT &&
               (strlen(qnt_isa_table[i].id) != len || memcmp(qnt_isa_table[i].id, text, len) != 0))
            i++;
        if (i == QNT_ISA_COUNT) {
            if (bad_size) {
                size_t n = len < bad_size ? len : bad_size - 1;
                memcpy(bad, text, n);
                bad[n] = '\0';
            }
            return -1;
        }
        s |= (qnt_isa_set)1 << i;
        if (!text[len])
            break;
        text += len + 1;
    }
    *out = qnt_isa_close(s);
    return 0;
}

static uint64_t word_at(const struct qnt_cpu_words *w, const struct qnt_cpu_need *need)
{
    uint64_t wide;
    uint32_t narrow;
    if (need->wide) {
        memcpy(&wide, (const char *)w + need->offset, sizeof wide);
        return wide;
    }
    memcpy(&narrow, (const char *)w + need->offset, sizeof narrow);
    return narrow;
}

const char *qnt_cpu_missing(const struct qnt_cpu_words *w, enum qnt_isa isa)
{
    if (isa == QNT_ISA_ref)
        return NULL;
    const char *missing = qnt_cpu_missing(w, qnt_isa_table[isa].implies);
    const struct qnt_cpu_need *need = qnt_isa_table[isa].arch == QNT_ARCH_X86 ? qnt_cpu_needs_x86 : qnt_cpu_needs_arm;
    for (; need->missing && !missing; need++)
        if (need->isa == isa && (word_at(w, need) & need->mask) < need->least)
            missing = need->missing;
    return missing;
}

qnt_isa_set qnt_cpu_found(const struct qnt_cpu_words *w)
{
    qnt_isa_set s = 0;
    for (unsigned i = 0; i < QNT_ISA_COUNT; i++)
        if (!qnt_cpu_missing(w, (enum qnt_isa)i))
            s |= (qnt_isa_set)1 << i;
    return s;
}
