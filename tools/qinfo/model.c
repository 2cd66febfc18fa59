/* What a model is: its steps as prepared for one image, with what they write; its constants; sums. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <jansson.h>
#include "tools/common/json.h"
#include "tools/qinfo/qinfo.h"

enum { TEXT = 160 };
struct shown {
    const char *path;
    const qnt_model *model;
    const qnt_session *session;
    uint64_t macs;
};

static void shape_text(const qnt_tensor_info *t, char text[TEXT])
{
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t d = 0; d < t->rank; d++)
        at += (size_t)snprintf(text + at, TEXT - at, "%s%zu", d ? " x " : "", t->dim[d]);
}

/* Scales of a channel each as the least and the greatest. */
static void range(const qnt_tensor_info *t, double *lo, double *hi)
{
    *lo = *hi = (double)t->scale[0];
    for (uint32_t i = 1; i < t->scales; i++) {
        const double s = (double)t->scale[i];
        *lo = s < *lo ? s : *lo;
        *hi = s > *hi ? s : *hi;
    }
}

/* "s8 of 4 bits, 16 scales 0.001 to 0.02, zero 3" */
static void type_text(const qnt_tensor_info *t, char text[TEXT])
{
    double lo, hi;
    int at = snprintf(text, TEXT, "%s", qnt_dtype_name(t->type));
    if ((t->type == QNT_S8 || t->type == QNT_U8) && t->bits < 8)
        at += snprintf(text + at, TEXT - (size_t)at, " of %" PRIu32 " bits", t->bits);
    if (t->scales)
        range(t, &lo, &hi);
    if (t->scales == 1)
        at += snprintf(text + at, TEXT - (size_t)at, ", scale %g", lo);
    else if (t->scales)
        at += snprintf(text + at, TEXT - (size_t)at, ", %" PRIu32 " scales %g to %g", t->scales, lo, hi);
    if (t->zero_point)
        snprintf(text + at, TEXT - (size_t)at, ", zero %" PRId32, t->zero_point);
}

/* An activation by name; false: a step's own. */
static bool find_tensor(const qnt_model *m, const char *name, qnt_tensor_info *t)
{
    for (size_t i = 0; i < qnt_model_tensor_count(m); i++)
        if (qnt_model_tensor(m, i, t) == QNT_OK && !strcmp(t->name, name))
            return true;
    return false;
}

static void print_tensor(const char *what, const qnt_tensor_info *t)
{
    char shape[TEXT], type[TEXT];
    shape_text(t, shape);
    type_text(t, type);
    printf("%s %s: %s, %s\n", what, t->name, shape, type);
}

static void print_text(const struct shown *s)
{
    char shape[TEXT], type[TEXT];
    qnt_tensor_info t;
    qnt_step_info step;
    printf("%s: %zu steps, %" PRIu64 " MACs, %" PRIu64
           " bytes of weights, %zu as the kernels take them, arena %zu bytes\n",
           s->path, qnt_session_step_count(s->session), s->macs, qnt_model_weight_bytes(s->model),
           qnt_session_packed_bytes(s->session), qnt_session_arena_bytes(s->session));
    for (size_t i = 0; qnt_model_input_at(s->model, i, &t) == QNT_OK; i++)
        print_tensor("input", &t);
    for (size_t i = 0; qnt_model_output_at(s->model, i, &t) == QNT_OK; i++)
        print_tensor("output", &t);
    printf("\n%-4s %-24s %-22s %-28s %12s  %-18s %s\n", "", "step", "op", "kernel", "MACs", "gives", "of type");
    for (size_t i = 0; qnt_session_step(s->session, i, &step) == QNT_OK; i++) {
        const bool found = find_tensor(s->model, step.output, &t);
        shape_text(&t, shape);
        type_text(&t, type);
        printf("%-4zu %-24s %-22s %-28s %12" PRIu64 "  %-18s %s\n", i, step.name, step.op,
               *step.variant ? step.variant : "-", step.macs, found ? shape : "-", found ? type : "-");
    }
    printf("\n%-30s %-20s %s\n", "constant", "shape", "type");
    for (size_t i = 0; qnt_model_tensor(s->model, i, &t) == QNT_OK; i++) {
        if (!t.constant)
            continue;
        shape_text(&t, shape);
        type_text(&t, type);
        printf("%-30s %-20s %s\n", t.name, shape, type);
    }
}

static json_t *tensor_json(const qnt_tensor_info *t)
{
    double lo, hi;
    json_t *dims = json_array(), *out;
    for (uint32_t d = 0; d < t->rank; d++)
        json_array_append_new(dims, json_integer((json_int_t)t->dim[d]));
    out = json_pack("{ss,so,ss,si,si,si}", "name", t->name, "shape", dims, "type", qnt_dtype_name(t->type), "bits",
                    (int)t->bits, "scales", (int)t->scales, "zero_point", (int)t->zero_point);
    if (out && t->scales) {
        range(t, &lo, &hi);
        json_object_set_new(out, "least_scale", json_real(lo));
        json_object_set_new(out, "greatest_scale", json_real(hi));
    }
    return out;
}

static int print_json(const struct shown *s)
{
    json_t *in = json_array(), *out = json_array(), *steps = json_array(), *constants = json_array();
    qnt_tensor_info t;
    qnt_step_info step;
    for (size_t i = 0; qnt_model_input_at(s->model, i, &t) == QNT_OK; i++)
        json_array_append_new(in, tensor_json(&t));
    for (size_t i = 0; qnt_model_output_at(s->model, i, &t) == QNT_OK; i++)
        json_array_append_new(out, tensor_json(&t));
    for (size_t i = 0; qnt_session_step(s->session, i, &step) == QNT_OK; i++) {
        json_t *row = json_pack("{ss,ss,ss,sI}", "name", step.name, "op", step.op, "variant", step.variant, "macs",
                                (json_int_t)step.macs);
        json_object_set_new(row, "output", find_tensor(s->model, step.output, &t) ? tensor_json(&t) : json_null());
        json_array_append_new(steps, row);
    }
    for (size_t i = 0; qnt_model_tensor(s->model, i, &t) == QNT_OK; i++)
        if (t.constant)
            json_array_append_new(constants, tensor_json(&t));
    json_t *all = json_pack("{ss,sI,sI,sI,sI,so,so,so,so}", "model", s->path, "macs", (json_int_t)s->macs,
                            "weight_bytes", (json_int_t)qnt_model_weight_bytes(s->model), "arena_bytes",
                            (json_int_t)qnt_session_arena_bytes(s->session), "packed_bytes",
                            (json_int_t)qnt_session_packed_bytes(s->session), "inputs", in, "outputs", out, "steps",
                            steps, "constants", constants);
    return json_out(all, 0);
}

int qinfo_model(const struct opt_tool *tool, qnt_ctx *ctx, const char *path, const struct model_options *options,
                int json)
{
    qnt_model *model = NULL;
    qnt_session *session = NULL;
    qnt_step_info step;
    struct shown s = {.path = path};
    int code = EXIT_OK;
    qnt_status status = model_open(ctx, path, options, &model);
    if (!status)
        status = qnt_session_create(model, NULL, &session);
    if (status) {
        code = opt_fail(tool, status);
    } else {
        s.model = model;
        s.session = session;
        for (size_t i = 0; qnt_session_step(session, i, &step) == QNT_OK; i++)
            s.macs += step.macs;
        if (json)
            code = print_json(&s);
        else
            print_text(&s);
    }
    qnt_session_free(session);
    qnt_model_free(model);
    return code;
}
