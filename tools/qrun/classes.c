/* What images are taken for: classes by number, or by the names of a file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/common/file.h"
#include "qrun.h"

enum { BEST = 5 };

static size_t count_lines(const unsigned char *text, size_t size)
{
    size_t n = size > 0 && text[size - 1] != '\n';
    for (size_t i = 0; i < size; i++)
        n += text[i] == '\n';
    return n;
}

/* Ends each line with a zero; those of Windows end before their \r. */
static void cut(struct classes *c)
{
    char *at = (char *)c->text;
    for (size_t i = 0; i < c->n; i++) {
        char *end = at + strcspn(at, "\n");
        c->name[i] = at;
        at = end + (*end == '\n');
        *end = '\0';
        if (end > c->name[i] && end[-1] == '\r')
            end[-1] = '\0';
    }
}

/* As many names as the first output has elements. */
static int check(const struct run *r, const struct classes *c)
{
    qnt_tensor_info out;
    size_t n = 1;
    const qnt_status status = qnt_model_output(r->model, &out);
    if (status)
        return opt_fail(r->tool, status);
    for (uint32_t d = 0; d < out.rank; d++)
        n *= out.dim[d];
    if (n == c->n)
        return EXIT_OK;
    return opt_error(r->tool, EXIT_FAILED, "%s: expected a line for each of the %zu elements of output '%s', found %zu",
                     r->a->labels, n, out.name, c->n);
}

/* JSON knows no other. */
static int check_text(const struct run *r, const struct classes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        json_t *text = json_string(c->name[i]);
        if (!text)
            return opt_error(r->tool, EXIT_FAILED, "%s: line %zu is no text, expected UTF-8", r->a->labels, i + 1);
        json_decref(text);
    }
    return EXIT_OK;
}

int classes_open(const struct run *r, struct classes *c)
{
    size_t size;
    *c = (struct classes){0};
    if (!r->a->labels)
        return EXIT_OK;
    int code = file_read(r->tool, r->a->labels, &c->text, &size);
    if (code != EXIT_OK)
        return code;
    if (memchr(c->text, '\0', size))
        return opt_error(r->tool, EXIT_FAILED, "%s: expected lines of text, found a zero byte", r->a->labels);
    c->n = count_lines(c->text, size);
    if ((code = check(r, c)) != EXIT_OK)
        return code;
    if (!(c->name = calloc(c->n, sizeof *c->name)) || (r->a->json && !(c->rows = json_array())))
        return opt_error(r->tool, EXIT_RESOURCE, "%s: out of memory: %zu names", r->a->labels, c->n);
    cut(c);
    return check_text(r, c);
}

void classes_free(struct classes *c)
{
    json_decref(c->rows);
    free(c->name);
    free(c->text);
}

/* The greatest scores, the lower class first among equals; NaNs come last. Returns how many. */
static size_t find_best(const float *score, size_t n, size_t best[BEST])
{
    size_t found = 0;
    for (; found < BEST && found < n; found++) {
        size_t top = n;
        for (size_t k = 0; k < n; k++) {
            bool taken = false;
            for (size_t i = 0; i < found; i++)
                taken = taken || best[i] == k;
            if (!taken && (top == n || score[k] > score[top] || (isnan(score[top]) && !isnan(score[k]))))
                top = k;
        }
        best[found] = top;
    }
    return found;
}

static json_t *to_json(const struct classes *c, size_t image, const float *score, const size_t *best, size_t found)
{
    json_t *top = json_array();
    for (size_t i = 0; i < found; i++) {
        json_t *row = json_pack("{sI,ss}", "class", (json_int_t)best[i], "name", c->name[best[i]]);
        if (row) /* not a number is none in JSON */
            json_object_set_new(row, "score",
                                isfinite(score[best[i]]) ? json_real((double)score[best[i]]) : json_null());
        json_array_append_new(top, row);
    }
    return json_pack("{sI,so}", "image", (json_int_t)image, "top", top);
}

void classes_tell(void *user, size_t image, const float *score, size_t n)
{
    const struct classes *c = user;
    size_t best[BEST] = {0};
    const size_t found = find_best(score, n, best);
    if (c->rows) {
        json_array_append_new(c->rows, to_json(c, image, score, best, found));
        return;
    }
    printf("image %zu: class %zu (%g)%s%s\n", image, best[0], (double)score[best[0]], c->name ? ": " : "",
           c->name ? c->name[best[0]] : "");
    for (size_t i = 1; i < found && c->name; i++)
        printf("    then class %zu (%g): %s\n", best[i], (double)score[best[i]], c->name[best[i]]);
}
