/* qbench gemm: products of matrices, each size in every type, in the same rounds. */
#include <stdlib.h>
#include <string.h>
#include "tools/qbench/layer.h"
#include "tools/qbench/product.h"

static const size_t sizes[][3] = {
    {64, 64, 64},    {128, 128, 128},  {256, 256, 256},  {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048},
    {1, 256, 256},   {1, 512, 512},    {1, 1024, 1024},  {1, 4096, 4096}, {16, 1024, 1024},   {64, 1024, 1024},
    {3136, 64, 576}, {784, 128, 1152}, {196, 256, 2304}, {49, 512, 4608},
};
static const struct {
    const char *name;
    uint32_t bits; /* of the weights; 32: floats */
    bool in_u8, out_8bit;
} types[] = {
    {"u8 s8 -> s32", 8, true, false}, {"s8 s8 -> s32", 8, false, false}, {"u8 s8 -> u8", 8, true, true},
    {"s8 s8 -> s8", 8, false, true},  {"s8 s4 -> s8", 4, false, true},   {"s8 s2 -> s8", 2, false, true},
    {"f32", 32, false, false},
};
enum { SIZES = sizeof sizes / sizeof *sizes, TYPES = sizeof types / sizeof *types, MOST = 1 << 15 };

static int run_size(struct qbench *q, const size_t *mnk)
{
    struct qb_case cases[TYPES] = {0};
    for (size_t i = 0; i < TYPES; i++) {
        struct qb_case *c = &cases[i];
        const struct qb_product s = {mnk[0], mnk[1], mnk[2], types[i].bits, types[i].in_u8, types[i].out_8bit};
        const struct qb_layer f32 = {.c = mnk[2], .oc = mnk[1], .batch = mnk[0], .bits = 32, .groups = 1, .kernel = 1};
        snprintf(c->name, sizeof c->name, "%zux%zux%zu", mnk[0], mnk[1], mnk[2]);
        snprintf(c->type, sizeof c->type, "%s", types[i].name);
        int code = types[i].bits == 32 ? qb_layer_case(q, &f32, c) : qb_product_case(q, &s, c);
        if (code)
            return qb_drop(q, code);
    }
    return qb_group(q, cases, TYPES);
}

/* "64,64,64;1,512,512" */
static int run_list(struct qbench *q, const char *text)
{
    for (;; text++) {
        size_t mnk[3];
        for (int i = 0; i < 3; i++) {
            char *end;
            unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
            if (n < 1 || n > MOST || (i < 2 && *end != ',') || (i == 2 && *end && *end != ';'))
                return opt_usage(q->tool, "--sizes: '%s': expected M,N,K from 1 to %d, several with semicolons",
                                 q->sizes, MOST);
            mnk[i] = (size_t)n;
            text = end + (i < 2);
        }
        int code = run_size(q, mnk);
        if (code || !*text)
            return code;
    }
}

int qb_gemm(struct qbench *q)
{
    if (q->sizes)
        return run_list(q, q->sizes);
    for (size_t i = 0; i < SIZES; i++) {
        int code = run_size(q, sizes[i]);
        if (code)
            return code;
    }
    return EXIT_OK;
}
