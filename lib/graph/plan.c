/* Model -> plan. The rewritten graph is a copy whose constants' data are the source's, but for those that change. */
#include <math.h>
#include "lib/op/bounds.h"
#include "lib/op/step.h"
#include "rewrite.h"
#include "simd/fpenv.h"

static qnt_status check_source(const struct qnt_model *m, size_t max_batch)
{
    if (max_batch < 1)
        return qnt_fail(QNT_ERR_ARG, "max_batch is 0, expected at least 1");
    return qnt_model_check_borders(m);
}

/* Moves the nodes that stay together, with their bounds. */
static void compact(struct qnt_model *m, struct qnt_rewrite *r)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_nodes; i++) {
        if (r[i].gone) {
            qnt_release(m->ctx, m->node[i].name);
            continue;
        }
        m->node[n] = m->node[i];
        r[n++] = r[i];
    }
    m->n_nodes = n;
    qnt_names_free(m->ctx, &m->node_names); /* nobody asks a plan for nodes by name */
}

static qnt_status rewrite(struct qnt_model *m, const struct qnt_plan_options *o, struct qnt_rewrite *r)
{
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!qnt_bounds_of(&m->node[i], &r[i].lo, &r[i].hi)) {
            r[i].lo = -INFINITY;
            r[i].hi = INFINITY;
        }
    if (o->quantized_io)
        status = qnt_rewrite_io(m, r);
    if (!status && !o->keep_graph && !(status = qnt_rewrite_sweep(m, r))) {
        if (!o->keep_batchnorm)
            status = qnt_rewrite_fold(m, r);
        if (!status)
            status = qnt_rewrite_fuse(m, r);
        if (!status && !o->keep_tensors)
            status = qnt_rewrite_bits(m, r);
    }
    if (!status)
        compact(m, r);
    return status;
}

/* The step sees its tensors without the dimensions that are images. */
static void show_images(struct qnt_step *s, struct qnt_tensor view[2])
{
    const uint32_t extra = s->in[0]->rank - s->op->rank;
    view[0] = *s->in[0];
    view[1] = *s->out;
    s->lead = qnt_tensor_strip(&view[0], s->op->rank);
    qnt_tensor_strip(&view[1], view[1].rank - extra);
    s->in[0] = &view[0];
    s->out = &view[1];
}

static void make_steps(struct qnt_plan *p, const struct qnt_rewrite *r)
{
    struct qnt_model *m = p->model;
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        struct qnt_step *s = &p->step[i];
        *s = (struct qnt_step){.node = n,
                               .op = n->op,
                               .out = &m->tensor[n->out],
                               .clamp_lo = r[i].lo,
                               .clamp_hi = r[i].hi,
                               .variant = &qnt_no_variant,
                               .macs = qnt_node_macs(m, n),
                               .lead = 1};
        for (uint32_t k = 0; k < n->n_in; k++)
            s->in[k] = &m->tensor[n->in[k]];
        if (n->op->rank && s->in[0]->rank > n->op->rank)
            show_images(s, &p->view[2 * i]);
    }
    p->n_steps = m->n_nodes;
}

static qnt_status prepare(struct qnt_plan *p, bool small_weights)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        struct qnt_step *s = &p->step[i];
        for (uint32_t k = 0; k < s->node->n_in; k++)
            s->in_offset[k] = p->offset[s->node->in[k]];
        s->out_offset = p->offset[s->node->out];
        s->small_weights = small_weights;
        size_t images;
        if (qnt_mul_overflows(p->max_batch, s->lead, &images))
            return qnt_fail(QNT_ERR_RANGE, "node '%s': %zu times %zu images", s->node->name, p->max_batch, s->lead);
        qnt_status status = s->op->prepare ? s->op->prepare(p->ctx, s, images) : QNT_OK;
        if (status)
            return status;
        p->scratch_bytes = qnt_most(p->scratch_bytes, s->scratch_bytes);
        p->packed_bytes += s->packed_bytes;
    }
    return QNT_OK;
}

static qnt_status build(struct qnt_plan *p, const struct qnt_plan_options *o)
{
    qnt_status status = qnt_model_alias(p->source, &p->model);
    if (status)
        return status;
    struct qnt_rewrite *r = qnt_alloc_array(p->ctx, p->model->n_nodes, sizeof *r, "rewriting");
    if (!r || !(p->step = qnt_alloc_array(p->ctx, p->model->n_nodes, sizeof *p->step, "steps")) ||
        !(p->view = qnt_alloc_array(p->ctx, p->model->n_nodes, 2 * sizeof *p->view, "views of tensors")))
        status = QNT_ERR_NOMEM;
    if (!status && !(status = rewrite(p->model, o, r))) {
        make_steps(p, r);
        if (!(status = qnt_plan_place(p, !o->keep_tensors, o->inputs_outside)))
            status = prepare(p, o->small_weights);
    }
    qnt_release(p->ctx, r);
    return status;
}

qnt_status qnt_plan_create(struct qnt_model *source, const struct qnt_plan_options *o, struct qnt_plan **out)
{
    qnt_status status = check_source(source, o->max_batch);
    if (status)
        return status;
    struct qnt_plan *p = qnt_alloc(source->ctx, sizeof *p, "a plan");
    if (!p)
        return QNT_ERR_NOMEM;
    p->ctx = source->ctx;
    p->max_batch = o->max_batch;
    p->source = source;
    qnt_model_ref(source);
    qnt_fpenv saved = qnt_fpenv_enter();
    status = build(p, o);
    qnt_fpenv_leave(saved);
    if (status) {
        qnt_plan_free(p);
        return status;
    }
    *out = p;
    return QNT_OK;
}

void qnt_plan_free(struct qnt_plan *p)
{
    if (!p)
        return;
    const qnt_ctx *ctx = p->ctx;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (p->step[i].op->release)
            p->step[i].op->release(ctx, &p->step[i]);
        else
            qnt_release(ctx, p->step[i].state);
    }
    qnt_release(ctx, p->step);
    qnt_release(ctx, p->view);
    qnt_release(ctx, p->offset);
    qnt_model_free(p->model);
    qnt_model_free(p->source);
    qnt_release(ctx, p);
}
