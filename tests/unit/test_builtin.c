/* The built-in networks have the published sizes. What they compute is compared in tests/bits. */
#include <qnt/qnt.h>
#include "lib/graph/graph.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static const struct network {
    const char *name;
    uint64_t macs, weights;
    size_t in, out;
} networks[] = {
    {"resnet-8", 12501632, 77706, 32 * 32 * 3, 10},
    {"resnet-8-bn", 12501632, 77706 - 16 * 3 - 32 * 2 - 64 * 2 + 4 * (16 * 3 + 32 * 2 + 64 * 2), 32 * 32 * 3, 10},
    {"binary-resnet-8", 12501632, 77706 + (4 - 1) * (16 * 3 + 32 * 3 + 64 * 3), 32 * 32 * 3, 10},
    {"mobilenetv1-0.25", 7489664, 0, 96 * 96 * 3, 2},
    {"mobilenetv1-0.25-bn", 7489664, 0, 96 * 96 * 3, 2},
    {"mobilenetv1-0.25-cifar", 0, 0, 32 * 32 * 3, 10},
    {"mobilenetv1-0.25-cifar-bn", 0, 0, 32 * 32 * 3, 10},
    {"ds-cnn", 2656768, 0, 49 * 10, 12},
    {"ds-cnn-bn", 2656768, 0, 49 * 10, 12},
    {"fc-autoencoder", 264192, 264192 + 8 * 128 + 8 + 640, 640, 640},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

START_TEST(sizes_are_the_published_ones)
{
    const struct network *net = &networks[_i];
    uint64_t macs = 0, weights = 0;
    qnt_ctx *ctx;
    qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_build(ctx, net->name, 1, &m));
    for (size_t i = 0; i < qnt_model_node_count(m); i++) {
        qnt_node_info n;
        OK(qnt_model_node(m, i, &n));
        macs += n.macs;
        weights += n.weight_bytes / sizeof(float);
    }
    ck_assert_uint_eq(net->macs ? macs : 0, net->macs);
    ck_assert_uint_eq(net->weights ? weights : 0, net->weights);
    ck_assert_uint_eq(qnt_tensor_count(&m->tensor[m->inputs.id[0]]), net->in);
    ck_assert_uint_eq(qnt_tensor_count(&m->tensor[m->outputs.id[0]]), net->out);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("builtin");
    TCase *tc = tcase_create("builtin");
    tcase_add_loop_test(tc, sizes_are_the_published_ones, 0, NETWORKS);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
