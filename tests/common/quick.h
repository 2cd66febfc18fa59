#ifndef TESTS_COMMON_QUICK_H
#define TESTS_COMMON_QUICK_H
/* CHECKKERN_QUICK is set where an emulator or a sanitizer makes every instruction cost: what repeats itself does so
 * less. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool test_quick(void)
{
    const char *quick = getenv("CHECKKERN_QUICK");
    return quick && *quick && strcmp(quick, "0") != 0;
}
#endif
