/* Expected failures: runs checkers on broken kernels and counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mutants.h"
#include "run.h"
#include "simd/cpu.h"

static unsigned passed, failed, skipped;

static void calibrate(void *arg)
{
    struct qnt_cpu_words words;
    (void)arg;
    qnt_cpu_read(&words);
    ck_state_calibrate(qnt_cpu_found(&words));
}

bool expect_begin(void)
{
    ck_faults_install();
    ck_guarded(NULL, calibrate, NULL);
    bool upper = ck_state_dirty();
    ck_state_clean();
    return upper;
}

static bool contains(const char *text, const char *words)
{
    const char *bar = strchr(words, '|');
    char first[32];
    if (!bar)
        return strstr(text, words) != NULL;
    snprintf(first, sizeof first, "%.*s", (int)(bar - words), words);
    return strstr(text, first) || strstr(text, bar + 1);
}

void expect(const struct ck *broken, ck_checker *check, const char *what, const char *words)
{
    static struct ck c; /* outlives the jumps */
    c = *broken;
    c.variant = "mutant";
    c.seed = 1;
    c.silent = true;
    c.quick = ck_wants_quick();
    bool clean = ck_run(&c, check);
    if (clean != !words || (words && !contains(c.first, words))) {
        printf("FAIL %s, %s: %s; expected: %s\n", c.op, what, clean ? "passes" : c.first,
               !words   ? "passes"
               : *words ? words
                        : "a failure");
        failed++;
    } else {
        passed++;
    }
}

void expect_skip(void)
{
    skipped++;
}

int expect_end(void)
{
    ck_slots_free();
    if (skipped)
        printf("skipped: %u mutants that leave upper vector halves in use, not reported here\n", skipped);
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
