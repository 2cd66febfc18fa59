/* Float graph -> quantized graph. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/op/bounds.h"
#include "lib/op/function.h"
#include "lib/op/pair.h"
#include "lib/quant/layer_bits.h"
#include "lib/quant/quantizer.h"

struct build {
    const struct qnt_model *f;
    struct qnt_quantizer *q;
    uint32_t bits, activation_bits;
    const char *layer_bits;
    int *twin;  /* by the float model's tensor id: the quantized model's codes of it; -1: none yet */
    int *plain; /* the same for its floats, where layers may stay in float */
    bool mixed; /* they may: those that have no quantized form, and those that `choose` keeps */
    qnt_choose_fn *choose;
    void *user;
};

static struct qnt_choice choice_of(const struct build *b, const struct qnt_node *n)
{
    struct qnt_choice c = {.weight_bits = qnt_layer_bits(b->layer_bits, n->name, b->bits)};
    if (b->choose)
        b->choose(n, &c, b->user);
    return c;
}

static const struct qnt_node *maker_of(const struct qnt_model *f, int tensor)
{
    for (size_t i = 0; i < f->n_nodes; i++)
        if (f->node[i].out == tensor)
            return &f->node[i];
    return NULL;
}

/* The codes `id` of the quantized model are of that group. */
static void join(struct build *b, int id, int group)
{
    b->q->group_of[id] = group;
    b->q->model->tensor[id].bits = b->q->group[group].bits;
}

/* maker: NULL for an input's. */
static int new_group(struct build *b, int tensor, const struct qnt_node *maker)
{
    struct qnt_quantizer *q = b->q;
    const bool border = qnt_ids_have(&b->f->inputs, tensor) || qnt_ids_have(&b->f->outputs, tensor);
    const uint32_t own = maker ? choice_of(b, maker).activation_bits : 0;
    q->group[q->n_groups] = (struct qnt_group){.clamp_lo = -INFINITY,
                                               .clamp_hi = INFINITY,
                                               .tensor = tensor,
                                               .node = maker ? (int)(maker - b->f->node) : -1,
                                               .bits = own                             ? own
                                                       : border || !b->activation_bits ? 8
                                                                                       : b->activation_bits};
    return (int)q->n_groups++;
}

/* The group of a layer's output, which is the clamped one. */
static int layer_group(struct build *b, const struct qnt_node *n)
{
    int id = new_group(b, qnt_clamped(b->f, n), n), tensor = n->out;
    struct qnt_group *g = &b->q->group[id];
    const struct qnt_node *next;
    float lo, hi;
    while ((next = qnt_next_bounds(b->f, tensor, &lo, &hi))) {
        g->clamp_lo = fminf(fmaxf(g->clamp_lo, lo), hi);
        g->clamp_hi = fminf(fmaxf(g->clamp_hi, lo), hi);
        tensor = next->out;
    }
    return id;
}

/* Type and (placeholder) scale of an s8 activation; the scale is copied. */
static struct qnt_tensor activation(void)
{
    static const float one = 1.0f;
    return (struct qnt_tensor){.type = QNT_S8, .bits = 8, .scales = 1, .scale = (float *)(uintptr_t)&one};
}

/* quantize in front, dequantize behind. */
static qnt_status add_border(struct build *b, const char *op, const char *tensor, const char *suffix, int in,
                             const struct qnt_tensor *out, int *id)
{
    char name[256];
    if (snprintf(name, sizeof name, "%s.%s", tensor, suffix) >= (int)sizeof name)
        return qnt_fail(QNT_ERR_ARG, "quantized training: the name of tensor '%s' is too long", tensor);
    return qnt_model_append_node(b->q->model, qnt_op_find(op), name, NULL, &in, 1, name, out, id);
}

/* The codes of a tensor of the float model; one that is there in floats only is quantized, by a range of its own. */
static qnt_status codes_of(struct build *b, int id, int *codes)
{
    struct qnt_tensor s8 = activation();
    qnt_status status = QNT_OK;
    if (b->twin[id] < 0) {
        status = add_border(b, "quantize", b->f->tensor[id].name, "q", b->plain[id], &s8, &b->twin[id]);
        if (!status)
            join(b, b->twin[id], new_group(b, id, maker_of(b->f, id)));
    }
    *codes = b->twin[id];
    return status;
}

