/* A shard: up to QNT_SHARD images of the mini-batch through the plan and back, on one thread. A task is a shard, or in
 * large mini-batches several, one after another. */
#include <string.h>
#include "lib/train/trainer.h"

void qnt_train_fill(const struct qnt_train *t, size_t first, size_t n, float *dst, uint8_t *labels)
{
    for (size_t i = 0; i < n; i++, dst += QNT_IMAGE_BYTES) {
        size_t index = t->order[t->batch_first + first + i];
        struct qnt_augment a = {0};
        if (t->config.augment)
            a = qnt_augment_draw(t->config.seed, t->epoch, index);
        qnt_input_write(&t->input, t->data->images + index * QNT_IMAGE_BYTES, a, dst);
        labels[i] = t->data->labels[index];
    }
}

/* A layer on s8: the codes, and from the exact sums the gradient's mask and the batch's range. */
static void layer_forward(const struct qnt_train *t, struct qnt_worker *w, size_t i, const struct qnt_exec *x,
                          struct qnt_range *ranges)
{
    const struct qnt_quantizer *q = t->quantizer;
    const struct qnt_step *s = &t->plan->step[i];
    const struct qnt_qlayer *l = &q->layer[q->layer_of_step[i]];
    int group = q->group_of[l->out];
    s->op->run_acc(s, x, w->acc);
    qnt_quantizer_watch(q, (size_t)q->layer_of_step[i], w->acc, x->batch * (qnt_tensor_count(s->out) / l->channels),
                        ranges ? &w->extreme : NULL, (uint8_t *)w->pass[s->node->out]);
    if (ranges)
        qnt_quantizer_widen(&ranges[group], l, &q->group[group], &w->extreme);
}

void qnt_train_forward_steps(const struct qnt_train *t, struct qnt_worker *w, size_t from, size_t to, size_t batch,
                             struct qnt_range *ranges)
{
    const struct qnt_plan *p = t->plan;
    struct qnt_exec x = {.arena = w->arena, .scratch = w->scratch, .batch = batch, .part = 0, .parts = 1};
    for (size_t i = from; i < to; i++) {
        const struct qnt_step *s = &p->step[i];
        if (!s->op->run)
            continue;
        if (t->quantizer && t->quantizer->layer_of_step[i] >= 0)
            layer_forward(t, w, i, &x, ranges);
        else
            s->op->run(s, &x);
        if (s->out->type == QNT_S8) {
            struct qnt_quant q = {.scale = s->out->scale[0], .zero = s->out->zero};
            t->ctx->dsp.dequantize_s8_f32((const int8_t *)w->arena + s->out_offset, (float *)w->value[s->node->out],
                                          batch * qnt_tensor_count(s->out), &q);
        }
        if (ranges && t->quantizer->made_group[i] >= 0)
            qnt_quantizer_widen_made(t->quantizer, i, w->value, batch, &ranges[t->quantizer->made_group[i]]);
    }
}

void qnt_train_forward_shard(const struct qnt_train *t, struct qnt_worker *w, size_t batch, struct qnt_range *ranges)
{
    qnt_train_forward_steps(t, w, 0, t->plan->n_steps, batch, ranges);
}

static const float *teacher_logits(const struct qnt_train *t, struct qnt_worker *w, const float *input, size_t batch)
{
    const struct qnt_plan *p = t->teacher;
    struct qnt_exec x = {.arena = w->teacher_arena, .scratch = w->scratch, .batch = batch, .part = 0, .parts = 1};
    memcpy(w->teacher_arena + p->offset[p->model->inputs.id[0]], input, batch * QNT_IMAGE_BYTES * sizeof *input);
    for (size_t i = 0; i < p->n_steps; i++)
        qnt_plan_run_step(p, i, &x);
    return (const float *)(w->teacher_arena + p->offset[p->model->outputs.id[0]]);
}

/* Gradients of one step's parameters are zero when nothing flows into it. */
void qnt_train_clear_params(const struct qnt_train *t, const struct qnt_worker *w, const struct qnt_node *n)
{
    for (size_t i = 0; i < t->n_trained; i++)
        for (uint32_t k = 1; k < n->n_in; k++)
            if (t->param[i].plan == n->in[k])
                memset(w->param[n->in[k]], 0, t->param[i].count * sizeof(float));
}

void qnt_train_backward_steps(const struct qnt_train *t, struct qnt_worker *w, struct qnt_grad *g, size_t from,
                              size_t to)
{
    for (size_t i = to; i-- > from;) {
        const struct qnt_step *s = &t->plan->step[i];
        if (!w->delta[s->node->out])
            continue;
        g->state = t->state[i];
        if (w->delta_set[s->node->out])
            s->op->backward(s, g);
        else if (!g->param_add)
            qnt_train_clear_params(t, w, s->node);
    }
}

