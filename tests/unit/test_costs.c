/* Files of measured costs: other tiles, the same bytes; where the file is looked for; what is wrong with one is told
 * and stops nobody. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "lib/core/costs.h"
#include "lib/op/step.h"
#include "tests/common/models.h"
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
enum { TEXT = 1 << 15, IMAGES = 3, MOST_OUT = 16, STEPS = 32 };

static struct {
    int calls;
    char text[512];
} heard;
static char path[TEST_PATH], text[TEXT];
static size_t length; /* of text: a file of other costs than the library's */

static void hear(void *user, int level, const char *said)
{
    (void)user;
    ck_assert_int_eq(level, 1);
    heard.calls++;
    snprintf(heard.text, sizeof heard.text, "%s", said);
}

static qnt_ctx *context(const char *costs)
{
    const qnt_config c = {.size = sizeof c, .log = hear, .costs = costs};
    qnt_ctx *ctx;
    memset(&heard, 0, sizeof heard);
    OK(qnt_ctx_create(&c, &ctx));
    return ctx;
}

static void put(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && !close(fd));
}

/* Tiles that cost little cost much, and the other way round. */
static void invert(struct qnt_dsp *d)
{
#define QNT_OP(op)
#define QNT_K(op, isa)
#define QNT_GEMM(op)                                                                                                   \
    for (uint32_t i = 0; i < d->op.count; i++) {                                                                       \
        struct qnt_tile_cost *c = &d->op.cost[i];                                                                      \
        const float macs = (float)d->op.v[i]->mr * d->op.v[i]->nr * d->op.v[i]->kr;                                    \
        *c = (struct qnt_tile_cost){.step = macs * macs / c->step, .tile = c->tile, .row = 0.125f};                    \
    }
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
}

static void setup(void)
{
    qnt_ctx *ctx = context("");
    struct qnt_dsp d = ctx->dsp;
    test_temp_file(path);
    invert(&d);
    length = qnt_costs_text(ctx, &d, text, sizeof text);
    ck_assert_uint_lt(length, sizeof text);
    put(text, length);
    qnt_ctx_free(ctx);
}

static void teardown(void)
{
    unlink(path);
}

/* The log names it, and nothing of it is taken, not even what came before. */
static void refused(const char *why)
{
    qnt_ctx *own = context(""), *ctx = context(path);
    qnt_costs_info info = {.size = sizeof info};
    OK(qnt_ctx_costs(ctx, &info));
    ck_assert_msg(strstr(info.reason, why) != NULL, "'%s', expected '%s'", info.reason, why);
    ck_assert_str_eq(info.file, path);
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_msg(strstr(heard.text, path) && strstr(heard.text, info.reason), "the log: '%s'", heard.text);
    ck_assert_mem_eq(&ctx->dsp, &own->dsp, sizeof own->dsp);
    qnt_ctx_free(ctx);
    qnt_ctx_free(own);
}

/* Without a word in the log. file NULL: any. */
static void told(const char *costs, const char *file, const char *reason)
{
    qnt_ctx *ctx = context(costs);
    qnt_costs_info info = {.size = sizeof info};
    OK(qnt_ctx_costs(ctx, &info));
    ck_assert_str_eq(info.reason, reason);
    ck_assert(heard.calls == 0 && (!file || !strcmp(info.file, file)));
    qnt_ctx_free(ctx);
}

struct outcome {
    size_t steps;
    const char *kernel[STEPS], *variant[STEPS];
    float out[IMAGES * MOST_OUT];
};

static const char *const ops[] = {"gemm_s8", "gemm_s4s8", "gemm_s2s8", "gemm_b1", "gemm_f32"};

/* A model with products of that op. */
static qnt_status make(int op, qnt_ctx *ctx, qnt_model **out)
{
    return op < 3    ? test_model_quantized(ctx, 8u >> op, out)
           : op == 3 ? test_model_signs(ctx, out)
                     : test_model_float(ctx, out);
}

