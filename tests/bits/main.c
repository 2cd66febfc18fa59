/* bits: the same bytes everywhere. Runs the networks of rows.def on ISA levels, for 1, 2 and 3 threads and batches of 1
 * and 7, and compares with the digests recorded there. Prints a line for each level and network. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <qnt/qnt.h>
#include "bits.h"
#include "lib/core/rng.h"
#include "tests/common/quick.h"

static const char usage[] =
    "usage: bits [--widest LEVEL] [--quick]   compare\n"
    "       bits --save FOLDER                write each network as NAME.qnt and its images as NAME.f32\n"
    "  --widest LEVEL  only the widest level that this CPU has, which must be LEVEL ('any': whatever it is);\n"
    "                  else all of them, or those that QNT_ISA names\n"
    "  --quick         for an emulator: no heavy networks, one image for a batch of 1\n"
    "The variable CHECKKERN_QUICK stands for --quick --widest any.\n";

enum { IMAGES = 7, MAX_THREADS = 3 };

static struct {
    const char *widest, *save;
    bool quick;
    unsigned passed, failed, skipped;
    uint32_t cpu[MAX_THREADS],
        n_cpus; /* given to sessions: reading the topology anew for each takes long in an emulator */
} all;

static bool fail(const char *level, const struct bits_row *row, const char *what, const char *text)
{
    printf("FAILED %s, %s: %s%s%s\n", level, row->name, what, *text ? ": " : "", text);
    return false;
}

static size_t elements(const qnt_tensor_info *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

/* Images of a network within [-1, 1): noise around a grey of their own. */
static float *images_of(const qnt_tensor_info *in)
{
    const size_t n = elements(in);
    struct qnt_rng rng = qnt_rng_key(1, n, 0);
    float *image = malloc(IMAGES * n * sizeof *image);
    for (size_t i = 0; i < IMAGES * n && image; i++)
        image[i] = (float)(qnt_rng_next(&rng) >> 40) * 0x1.8p-24f - 1.0f + 0.0625f * (float)(i / n);
    return image;
}

static qnt_status run(qnt_model *m, const float *in, size_t n_in, float *out, size_t n_out, uint32_t threads,
                      uint32_t batch, size_t images)
{
    const qnt_session_config config = {
        .size = sizeof config, .max_batch = batch, .threads = threads, .cpus = all.cpu, .n_cpus = all.n_cpus};
    qnt_session *s;
    qnt_status status = qnt_session_create(m, &config, &s);
    if (status)
        return status;
    for (size_t i = 0; i < images && !status; i += batch)
        status = qnt_session_run(s, in + i * n_in, out + i * n_out, batch);
    qnt_session_free(s);
    return status;
}

/* Outputs that do not depend on the image would be the same everywhere and say nothing. */
static bool tells_images_apart(const float *out, size_t n)
{
    for (size_t i = 1; i < IMAGES; i++)
        if (!memcmp(out, out + i * n, n * sizeof *out))
            return false;
    return true;
}

static bool same_everywhere(const char *level, const struct bits_row *row, qnt_model *m, const qnt_tensor_info *in,
                            const float *image, float *want, float *out, size_t n)
{
    char what[64];
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads++)
        for (uint32_t batch = IMAGES;; batch = 1) {
            const bool first = threads == 1 && batch == IMAGES;
            const size_t images = batch == 1 && all.quick ? 1 : IMAGES;
            memset(out, 0xff, IMAGES * n * sizeof *out);
            snprintf(what, sizeof what, "%u threads, batch %u", threads, batch);
            if (run(m, image, elements(in), first ? want : out, n, threads, batch, images))
                return fail(level, row, what, qnt_last_error());
            if (!first && memcmp(want, out, images * n * sizeof *out))
                return fail(level, row, what, "not the bytes of 1 thread, batch 7");
            if (batch == 1)
                break;
        }
    return true;
}

/* *digest: of a network's outputs. */
static bool infer(const char *level, qnt_ctx *ctx, const struct bits_row *row, uint64_t *digest)
{
    qnt_tensor_info in, result;
    qnt_model *m;
    if (row->build(ctx, row, &m))
        return fail(level, row, "building", qnt_last_error());
    bool ok = qnt_model_input(m, &in) == QNT_OK && qnt_model_output(m, &result) == QNT_OK;
    const size_t n = ok ? elements(&result) : 1;
    float *image = images_of(&in), *want = calloc(IMAGES * n, sizeof *want), *out = calloc(IMAGES * n, sizeof *out);
    if (!ok || !image || !want || !out)
        ok = fail(level, row, "no memory", "");
    else if ((ok = same_everywhere(level, row, m, &in, image, want, out, n)) && !tells_images_apart(want, n))
        ok = fail(level, row, "the outputs do not depend on the image", "");
    if (ok)
        *digest = XXH3_64bits(want, IMAGES * n * sizeof *want);
    free(image);
    free(want);
    free(out);
    qnt_model_free(m);
    return ok;
}

