#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H
/* What unit tests share: a seeded generator (QNT_SEED sets it, the seed is printed) and the program's end. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/common/quick.h"

/* For element by element: check's own macros make a system call for each one that holds. */
#define EACH_MUST(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static uint64_t unit_state;

static inline uint64_t unit_seed_value(void)
{
    const char *text = getenv("QNT_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

static inline void unit_seed(void)
{
    unit_state = unit_seed_value() * 0x9e3779b97f4a7c15u + 1;
}

static inline uint32_t unit_random(void)
{
    unit_state ^= unit_state << 13;
    unit_state ^= unit_state >> 7;
    unit_state ^= unit_state << 17;
    return (uint32_t)(unit_state >> 32);
}

/* [-1, 1) */
static inline float unit_random_float(void)
{
    return (float)(int32_t)unit_random() * 0x1p-31f;
}

/* Cases [0, n) of a test; where this very program has run them on the machine's own processor, each eleventh. */
static inline void unit_add_cases(TCase *tc, const TTest *test, int n)
{
    for (int i = 0; i < n; i += test_repeated() ? 11 : 1)
        tcase_add_loop_test(tc, test, i, i + 1);
}

static inline int unit_run(Suite *suite)
{
    printf("seed %llu (QNT_SEED sets it)\n", (unsigned long long)unit_seed_value());
    fflush(stdout);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