static struct outcome run_by(qnt_ctx *ctx, int op)
{
    const qnt_session_config c = {.size = sizeof c, .max_batch = IMAGES};
    static float in[IMAGES * 12 * 12 * 16];
    struct outcome r = {0};
    qnt_tensor_info out = {0};
    qnt_step_work w = {.size = sizeof w};
    qnt_model *m;
    qnt_session *s;
    test_model_images(in, sizeof in / sizeof *in);
    OK(make(op, ctx, &m));
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_output(s, &out));
    ck_assert(out.rank == 1 && out.dim[0] <= MOST_OUT);
    r.steps = qnt_session_step_count(s);
    ck_assert_uint_le(r.steps, STEPS);
    for (size_t i = 0; i < r.steps; i++) {
        OK(qnt_session_step_work(s, i, &w));
        r.kernel[i] = w.kernel;
        r.variant[i] = w.variant;
    }
    OK(qnt_session_run(s, in, r.out, IMAGES));
    qnt_session_free(s);
    qnt_model_free(m);
    return r;
}

/* Each tile in turn costs next to nothing: a profile tells of it. */
START_TEST(other_costs_choose_other_tiles_and_give_the_same_bytes)
{
    qnt_ctx *own = context("");
    const struct outcome a = run_by(own, _i);
    const uint32_t count = qnt_dsp_tiles(&own->dsp, ops[_i])->count;
    for (uint32_t cheap = 0; cheap < count; cheap++) {
        struct qnt_dsp d = own->dsp;
        struct qnt_gemm_list *list = qnt_dsp_tiles(&d, ops[_i]);
        for (uint32_t i = 0; i < count; i++)
            list->cost[i] = (struct qnt_tile_cost){.step = i == cheap ? 0.001f : 1e5f};
        put(text, qnt_costs_text(own, &d, text, sizeof text));
        qnt_ctx *other = context(path);
        ck_assert_msg(heard.calls == 0, "%s", heard.text);
        const struct outcome b = run_by(other, _i);
        size_t tiles = 0;
        ck_assert_uint_eq(a.steps, b.steps);
        for (size_t i = 0; i < a.steps; i++) {
            const bool mine = !strcmp(b.kernel[i], ops[_i]);
            ck_assert_str_eq(a.kernel[i], b.kernel[i]);
            ck_assert_str_eq(b.variant[i], mine ? qnt_variant_of_tile(list->v[cheap])->variant : a.variant[i]);
            tiles += mine;
        }
        ck_assert_uint_gt(tiles, 0);
        ck_assert_mem_eq(a.out, b.out, sizeof a.out);
        qnt_ctx_free(other);
    }
    qnt_ctx_free(own);
}
END_TEST

START_TEST(what_is_written_is_read)
{
    qnt_ctx *own = context("");
    struct qnt_dsp d = own->dsp;
    put(text, qnt_costs_text(own, &d, text, sizeof text));
    qnt_ctx *ctx = context(path);
    ck_assert_mem_eq(&ctx->dsp, &own->dsp, sizeof own->dsp);
    const struct qnt_tile_cost c = {.step = 12.125f, .tile = 1e9f, .unpack = 0.001f, .row = 0, .least = 255};
    d.gemm_s8.cost[0] = c;
    put(text, qnt_costs_text(own, &d, text, sizeof text));
    qnt_ctx_free(ctx);
    ctx = context(path);
    const struct qnt_tile_cost *got = &ctx->dsp.gemm_s8.cost[0];
    ck_assert(got->step == 12.125f && got->tile == 1e6f && got->unpack == 0.001f && got->row == 0 && got->least == 255);
    ck_assert_uint_eq(qnt_costs_text(own, &d, NULL, 0), qnt_costs_text(own, &d, text, 10));
    qnt_ctx_free(ctx);
    qnt_ctx_free(own);
}
END_TEST

