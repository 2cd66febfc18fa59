/* A team runs every part and task once; members meet at barriers. */
#include <string.h>
#include "lib/run/team.h"
#include "unit.h"

enum { TASKS = 1000, ROUNDS = 50, MANY = 40000 }; /* MANY: until a count of barriers in 16 bits has begun anew */
static int done[TASKS];
static uint32_t seen[16];
static struct qnt_team *team;

static void task(void *arg, size_t i, uint32_t thread)
{
    (void)arg;
    EACH_MUST(thread < 16, "thread %u", thread);
    done[i]++;
}

static void part(void *arg, uint32_t p, uint32_t parts)
{
    int *wrong = arg;
    for (uint32_t r = 1; r <= (parts == 1 ? MANY : ROUNDS); r++) {
        seen[p] = r;
        qnt_team_barrier(team);
        if (seen[(p + 1) % parts] != r)
            wrong[p] = 1;
        qnt_team_barrier(team);
    }
}

START_TEST(team_runs_everything_once)
{
    qnt_ctx *ctx;
    int wrong[16] = {0};
    uint32_t threads = (uint32_t)_i;
    memset(done, 0, sizeof done); /* the cases share it when check does not fork */
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
    ck_assert_int_eq(qnt_team_create(ctx, threads, NULL, 0, &team), QNT_OK);
    ck_assert_uint_eq(qnt_team_size(team), threads);
    for (int r = 1; r <= ROUNDS; r++) {
        qnt_team_for(team, TASKS, task, NULL);
        for (int i = 0; i < TASKS; i++)
            EACH_MUST(done[i] == r, "task %d: run %d times, expected %d", i, done[i], r);
    }
    qnt_team_run(team, part, wrong);
    for (uint32_t p = 0; p < threads; p++)
        ck_assert_int_eq(wrong[p], 0);
    qnt_team_free(team);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("team");
    TCase *tc = tcase_create("team");
    tcase_add_loop_test(tc, team_runs_everything_once, 1, 6);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