/* The name of a constant, or where another node has a copy of it already, with that of the node behind it. */
static qnt_status name_copy(const struct build *b, const struct qnt_node *n, struct qnt_tensor *t, char text[256])
{
    if (qnt_model_find(b->q->model, t->name) < 0)
        return QNT_OK;
    if (snprintf(text, 256, "%s.%s", t->name, n->name) >= 256)
        return qnt_fail(QNT_ERR_ARG, "node '%s': the name of '%s', which others read, too, is too long for a copy",
                        n->name, t->name);
    t->name = text;
    return QNT_OK;
}

/* Its floats, for node n (NULL: as an output); constants are copied. */
static qnt_status floats_of(struct build *b, const struct qnt_node *n, int id, int *floats)
{
    struct qnt_tensor t = b->f->tensor[id];
    char text[256];
    qnt_status status = QNT_OK;
    if (b->plain[id] < 0 && !t.constant)
        status = add_border(b, "dequantize", t.name, "f", b->twin[id], NULL, &b->plain[id]);
    else if (b->plain[id] < 0 && !(status = name_copy(b, n, &t, text)))
        status = qnt_model_copy_tensor(b->q->model, &t, false, &b->plain[id]);
    *floats = b->plain[id];
    return status;
}

static qnt_status add_constant(struct build *b, struct qnt_tensor t, size_t elem, int *id)
{
    if (!(t.data = qnt_alloc_array(b->q->ctx, qnt_tensor_count(&t), elem, t.name)))
        return QNT_ERR_NOMEM;
    t.constant = t.owns_data = true;
    qnt_status status = qnt_model_append_tensor(b->q->model, &t, id);
    if (status)
        qnt_release(b->q->ctx, t.data);
    return status;
}

static qnt_status add_weights(struct build *b, const struct qnt_node *n, struct qnt_qlayer *l)
{
    const struct qnt_ctx *ctx = b->q->ctx;
    const struct qnt_choice choice = choice_of(b, n);
    const struct qnt_tensor *fw = &b->f->tensor[n->in[1]], *fb = n->n_in > 2 ? &b->f->tensor[n->in[2]] : NULL;
    l->float_w = n->in[1];
    l->float_b = fb ? n->in[2] : -1;
    l->b = -1;
    char text[256];
    l->node = (size_t)(n - b->f->node);
    l->bits = choice.weight_bits;
    l->per_tensor = choice.per_tensor;
    l->channels = fw->dim[0];
    l->fan_in = qnt_tensor_count(fw) / l->channels;
    if (!(l->real = qnt_alloc_array(ctx, l->channels, sizeof *l->real, "scales")) ||
        !(l->lo = qnt_alloc_array(ctx, l->channels, sizeof *l->lo, "bounds")) ||
        !(l->hi = qnt_alloc_array(ctx, l->channels, sizeof *l->hi, "bounds")))
        return QNT_ERR_NOMEM;
    for (size_t c = 0; c < l->channels; c++)
        l->real[c] = 1.0f;
    const bool ternary = l->bits == QNT_BITS_TERNARY;
    struct qnt_tensor w = {.name = fw->name,
                           .type = ternary ? QNT_TERNARY : QNT_S8,
                           .bits = ternary ? 2 : l->bits,
                           .rank = fw->rank,
                           .scales = (uint32_t)l->channels,
                           .scale = l->real};
    memcpy(w.dim, fw->dim, sizeof w.dim);
    qnt_status status = name_copy(b, n, &w, text);
    if (!status)
        status = add_constant(b, w, 1, &l->w);
    if (!status && fb) {
        struct qnt_tensor bias = {.name = fb->name, .type = QNT_S32, .bits = 32, .rank = 1, .dim = {l->channels}};
        if (!(status = name_copy(b, n, &bias, text)))
            status = add_constant(b, bias, sizeof(int32_t), &l->b);
    }
    return status;
}

static qnt_status add_layer(struct build *b, const struct qnt_node *n)
{
    struct qnt_quantizer *q = b->q;
    struct qnt_qlayer *l = &q->layer[q->n_layers++];
    struct qnt_tensor out = activation();
    qnt_status status = add_weights(b, n, l);
    if (status || (status = codes_of(b, n->in[0], &l->x)))
        return status;
    int in[3] = {l->x, l->w, l->b};
    if ((status = qnt_model_append_node(q->model, n->op, n->name, &n->attr, in, l->b < 0 ? 2 : 3,
                                        b->f->tensor[n->out].name, &out, &l->out)))
        return status;
    b->twin[n->out] = l->out;
    join(b, l->out, layer_group(b, n));
    size_t sums = qnt_tensor_count(&q->model->tensor[l->out]);
    q->max_sums = sums > q->max_sums ? sums : q->max_sums;
    q->max_channels = l->channels > q->max_channels ? l->channels : q->max_channels;
    return QNT_OK;
}

