/* What quantizing does, layer by layer: each alone, and all up to it. The outputs of the calibration inputs are
 * compared with the float model's: SQNR in dB, cosine, KL of their softmax; with test images the accuracy, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/common/json.h"
#include "qquant.h"

/* The lines as they were when it began, and those of a layer alone. */
struct trial {
    struct run *r;
    struct outputs plain; /* of the float model */
    double accuracy;
    size_t nodes;
    qnt_ptq_layer *as_is, *line; /* [nodes] */
    struct layer_row *row;
    size_t n;
};

static int allocate(struct trial *t)
{
    t->nodes = qnt_ptq_layer_count(t->r->ptq);
    t->as_is = calloc(t->nodes + 1, sizeof *t->as_is);
    t->line = calloc(t->nodes + 1, sizeof *t->line);
    t->row = calloc(t->nodes + 1, sizeof *t->row);
    if (!t->as_is || !t->line || !t->row)
        return opt_error(t->r->tool, EXIT_RESOURCE, "out of memory: %zu nodes", t->nodes);
    for (size_t i = 0; i < t->nodes; i++) {
        t->as_is[i].size = sizeof *t->as_is;
        qnt_status status = qnt_ptq_layer_at(t->r->ptq, i, &t->as_is[i]);
        if (status)
            return opt_fail(t->r->tool, status);
        t->line[i] = t->as_is[i];
        t->line[i].weight_bits = QNT_BITS_FLOAT;
    }
    return EXIT_OK;
}

static int judge(struct trial *t, struct likeness *l)
{
    struct run *r = t->r;
    qnt_model *model = NULL;
    struct outputs got = {.value = NULL};
    int code = opt_fail(r->tool, qnt_ptq_choose(r->ptq, t->line, t->nodes));
    if (code == EXIT_OK)
        code = opt_fail(r->tool, qnt_ptq_model(r->ptq, &model));
    if (code == EXIT_OK)
        code = outputs_of(r, model, r->n, &got);
    if (code == EXIT_OK)
        code = likeness_of(r, &t->plain, &got, l);
    if (code == EXIT_OK && r->test)
        code = accuracy_of(r, model, &l->accuracy);
    free(got.value);
    qnt_model_free(model);
    return code;
}

static void print_row(const struct run *r, const struct layer_row *row)
{
    printf("%-24s %8.2f %9.6f %10.3g", row->name, row->alone.sqnr, row->alone.cosine, row->alone.kl);
    if (r->test)
        printf(" %7.2f %%", row->alone.accuracy * 100);
    printf("   %8.2f %9.6f %10.3g", row->up_to.sqnr, row->up_to.cosine, row->up_to.kl);
    if (r->test)
        printf(" %7.2f %%", row->up_to.accuracy * 100);
    printf("\n");
}

static json_t *to_json(const struct run *r, const struct likeness *l)
{
    json_t *row =
        json_pack("{so,so,so}", "cosine", real_json(l->cosine), "kl", real_json(l->kl), "sqnr_db", real_json(l->sqnr));
    if (r->test)
        json_object_set_new(row, "accuracy", json_real(l->accuracy));
    return row;
}

static int print_json(const struct trial *t)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(rows,
                              json_pack("{ss,so,so}", "layer", t->row[i].name, "alone", to_json(t->r, &t->row[i].alone),
                                        "up_to", to_json(t->r, &t->row[i].up_to)));
    return json_out(rows, 0);
}

/* up_to: all layers that this came by before stay quantized; what is no layer stays in float but for the last one. */
static int each_layer(struct trial *t)
{
    int code = EXIT_OK;
    char *before = calloc(t->nodes + 1, 1);
    if (!before)
        return opt_error(t->r->tool, EXIT_RESOURCE, "out of memory: %zu nodes", t->nodes);
    for (size_t i = 0; i < t->nodes && code == EXIT_OK; i++) {
        struct layer_row *row = &t->row[t->n];
        if (!t->as_is[i].weight_bits || t->as_is[i].weight_bits == QNT_BITS_FLOAT)
            continue;
        row->name = t->as_is[i].name;
        before[i] = 1;
        for (size_t k = 0; k < t->nodes; k++)
            t->line[k].weight_bits = k == i ? t->as_is[k].weight_bits : QNT_BITS_FLOAT;
        if ((code = judge(t, &row->alone)) != EXIT_OK)
            break;
        for (size_t k = 0; k < t->nodes; k++)
            t->line[k].weight_bits = before[k] ? t->as_is[k].weight_bits : QNT_BITS_FLOAT;
        if ((code = judge(t, &row->up_to)) == EXIT_OK && !t->r->s->json)
            print_row(t->r, row);
        t->n += code == EXIT_OK;
    }
    free(before);
    return code;
}

int sensitivity_run(struct run *r)
{
    struct trial t = {.r = r};
    int code = outputs_of(r, r->start, r->n, &t.plain);
    if (code == EXIT_OK)
        code = allocate(&t);
    if (code == EXIT_OK && r->test)
        code = accuracy_of(r, r->start, &t.accuracy);
    if (code == EXIT_OK && !r->s->json)
        printf("%-24s %8s %9s %10s%s   %8s %9s %10s%s\n", "layer, alone", "SQNR dB", "cosine", "KL",
               r->test ? "  accuracy" : "", "up to it", "cosine", "KL", r->test ? "  accuracy" : "");
    if (code == EXIT_OK)
        code = each_layer(&t);
    if (code == EXIT_OK && r->s->plot)
        code = plot_layers(r, t.row, t.n, t.accuracy);
    if (code == EXIT_OK && r->s->json)
        code = print_json(&t);
    free(t.row);
    free(t.line);
    free(t.as_is);
    free(t.plain.value);
    return code;
}
