/* Setting up, observing, and the quantized model. */
#include <math.h>
#include <string.h>
#include "lib/core/core.h"
#include <qnt/train.h>
#include "lib/quant/layer_bits.h"
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
    if (m->inputs.n != 1 || m->outputs.n != 1)
        return qnt_fail(QNT_ERR_UNSUPPORTED,
                        "quantization: the model has %zu inputs and %zu outputs, supported is one "
                        "of each",
                        m->inputs.n, m->outputs.n);
    const struct qnt_tensor *in = &m->tensor[m->inputs.id[0]];
    if (in->type != QNT_F32)
        return qnt_fail(QNT_ERR_TYPE, "quantization: input '%s' is %s, expected f32", in->name,
                        qnt_dtype_name(in->type));
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

/* Whether text[0, n) with '*' for any characters is the whole of name. */
static bool fits(const char *text, size_t n, const char *name)
{
    if (!n)
        return !*name;
    if (*text != '*')
        return *name == *text && fits(text + 1, n - 1, name + 1);
    while (n && *text == '*') { /* many are one */
        text++;
        n--;
    }
    for (; *name; name++)
        if (fits(text, n, name))
            return true;
    return !n;
}

static bool any_fits(const char *text, const char *name)
{
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (fits(p, strcspn(p, ","), name))
            return true;
    return false;
}

static bool keeps(const struct qnt_node *n, void *user)
{
    const qnt_ptq_config *c = user;
    return any_fits(c->keep_float, n->name) || (c->only && !any_fits(c->only, n->name));
}

/* Each pattern is of some node: a misspelt one is no wish fulfilled. */
static qnt_status check_patterns(const struct qnt_model *m, const char *field, const char *text)
{
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ","), i = 0;
        while (i < m->n_nodes && !fits(p, n, m->node[i].name))
            i++;
        if (n > 255 || i == m->n_nodes)
            return qnt_fail(QNT_ERR_ARG, "quantization config: %s: no node fits '%.*s'", field,
                            (int)(n < 255 ? n : 255), p);
    }
    return QNT_OK;
}

