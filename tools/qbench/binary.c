/* qbench binary: signs times signs, beside the same product of bytes. */
#include "tools/qbench/layer.h"
#include "tools/qbench/product.h"

static const size_t sizes[][3] = {{256, 256, 256}, {1024, 1024, 1024}, {49, 512, 4608}};
static const struct qb_layer conv = {
    .h = 14, .w = 14, .c = 256, .oc = 256, .kernel = 3, .stride = 1, .pad = 1, .groups = 1, .batch = 1};
static const char conv_name[] = "3x3 256 @14";
enum { SIZES = sizeof sizes / sizeof *sizes };
static const uint32_t bits[] = {1, 8};

static int run_product(struct qbench *q, const size_t *mnk)
{
    struct qb_case cases[2] = {0};
    for (int i = 0; i < 2; i++) {
        const struct qb_product s = {.m = mnk[0], .n = mnk[1], .k = mnk[2], .bits = bits[i]};
        snprintf(cases[i].name, sizeof cases[i].name, "%zux%zux%zu", mnk[0], mnk[1], mnk[2]);
        snprintf(cases[i].type, sizeof cases[i].type, "%s", i ? "s8 s8 -> s32" : "binary -> s32");
        int code = qb_product_case(q, &s, &cases[i]);
        if (code)
            return qb_drop(q, code);
    }
    return qb_group(q, cases, 2);
}

static int run_conv(struct qbench *q)
{
    struct qb_case cases[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct qb_layer l = conv;
        l.bits = bits[i];
        snprintf(cases[i].name, sizeof cases[i].name, "%s", conv_name);
        snprintf(cases[i].type, sizeof cases[i].type, "%s", i ? "s8" : "binary");
        int code = qb_layer_case(q, &l, &cases[i]);
        if (code)
            return qb_drop(q, code);
    }
    return qb_group(q, cases, 2);
}

int qb_binary(struct qbench *q)
{
    size_t done = 0;
    for (size_t i = 0; i < SIZES; i++) {
        char name[QB_NAME];
        snprintf(name, sizeof name, "%zux%zux%zu", sizes[i][0], sizes[i][1], sizes[i][2]);
        if (!qb_wanted(q, name))
            continue;
        int code = run_product(q, sizes[i]);
        if (code)
            return code;
        done++;
    }
    if (qb_wanted(q, conv_name))
        return run_conv(q);
    return done ? EXIT_OK : opt_usage(q->tool, "--sizes: no case has '%s' in its name", q->sizes);
}