/* Tables of the images from `first` on. */
static void point_part(const struct qnt_train *t, struct qnt_worker *w, size_t first)
{
    const struct qnt_model *m = t->plan->model;
    for (size_t i = 0; i < m->n_tensors; i++) {
        size_t skip = m->tensor[i].constant ? 0 : first * qnt_tensor_count(&m->tensor[i]);
        w->part_value[i] = w->value[i] ? w->value[i] + skip : NULL;
        w->part_delta[i] = w->delta[i] ? w->delta[i] + (t->part_only[i] ? 0 : skip) : NULL;
        w->part_pass[i] = w->pass[i] ? w->pass[i] + skip : NULL;
    }
}

struct qnt_grad qnt_train_grad(const struct qnt_train *t, struct qnt_worker *w, size_t batch, bool more)
{
    return (struct qnt_grad){.dsp = &t->ctx->dsp,
                             .batch = batch,
                             .value = w->value,
                             .delta = w->delta,
                             .delta_set = w->delta_set,
                             .param = w->param,
                             .param_add = more,
                             .pass = t->quantizer ? w->pass : NULL,
                             .early = t->early,
                             .clamped = w->clamped,
                             .scratch = w->scratch};
}

static void backward(const struct qnt_train *t, struct qnt_worker *w, size_t batch, bool more)
{
    struct qnt_grad g = qnt_train_grad(t, w, batch, more);
    qnt_train_backward_steps(t, w, &g, t->whole, t->plan->n_steps);
    g.value = w->part_value;
    g.delta = w->part_delta;
    g.pass = t->quantizer ? w->part_pass : NULL;
    for (size_t at = 0; at < batch; at += QNT_PART) {
        g.batch = batch - at < QNT_PART ? batch - at : QNT_PART;
        g.param_add = more || at > 0;
        point_part(t, w, at);
        for (size_t i = 0; i < t->whole; i++)
            if (t->part_only[t->plan->step[i].node->out])
                w->delta_set[t->plan->step[i].node->out] = w->clamped[t->plan->step[i].node->out] = 0;
        qnt_train_backward_steps(t, w, &g, 0, t->whole);
    }
}

size_t qnt_train_load(const struct qnt_train *t, struct qnt_worker *w, size_t shard)
{
    size_t first = shard * QNT_SHARD, left = t->batch_size - first, n = left < QNT_SHARD ? left : QNT_SHARD;
    qnt_train_fill(t, first, n, (float *)(w->arena + t->plan->offset[t->plan->model->inputs.id[0]]), w->labels);
    return n;
}

void qnt_train_loss(const struct qnt_train *t, struct qnt_worker *w, size_t batch, struct qnt_loss_sum *sum)
{
    const struct qnt_plan *p = t->plan;
    struct qnt_loss loss = {.dsp = &t->ctx->dsp,
                            .classes = qnt_dataset_classes(t->data),
                            .weight = t->image_weight,
                            .kl = t->config.kl_minus ? -t->config.kl : t->config.kl};
    const float *input = (const float *)(w->arena + p->offset[p->model->inputs.id[0]]);
    const int output = p->model->outputs.id[0];
    const float *teacher = t->teacher ? teacher_logits(t, w, input, batch) : NULL;
    memset(w->delta_set, 0, p->model->n_tensors);
    memset(w->clamped, 0, p->model->n_tensors);
    w->delta_set[output] = 1;
    qnt_loss_run(&loss, w->value[output], teacher, w->labels, batch, w->delta[output], w->p, sum);
}

void qnt_train_task_shards(const struct qnt_train *t, size_t task, size_t *begin, size_t *end)
{
    size_t shards = (t->batch_size + QNT_SHARD - 1) / QNT_SHARD;
    *begin = task * t->task_shards;
    *end = *begin + t->task_shards < shards ? *begin + t->task_shards : shards;
}

void qnt_train_task_params(const struct qnt_train *t, struct qnt_worker *w, size_t task)
{
    for (size_t i = 0; i < t->n_trained; i++)
        w->param[t->param[i].plan] = t->gradient + task * t->stride + t->param[i].at;
}

void qnt_train_task(void *arg, size_t task, uint32_t thread)
{
    struct qnt_train *t = arg;
    struct qnt_worker *w = &t->worker[thread];
    struct qnt_range *ranges = t->observe ? t->task_range + task * t->quantizer->n_groups : NULL;
    size_t begin, end;
    if (ranges)
        memset(ranges, 0, t->quantizer->n_groups * sizeof *ranges);
    t->task_sum[task] = (struct qnt_loss_sum){0};
    qnt_train_task_params(t, w, task);
    qnt_train_task_shards(t, task, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t n = qnt_train_load(t, w, i);
        qnt_train_forward_shard(t, w, n, ranges);
        qnt_train_loss(t, w, n, &t->task_sum[task]);
        backward(t, w, n, i > begin);
    }
}