/* The lines of levels that are left out are read, and count for nothing. */
START_TEST(a_narrower_context_reads_the_same_file)
{
    const qnt_config c = {.size = sizeof c, .isa = "ref", .log = hear, .costs = path};
    qnt_ctx *own = context(""), *ctx;
    struct qnt_dsp d = own->dsp;
    invert(&d);
    put(text, qnt_costs_text(own, &d, text, sizeof text));
    OK(qnt_ctx_create(&c, &ctx));
    ck_assert_msg(heard.calls == 0, "%s", heard.text);
    for (uint32_t i = 0; i < ctx->dsp.gemm_s8.count; i++) {
        const struct qnt_tile_cost *a = &ctx->dsp.gemm_s8.cost[i], *b = &d.gemm_s8.cost[i];
        ck_assert(a->step > 0.999f * b->step - 0.001f && a->step < 1.001f * b->step + 0.001f && a->least == b->least);
    }
    qnt_ctx_free(ctx);
    qnt_ctx_free(own);
}
END_TEST

/* Line `line` (from 1) of the good text replaced by `with`. */
static void replaced(unsigned line, const char *with, const char *why)
{
    char bad[TEXT + 512], expected[256];
    const char *at = text;
    for (unsigned i = 1; i < line; i++)
        at = strchr(at, '\n') + 1;
    const char *rest = strchr(at, '\n');
    int n = snprintf(bad, sizeof bad, "%.*s%s%s", (int)(at - text), text, with, rest);
    put(bad, (size_t)n);
    snprintf(expected, sizeof expected, "line %u: %s", line, why);
    refused(expected);
}

