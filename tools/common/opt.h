#ifndef TOOLS_OPT_H
#define TOOLS_OPT_H
/* Options of a command-line tool, from one table: parsing, --help and the man page come from the same rows. */
#include <stddef.h>
#include <stdio.h>
#include <qnt/status.h>

/* Exit codes. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNSUPPORTED = 3, EXIT_RESOURCE = 5, EXIT_INTERRUPTED = 130 };

enum opt_kind {
    OPT_FLAG,   /* no argument; int *target = 1 */
    OPT_U32,    /* uint32_t *target, within [min, max] when max > 0 */
    OPT_U64,    /* uint64_t *target */
    OPT_F32,    /* float *target, finite, within [min, max] when max > min */
    OPT_STRING, /* const char **target */
    OPT_CALL    /* call(target, value): NULL, or what is wrong with the value */
};
struct opt {
    const char *name; /* "epochs": --epochs */
    char letter;      /* 'e': -e, or 0 */
    const char *arg;  /* "N" as shown in help; NULL for OPT_FLAG */
    const char *help;
    enum opt_kind kind;
    void *target;
    double min, max;
    const char *(*call)(void *target, const char *value);
};
struct opt_word {
    const char *name, *help;
};
struct opt_tool {
    const char *name, *summary;     /* "qinfo", "shows what this machine offers" */
    const char *operands;           /* "MODEL [INPUT...]", or "" when there are none */
    int min_operands, max_operands; /* max < 0: any number */
    const char *text;               /* NULL, or a sentence or more on the operands */
    const struct opt_word *words;   /* what the first operand may be; ends with name == NULL; NULL: anything */
    const struct opt *options;      /* ends with name == NULL; --help, --version are added by opt_parse */
};

/* Parses argv. Returns -1 to go on, otherwise the exit code to return from main (0 after --help, --version; 2 after a
 * usage error, told on stderr). Operands are moved to argv[1..]; *operands receives their number. "--" ends options. */
int opt_parse(const struct opt_tool *tool, int argc, char **argv, int *operands);
/* Prints "TOOL: text" and a hint to --help on stderr; returns EXIT_USAGE. */
int opt_usage(const struct opt_tool *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "TOOL: text" on stderr; returns `code`. */
int opt_error(const struct opt_tool *tool, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The exit code for a status; prints "TOOL: qnt_last_error()" on stderr unless it is QNT_OK. */
int opt_fail(const struct opt_tool *tool, qnt_status status);
#endif
