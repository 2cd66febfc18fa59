#ifndef TESTS_COMMON_QUICK_H
#define TESTS_COMMON_QUICK_H
/* CHECKKERN_QUICK is set where an emulator or a sanitizer makes every instruction cost: what repeats itself does so
 * less. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool test_flag(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

static inline bool test_quick(void)
{
    return test_flag("CHECKKERN_QUICK");
}

/* TEST_EMULATED is set where the processor is emulated: what has run on real ones, and on another emulated one, in the
 * same way is left out. */
static inline bool test_emulated(void)
{
    return test_flag("TEST_EMULATED");
}

/* TEST_REPEATED is set where this very program has done the same on the machine's own processor: what is left to see is
 * that the emulated one has all instructions that it runs. */
static inline bool test_repeated(void)
{
    return test_flag("TEST_REPEATED");
}
#endif
