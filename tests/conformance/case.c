/* One case: its model's inputs and outputs against the files of each set. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/conformance/conformance.h"

enum { PATH = 4096 };

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list;
}

/* The first operation that is not there for the sake of others. */
static void family_of(const struct onnx_graph *g, char family[64])
{
    static const char *const minor[] = {"Constant",
                                        "Identity",
                                        "Cast",
                                        "Reshape",
                                        "Transpose",
                                        "Unsqueeze",
                                        "Squeeze",
                                        "QuantizeLinear",
                                        "DequantizeLinear",
                                        "Shape",
                                        "Slice",
                                        "Concat",
                                        "Gather",
                                        "Relu",
                                        "Add",
                                        "Mul",
                                        NULL};
    size_t best = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        bool major = !is_one_of(g->node[i].op, minor), until = !is_one_of(g->node[best].op, minor);
        if (!until && (major || !strcmp(g->node[best].op, "Constant")))
            best = i;
    }
    snprintf(family, 64, "%s", g->n_nodes ? g->node[best].op : "none");
}

static void free_set(struct set *s)
{
    for (size_t i = 0; i < MOST_VALUES; i++) {
        value_free(&s->in[i]);
        value_free(&s->out[i]);
    }
}

static qnt_status read_values(qnt_ctx *ctx, const char *folder, const char *what, const struct onnx_value_info *info,
                              size_t n, struct value *v)
{
    char path[PATH];
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s_%zu.pb", folder, what, i);
        qnt_status status = value_read(ctx, path, &v[i]);
        if (status)
            return status;
        if (info[i].type && v[i].type != info[i].type)
            return qnt_fail(QNT_ERR_TYPE, "%s is of type %s, the model says %s", path, qnt_onnx_type_name(v[i].type),
                            qnt_onnx_type_name(info[i].type));
    }
    return QNT_OK;
}

static qnt_status read_set(qnt_ctx *ctx, const struct onnx_graph *g, const char *folder, struct set *s)
{
    s->n_in = g->n_inputs;
    s->n_out = g->n_outputs;
    qnt_status status = read_values(ctx, folder, "input", g->input, g->n_inputs, s->in);
    return status ? status : read_values(ctx, folder, "output", g->output, g->n_outputs, s->out);
}

/* The article's network has one set, as .npy files. */
static qnt_status read_arrays(qnt_ctx *ctx, const char *folder, struct set *s)
{
    char path[PATH];
    s->n_in = s->n_out = 1;
    snprintf(path, sizeof path, "%s/x256.npy", folder);
    qnt_status status = value_read(ctx, path, &s->in[0]);
    snprintf(path, sizeof path, "%s/logits256.npy", folder);
    return status ? status : value_read(ctx, path, &s->out[0]);
}

static int is_set(const struct dirent *e)
{
    return !strncmp(e->d_name, "test_data_set_", 14);
}

static enum outcome run_set(struct model *m, const struct one_case *c, const char *name, char text[TEXT])
{
    char folder[PATH], why[TEXT];
    struct set s = {.n_in = 0};
    snprintf(folder, sizeof folder, "%s/%s", c->folder, name);
    qnt_status status = *name ? read_set(m->ctx, m->graph, folder, &s) : read_arrays(m->ctx, c->folder, &s);
    enum outcome outcome = FAILED;
    if (status)
        snprintf(text, TEXT, "%s: %s", name, qnt_last_error());
    else if ((outcome = model_run(m, &s, c->tolerance, why)) != PASSED)
        snprintf(text, TEXT, "%s%s%.900s", name, *name ? ": " : "", why);
    free_set(&s);
    return outcome;
}

static enum outcome run_sets(struct model *m, const struct one_case *c, char text[TEXT])
{
    struct dirent **sets = NULL;
    enum outcome outcome = PASSED;
    int n = scandir(c->folder, &sets, is_set, alphasort);
    if (n <= 0)
        outcome = run_set(m, c, "", text);
    for (int i = 0; i < n; i++) {
        if (outcome == PASSED)
            outcome = run_set(m, c, sets[i]->d_name, text);
        free(sets[i]);
    }
    free(sets);
    return outcome;
}

enum outcome case_run(qnt_ctx *ctx, const struct one_case *c, char family[64], char text[TEXT])
{
    struct model m = {.ctx = ctx, .path = c->model, .rewrite = c->rewrite, .ort_x86 = c->ort_x86};
    struct onnx_graph *g = NULL;
    size_t bytes;
    uint8_t *data = read_bytes(c->model, &bytes);
    qnt_status status = data ? qnt_onnx_read(ctx, data, bytes, NULL, &g) : QNT_ERR_IO;
    enum outcome outcome = FAILED;
    snprintf(family, 64, "%s", c->network ? c->network : "unread");
    if (status) {
        snprintf(text, TEXT, "read: %s", qnt_last_error());
        outcome = status == QNT_ERR_UNSUPPORTED ? REFUSED : FAILED;
    } else {
        if (!c->network)
            family_of(g, family);
        m.graph = g;
        if (g->n_inputs > MOST_VALUES || g->n_outputs > MOST_VALUES)
            snprintf(text, TEXT, "%zu inputs, %zu outputs, expected at most %d", g->n_inputs, g->n_outputs,
                     MOST_VALUES);
        else
            outcome = run_sets(&m, c, text);
    }
    model_free(&m);
    qnt_onnx_graph_free(g);
    free(data);
    return outcome;
}
