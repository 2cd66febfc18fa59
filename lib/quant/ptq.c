/* Setting up, observing, and the quantized model. */
#include <math.h>
#include <string.h>
#include "lib/core/core.h"
#include <qnt/train.h>
#include "lib/quant/ptq.h"
#include "simd/fpenv.h"

enum { BATCH = 8 }; /* inputs that run together */

static qnt_status bad(const char *field, double found, const char *expected)
{
    return qnt_fail(QNT_ERR_ARG, "quantization config: %s is %g, expected %s", field, found, expected);
}

static bool is_width(uint32_t bits)
{
    return (bits >= 1 && bits <= 8) || bits == QNT_BITS_TERNARY;
}

static qnt_status read_config(const qnt_ptq_config *config, qnt_ptq_config *c)
{
    qnt_status status = qnt_config_copy(c, sizeof *c, config, "quantization config");
    if (status)
        return status;
    c->weight_bits = c->weight_bits ? c->weight_bits : 8;
    c->activation_bits = c->activation_bits ? c->activation_bits : 8;
    c->percentile = c->percentile != 0.0f ? c->percentile : 1e-5f;
    if (!is_width(c->weight_bits))
        return bad("weight_bits", c->weight_bits, "1 to 8 or QNT_BITS_TERNARY");
    if (c->edge_bits && !is_width(c->edge_bits))
        return bad("edge_bits", c->edge_bits, "0, 1 to 8 or QNT_BITS_TERNARY");
    if (c->activation_bits < 2 || c->activation_bits > 8)
        return bad("activation_bits", c->activation_bits, "2 to 8");
    if ((uint32_t)c->calibration > QNT_CALIBRATE_ENTROPY)
        return bad("calibration", c->calibration, "a qnt_calibration");
    if (!(c->percentile > 0.0f && c->percentile < 0.5f))
        return bad("percentile", (double)c->percentile, "above 0, below 0.5");
    if ((uint32_t)c->rounding > QNT_ROUND_LEARNED)
        return bad("rounding", c->rounding, "a qnt_rounding");
    if (c->n_layers && !c->layers)
        return bad("n_layers", (double)c->n_layers, "0 without layers");
    if (c->reserved)
        return bad("reserved", c->reserved, "0");
    if (c->per_tensor > 1 || c->no_bias_correction > 1 || c->equalize > 1)
        return qnt_fail(QNT_ERR_ARG,
                        "quantization config: per_tensor %u, no_bias_correction %u, equalize %u, expected "
                        "0 or 1 each",
                        c->per_tensor, c->no_bias_correction, c->equalize);
    return QNT_OK;
}

static qnt_status check_model(const struct qnt_model *m)
{
    qnt_status status = qnt_model_check_borders(m);
    if (status)
        return status;
    for (size_t i = 0; i < m->inputs.n; i++) {
        const struct qnt_tensor *in = &m->tensor[m->inputs.id[i]];
        if (in->type == QNT_S8 || in->type == QNT_U8)
            return qnt_fail(QNT_ERR_TYPE, "quantization: input '%s' is %s, expected f32 or what stays as it is",
                            in->name, qnt_dtype_name(in->type));
    }
    for (size_t i = 0; i < m->n_nodes; i++)
        for (uint32_t k = 0; k < m->node[i].n_in; k++) {
            const struct qnt_tensor *t = &m->tensor[m->node[i].in[k]];
            if (t->type == QNT_S8 || t->type == QNT_U8 || t->type == QNT_TERNARY)
                return qnt_fail(QNT_ERR_TYPE,
                                "quantization: node '%s' reads '%s', which is %s; a float model is "
                                "expected",
                                m->node[i].name, t->name, qnt_dtype_name(t->type));
        }
    return QNT_OK;
}

static qnt_status copy_texts(struct qnt_ptq *p)
{
    const char **text[] = {&p->config.layer_bits, &p->config.keep_float, &p->config.only};
    const size_t texts = sizeof text / sizeof *text;
    for (size_t i = 0; i < texts; i++)
        if (*text[i] && !(*text[i] = qnt_strdup(p->ctx, *text[i]))) {
            for (; i < texts; i++)
                *text[i] = NULL;
            return QNT_ERR_NOMEM;
        }
    return QNT_OK;
}

static qnt_status set_up(struct qnt_ptq *p, const struct qnt_model *model)
{
    struct qnt_plan_options options = {.max_batch = BATCH, .keep_tensors = true};
    const qnt_ptq_layer *layers = p->config.layers;
    const size_t n_layers = p->config.n_layers;
    p->config.layers = NULL;
    p->config.n_layers = 0;
    qnt_status status = qnt_model_fold(model, &p->f);
    if (status || (status = qnt_ptq_check_patterns(p)))
        return status;
    if (p->config.equalize)
        qnt_ptq_equalize(p->f);
    if ((status = qnt_plan_create(p->f, &options, &p->plan)) || (status = qnt_moments_create(p)) ||
        (status = qnt_seen_create(p)))
        return status;
    if (!(p->arena = qnt_alloc(p->ctx, p->plan->arena_bytes, "calibration")) ||
        !(p->scratch = qnt_alloc(p->ctx, p->plan->scratch_bytes + 1, "calibration")))
        return QNT_ERR_NOMEM;
    return qnt_ptq_set_layers(p, layers, n_layers);
}