START_TEST(a_wrong_line_is_named)
{
    char first[64], line[512];
    const char *tile = text;
    for (int i = 0; i < 4; i++)
        tile = strchr(tile, '\n') + 1;
    snprintf(first, sizeof first, "%.*s", (int)(strchr(strchr(tile, ' ') + 1, ' ') - tile), tile); /* gemm_s8 4x4_ref */
    replaced(1, "libqnt costs 2", "expected 'libqnt costs 1', found 'libqnt costs 2'");
    replaced(1, "\x01\xff!'",
             "expected 'libqnt costs 1', found '?"
             "?!?'");
    replaced(2, "version 9.9.9", "expected 'version " QNT_VERSION_STRING "', found 'version 9.9.9'");
    replaced(3, "cpu other", "expected 'cpu ");
    replaced(4, "levels", "expected 'levels ref");
    replaced(5, "end", "expected 'gemm_s8 ");
    static const char *const numbers[] = {"",
                                          " 1 2 3 4",
                                          " 1 2 3 4 5 6",
                                          " 1 2 3 4 256",
                                          " -1 2 3 4 5",
                                          " 01 2 3 4 5",
                                          " 1  2 3 4 5",
                                          " 1 2 3 4 5 ",
                                          " 1.5 2 3 4 5",
                                          " 1000000001 2 3 4 5",
                                          " 99999999999999999999999 2 3 4 5",
                                          " nan 2 3 4 5",
                                          "\t1 2 3 4 5"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(line, sizeof line, "%s%s", first, numbers[i]);
        replaced(5, line,
                 "expected 'gemm_s8 4x4_ref', four numbers up to 1000000000 and one up to 255, found 'gemm_s8");
    }
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    replaced(5, line, "expected a shorter line, found 'xxx");
    replaced(1, "", "expected 'libqnt costs 1', found ''");
    unsigned lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    replaced(lines, "done", "expected 'end', found 'done'");
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
    static char bad[TEXT];
    for (size_t n = 0; n < length; n += n < 100 ? 1 : 37) {
        put(text, n);
        refused("expected");
    }
    for (size_t i = 0; i < length; i += i < 100 ? 1 : 41) {
        memcpy(bad, text, length);
        bad[i] = (char)~bad[i];
        put(bad, length);
        refused("expected");
        bad[i] = '\0';
        put(bad, length);
        refused("expected");
    }
    memcpy(bad, text, length);
    bad[length] = '\n';
    put(bad, length + 1);
    refused("expected the end of the file, found 'more'");
    put(text, length);
    told(path, path, "");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    unlink(path);
    refused("there is no such file");
    ck_assert(!mkdir(path, 0700));
    refused("not a regular file");
    ck_assert(!rmdir(path) && !mkfifo(path, 0600));
    refused("not a regular file");
    ck_assert(!unlink(path) && !symlink("/dev/zero", path));
    refused("not a regular file");
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    qnt_ctx *ctx = context(name);
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_ptr_nonnull(strstr(heard.text, "the name of the file is too long"));
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(the_file_is_found)
{
    char folder[TEST_PATH], file[QNT_COSTS_PATH], cache[TEST_PATH_IN];
    unsetenv("QNT_COSTS");
    test_temp_folder(folder);
    setenv("HOME", folder, 1);
    setenv("XDG_CACHE_HOME", "relative", 1); /* is ignored */
    told(NULL, NULL, "there is no such file");
    qnt_ctx *ctx = context(NULL);
    ck_assert(!qnt_costs_default(ctx, file, sizeof file));
    snprintf(cache, sizeof cache, "%s/.cache", folder);
    ck_assert_msg(!strncmp(file, cache, strlen(cache)) && strstr(file, "/libqnt/costs-" QNT_VERSION_STRING), "%s",
                  file);
    ck_assert_ptr_nonnull(strstr(file, ctx->machine));
    snprintf(cache, sizeof cache, "%s/cache", folder);
    setenv("XDG_CACHE_HOME", cache, 1);
    ck_assert(!qnt_costs_default(ctx, file, sizeof file) && !strncmp(file, cache, strlen(cache)));
    ck_assert(!mkdir(cache, 0700) && (strcat(cache, "/libqnt"), !mkdir(cache, 0700)));
    ck_assert(!link(path, file));
    told(NULL, file, "");
    told(path, path, "");
    told("", NULL, "switched off by the configuration");
    setenv("QNT_COSTS", "", 1);
    told(NULL, NULL, "switched off by QNT_COSTS");
    told(path, path, "");
    setenv("QNT_COSTS", path, 1);
    told(NULL, path, "");
    qnt_ctx_free(ctx);
    ctx = context(NULL); /* what was read stays, whatever the environment says later */
    setenv("QNT_COSTS", "", 1);
    ck_assert_str_eq(ctx->costs_file, path);
    qnt_ctx_free(ctx);
    unsetenv("QNT_COSTS");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    told(NULL, NULL, "there is no cache folder");
    ck_assert(!unlink(file) && !rmdir(cache) && (*strrchr(cache, '/') = '\0', !rmdir(cache)) && !rmdir(folder));
}
END_TEST

START_TEST(machines_have_names)
{
    static const struct {
        struct qnt_cpu_words w;
        const char *name;
    } known[] = {
        {{.vendor = "GenuineIntel", .leaf1_eax = 0xc06f2}, "GenuineIntel-6-207-2"},
        {{.vendor = "GenuineIntel", .leaf1_eax = 0x306c3}, "GenuineIntel-6-60-3"},
        {{.vendor = "AuthenticAMD", .leaf1_eax = 0xb40f40}, "AuthenticAMD-26-68-0"},
        {{.vendor = "../../x y\n\xff\x01", .leaf1_eax = 0x513}, "______x_y___-5-1-3"},
        {{.midr = 0x413fd0c1}, "arm-41-3-d0c-1"},
        {{.hwcap = 2}, "arm"},
    };
    char name[QNT_COSTS_MACHINE];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        qnt_costs_machine(&known[i].w, name, sizeof name);
        ck_assert_str_eq(name, known[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("costs");
    TCase *tc = tcase_create("costs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, other_costs_choose_other_tiles_and_give_the_same_bytes, 0, sizeof ops / sizeof *ops);
    tcase_add_test(tc, what_is_written_is_read);
    tcase_add_test(tc, a_narrower_context_reads_the_same_file);
    tcase_add_test(tc, a_wrong_line_is_named);
    tcase_add_test(tc, a_damaged_file_is_refused);
    tcase_add_test(tc, what_is_no_file_is_refused);
    tcase_add_test(tc, the_file_is_found);
    tcase_add_test(tc, machines_have_names);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