static qnt_status add_pair(struct build *b, const struct qnt_node *n)
{
    struct qnt_quantizer *q = b->q;
    const struct qnt_tensor *y = &b->f->tensor[n->in[1]];
    struct qnt_tensor out = activation();
    int in[2], id;
    if (y->constant)
        return qnt_fail(QNT_ERR_UNSUPPORTED,
                        "quantized training: node '%s': '%s' is a constant, supported are two activations", n->name,
                        y->name);
    qnt_status status = codes_of(b, n->in[0], &in[0]);
    if (status || (status = codes_of(b, n->in[1], &in[1])) ||
        (status =
             qnt_model_append_node(q->model, n->op, n->name, &n->attr, in, 2, b->f->tensor[n->out].name, &out, &id)))
        return status;
    b->twin[n->out] = id;
    join(b, id, layer_group(b, n));
    return QNT_OK;
}

/* What passes codes on, or has its own from one input. */
static qnt_status add_unary(struct build *b, const struct qnt_node *n)
{
    struct qnt_quantizer *q = b->q;
    struct qnt_tensor out = activation();
    int in, id;
    qnt_status status = codes_of(b, n->in[0], &in);
    if (status || (status = qnt_model_append_node(q->model, n->op, n->name, &n->attr, &in, 1, b->f->tensor[n->out].name,
                                                  &out, &id)))
        return status;
    b->twin[n->out] = id;
    join(b, id, qnt_is_function(n) ? new_group(b, n->out, n) : b->q->group_of[in]);
    return QNT_OK;
}

static qnt_status add_concat(struct build *b, const struct qnt_node *n)
{
    struct qnt_tensor out = activation();
    int in[QNT_MAX_INPUTS];
    qnt_status status = QNT_OK;
    for (uint32_t k = 0; k < n->n_in && !status; k++)
        status = codes_of(b, n->in[k], &in[k]);
    if (status || (status = qnt_model_append_node(b->q->model, n->op, n->name, &n->attr, in, n->n_in,
                                                  b->f->tensor[n->out].name, &out, &b->twin[n->out])))
        return status;
    join(b, b->twin[n->out], new_group(b, n->out, n));
    return QNT_OK;
}

static qnt_status add_float(struct build *b, const struct qnt_node *n)
{
    const struct qnt_tensor *out = &b->f->tensor[n->out];
    int in[QNT_MAX_INPUTS];
    qnt_status status = QNT_OK;
    for (uint32_t k = 0; k < n->n_in && !status; k++)
        status = floats_of(b, n, n->in[k], &in[k]);
    return status ? status
                  : qnt_model_append_node(b->q->model, n->op, n->name, &n->attr, in, n->n_in, out->name, out,
                                          &b->plain[n->out]);
}

/* Whether a node that may stay in float has a quantized form that is worth it: layers always; what moves or maps values
 * where they are there as codes already. */
static bool wants_codes(const struct build *b, const struct qnt_node *n)
{
    const struct qnt_model *f = b->f;
    bool all = true, any = false;
    if (choice_of(b, n).keep)
        return false;
    for (uint32_t k = 0; k < n->n_in; k++) {
        const bool is_code = b->twin[n->in[k]] >= 0;
        if (f->tensor[n->in[k]].type != QNT_F32)
            return false;
        any |= is_code;
        all &= is_code;
    }
    if (qnt_has_weights(n))
        return qnt_is_layer(f, n);
    if (qnt_is_pair(n))
        return any && !f->tensor[n->in[1]].constant;
    return all && (n->op == &qnt_op_concat || qnt_passes_codes(n) || qnt_is_function(n));
}

