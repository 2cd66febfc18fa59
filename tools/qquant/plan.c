/* Plans: a line of text for each node, with the widths of its weights and of the codes that it gives, and how its
 * weights share scales. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "qquant.h"

enum { SHOWN = 60 /* characters of a word that is told */ };
#define WEIGHTS "1 to 8, ternary, float or -"
#define ACTIVATIONS "2 to 8 or -"
#define SCALES "channel, tensor or -"

/* Where a plan is being read. */
struct reader {
    const struct run *r;
    const char *path;
    size_t line, n;
    qnt_ptq_layer *layer; /* [n]: those read so far */
    size_t *where;        /* [nodes]: the line of each, 0: none yet */
};

static int refuse(const struct reader *p, const char *found, const char *expected)
{
    if (!found)
        return opt_error(p->r->tool, EXIT_FAILED, "%s: line %zu: found the line's end, expected %s", p->path, p->line,
                         expected);
    return opt_error(p->r->tool, EXIT_FAILED, "%s: line %zu: found '%.*s'%s, expected %s", p->path, p->line, SHOWN,
                     found, strlen(found) > SHOWN ? ".." : "", expected);
}

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A word in quotes, whose beginning `from` points behind, made to what it stands for; *at moves behind it. */
static char *quoted(char *from, char **at)
{
    char *to = from, *word = from;
    for (; *from && *from != '"'; from++) {
        if (*from == '\\' && from[1] == 'x' && hex(from[2]) >= 0 && hex(from[3]) >= 0 &&
            (from[2] > '0' || from[3] > '0')) {
            *to++ = (char)(hex(from[2]) * 16 + hex(from[3]));
            from += 3;
        } else if (*from == '\\' && (from[1] == '\\' || from[1] == '"')) {
            *to++ = *++from;
        } else if (*from == '\\') {
            return NULL;
        } else {
            *to++ = *from;
        }
    }
    if (*from != '"' || (from[1] && !strchr(" \t\r#", from[1])))
        return NULL;
    *at = from + 1;
    *to = '\0';
    return word;
}

