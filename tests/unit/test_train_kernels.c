/* The trainer gives the same weights on any kernels: every product is one chain of fma, whatever the tile. */
#include "tests/common/quick.h"
#include "train_fixture.h"

START_TEST(weights_do_not_depend_on_the_kernels)
{
    qnt_train_config c = config(_i);
    qnt_config plain = {.size = sizeof plain, .isa = "ref"};
    qnt_train *best = make(&c), *ref;
    qnt_ctx *other;
    OK(qnt_ctx_create(&plain, &other));
    qnt_model *m = net_make(other, small_net, 1, SIZE_MAX, 0, 0.0f),
              *p = net_make(other, small_net, 2, SIZE_MAX, 0, 0.0f);
    OK(qnt_train_create(m, c.kl > 0.0f ? p : NULL, data, &c, &ref));
    const int n = !test_quick() ? 5 : _i == 3 ? 1 : 3;
    steps(best, n);
    steps(ref, n);
    assert_same(best, ref, "reference kernels");
    qnt_train_free(best);
    qnt_train_free(ref);
    qnt_model_free(m);
    qnt_model_free(p);
    qnt_ctx_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train_kernels");
    TCase *tc = tcase_create("train_kernels");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, weights_do_not_depend_on_the_kernels, 0, 5);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
