/* Without libFuzzer: the good ONNX files; of each, cut ones and ones with a bit that is not as it was; and QNT_ROUNDS
 * changes, each of a file that a change before may have made. Or the files named. QNT_SEED repeats a run; what is being
 * tried lies in the file that QNT_LAST names. Ends with how many files came how far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/rng.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz_import.h"

enum { FILES = 512, ROUNDS = 600, CUTS = 4, FLIPS = 4 };
static struct qnt_bytes file[FILES];
static unsigned long depths[FUZZ_DEPTHS], files, tries;

static uint64_t number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static enum fuzz_depth one(const uint8_t *data, size_t size)
{
    const char *last = getenv("QNT_LAST");
    FILE *f = last ? fopen(last, "wb") : NULL;
    if (f) {
        fwrite(data, 1, size, f);
        fclose(f);
    }
    enum fuzz_depth depth = fuzz_onnx_one(data, size);
    depths[depth]++;
    tries++;
    return depth;
}

static void damage(struct qnt_bytes b, uint64_t seed)
{
    struct qnt_rng r = qnt_rng_key(seed, 9, files);
    for (int i = 0; i < CUTS; i++)
        one(b.data, qnt_rng_below(&r, b.n));
    for (int i = 0; i < FLIPS; i++) {
        size_t at = qnt_rng_below(&r, b.n);
        uint8_t bit = (uint8_t)(1u << qnt_rng_below(&r, 8));
        b.data[at] ^= bit;
        one(b.data, b.n);
        b.data[at] ^= bit;
    }
}

static void named(const char *path)
{
    struct qnt_bytes b = qnt_bytes_read(path);
    if (!b.data)
        fuzz_wrong("%s cannot be read", path);
    enum fuzz_depth depth = fuzz_onnx_one(b.data, b.n);
    printf("%s: came to %d of %d%s%s\n", path, (int)depth, FUZZ_RAN, depth ? "" : ": ", depth ? "" : qnt_last_error());
    free(b.data);
}

static void change(uint64_t rounds, uint64_t seed)
{
    uint8_t *data = malloc(FUZZ_ONNX_MOST);
    for (uint64_t i = 0; i < rounds; i++) {
        struct qnt_rng r = qnt_rng_key(seed, 10, i);
        struct qnt_bytes *from = &file[qnt_rng_below(&r, files)];
        memcpy(data, from->data, from->n);
        size_t size = fuzz_onnx_mutate(data, from->n, FUZZ_ONNX_MOST, qnt_rng_next(&r));
        if (one(data, size) == FUZZ_RAN && qnt_rng_below(&r, 2) && (from->data = realloc(from->data, size))) {
            memcpy(from->data, data, size);
            from->n = size;
        }
    }
    free(data);
}

int main(int argc, char **argv)
{
    uint64_t seed = number("QNT_SEED", 1), rounds = number("QNT_ROUNDS", ROUNDS);
    for (int i = 1; i < argc; i++)
        named(argv[i]);
    if (argc > 1)
        return 0;
    printf("seed %llu (QNT_SEED sets it)\n", (unsigned long long)seed);
    fflush(stdout);
    for (; files < FILES && (file[files].n = fuzz_onnx_seed(files, FUZZ_ONNX_MOST, &file[files].data)); files++) {
        one(file[files].data, file[files].n);
        damage(file[files], seed);
    }
    change(rounds, seed);
    for (size_t i = 0; i < files; i++)
        free(file[i].data);
    printf("fuzz: %lu files, %lu tries: %lu refused, %lu loaded, %lu prepared, %lu run\n", files, tries,
           depths[FUZZ_REFUSED], depths[FUZZ_LOADED], depths[FUZZ_PREPARED], depths[FUZZ_RAN]);
    return 0;
}
