/* Files of measured costs. What a line must begin with is known before it is read, so there is little to parse. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/core/costs.h"

enum { MOST = 1000000000, MOST_LEAST = 255, LINE = 192, FIRST_TILE = 4 };
static const float unit = 1000; /* of the numbers in the file */
static const char no_file[] = "there is no such file", name_too_long[] = "the name of the file is too long";

/* Source: Intel SDM vol. 2, CPUID(1); AMD counts alike. */
static void name_x86(const struct qnt_cpu_words *w, char *text, size_t size)
{
    const uint32_t eax = w->leaf1_eax, base = eax >> 8 & 15, family = base == 15 ? 15 + (eax >> 20 & 255) : base;
    const uint32_t model = (eax >> 4 & 15) + (base == 6 || base == 15 ? (eax >> 16 & 15) << 4 : 0);
    snprintf(text, size, "%.12s-%u-%u-%u", w->vendor, family, model, eax & 15);
}

void qnt_costs_machine(const struct qnt_cpu_words *w, char *text, size_t size)
{
    const uint32_t id = w->midr;
    if (*w->vendor)
        name_x86(w, text, size);
    else if (id)
        snprintf(text, size, "arm-%02x-%x-%03x-%x", id >> 24, id >> 20 & 15, id >> 4 & 0xfff, id & 15);
    else
        snprintf(text, size, "arm");
    for (; *text; text++) /* a hypervisor may call itself anything */
        if (*text != '-' && !(*text >= '0' && *text <= '9') && !((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z'))
            *text = '_';
}

/* Levels whose tiles a file has. */
static qnt_isa_set levels_of(const struct qnt_ctx *ctx)
{
    return ctx->found & qnt_isa_built();
}

int qnt_costs_default(const struct qnt_ctx *ctx, char *path, size_t size)
{
    const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    const bool own = cache && *cache == '/'; /* others are to be ignored, says the XDG specification */
    if (!own && !(home && *home == '/'))
        return -1;
    const int n = snprintf(path, size, "%s%s/libqnt/costs-%s-%s-%x", own ? cache : home, own ? "" : "/.cache",
                           QNT_VERSION_STRING, ctx->machine, levels_of(ctx));
    return n > 0 && (size_t)n < size ? 0 : -1;
}

/* Tile rows of the levels, from `row` on; op is NULL past the last one. */
static const struct qnt_kernel_row *next_tile(const struct qnt_kernel_row *row, qnt_isa_set levels)
{
    while (row->op && !(row->gemm && levels >> row->isa & 1))
        row++;
    return row;
}

/* What line `line` (from 1), one before the tiles, says. */
static void head_line(const struct qnt_ctx *ctx, unsigned line, char *text, size_t size)
{
    size_t used = 0;
    switch (line) {
    case 1:
        snprintf(text, size, "libqnt costs 1");
        break;
    case 2:
        snprintf(text, size, "version %s", QNT_VERSION_STRING);
        break;
    case 3:
        snprintf(text, size, "cpu %s", ctx->machine);
        break;
    default:
        used = (size_t)snprintf(text, size, "levels");
        for (int i = 0; i < QNT_ISA_COUNT && used < size; i++)
            if (levels_of(ctx) >> i & 1)
                used += (size_t)snprintf(text + used, size - used, " %s", qnt_isa_table[i].id);
    }
}

static struct qnt_tile_cost *cost_in(struct qnt_dsp *d, const struct qnt_kernel_row *row)
{
    struct qnt_gemm_list *list = qnt_dsp_tiles(d, row->op);
    for (uint32_t i = 0; list && i < list->count; i++)
        if (list->v[i] == row->gemm)
            return &list->cost[i];
    return NULL;
}

/* ---- writing ---- */

static unsigned long thousandths(float cost)
{
    const float n = cost * unit + 0.5f;
    return n >= (float)MOST ? (unsigned long)MOST : n > 0 ? (unsigned long)n : 0;
}

size_t qnt_costs_text(const struct qnt_ctx *ctx, struct qnt_dsp *d, char *text, size_t size)
{
    char line[LINE];
    size_t used = 0;
#define ADD(...) used += (size_t)snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, __VA_ARGS__)
    for (unsigned i = 1; i <= FIRST_TILE; i++) {
        head_line(ctx, i, line, sizeof line);
        ADD("%s\n", line);
    }
    const qnt_isa_set levels = levels_of(ctx);
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; (row = next_tile(row, levels))->op; row++) {
        const struct qnt_tile_cost *in = cost_in(d, row), c = in ? *in : qnt_tile_cost_of(row->gemm);
        ADD("%s %s %lu %lu %lu %lu %u\n", row->op, row->variant, thousandths(c.step), thousandths(c.tile),
            thousandths(c.unpack), thousandths(c.row), (unsigned)c.least);
    }
    ADD("end\n");
#undef ADD
    return used;
}

/* ---- reading ---- */

struct source {
    int fd;
    unsigned line;
    size_t at, n;
    char buffer[1024], text[LINE]; /* text: the line at hand, without its end */
    char *reason;                  /* QNT_COSTS_REASON bytes */
};

/* False, with the reason, which shows what the file says only as far as it can be printed. */
static bool refuse(struct source *s, const char *expected, const char *found)
{
    char shown[64];
    size_t i = 0;
    for (; found[i] && i < sizeof shown - 1; i++)
        shown[i] = (char)(found[i] >= ' ' && found[i] <= '~' && found[i] != '\'' ? found[i] : '?');
    shown[i] = '\0';
    snprintf(s->reason, QNT_COSTS_REASON, "line %u: expected %.150s, found '%s'", s->line, expected, shown);
    return false;
}

/* The next byte; -1 at the end, -2 when it cannot be read. */
static int next_byte(struct source *s)
{
    if (s->at == s->n) {
        ssize_t n;
        while ((n = read(s->fd, s->buffer, sizeof s->buffer)) < 0 && errno == EINTR)
            ;
        if (n <= 0)
            return n ? -2 : -1;
        s->n = (size_t)n;
        s->at = 0;
    }
    return (unsigned char)s->buffer[s->at++];
}

/* Reads a line. A file may be without an end: only as much of it is read as could be right. */
static bool next_line(struct source *s)
{
    size_t n = 0;
    int c;
    s->line++;
    while ((c = next_byte(s)) >= 0 && c != '\n') {
        s->text[n++] = (char)(c ? c : '?');
        if (n == LINE) {
            s->text[LINE - 1] = '\0';
            return refuse(s, "a shorter line", s->text);
        }
    }
    s->text[n] = '\0';
    if (c == -2) {
        snprintf(s->reason, QNT_COSTS_REASON, "line %u: cannot be read: %s", s->line, strerror(errno));
        return false;
    }
    return c == '\n' || refuse(s, "a line", n ? "one without an end" : "the end of the file");
}

/* A blank and a whole number, plainly written. */
static bool read_number(const char **text, unsigned long most, unsigned long *out)
{
    const char *p = *text;
    if (*p++ != ' ' || *p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (*out = 0; *p >= '0' && *p <= '9'; p++)
        if ((*out = 10 * *out + (unsigned long)(*p - '0')) > most)
            return false;
    *text = p;
    return true;
}

static bool read_tile(struct source *s, const struct qnt_kernel_row *row, struct qnt_tile_cost *out)
{
    char expected[LINE];
    unsigned long n[5];
    const int length = snprintf(expected, sizeof expected, "%s %s", row->op, row->variant);
    if (!next_line(s))
        return false;
    const char *p = s->text + length;
    bool good = !strncmp(s->text, expected, (size_t)length);
    for (int i = 0; i < 5 && good; i++)
        good = read_number(&p, i < 4 ? MOST : MOST_LEAST, &n[i]);
    if (!good || *p) {
        snprintf(expected, sizeof expected, "'%s %s', four numbers up to %d and one up to %d", row->op, row->variant,
                 MOST, MOST_LEAST);
        return refuse(s, expected, s->text);
    }
    *out = (struct qnt_tile_cost){.step = (float)n[0] / unit,
                                  .tile = (float)n[1] / unit,
                                  .unpack = (float)n[2] / unit,
                                  .row = (float)n[3] / unit,
                                  .least = (uint32_t)n[4]};
    return true;
}

static bool read_costs(struct source *s, const struct qnt_ctx *ctx, struct qnt_dsp *d)
{
    char expected[LINE], quoted[LINE + 2];
    for (unsigned i = 1; i <= FIRST_TILE; i++) {
        head_line(ctx, i, expected, sizeof expected);
        snprintf(quoted, sizeof quoted, "'%s'", expected);
        if (!next_line(s) || (strcmp(s->text, expected) && !refuse(s, quoted, s->text)))
            return false;
    }
    const qnt_isa_set levels = levels_of(ctx);
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; (row = next_tile(row, levels))->op; row++) {
        struct qnt_tile_cost cost, *in = cost_in(d, row);
        if (!read_tile(s, row, &cost))
            return false;
        if (in) /* else a narrower context */
            *in = cost;
    }
    if (!next_line(s) || (strcmp(s->text, "end") && !refuse(s, "'end'", s->text)))
        return false;
    s->line++;
    return next_byte(s) == -1 || refuse(s, "the end of the file", "more");
}

static void warn(const struct qnt_ctx *ctx)
{
    qnt_log(ctx, 1, "costs of tiles: %s%s%s; the library's own are used", ctx->costs_file, *ctx->costs_file ? ": " : "",
            ctx->costs_reason);
}

/* The descriptor; -1 with the reason. What is no ordinary file could wait, or never end. */
static int open_file(const char *path, const char **why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *why = errno == ENOENT ? no_file : strerror(errno);
    } else if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        *why = "not a regular file";
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The name of the file to ctx->costs_file; false, with the reason, when there is none. */
static bool find(struct qnt_ctx *ctx, const char **why)
{
    const char *path = ctx->config.costs ? ctx->config.costs : secure_getenv("QNT_COSTS");
    if (path && !*path) {
        *why = ctx->config.costs ? "switched off by the configuration" : "switched off by QNT_COSTS";
        return false;
    }
    if (path && strlen(path) < sizeof ctx->costs_file) {
        memcpy(ctx->costs_file, path, strlen(path) + 1);
        return true;
    }
    if (!path && !qnt_costs_default(ctx, ctx->costs_file, sizeof ctx->costs_file))
        return true;
    *ctx->costs_file = '\0'; /* what there is may be the beginning of one */
    *why = path ? name_too_long : "there is no cache folder";
    return false;
}

void qnt_costs_init(struct qnt_ctx *ctx, const struct qnt_cpu_words *words)
{
    const bool asked = ctx->config.costs || secure_getenv("QNT_COSTS");
    struct source s = {.fd = -1, .reason = ctx->costs_reason};
    struct qnt_dsp d = ctx->dsp;
    const char *why = "";
    qnt_costs_machine(words, ctx->machine, sizeof ctx->machine);
    if (!find(ctx, &why) || (s.fd = open_file(ctx->costs_file, &why)) < 0) {
        snprintf(ctx->costs_reason, QNT_COSTS_REASON, "%s", why);
        if (why == name_too_long || (*ctx->costs_file && (asked || why != no_file)))
            warn(ctx);
        return;
    }
    if (read_costs(&s, ctx, &d))
        ctx->dsp = d;
    else
        warn(ctx);
    close(s.fd);
}
