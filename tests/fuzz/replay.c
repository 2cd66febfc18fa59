/* Without libFuzzer: the good files, QNT_ROUNDS changes of them (each of a file that a change before may have made), or
 * the files named, each shown. QNT_SEED repeats a run. Ends with how many files came how far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/rng.h"
#include "lib/op/op.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz.h"

enum { FILES = 64, ROUNDS = 400 };
static struct qnt_bytes file[FILES]; /* each of FUZZ_MOST bytes, n of them used */
static unsigned long depths[FUZZ_DEPTHS];

static uint64_t number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static size_t good_files(void)
{
    uint8_t *data;
    size_t size, n = 0;
    for (; n < FILES && (size = fuzz_seed(n, &data)); n++) {
        if (size > FUZZ_MOST || !(file[n].data = calloc(1, FUZZ_MOST)))
            fuzz_wrong("seed %zu has %zu bytes", n, size);
        memcpy(file[n].data, data, size);
        file[n].n = size;
        free(data);
        if (fuzz_one(file[n].data, size) != FUZZ_RAN)
            fuzz_wrong("seed %zu does not run: %s", n, qnt_last_error());
    }
    return n;
}

/* The model that a file holds, for whoever looks into what was found. */
static void show(struct qnt_bytes b)
{
    static qnt_ctx *ctx;
    qnt_model *m;
    if (!ctx)
        ctx = fuzz_context("ref");
    qnt_bytes_rehash(b);
    if (qnt_model_load_memory(ctx, b.data, b.n, &m)) {
        printf("%s\n", qnt_last_error());
        return;
    }
    for (size_t i = 0; i < m->n_tensors; i++) {
        const struct qnt_tensor *t = &m->tensor[i];
        char shape[QNT_SHAPE_TEXT];
        printf("%zu: %s%s%s '%s' %s of %u bits, %s", i, qnt_ids_have(&m->inputs, (int)i) ? "input " : "",
               qnt_ids_have(&m->outputs, (int)i) ? "output " : "", t->constant ? "constant" : "activation", t->name,
               qnt_dtype_name(t->type), t->bits, qnt_shape_text(t, shape));
        if (t->scales)
            printf(", %u scales, %g, zero %d", t->scales, (double)t->scale[0], t->zero);
        putchar('\n');
        for (size_t k = 0; k < m->n_nodes; k++) {
            const struct qnt_node *n = &m->node[k];
            const qnt_node_attr *a = &n->attr;
            if (n->out != (int)i)
                continue;
            printf("    %s of", n->op->name);
            for (uint32_t j = 0; j < n->n_in; j++)
                printf(" %d", n->in[j]);
            printf("; kernel %u %u stride %u %u dilation %u %u pad %u %u %u %u groups %u lo %g hi %g epsilon %g\n",
                   a->kernel[0], a->kernel[1], a->stride[0], a->stride[1], a->dilation[0], a->dilation[1], a->pad[0],
                   a->pad[1], a->pad[2], a->pad[3], a->groups, (double)a->lo, (double)a->hi, (double)a->epsilon);
        }
    }
    fflush(stdout);
    qnt_model_free(m);
}

int main(int argc, char **argv)
{
    uint64_t seed = number("QNT_SEED", 1), rounds = number("QNT_ROUNDS", ROUNDS);
    for (int i = 1; i < argc; i++) {
        struct qnt_bytes b = qnt_bytes_read(argv[i]);
        if (!b.data)
            fuzz_wrong("%s cannot be read", argv[i]);
        printf("%s:\n", argv[i]);
        show(b);
        printf("came to %d of %d\n", (int)fuzz_one(b.data, b.n), FUZZ_RAN);
        free(b.data);
    }
    if (argc > 1)
        return 0;
    printf("seed %llu (QNT_SEED sets it)\n", (unsigned long long)seed);
    fflush(stdout);
    size_t files = good_files();
    uint8_t *data = malloc(FUZZ_MOST);
    for (uint64_t i = 0; i < rounds; i++) {
        struct qnt_rng r = qnt_rng_key(seed, 4, i);
        struct qnt_bytes *from = &file[qnt_rng_below(&r, files)];
        memcpy(data, from->data, from->n);
        size_t size = fuzz_mutate(data, from->n, FUZZ_MOST, qnt_rng_next(&r));
        enum fuzz_depth depth = fuzz_one(data, size);
        depths[depth]++;
        if (depth == FUZZ_RAN && qnt_rng_below(&r, 2)) { /* further changes start from it */
            memcpy(from->data, data, size);
            from->n = size;
        }
    }
    free(data);
    for (size_t i = 0; i < files; i++)
        free(file[i].data);
    printf("fuzz: %zu files, %llu changes: %lu refused, %lu loaded, %lu prepared, %lu run\n", files,
           (unsigned long long)rounds, depths[FUZZ_REFUSED], depths[FUZZ_LOADED], depths[FUZZ_PREPARED],
           depths[FUZZ_RAN]);
    return 0;
}