/* The next word of a line; NULL with *code EXIT_OK: none is left. */
static char *next_word(const struct reader *p, char **at, int *code)
{
    char *word = *at + strspn(*at, " \t\r");
    if (!*word || *word == '#') {
        *at = word + strlen(word);
        return NULL;
    }
    if (*word == '"') {
        char *name = quoted(word + 1, at);
        if (!name)
            *code = refuse(p, word, "a name in quotes, in which \\\\, \\\" and \\xNN stand for bytes");
        return name;
    }
    char *end = word + strcspn(word, " \t\r");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* Index of a word in a list that ends with NULL; -1. */
static int index_of(const char *word, const char *const *list)
{
    for (int i = 0; list[i]; i++)
        if (!strcmp(word, list[i]))
            return i;
    return -1;
}

static const char *const width[] = {"-", "1", "2", "3", "4", "5", "6", "7", "8", "ternary", "float", NULL};
static const char *const scales[] = {"-", "channel", "tensor", NULL};

static uint32_t width_bits(int i)
{
    return i == 9 ? (uint32_t)QNT_BITS_TERNARY : i == 10 ? (uint32_t)QNT_BITS_FLOAT : (uint32_t)i;
}

/* The number of the node of this name; the number of nodes: there is none. */
static size_t find_node(const struct run *r, const char *name, qnt_ptq_layer *now)
{
    const size_t n = qnt_ptq_layer_count(r->ptq);
    for (size_t i = 0; i < n; i++) {
        *now = (qnt_ptq_layer){.size = sizeof *now};
        if (!qnt_ptq_layer_at(r->ptq, i, now) && !strcmp(now->name, name))
            return i;
    }
    return n;
}

static int check_name(struct reader *p, const char *name, qnt_ptq_layer *now)
{
    const size_t node = find_node(p->r, name, now);
    if (node == qnt_ptq_layer_count(p->r->ptq))
        return refuse(p, name, "the name of a node of the model");
    if (p->where[node])
        return opt_error(p->r->tool, EXIT_FAILED,
                         "%s: line %zu: found '%.*s' again, expected each node once (line %zu)", p->path, p->line,
                         SHOWN, name, p->where[node]);
    p->where[node] = p->line;
    return EXIT_OK;
}

/* Words behind the name; the last two may be left out. */
static int read_columns(struct reader *p, const char *const word[4], const qnt_ptq_layer *now, qnt_ptq_layer *l)
{
    int at;
    if (!word[1] || (at = index_of(word[1], width)) < 0)
        return refuse(p, word[1], "weights of " WEIGHTS);
    l->weight_bits = width_bits(at);
    if (now->weight_bits == 0 && l->weight_bits && l->weight_bits != QNT_BITS_FLOAT)
        return refuse(p, word[1], "float or - for a node without constant weights");
    if (word[2] && ((at = index_of(word[2], width)) == 1 || at < 0 || at > 8))
        return refuse(p, word[2], "activations of " ACTIVATIONS);
    l->activation_bits = word[2] ? width_bits(at) : 0;
    if (word[3] && (at = index_of(word[3], scales)) < 0)
        return refuse(p, word[3], "scales by " SCALES);
    l->granularity = word[3] ? (qnt_granularity)at : 0;
    return EXIT_OK;
}

static int read_line(struct reader *p, char *text)
{
    const char *word[5] = {NULL};
    qnt_ptq_layer *l = &p->layer[p->n], now;
    int code = EXIT_OK;
    for (size_t i = 0; i < 5 && code == EXIT_OK; i++)
        if (!(word[i] = next_word(p, &text, &code)))
            break;
    if (code != EXIT_OK || !word[0])
        return code;
    *l = (qnt_ptq_layer){.size = sizeof *l, .name = word[0]};
    if ((code = check_name(p, word[0], &now)) != EXIT_OK || (code = read_columns(p, word, &now, l)) != EXIT_OK)
        return code;
    if (word[4])
        return refuse(p, word[4], "the line's end or a comment, which # begins");
    p->n++;
    return EXIT_OK;
}

static int read_lines(struct reader *p, char *text, size_t size)
{
    int code = EXIT_OK;
    if (memchr(text, '\0', size))
        return opt_error(p->r->tool, EXIT_FAILED, "%s: found a zero byte, expected lines of text", p->path);
    for (char *end; *text && code == EXIT_OK; text = end) {
        end = text + strcspn(text, "\n");
        if (*end)
            *end++ = '\0';
        p->line++;
        code = read_line(p, text);
    }
    return code == EXIT_OK ? opt_fail(p->r->tool, qnt_ptq_choose(p->r->ptq, p->layer, p->n)) : code;
}

int plan_read(struct run *r, const char *path)
{
    const size_t nodes = qnt_ptq_layer_count(r->ptq);
    struct reader p = {.r = r, .path = path};
    unsigned char *text = NULL;
    size_t size;
    int code = file_read(r->tool, path, &text, &size);
    p.layer = calloc(nodes + 1, sizeof *p.layer);
    p.where = calloc(nodes + 1, sizeof *p.where);
    if (code == EXIT_OK && (!p.layer || !p.where))
        code = opt_error(r->tool, EXIT_RESOURCE, "%s: out of memory: %zu nodes", path, nodes);
    if (code == EXIT_OK)
        code = read_lines(&p, (char *)text, size);
    free(p.where);
    free(p.layer);
    free(text);
    return code;
}

/* As next_word reads it; characters written. */
static int put_name(FILE *f, const char *name)
{
    int bare = *name && *name != '#' && *name != '"', n = 0;
    for (const char *c = name; *c; c++)
        bare = bare && (unsigned char)*c > ' ' && *c != 127;
    if (bare)
        return fprintf(f, "%s", name);
    n += fprintf(f, "\"");
    for (; *name; name++)
        n += (unsigned char)*name < ' ' || *name == 127 ? fprintf(f, "\\x%02x", (unsigned char)*name)
             : *name == '"' || *name == '\\'            ? fprintf(f, "\\%c", *name)
                                                        : fprintf(f, "%c", *name);
    return n + fprintf(f, "\"");
}

const char *width_word(uint32_t bits)
{
    return width[bits == QNT_BITS_TERNARY ? 9 : bits == QNT_BITS_FLOAT ? 10 : bits];
}

qnt_status plan_print(const struct run *r, FILE *f)
{
    qnt_status status = QNT_OK;
    fprintf(f, "%-31s %-8s %-12s %s\n", "# node", "weights", "activations", "scales");
    for (size_t i = 0; i < qnt_ptq_layer_count(r->ptq) && !status; i++) {
        qnt_ptq_layer l = {.size = sizeof l};
        if ((status = qnt_ptq_layer_at(r->ptq, i, &l)) || (!l.weight_bits && !l.activation_bits))
            continue;
        const int used = put_name(f, l.name);
        fprintf(f, "%*s%-8s %-12s %s\n", used < 31 ? 32 - used : 1, "", width_word(l.weight_bits),
                width_word(l.activation_bits), scales[l.granularity]);
    }
    return status;
}

json_t *plan_json(const struct run *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < qnt_ptq_layer_count(r->ptq); i++) {
        qnt_ptq_layer l = {.size = sizeof l};
        if (!qnt_ptq_layer_at(r->ptq, i, &l) && (l.weight_bits || l.activation_bits))
            json_array_append_new(all, json_pack("{ss,ss,ss,ss}", "node", l.name, "weights", width_word(l.weight_bits),
                                                 "activations", width_word(l.activation_bits), "scales",
                                                 scales[l.granularity]));
    }
    return all;
}

int plan_write(const struct run *r, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return opt_error(r->tool, EXIT_FAILED, "%s: %s", path, strerror(errno));
    fprintf(f, "# A plan of qquant. weights: " WEIGHTS "; activations: " ACTIVATIONS "; scales: " SCALES ".\n"
               "# -: there are none, or as the options say; what has no line is as these say, too.\n");
    const int code = opt_fail(r->tool, plan_print(r, f)), bad = ferror(f);
    if (fclose(f) || bad)
        return opt_error(r->tool, EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return code;
}