qnt_status qnt_ptq_create(const qnt_model *model, const qnt_ptq_config *config, qnt_ptq **out)
{
    qnt_ptq_config c;
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_create: model or out is NULL");
    qnt_status status = read_config(config, &c);
    if (status || (status = check_model(model)))
        return status;
    struct qnt_ptq *p = qnt_alloc(model->ctx, sizeof *p, "a quantization");
    if (!p)
        return QNT_ERR_NOMEM;
    p->ctx = model->ctx;
    p->config = c;
    if (!(status = copy_texts(p))) {
        qnt_fpenv saved = qnt_fpenv_enter();
        status = set_up(p, model);
        qnt_fpenv_leave(saved);
    }
    if (status) {
        qnt_ptq_free(p);
        return status;
    }
    *out = p;
    return QNT_OK;
}

void qnt_ptq_free(qnt_ptq *p)
{
    if (!p)
        return;
    const qnt_ctx *ctx = p->ctx;
    qnt_moments_free(p);
    qnt_seen_free(p);
    qnt_quantizer_free(p->q);
    qnt_plan_free(p->plan);
    qnt_model_free(p->f);
    qnt_release(ctx, p->arena);
    qnt_release(ctx, p->scratch);
    qnt_release(ctx, p->line);
    qnt_release(ctx, (char *)(uintptr_t)p->config.layer_bits);
    qnt_release(ctx, (char *)(uintptr_t)p->config.keep_float);
    qnt_release(ctx, (char *)(uintptr_t)p->config.only);
    qnt_release(ctx, p);
}

/* Runs `some` inputs from `at` on through the float model. */
static void run(struct qnt_ptq *p, const void *const *in, size_t at, size_t some)
{
    const struct qnt_plan *plan = p->plan;
    const struct qnt_exec x = {.arena = p->arena, .scratch = p->scratch, .batch = some, .part = 0, .parts = 1};
    for (size_t i = 0; i < plan->model->inputs.n; i++) {
        const int id = plan->model->inputs.id[i];
        const size_t n = qnt_tensor_count(&plan->model->tensor[id]) * qnt_dtype_size(plan->model->tensor[id].type);
        memcpy(p->arena + plan->offset[id], (const uint8_t *)in[i] + at * n, some * n);
    }
    for (size_t i = 0; i < plan->n_steps; i++)
        qnt_plan_run_step(plan, i, &x);
}

/* One value that is no number would make ranges of all that it meets. */
static qnt_status check_finite(const struct qnt_ptq *p, const void *const *in, size_t batch)
{
    for (size_t i = 0; i < p->f->inputs.n; i++) {
        const struct qnt_tensor *t = &p->f->tensor[p->f->inputs.id[i]];
        const float *x = in[i];
        const size_t n = qnt_tensor_count(t);
        for (size_t k = 0; t->type == QNT_F32 && k < batch * n; k++)
            if (!isfinite(x[k]))
                return qnt_fail(QNT_ERR_RANGE,
                                "calibration: element %zu of '%s' is %g in image %zu, expected a finite "
                                "number",
                                k % n, t->name, (double)x[k], p->inputs + k / n);
    }
    return QNT_OK;
}

qnt_status qnt_ptq_observe_io(qnt_ptq *p, const void *const *in, size_t batch)
{
    if (!p || !in || !batch)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_observe: a pointer is NULL or the batch 0");
    for (size_t i = 0; i < p->f->inputs.n; i++)
        if (!in[i])
            return qnt_fail(QNT_ERR_ARG, "qnt_ptq_observe_io: input %zu is NULL", i);
    const qnt_status status = check_finite(p, in, batch);
    if (status)
        return status;
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t at = 0; at < batch; at += BATCH) {
        const size_t some = batch - at < BATCH ? batch - at : BATCH;
        run(p, in, at, some);
        for (size_t k = 0; k < some; k++, p->inputs++) {
            qnt_seen_add(p, k);
            qnt_moments_add(p, k);
        }
    }
    qnt_fpenv_leave(saved);
    return QNT_OK;
}

qnt_status qnt_ptq_observe(qnt_ptq *p, const float *inputs, size_t batch)
{
    const void *in = inputs;
    if (!p || !inputs)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_observe: a pointer is NULL");
    if (p->f->inputs.n != 1 || p->f->tensor[p->f->inputs.id[0]].type != QNT_F32)
        return qnt_fail(
            QNT_ERR_ARG,
            "qnt_ptq_observe: the model has %zu inputs, the first of %s; expected one of f32 (or qnt_ptq_observe_io)",
            p->f->inputs.n, qnt_dtype_name(p->f->tensor[p->f->inputs.id[0]].type));
    return qnt_ptq_observe_io(p, &in, batch);
}

qnt_status qnt_ptq_model(qnt_ptq *p, qnt_model **out)
{
    if (!p || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_model: a pointer is NULL");
    if (!p->inputs)
        return qnt_fail(QNT_ERR_STATE, "qnt_ptq_model: no input was observed yet");
    qnt_status status = QNT_OK;
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t i = 0; i < p->q->n_groups && !status; i++) {
        struct qnt_group *g = &p->q->group[i];
        const struct qnt_histogram *h = qnt_seen_of(p, g->tensor);
        if (h)
            g->range = qnt_histogram_range(h, (int)p->config.calibration, p->config.percentile, g->bits);
        else
            status = qnt_fail(QNT_ERR_UNSUPPORTED, "quantization: the plan does not compute tensor '%s'",
                              p->f->tensor[g->tensor].name);
    }
    if (!status) {
        qnt_quantizer_put_ranges(p->q, p->q->model, NULL);
        status = qnt_ptq_weights(p);
    }
    qnt_fpenv_leave(saved);
    return status ? status : qnt_model_clone(p->q->model, out);
}
