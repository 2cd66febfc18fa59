#include "opt.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt builtin[] = {
    {.name = "help", .letter = 'h', .help = "show this text and end"},
    {.name = "version", .help = "show the version and end"},
    {.name = "man", .help = NULL}, /* without a help text: not listed */
    {.name = NULL},
};

int opt_usage(const struct opt_tool *tool, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", tool->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry '%s --help'.\n", tool->name);
    return EXIT_USAGE;
}

int opt_error(const struct opt_tool *tool, int code, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", tool->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int opt_fail(const struct opt_tool *tool, qnt_status status)
{
    if (status == QNT_OK)
        return EXIT_OK;
    const char *text = qnt_last_error();
    fprintf(stderr, "%s: %s\n", tool->name, *text ? text : qnt_status_string(status));
    switch (status) {
    case QNT_ERR_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case QNT_ERR_NOMEM:
    case QNT_ERR_SYSTEM:
        return EXIT_RESOURCE;
    case QNT_ERR_INTERRUPTED:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_FAILED;
    }
}

/* Told by --help and the man page alike. */
static const char exit_status[] =
    "0 success, 1 failure, 2 wrong usage, 3 unsupported, 5 out of resources, 130 interrupted.";
static const char environment[] =
    "QNT_ISA names the instruction set levels that may be used, such as ref or avx2; qinfo lists them. QNT_COSTS names "
    "the "
    "file of costs that tiles are chosen by (empty: none; default: the one in the user's cache folder that qbench tune "
    "writes).";

static void print_option(const struct opt *o)
{
    char left[64], letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-28s %s\n", left, o->help);
}

static void print_help(const struct opt_tool *tool)
{
    printf("Usage: %s [OPTION...]%s%s\n%s %s.\n", tool->name, *tool->operands ? " " : "", tool->operands, tool->name,
           tool->summary);
    if (tool->text)
        printf("%s\n", tool->text);
    for (const struct opt_word *w = tool->words; w && w->name; w++)
        printf("%s  %-28s %s\n", w == tool->words ? "\n" : "", w->name, w->help);
    printf("\nOptions:\n");
    for (const struct opt *o = tool->options; o->name; o++)
        print_option(o);
    for (const struct opt *o = builtin; o->name; o++)
        if (o->help)
            print_option(o);
    printf("\nEnvironment: %s\nExit status: %s\n", environment, exit_status);
}

/* Text for troff: a hyphen is a minus, which can be copied to a command line. */
static void man_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++)
        if (*text == '-' || *text == '\\')
            fputs(*text == '-' ? "\\-" : "\\e", stdout);
        else
            putchar(*text);
}

static void print_man_option(const struct opt *o)
{
    printf(".TP\n");
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    printf("\\fB\\-\\-");
    man_text(o->name);
    printf("\\fR");
    if (o->arg)
        printf(" \\fI%s\\fR", o->arg);
    printf("\n");
    man_text(o->help);
    printf("\n");
}

static void print_man(const struct opt_tool *tool)
{
    printf(".TH %s 1 \"\" \"libqnt %s\" \"User Commands\"\n.SH NAME\n%s \\- %s\n", tool->name, qnt_version(),
           tool->name, tool->summary);
    printf(".SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fR...] %s\n", tool->name, tool->operands);
    if (tool->text) {
        printf(".SH DESCRIPTION\n");
        man_text(tool->text);
        printf("\n");
    }
    for (const struct opt_word *w = tool->words; w && w->name; w++) {
        printf("%s.TP\n\\fB%s\\fR\n", w == tool->words ? ".SH COMMANDS\n" : "", w->name);
        man_text(w->help);
        printf("\n");
    }
    printf(".SH OPTIONS\n");
    for (const struct opt *o = tool->options; o->name; o++)
        print_man_option(o);
    for (const struct opt *o = builtin; o->name; o++)
        if (o->help)
            print_man_option(o);
    printf(".SH ENVIRONMENT\n");
    man_text(environment);
    printf("\n.SH EXIT STATUS\n");
    man_text(exit_status);
    printf("\n");
}

static int is(const struct opt *o, const char *name)
{
    return o >= builtin && o < builtin + sizeof builtin / sizeof *builtin && !strcmp(o->name, name);
}

static const struct opt *find(const struct opt *table, const char *name, size_t len, char letter)
{
    for (const struct opt *o = table; o->name; o++)
        if (letter ? o->letter == letter : strlen(o->name) == len && !memcmp(o->name, name, len))
            return o;
    return table == builtin ? NULL : find(builtin, name, len, letter);
}