static qnt_status add_node(struct build *b, const struct qnt_node *n)
{
    if (b->mixed && !wants_codes(b, n))
        return add_float(b, n);
    if (qnt_has_weights(n))
        return add_layer(b, n);
    if (qnt_is_pair(n))
        return add_pair(b, n);
    if (b->mixed && n->op == &qnt_op_concat)
        return add_concat(b, n);
    if (!qnt_passes_codes(n) && !qnt_is_function(n))
        return qnt_fail(QNT_ERR_UNSUPPORTED, "quantized training: node '%s' is a %s, which has no quantized training",
                        n->name, n->op->name);
    return add_unary(b, n);
}

static qnt_status build(struct build *b, struct qnt_range range)
{
    struct qnt_quantizer *q = b->q;
    const struct qnt_ids *in = &b->f->inputs, *out = &b->f->outputs;
    qnt_status status = QNT_OK;
    int id;
    for (size_t i = 0; i < in->n && !status; i++)
        status = qnt_model_append_input(q->model, &b->f->tensor[in->id[i]], &b->plain[in->id[i]]);
    if (!status && !b->mixed && !(status = codes_of(b, in->id[0], &id))) {
        q->group[0].range = range;
        q->group[0].fixed = true;
    }
    for (size_t i = 0; i < b->f->n_nodes && !status; i++)
        status = add_node(b, &b->f->node[i]);
    for (size_t i = 0; i < out->n && !status; i++)
        if (!(status = floats_of(b, NULL, out->id[i], &id)))
            status = qnt_model_add_output(q->model, id);
    return status ? status : qnt_model_set_normalisation(q->model, b->f->mean, b->f->deviation);
}

qnt_status qnt_quantizer_create(const struct qnt_model *f, const struct qnt_quantizer_options *o,
                                struct qnt_quantizer **out)
{
    qnt_ctx *ctx = f->ctx;
    const size_t tensors = 3 * f->n_tensors; /* each may be there as codes and in floats, and as both on the way */
    qnt_status status = qnt_layer_bits_check(f, o->layer_bits);
    if (status)
        return status;
    struct qnt_quantizer *q = qnt_alloc(ctx, sizeof *q, "a quantizer");
    if (!q)
        return QNT_ERR_NOMEM;
    q->ctx = ctx;
    struct build b = {.f = f,
                      .q = q,
                      .bits = o->bits,
                      .layer_bits = o->layer_bits,
                      .activation_bits = o->activation_bits,
                      .mixed = o->mixed,
                      .choose = o->choose,
                      .user = o->user};
    status = QNT_ERR_NOMEM;
    if (!(b.twin = qnt_alloc_array(ctx, f->n_tensors, sizeof *b.twin, "tensor ids")) ||
        !(b.plain = qnt_alloc_array(ctx, f->n_tensors, sizeof *b.plain, "tensor ids")) ||
        !(q->group_of = qnt_alloc_array(ctx, tensors, sizeof *q->group_of, "tensor groups")) ||
        !(q->group = qnt_alloc_array(ctx, f->n_nodes + f->n_tensors, sizeof *q->group, "groups")) ||
        !(q->layer = qnt_alloc_array(ctx, f->n_nodes, sizeof *q->layer, "layers")))
        goto fail;
    for (size_t i = 0; i < tensors; i++)
        q->group_of[i] = -1;
    for (size_t i = 0; i < f->n_tensors; i++)
        b.twin[i] = b.plain[i] = -1;
    if ((status = qnt_model_new(ctx, &q->model)) || (status = build(&b, o->input)))
        goto fail;
    qnt_release(ctx, b.twin);
    qnt_release(ctx, b.plain);
    *out = q;
    return QNT_OK;
fail:
    qnt_release(ctx, b.twin);
    qnt_release(ctx, b.plain);
    qnt_quantizer_free(q);
    return status;
}

void qnt_quantizer_free(struct qnt_quantizer *q)
{
    if (!q)
        return;
    const qnt_ctx *ctx = q->ctx;
    for (size_t i = 0; i < q->n_layers; i++) {
        qnt_release(ctx, q->layer[i].real);
        qnt_release(ctx, q->layer[i].lo);
        qnt_release(ctx, q->layer[i].hi);
    }
    qnt_plan_free(q->plan);
    qnt_model_free(q->model);
    qnt_release(ctx, q->plan_id);
    qnt_release(ctx, q->group_of);
    qnt_release(ctx, q->layer_of_step);
    qnt_release(ctx, q->made_group);
    qnt_release(ctx, q->group);
    qnt_release(ctx, q->layer);
    qnt_release(ctx, q);
}
