#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/common/oom.h"
#include "tests/common/quick.h"

/* Atomic: teams allocate on several threads. Calls first..last fail. */
static _Atomic size_t live, calls;
static size_t first, last;

static void *failing_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    size_t call = ++calls;
    if (call >= first && call <= last)
        return NULL;
    live++;
    return aligned_alloc(alignment, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    live--;
    free(ptr);
}

const qnt_config oom_config = {.size = sizeof oom_config, .alloc = failing_alloc, .free = counting_free};

size_t oom_live(void)
{
    return live;
}

static qnt_status call_failing(qnt_status (*call)(void), size_t n, size_t end)
{
    calls = 0;
    first = n;
    last = end;
    qnt_status status = call();
    first = last = 0;
    return status;
}

void oom_sweep(const char *name, qnt_status (*call)(void))
{
    size_t before = live, needed;
    ck_assert_msg(call_failing(call, 0, 0) == QNT_OK, "%s: %s", name, qnt_last_error());
    ck_assert_msg(live == before, "%s leaks", name);
    needed = calls;
    ck_assert_msg(needed > 0, "%s allocates nothing", name);
    const size_t step = test_emulated() ? 29 : test_quick() ? 5 : 1;
    for (int alone = 0; alone < 2; alone++)
        for (size_t n = 1; n <= needed; n += step) {
            qnt_status status = call_failing(call, n, alone ? n : SIZE_MAX);
            ck_assert_msg(status == QNT_ERR_NOMEM && strstr(qnt_last_error(), "out of memory"),
                          "%s: allocation %zu of %zu fails: status %d, '%s'", name, n, needed, (int)status,
                          qnt_last_error());
            ck_assert_msg(live == before, "%s: allocation %zu of %zu fails: %zu blocks leak", name, n, needed,
                          live - before);
        }
    printf("oom: %s: one in %zu of %zu allocations\n", name, step, needed);
}