static int set_number(const struct opt_tool *tool, const struct opt *o, const char *value)
{
    char *end = NULL;
    errno = 0;
    if (o->kind == OPT_F32) {
        double x = strtod(value, &end);
        if (end == value || *end || !isfinite((float)x))
            return opt_usage(tool, "--%s: '%s' is not a number", o->name, value);
        if (o->max > o->min && (x < o->min || x > o->max))
            return opt_usage(tool, "--%s: %s is outside %g to %g", o->name, value, o->min, o->max);
        *(float *)o->target = (float)x;
        return -1;
    }
    unsigned long long n = strtoull(value, &end, 10);
    unsigned long long most = o->kind == OPT_U32 ? UINT32_MAX : UINT64_MAX;
    if (*value < '0' || *value > '9' || *end || errno)
        return opt_usage(tool, "--%s: '%s' is not a whole number", o->name, value);
    if (n > most || (o->max > 0 && ((double)n < o->min || (double)n > o->max)))
        return opt_usage(tool, "--%s: %s is outside %.0f to %.0f", o->name, value, o->min,
                         o->max > 0 ? o->max : (double)most);
    if (o->kind == OPT_U32)
        *(uint32_t *)o->target = (uint32_t)n;
    else
        *(uint64_t *)o->target = n;
    return -1;
}

static int set(const struct opt_tool *tool, const struct opt *o, const char *value)
{
    const char *wrong;
    if (is(o, "help")) {
        print_help(tool);
        return EXIT_OK;
    }
    if (is(o, "version")) {
        printf("%s (libqnt) %s\n", tool->name, qnt_version());
        return EXIT_OK;
    }
    if (is(o, "man")) {
        print_man(tool);
        return EXIT_OK;
    }
    switch (o->kind) {
    case OPT_FLAG:
        *(int *)o->target = 1;
        return -1;
    case OPT_STRING:
        *(const char **)o->target = value;
        return -1;
    case OPT_CALL:
        wrong = o->call(o->target, value);
        return wrong ? opt_usage(tool, "--%s: '%s': %s", o->name, value ? value : "", wrong) : -1;
    default:
        return set_number(tool, o, value);
    }
}

/* What could not be written may show at the end alone: a full disk must not pass for success. */
static const char *name_at_end;
static void close_stdout(void)
{
    const int bad = ferror(stdout);
    errno = 0;
    if (fflush(stdout) || bad) {
        fprintf(stderr, "%s: standard output cannot be written%s%s\n", name_at_end, errno ? ": " : "",
                errno ? strerror(errno) : "");
        fflush(stderr);
        _exit(EXIT_FAILED);
    }
}

/* No file that is opened may become standard output or error by its number. */
static void open_standard(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0) /* the wrong way: uses fail */
            _exit(EXIT_RESOURCE);
}

int opt_parse(const struct opt_tool *tool, int argc, char **argv, int *operands)
{
    int count = 0, only_operands = 0;
    if (!name_at_end) {
        name_at_end = tool->name;
        open_standard();
        atexit(close_stdout);
    }
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        const char *value = NULL;
        if (only_operands || word[0] != '-' || !word[1]) {
            argv[1 + count++] = word;
            continue;
        }
        if (!strcmp(word, "--")) {
            only_operands = 1;
            continue;
        }
        int is_long = word[1] == '-';
        size_t len = is_long ? strcspn(word + 2, "=") : 0;
        const struct opt *o = find(tool->options, word + 2, len, is_long ? '\0' : word[1]);
        if (!o)
            return opt_usage(tool, "unknown option '%s'", word);
        if (is_long ? word[2 + len] == '=' : word[2] != '\0')
            value = is_long ? word + 2 + len + 1 : word + 2;
        if (value && !o->arg)
            return opt_usage(tool, "option '--%s' takes no argument", o->name);
        if (!value && o->arg && !(value = argv[++i]))
            return opt_usage(tool, "option '--%s' needs %s", o->name, o->arg);
        int code = set(tool, o, value);
        if (code >= 0)
            return code;
    }
    if (count < tool->min_operands)
        return opt_usage(tool, "missing operand, expected %s", tool->operands);
    if (tool->max_operands >= 0 && count > tool->max_operands)
        return opt_usage(tool, "unexpected operand '%s'", argv[1 + tool->max_operands]);
    if (operands)
        *operands = count;
    return -1;
}
