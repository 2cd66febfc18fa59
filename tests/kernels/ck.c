/* Cases, the checks around a call, and the report of a failure. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "run.h"
#include "simd/cpu.h"
#include "tests/common/quick.h"

enum { MOST_ERRORS = 4 };
static struct ck_state entered;

static const uint32_t sizes[] = {0,   1,   2,   3,   4,   5,   7,    8,    9,    11,    13,   15,  16,
                                 17,  19,  23,  29,  31,  32,  33,   37,   47,   48,    49,   63,  64,
                                 65,  67,  79,  80,  81,  95,  96,   97,   127,  128,   129,  131, 191,
                                 192, 193, 255, 256, 257, 509, 1021, 4096, 4099, 16411, 65536};
/* Large sizes take the first fills only: noise and the extremes. */
enum { SIZES = sizeof sizes / sizeof *sizes, LARGE = 512, LARGE_FILLS = 3, QUICK = 4099, REPEATED = 81 };

const char *ck_place_name(enum ck_place place)
{
    static const char *const names[] = {"end", "start", "inside"};
    return names[place];
}

bool ck_grid(struct ck *c, enum ck_type type, struct ck_point *p)
{
    int fills = p->n >= LARGE ? LARGE_FILLS : ck_fills(type);
    if (p->begun && ++p->place == CK_PLACES) {
        p->place = CK_END;
        if ((int)++p->fill == fills) {
            p->fill = CK_NOISE;
            p->size += test_repeated() ? 3 : 1;
        }
    }
    p->begun = true;
    if (p->size >= SIZES || (c->quick && sizes[p->size] > (test_repeated() ? REPEATED : QUICK)))
        return false;
    p->n = sizes[p->size];
    snprintf(c->base, sizeof c->base, "n=%zu fill=%s place=%s", p->n, ck_fill_name(p->fill), ck_place_name(p->place));
    memcpy(c->where, c->base, sizeof c->where);
    ck_slots_forget(c);
    return true;
}

void ck_plain(struct ck *c)
{
    c->base[0] = '\0';
}

void ck_case(struct ck *c, const char *format, ...)
{
    va_list args;
    int used = snprintf(c->where, sizeof c->where, "%s%s", c->base, *c->base ? " " : "");
    va_start(args, format);
    vsnprintf(c->where + used, sizeof c->where - (size_t)used, format, args);
    va_end(args);
    ck_slots_forget(c);
}

static void enter(void)
{
    ck_state_clean();
    ck_state_read(&entered);
}

static void check_state(struct ck *c, const struct ck_state *now, const char *who)
{
    if (now->control != entered.control) {
        ck_state_set(entered.control);
        ck_fail(c, "%s changed the float control register from 0x%llx to 0x%llx", who,
                (unsigned long long)entered.control, (unsigned long long)now->control);
    }
    if (now->upper & ~entered.upper)
        ck_fail(c, "%s left upper vector halves in use (0x%x)", who, now->upper);
}

void ck_begin(struct ck *c)
{
    c->cases++;
    ck_slots_save(c);
    enter();
}

void ck_between(struct ck *c)
{
    struct ck_state now;
    ck_state_read(&now);
    check_state(c, &now, "the reference");
    ck_slots_check_inputs(c);
    ck_slots_keep_outputs(c);
    c->between = true;
    enter();
}

void ck_end(struct ck *c)
{
    struct ck_state now;
    ck_state_read(&now);
    check_state(c, &now, "the variant");
    ck_slots_check_inputs(c);
    ck_slots_compare(c, c->between);
    c->between = false;
}

static void print_element(char *text, size_t size, enum ck_type type, const void *p)
{
    float f;
    uint32_t u;
    memcpy(&u, p, type == CK_F32 || type == CK_S32 ? 4 : 1);
    switch (type) {
    case CK_S8:
        snprintf(text, size, "%d", *(const int8_t *)p);
        break;
    case CK_U8:
        snprintf(text, size, "%u", *(const uint8_t *)p);
        break;
    case CK_S32:
        snprintf(text, size, "%d", (int32_t)u);
        break;
    case CK_F32:
        memcpy(&f, p, sizeof f);
        snprintf(text, size, "%.9g (0x%08x)", (double)f, u);
        break;
    }
}

bool ck_same(struct ck *c, enum ck_type type, const char *what, const void *want, const void *got, size_t n)
{
    size_t size = type == CK_F32 || type == CK_S32 ? 4 : 1;
    char a[40], b[40];
    if (!memcmp(want, got, n * size))
        return true;
    for (size_t i = 0; i < n; i++) {
        const char *w = (const char *)want + i * size, *g = (const char *)got + i * size;
        if (!memcmp(w, g, size))
            continue;
        print_element(a, sizeof a, type, w);
        print_element(b, sizeof b, type, g);
        ck_fail(c, "%s, element %zu of %zu: %s, expected %s", what, i, n, b, a);
        break;
    }
    return false;
}

static void say(struct ck *c, const char *format, va_list args)
{
    char text[sizeof c->first];
    vsnprintf(text, sizeof text, format, args);
    if (!*c->first)
        memcpy(c->first, text, sizeof text);
    if (!c->silent)
        fprintf(stderr, "FAIL %s %s: %s: %s\n     again: checkkern --op %s --isa %s --seed %llu%s\n", c->op, c->variant,
                c->where, text, c->op, qnt_isa_table[c->isa].id, (unsigned long long)c->seed,
                c->quick ? " --quick" : "");
}

void ck_fail(struct ck *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, format, args);
    va_end(args);
    if (++c->errors >= MOST_ERRORS)
        ck_leave(c);
}

void ck_die(struct ck *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, format, args);
    va_end(args);
    c->errors++;
    ck_leave(c);
}

struct call {
    struct ck *c;
    ck_checker *check;
};

static void call(void *arg)
{
    struct call *x = arg;
    x->check(x->c);
}

bool ck_run(struct ck *c, ck_checker *check)
{
    struct call x = {c, check};
    struct ck_state s;
    ck_state_read(&s);
    c->rng = 14695981039346656037u ^ c->seed; /* of seed and op: FNV-1a */
    for (const char *p = c->op; *p; p++)
        c->rng = (c->rng ^ (uint8_t)*p) * 1099511628211u;
    c->range = 4.0f;
    c->unit = 1.0f;
    c->between = false;
    ck_slots_forget(c);
    bool whole = ck_guarded(c, call, &x);
    ck_state_set(s.control); /* a fault may have left it changed */
    return whole && !c->errors;
}

bool ck_wants_quick(void)
{
    return test_quick();
}
