/* The model's files. What was written must be a model that runs and gives what the one in memory gives. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/export.h>
#include "qquant.h"

/* Whether both models give the same outputs for the first calibration input. */
static int compare(const struct run *r, qnt_model *model, qnt_model *again, bool *same)
{
    struct outputs a = {.value = NULL}, b = {.value = NULL};
    int code = outputs_of(r, model, 1, &a);
    if (code == EXIT_OK)
        code = outputs_of(r, again, 1, &b);
    *same = code == EXIT_OK && a.n == b.n && !memcmp(a.value, b.value, a.n * sizeof *a.value);
    free(a.value);
    free(b.value);
    return code;
}

static int other_values(const struct run *r, const char *path)
{
    return opt_error(r->tool, EXIT_FAILED, "%s: the model that was written gives other values", path);
}

static int verify(const struct run *r, qnt_model *model)
{
    qnt_model *again = NULL;
    bool same = false;
    int code = opt_fail(r->tool, qnt_model_load(r->ctx, r->s->out, &again));
    if (code == EXIT_OK)
        code = compare(r, model, again, &same);
    qnt_model_free(again);
    return code == EXIT_OK && !same ? other_values(r, r->s->out) : code;
}

typedef qnt_status border_fn(const qnt_model *m, size_t i, qnt_tensor_info *out);

static bool same_borders(const qnt_model *x, const qnt_model *y, size_t n, border_fn *border)
{
    qnt_tensor_info a, b;
    for (size_t i = 0; i < n; i++)
        if (border(x, i, &a) || border(y, i, &b) || a.type != b.type || a.rank != b.rank ||
            memcmp(a.dim, b.dim, a.rank * sizeof *a.dim) != 0)
            return false;
    return true;
}

static bool same_shapes(const qnt_model *a, const qnt_model *b)
{
    const size_t in = qnt_model_input_count(a), out = qnt_model_output_count(a);
    return in == qnt_model_input_count(b) && out == qnt_model_output_count(b) &&
           same_borders(a, b, in, qnt_model_input_at) && same_borders(a, b, out, qnt_model_output_at);
}

/* The ONNX file's images may have their channels first: read as they are or turned, it must be this model once. */
static int verify_onnx(const struct run *r, qnt_model *model)
{
    bool same = false;
    int code = EXIT_OK;
    for (uint32_t last = 0; last < 4 && code == EXIT_OK && !same; last++) {
        const qnt_import_config config = {.size = sizeof config, .format = "onnx", .channels_last = last};
        qnt_model *again = NULL;
        code = opt_fail(r->tool, qnt_model_import(r->ctx, r->s->onnx, &config, &again));
        if (code == EXIT_OK && same_shapes(model, again))
            code = compare(r, model, again, &same);
        qnt_model_free(again);
    }
    return code == EXIT_OK && !same ? other_values(r, r->s->onnx) : code;
}

static int write_onnx(const struct run *r, qnt_model *model)
{
    const qnt_export_config config = {
        .size = sizeof config, .format = "onnx", .opset = r->s->opset, .int4 = (uint32_t)r->s->int4};
    int code = opt_fail(r->tool, qnt_model_export(model, r->s->onnx, &config));
    if (code == EXIT_OK && (code = verify_onnx(r, model)) != EXIT_OK)
        unlink(r->s->onnx);
    return code;
}

int write_model(const struct run *r, qnt_model *model)
{
    int code = opt_fail(r->tool, qnt_model_save(model, r->s->out));
    if (code == EXIT_OK && (code = verify(r, model)) != EXIT_OK)
        unlink(r->s->out);
    if (code == EXIT_OK && r->s->onnx)
        code = write_onnx(r, model);
    if (code == EXIT_OK && r->s->plan_out)
        code = plan_write(r, r->s->plan_out);
    return code;
}
