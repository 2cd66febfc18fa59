/* What quantizing does, layer by layer: each alone, and all up to it. The outputs of the calibration inputs are
 * compared with the float model's: SQNR in dB, cosine, KL of their softmax; with test images the accuracy, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "qquant.h"

struct likeness {
    double sqnr, cosine, kl, accuracy;
};

static int outputs(struct run *r, qnt_model *model, float **out, size_t *n)
{
    qnt_session *session;
    qnt_tensor_info info;
    int code = opt_fail(r->tool, qnt_session_create(model, NULL, &session));
    if (code)
        return code;
    code = opt_fail(r->tool, qnt_session_output(session, &info));
    *n = 1;
    for (uint32_t d = 0; code == EXIT_OK && d < info.rank; d++)
        *n *= info.dim[d];
    if (code == EXIT_OK && !(*out = calloc(r->n * *n, sizeof **out)))
        code = opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu outputs", r->n);
    for (size_t i = 0; i < r->n && code == EXIT_OK; i++)
        code = opt_fail(r->tool, qnt_session_run(session, r->inputs + i * r->elements, *out + i * *n, 1));
    qnt_session_free(session);
    return code;
}

/* Natural logarithms of softmax(x). */
static void log_softmax(const float *x, size_t n, double *to)
{
    double most = (double)x[0], sum = 0.0;
    for (size_t i = 1; i < n; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)x[i] - most - log(sum);
}

static int compare(struct run *r, const float *a, const float *b, size_t n, struct likeness *l)
{
    double aa = 0.0, bb = 0.0, ab = 0.0, error = 0.0, kl = 0.0, *p = calloc(2 * n, sizeof *p);
    if (!p)
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu values", n);
    for (size_t i = 0; i < r->n * n; i++) {
        const double x = (double)a[i], y = (double)b[i];
        aa += x * x;
        bb += y * y;
        ab += x * y;
        error += (x - y) * (x - y);
    }
    for (size_t i = 0; i < r->n; i++) {
        log_softmax(a + i * n, n, p);
        log_softmax(b + i * n, n, p + n);
        for (size_t k = 0; k < n; k++)
            kl += exp(p[k]) * (p[k] - p[n + k]);
    }
    free(p);
    l->sqnr = error > 0.0 ? 10.0 * log10(aa / error) : INFINITY;
    l->cosine = aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 1.0;
    l->kl = kl / (double)r->n;
    return EXIT_OK;
}

static int judge(struct run *r, const char *only, const float *plain, struct likeness *l)
{
    qnt_ptq_config config = r->s->config;
    qnt_model *model = NULL;
    float *got = NULL;
    size_t n = 0;
    config.only = only;
    int code = quantize_once(r, &config, &model);
    if (code == EXIT_OK)
        code = outputs(r, model, &got, &n);
    if (code == EXIT_OK)
        code = compare(r, plain, got, n, l);
    if (code == EXIT_OK && r->test)
        code = accuracy_of(r, model, &l->accuracy);
    free(got);
    qnt_model_free(model);
    return code;
}

static void print_row(const struct run *r, const char *name, const struct likeness *alone, const struct likeness *all)
{
    printf("%-24s %8.2f %9.6f %10.3g", name, alone->sqnr, alone->cosine, alone->kl);
    if (r->test)
        printf(" %7.2f %%", alone->accuracy * 100);
    printf("   %8.2f %9.6f %10.3g", all->sqnr, all->cosine, all->kl);
    if (r->test)
        printf(" %7.2f %%", all->accuracy * 100);
    printf("\n");
}

static json_t *to_json(const struct run *r, const struct likeness *l)
{
    json_t *row = json_pack("{sf,sf}", "cosine", l->cosine, "kl", l->kl);
    json_object_set_new(row, "sqnr_db", isfinite(l->sqnr) ? json_real(l->sqnr) : json_null());
    if (r->test)
        json_object_set_new(row, "accuracy", json_real(l->accuracy));
    return row;
}

/* Appends a name to a list; NULL when out of memory. */
static char *join(char *list, const char *name)
{
    const size_t have = list ? strlen(list) : 0;
    char *grown = realloc(list, have + strlen(name) + 2);
    if (grown)
        sprintf(grown + have, "%s%s", have ? "," : "", name);
    else
        free(list);
    return grown;
}

static int each_layer(struct run *r, const float *plain, json_t *rows)
{
    char *so_far = NULL;
    int code = EXIT_OK;
    for (size_t i = 0; i < qnt_model_node_count(r->start) && code == EXIT_OK; i++) {
        qnt_node_info node;
        struct likeness alone, all;
        code = opt_fail(r->tool, qnt_model_node(r->start, i, &node));
        if (code != EXIT_OK || (strcmp(node.op, "conv2d") != 0 && strcmp(node.op, "fully_connected") != 0))
            continue;
        if (!(so_far = join(so_far, node.name)))
            return opt_error(r->tool, EXIT_RESOURCE, "out of memory: names of layers");
        if ((code = judge(r, node.name, plain, &alone)) != EXIT_OK || (code = judge(r, so_far, plain, &all)) != EXIT_OK)
            break;
        if (!r->s->json)
            print_row(r, node.name, &alone, &all);
        json_array_append_new(
            rows, json_pack("{ss,so,so}", "layer", node.name, "alone", to_json(r, &alone), "up_to", to_json(r, &all)));
    }
    free(so_far);
    return code;
}

int sensitivity_run(struct run *r)
{
    float *plain = NULL;
    size_t n;
    json_t *rows = json_array();
    int code = outputs(r, r->start, &plain, &n);
    if (code == EXIT_OK && !r->s->json)
        printf("%-24s %8s %9s %10s%s   %8s %9s %10s%s\n", "layer, alone", "SQNR dB", "cosine", "KL",
               r->test ? "  accuracy" : "", "up to it", "cosine", "KL", r->test ? "  accuracy" : "");
    if (code == EXIT_OK)
        code = each_layer(r, plain, rows);
    if (code == EXIT_OK && r->s->json && (json_dumpf(rows, stdout, JSON_INDENT(2)) || putchar('\n') == EOF))
        code = EXIT_FAILED;
    json_decref(rows);
    free(plain);
    return code;
}