const struct qnt_node *qnt_ptq_node(const struct qnt_ptq *p, size_t l)
{
    size_t i = 0;
    while (!qnt_has_weights(&p->f->node[i]) || p->f->node[i].in[1] != p->q->layer[l].float_w)
        i++;
    return &p->f->node[i];
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

/* First and last layer have their own width, if one is wished, unless layer_bits names them. */
static void widen_edges(struct qnt_ptq *p)
{
    struct qnt_quantizer *q = p->q;
    for (size_t i = 0; p->config.edge_bits && i < 2 && q->n_layers; i++) {
        struct qnt_qlayer *l = &q->layer[i ? q->n_layers - 1 : 0];
        struct qnt_tensor *w = &q->model->tensor[l->w];
        const char *name = qnt_ptq_node(p, (size_t)(l - q->layer))->name;
        l->bits = qnt_layer_bits(p->config.layer_bits, name, p->config.edge_bits);
        w->type = l->bits == QNT_BITS_TERNARY ? QNT_TERNARY : QNT_S8;
        w->bits = l->bits == QNT_BITS_TERNARY ? 2 : l->bits;
    }
}

static qnt_status set_up(struct qnt_ptq *p, const struct qnt_model *model)
{
    struct qnt_plan_options options = {.max_batch = BATCH, .keep_tensors = true};
    qnt_status status = qnt_model_fold(model, &p->f);
    if (status || (status = check_patterns(p->f, "keep_float", p->config.keep_float)) ||
        (status = check_patterns(p->f, "only", p->config.only)))
        return status;
    if (p->config.equalize)
        qnt_ptq_equalize(p->f);
    const struct qnt_quantizer_options wanted = {.bits = p->config.weight_bits,
                                                 .layer_bits = p->config.layer_bits,
                                                 .activation_bits = p->config.activation_bits,
                                                 .mixed = true,
                                                 .keeps = keeps,
                                                 .user = &p->config};
    if ((status = qnt_quantizer_create(p->f, &wanted, &p->q)) || (status = qnt_plan_create(p->f, &options, &p->plan)))
        return status;
    widen_edges(p);
    if (!(p->arena = qnt_alloc(p->ctx, p->plan->arena_bytes, "calibration")) ||
        !(p->scratch = qnt_alloc(p->ctx, p->plan->scratch_bytes + 1, "calibration")) ||
        !(p->seen = qnt_alloc_array(p->ctx, p->q->n_groups + 1, sizeof *p->seen, "histograms")))
        return QNT_ERR_NOMEM;
    return qnt_moments_create(p);
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
    qnt_quantizer_free(p->q);
    qnt_plan_free(p->plan);
    qnt_model_free(p->f);
    qnt_release(ctx, p->arena);
    qnt_release(ctx, p->scratch);
    qnt_release(ctx, p->seen);
    qnt_release(ctx, (char *)(uintptr_t)p->config.layer_bits);
    qnt_release(ctx, (char *)(uintptr_t)p->config.keep_float);
    qnt_release(ctx, (char *)(uintptr_t)p->config.only);
    qnt_release(ctx, p);
}

/* What the tensors of the groups hold for input `at` of the batch in the arena. */
static qnt_status note(struct qnt_ptq *p, size_t at)
{
    const struct qnt_plan *plan = p->plan;
    for (size_t i = 0; i < p->q->n_groups; i++) {
        const char *name = p->f->tensor[p->q->group[i].tensor].name;
        const int id = qnt_model_find(plan->model, name);
        if (id < 0 || plan->offset[id] == SIZE_MAX)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "quantization: the plan does not compute tensor '%s'", name);
        const size_t n = qnt_tensor_count(&plan->model->tensor[id]);
        qnt_histogram_add(&p->seen[i], (const float *)(p->arena + plan->offset[id]) + at * n, n);
    }
    qnt_moments_add(p, at);
    p->inputs++;
    return QNT_OK;
}

qnt_status qnt_ptq_observe(qnt_ptq *p, const float *inputs, size_t batch)
{
    if (!p || !inputs || !batch)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_observe: a pointer is NULL or the batch 0");
    const int in = p->plan->model->inputs.id[0];
    const size_t n = qnt_tensor_count(&p->plan->model->tensor[in]);
    qnt_status status = QNT_OK;
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t at = 0; at < batch && !status; at += BATCH) {
        const size_t some = batch - at < BATCH ? batch - at : BATCH;
        const struct qnt_exec x = {.arena = p->arena, .scratch = p->scratch, .batch = some, .part = 0, .parts = 1};
        memcpy(p->arena + p->plan->offset[in], inputs + at * n, some * n * sizeof *inputs);
        for (size_t i = 0; i < p->plan->n_steps; i++)
            qnt_plan_run_step(p->plan, i, &x);
        for (size_t k = 0; k < some && !status; k++)
            status = note(p, k);
    }
    qnt_fpenv_leave(saved);
    return status;
}

qnt_status qnt_ptq_model(qnt_ptq *p, qnt_model **out)
{
    if (!p || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ptq_model: a pointer is NULL");
    if (!p->inputs)
        return qnt_fail(QNT_ERR_STATE, "qnt_ptq_model: no input was observed yet");
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t i = 0; i < p->q->n_groups; i++)
        p->q->group[i].range =
            qnt_histogram_range(&p->seen[i], (int)p->config.calibration, p->config.percentile, p->q->group[i].bits);
    qnt_quantizer_put_ranges(p->q, p->q->model, NULL);
    qnt_status status = qnt_ptq_weights(p);
    qnt_fpenv_leave(saved);
    return status ? status : qnt_model_clone(p->q->model, out);
}