static bool train(const char *level, qnt_ctx *ctx, const struct bits_row *row, uint64_t *digest)
{
    uint64_t other;
    for (uint32_t threads = 1; threads <= (test_repeated() ? 1 : MAX_THREADS); threads++) {
        if (bits_train(ctx, row, threads, threads == 1 ? digest : &other))
            return fail(level, row, "training", qnt_last_error());
        if (threads > 1 && other != *digest)
            return fail(level, row, "training", "the number of threads changes the result");
    }
    return true;
}

static void check(const char *level, qnt_ctx *ctx, const struct bits_row *row)
{
    char text[64];
    uint64_t digest = 0;
    bool ok = row->build ? infer(level, ctx, row, &digest) : train(level, ctx, row, &digest);
    if (ok)
        printf("%-12s %-28s %016llx\n", level, row->name, (unsigned long long)digest);
    if (ok && digest != row->digest) {
        snprintf(text, sizeof text, "expected %016llx", (unsigned long long)row->digest);
        ok = fail(level, row, "digest", text);
    }
    all.passed += ok;
    all.failed += !ok;
    fflush(stdout);
}

static int check_level(const char *level)
{
    const qnt_config config = {.size = sizeof config, .isa = level};
    unsigned heavy = 0;
    qnt_ctx *ctx;
    if (qnt_ctx_create(&config, &ctx)) {
        fprintf(stderr, "bits: %s\n", qnt_last_error());
        return 1;
    }
    for (const struct bits_row *row = bits_rows; row->name; row++)
        if (!all.quick || !row->heavy)
            check(level, ctx, row);
        else
            heavy++;
    if (heavy)
        printf("skipped: bits: %u networks that are too heavy for a quick run\n", heavy);
    all.skipped += heavy;
    qnt_ctx_free(ctx);
    return 0;
}

/* Levels of this architecture, whether the compiler knew them or not. */
enum { ANY = 1, X86 = sizeof(void *) == 8 && BITS_X86, ARM = !BITS_X86 };
static const struct {
    const char *name;
    bool here;
} levels[] = {
#define QNT_ISA(id, arch, implied, text) {#id, arch},
#include "simd/isa.def"
#undef QNT_ISA
};

static int check_levels(const qnt_ctx *ctx)
{
    qnt_isa_row row;
    const char *widest = "";
    for (size_t i = 0; !qnt_ctx_isa(ctx, i, &row); i++)
        if (row.usable)
            widest = row.name;
    if (all.widest && strcmp(all.widest, "any") && strcmp(all.widest, widest)) {
        printf("FAILED the widest level here is %s, expected %s\n", widest, all.widest);
        all.failed++;
    } else if (all.widest) {
        return check_level(widest);
    }
    for (size_t i = 0; !all.widest && !qnt_ctx_isa(ctx, i, &row); i++)
        if (row.usable) {
            if (check_level(row.name))
                return 1;
        } else if (levels[i].here && !(row.found && row.built)) {
            printf("skipped: bits: ISA level %s: not %s\n", row.name, row.built ? "on this CPU" : "in this build");
            all.skipped++;
        }
    return 0;
}

static int save_all(qnt_ctx *ctx)
{
    char path[4096];
    for (const struct bits_row *row = bits_rows; row->name; row++) {
        qnt_tensor_info in;
        qnt_model *m;
        if (!row->build || !row->bits)
            continue;
        snprintf(path, sizeof path, "%s/%s.qnt", all.save, row->name);
        if (row->build(ctx, row, &m) || qnt_model_save(m, path) || qnt_model_input(m, &in)) {
            fprintf(stderr, "bits: %s: %s\n", row->name, qnt_last_error());
            return 1;
        }
        snprintf(path, sizeof path, "%s/%s.f32", all.save, row->name);
        const size_t n = IMAGES * elements(&in);
        float *image = images_of(&in);
        FILE *file = fopen(path, "wb");
        const bool bad = !image || !file || fwrite(image, sizeof *image, n, file) != n;
        if (bad | (file && fclose(file))) {
            fprintf(stderr, "bits: %s: cannot be written\n", path);
            return 1;
        }
        free(image);
        qnt_model_free(m);
        printf("%s %016llx\n", row->name, (unsigned long long)row->digest);
    }
    return 0;
}

int main(int argc, char **argv)
{
    cpu_set_t set;
    qnt_ctx *ctx;
    if (test_quick()) {
        all.quick = true;
        all.widest = "any";
    }
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick"))
            all.quick = true;
        else if (!strcmp(argv[i], "--widest") && i + 1 < argc)
            all.widest = argv[++i];
        else if (!strcmp(argv[i], "--save") && i + 1 < argc)
            all.save = argv[++i];
        else
            return fputs(usage, stderr), 2;
    }
    if (!sched_getaffinity(0, sizeof set, &set))
        for (uint32_t c = 0; c < CPU_SETSIZE && all.n_cpus < MAX_THREADS; c++)
            if (CPU_ISSET(c, &set))
                all.cpu[all.n_cpus++] = c;
    if (qnt_ctx_create(NULL, &ctx))
        return fprintf(stderr, "bits: %s\n", qnt_last_error()), 2;
    const int bad = all.save ? save_all(ctx) : check_levels(ctx);
    qnt_ctx_free(ctx);
    if (!all.save)
        printf("%u passed, %u failed, %u skipped\n", all.passed, all.failed, all.skipped);
    return bad || all.failed;
}
