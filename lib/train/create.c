/* Setting a trainer up: the configuration and the model are checked here, once. */
#include <math.h>
#include <string.h>
#include "lib/op/binary.h"
#include "lib/run/topo.h"
#include "lib/train/trainer.h"
#include "simd/fpenv.h"

enum { MAX_BATCH = 1 << 16, MAX_EPOCHS = 1 << 20 };

static qnt_status bad(const char *field, double found, const char *expected)
{
    return qnt_fail(QNT_ERR_ARG, "train config: %s is %g, expected %s", field, found, expected);
}

static qnt_status check_config(const qnt_train_config *c, bool teacher)
{
    if (c->epochs > MAX_EPOCHS)
        return bad("epochs", c->epochs, "at most 1048576");
    if (c->batch < 1 || c->batch > MAX_BATCH)
        return bad("batch", c->batch, "1 to 65536");
    if (!(c->lr >= 0.0f && c->lr < INFINITY))
        return bad("lr", c->lr, "a finite number, 0 or more");
    if (!(c->momentum >= 0.0f && c->momentum < 1.0f))
        return bad("momentum", c->momentum, "0 to below 1");
    if (!(c->weight_decay >= 0.0f && c->weight_decay < INFINITY))
        return bad("weight_decay", c->weight_decay, "a finite number, 0 or more");
    if (c->optimizer != QNT_SGD && c->optimizer != QNT_ADAM)
        return bad("optimizer", c->optimizer, "0 (SGD) or 1 (Adam)");
    if (c->optimizer == QNT_ADAM && c->momentum > 0.0f)
        return bad("momentum", c->momentum, "0 with Adam, whose own is 0.9");
    if (c->schedule != QNT_LR_CONSTANT && c->schedule != QNT_LR_COSINE)
        return bad("schedule", c->schedule, "0 (constant) or 1 (cosine)");
    if (c->augment > 1)
        return bad("augment", c->augment, "0 or 1");
    if (c->weight_bits > 8 && c->weight_bits != QNT_BITS_TERNARY)
        return bad("weight_bits", c->weight_bits, "0 (float), 1 to 8 or QNT_BITS_TERNARY");
    if (!c->weight_bits && c->layer_bits)
        return qnt_fail(QNT_ERR_ARG, "train config: layer_bits '%s' without weight_bits", c->layer_bits);
    if (c->weight_bits && c->activation_bits != 8)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "train config: activation_bits is %u, supported is 8", c->activation_bits);
    if (!(c->ema > 0.0f && c->ema <= 1.0f))
        return bad("ema", c->ema, "above 0, at most 1");
    if (!(c->batchnorm_momentum >= 0.0f && c->batchnorm_momentum <= 1.0f))
        return bad("batchnorm_momentum", c->batchnorm_momentum, "0 to 1");
    if (c->kl_minus & ~1)
        return bad("kl_minus", c->kl_minus, "0 or 1");
    if (c->reserved)
        return bad("reserved", c->reserved, "0");
    if (!(c->kl >= 0.0f && c->kl < INFINITY))
        return bad("kl", c->kl, "a finite number, 0 or more");
    if ((c->kl > 0.0f) != teacher)
        return qnt_fail(QNT_ERR_ARG, "train config: kl is %g %s a teacher", c->kl, teacher ? "with" : "without");
    return QNT_OK;
}

/* A float model from images of the data set to one value a class. */
static qnt_status check_shape(const struct qnt_model *m, const char *which, const qnt_dataset *data)
{
    if (!m->inputs.n || !m->outputs.n)
        return qnt_fail(QNT_ERR_STATE, "%s: the model has no input or no output", which);
    if (m->inputs.n > 1 || m->outputs.n > 1)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%s: %zu inputs and %zu outputs, training knows one of each", which,
                        m->inputs.n, m->outputs.n);
    const struct qnt_tensor *in = &m->tensor[m->inputs.id[0]], *out = &m->tensor[m->outputs.id[0]];
    char shape[QNT_SHAPE_TEXT];
    if (in->type != QNT_F32 || out->type != QNT_F32)
        return qnt_fail(QNT_ERR_TYPE, "%s: input '%s' and output '%s' must be float", which, in->name, out->name);
    if (in->rank != 3 || in->dim[0] != QNT_IMAGE_SIDE || in->dim[1] != QNT_IMAGE_SIDE ||
        in->dim[2] != QNT_IMAGE_CHANNELS)
        return qnt_fail(QNT_ERR_SHAPE, "%s: input '%s' is %s, the data's images are 32 x 32 x 3", which, in->name,
                        qnt_shape_text(in, shape));
    if (qnt_tensor_count(out) != qnt_dataset_classes(data))
        return qnt_fail(QNT_ERR_SHAPE, "%s: output '%s' has %zu values, the data %zu classes", which, out->name,
                        qnt_tensor_count(out), qnt_dataset_classes(data));
    return QNT_OK;
}

/* The teacher sees what the student sees. */
static qnt_status check_teacher(const struct qnt_model *teacher, const struct qnt_model *start, const qnt_dataset *data)
{
    for (int c = 0; c < QNT_IMAGE_CHANNELS; c++)
        if (teacher->mean[c] != start->mean[c] || teacher->deviation[c] != start->deviation[c])
            return qnt_fail(QNT_ERR_ARG,
                            "teacher: channel %d is normalised by mean %g, deviation %g, the start model's by %g, %g",
                            c, (double)teacher->mean[c], (double)teacher->deviation[c], (double)start->mean[c],
                            (double)start->deviation[c]);
    return check_shape(teacher, "teacher", data);
}

static qnt_status check_nodes(const struct qnt_model *m)
{
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        if (!n->op->backward)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "training: node '%s' is a %s, which has no gradient", n->name,
                            n->op->name);
        if (n->op->rank && m->tensor[n->in[0]].rank > n->op->rank)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "training: node '%s': '%s' has %u dimensions, a %s trains with %u",
                            n->name, m->tensor[n->in[0]].name, m->tensor[n->in[0]].rank, n->op->name, n->op->rank);
        if (m->tensor[n->in[0]].constant)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "training: node '%s' reads constant '%s' as its data", n->name,
                            m->tensor[n->in[0]].name);
        for (uint32_t k = 0; k < n->n_in; k++)
            if (m->tensor[n->in[k]].type != QNT_F32)
                return qnt_fail(QNT_ERR_TYPE, "training: node '%s' reads '%s', which is %s; a float model is expected",
                                n->name, m->tensor[n->in[k]].name, qnt_dtype_name(m->tensor[n->in[k]].type));
    }
    return QNT_OK;
}

/* Input k of a node is a running average: no gradient, but part of the model as trained. */
static bool is_average(const struct qnt_node *n, uint32_t k)
{
    return n->op == &qnt_op_batchnorm && k >= 3;
}

/* The constants that nodes read as weights, or as running averages, in order of the nodes. */
static qnt_status collect(struct qnt_train *t, bool averages)
{
    const struct qnt_model *m = t->master;
    for (size_t i = 0; i < m->n_nodes; i++)
        for (uint32_t k = 1; k < m->node[i].n_in; k++) {
            int id = m->node[i].in[k];
            /* The other operand of an add is no constant, the layers' weights are. */
            if (!m->tensor[id].constant || is_average(&m->node[i], k) != averages)
                continue;
            for (size_t p = 0; p < t->n_params; p++)
                if (t->param[p].master == id)
                    return qnt_fail(QNT_ERR_UNSUPPORTED, "training: constant '%s' serves two nodes",
                                    m->tensor[id].name);
            t->param[t->n_params++] = (struct qnt_param){.master = id,
                                                         .plan = -1,
                                                         .at = t->n_values,
                                                         .count = qnt_tensor_count(&m->tensor[id]),
                                                         .binary = k == 1 && qnt_is_binary(&m->node[i])};
            t->n_values += qnt_tensor_count(&m->tensor[id]);
        }
    return QNT_OK;
}

static qnt_status collect_params(struct qnt_train *t)
{
    const struct qnt_model *m = t->master;
    if (!(t->param = qnt_alloc_array(t->ctx, m->n_tensors, sizeof *t->param, "parameters")))
        return QNT_ERR_NOMEM;
    qnt_status status = collect(t, false);
    t->n_trained = t->n_params;
    t->n_weights = t->n_values;
    if (status || (status = collect(t, true)))
        return status;
    if (!t->n_weights)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "training: the model has no weights");
    t->stride = qnt_round_up(t->n_weights, 16);
    if (!(t->weights = qnt_alloc_array(t->ctx, t->n_values, sizeof *t->weights, "weights")) ||
        !(t->velocity = qnt_alloc_array(t->ctx, t->n_weights, qnt_train_moments(t) * sizeof(float), "momentum")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < t->n_params; i++)
        memcpy(t->weights + t->param[i].at, m->tensor[t->param[i].master].data, t->param[i].count * sizeof(float));
    return QNT_OK;
}

/* Training floats: the plan's weights are the flat array itself. */
static qnt_status set_up_float(struct qnt_train *t)
{
    struct qnt_plan_options options = {.max_batch = QNT_SHARD, .keep_tensors = true, .keep_batchnorm = true};
    qnt_status status = qnt_plan_create(t->master, &options, &t->plan);
    if (status)
        return status;
    t->effective = t->weights;
    for (size_t i = 0; i < t->n_params; i++) {
        struct qnt_param *p = &t->param[i];
        const char *name = t->master->tensor[p->master].name;
        if ((p->plan = qnt_model_find(t->plan->model, name)) < 0)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "training: the plan does without constant '%s'", name);
        struct qnt_tensor *w = &t->plan->model->tensor[p->plan];
        if (w->owns_data)
            qnt_release(t->ctx, w->data);
        w->owns_data = false;
        w->data = t->weights + p->at;
    }
    return QNT_OK;
}

static size_t param_of(const struct qnt_train *t, int master)
{
    size_t i = 0;
    while (i < t->n_params && t->param[i].master != master)
        i++;
    return i;
}

/* First codes and scales into the quantized model, so that its plan can be prepared. */
static void put_all(struct qnt_train *t)
{
    const struct qnt_quantizer *q = t->quantizer;
    qnt_quantizer_put_ranges(q, q->model, NULL);
    for (size_t i = 0; i < q->n_layers; i++) {
        struct qnt_qlayer *l = &q->layer[i];
        l->w_param = param_of(t, l->float_w);
        l->b_param = l->b < 0 ? 0 : param_of(t, l->float_b);
        for (size_t c = 0; c < l->channels; c++)
            qnt_quantizer_put_channel(q, i, c, t->weights + t->param[l->w_param].at,
                                      l->b < 0 ? NULL : t->weights + t->param[l->b_param].at, q->model, NULL,
                                      t->effective + t->param[l->w_param].at);
    }
}

static qnt_status set_up_quantized(struct qnt_train *t)
{
    struct qnt_range input = {0.0f, 0.0f};
    for (int c = 0; c < QNT_IMAGE_CHANNELS; c++)
        for (int v = 0; v < 256; v++) {
            input.lo = fminf(input.lo, t->input.value[c][v]);
            input.hi = fmaxf(input.hi, t->input.value[c][v]);
        }
    struct qnt_plan_options options = {.max_batch = QNT_SHARD, .keep_tensors = true};
    struct qnt_plan *float_plan = NULL;
    const struct qnt_quantizer_options wanted = {
        .bits = t->config.weight_bits, .layer_bits = t->config.layer_bits, .input = input};
    qnt_status status = qnt_quantizer_create(t->master, &wanted, &t->quantizer);
    if (!status && !(t->effective = qnt_alloc_array(t->ctx, t->n_weights, sizeof(float), "quantized weights")))
        status = QNT_ERR_NOMEM;
    if (!status)
        status = qnt_plan_create(t->master, &options, &float_plan);
    if (!status)
        status = qnt_train_first_ranges(t, float_plan);
    qnt_plan_free(float_plan);
    if (status)
        return status;
    put_all(t);
    if ((status = qnt_quantizer_plan(t->quantizer, QNT_SHARD)))
        return status;
    t->plan = t->quantizer->plan;
    for (size_t i = 0; i < t->quantizer->n_layers; i++) {
        const struct qnt_qlayer *l = &t->quantizer->layer[i];
        t->param[l->w_param].plan = t->quantizer->plan_id[l->w];
        if (l->b >= 0)
            t->param[l->b_param].plan = t->quantizer->plan_id[l->b];
    }
    return QNT_OK;
}

static qnt_status set_up_team(struct qnt_train *t)
{
    struct qnt_topo topo;
    uint32_t threads = t->config.threads;
    size_t tasks = (t->config.batch + QNT_SHARD - 1) / QNT_SHARD;
    tasks = tasks < QNT_TASKS ? tasks : QNT_TASKS;
    if (!threads)
        threads = qnt_topo_read(NULL, &topo) || !topo.usable ? 1 : topo.usable;
    return qnt_team_create(t->ctx, threads > tasks ? (uint32_t)tasks : threads, NULL, 0, &t->team);
}

static qnt_status set_up(struct qnt_train *t, const qnt_model *start, qnt_model *teacher)
{
    struct qnt_plan_options options = {.max_batch = QNT_SHARD};
    /* Quantized weights are those that run: batch norms are in them from the start. */
    qnt_status status = t->config.weight_bits ? qnt_model_fold(start, &t->master) : qnt_model_clone(start, &t->master);
    qnt_input_map_init(&t->input, start->mean, start->deviation);
    t->steps = (uint32_t)((t->data->n + t->config.batch - 1) / t->config.batch);
    t->batch_size = t->data->n < t->config.batch ? t->data->n : t->config.batch;
    t->image_weight = 1.0f / (float)t->batch_size;
    t->sgd = (struct qnt_sgd){.momentum = t->config.momentum, .decay = t->config.weight_decay};
    t->adam.decay = t->config.weight_decay;
    t->order_epoch = UINT32_MAX;
    if (!status && !(t->order = qnt_alloc_array(t->ctx, t->data->n, sizeof *t->order, "the order of images")))
        status = QNT_ERR_NOMEM;
    if (!status)
        status = collect_params(t);
    if (!status)
        status = t->config.weight_bits ? set_up_quantized(t) : set_up_float(t);
    if (!status && teacher)
        status = qnt_plan_create(teacher, &options, &t->teacher);
    if (!status)
        status = set_up_team(t);
    if (!status)
        status = qnt_train_memory_create(t);
    return status ? status : qnt_train_refresh(t);
}

qnt_status qnt_train_create(const qnt_model *start, const qnt_model *teacher, const qnt_dataset *data,
                            const qnt_train_config *config, qnt_train **out)
{
    qnt_train_config c;
    qnt_status status;
    if (!start || !data || !config || !out)
        return qnt_fail(QNT_ERR_ARG, "train create: a pointer is NULL");
    if ((status = qnt_config_copy(&c, sizeof c, config, "train config")) || (status = check_config(&c, teacher)) ||
        (status = check_shape(start, "start model", data)) || (status = check_nodes(start)) ||
        (teacher && (status = check_teacher(teacher, start, data))))
        return status;
    if (!data->n || data->n > UINT32_MAX)
        return qnt_fail(QNT_ERR_ARG, "training: %zu images, expected 1 to 2^32 - 1", data->n);
    struct qnt_train *t = qnt_alloc(start->ctx, sizeof *t, "a trainer");
    if (!t)
        return QNT_ERR_NOMEM;
    t->ctx = start->ctx;
    t->data = data;
    t->config = c;
    t->config.layer_bits = NULL;
    if (c.layer_bits && !(t->config.layer_bits = qnt_strdup(t->ctx, c.layer_bits)))
        status = QNT_ERR_NOMEM;
    qnt_fpenv saved = qnt_fpenv_enter();
    if (!status)
        status = set_up(t, start, (qnt_model *)teacher); /* its plan keeps a reference, which does not change it */
    qnt_fpenv_leave(saved);
    if (status) {
        qnt_train_free(t);
        return status;
    }
    *out = t;
    return QNT_OK;
}

void qnt_train_free(qnt_train *t)
{
    if (!t)
        return;
    const qnt_ctx *ctx = t->ctx;
    qnt_train_thaw(t);
    qnt_train_memory_free(t);
    qnt_team_free(t->team);
    qnt_plan_free(t->teacher);
    if (t->quantizer) {
        qnt_quantizer_free(t->quantizer); /* its plan is t->plan */
        qnt_release(ctx, t->effective);
    } else {
        qnt_plan_free(t->plan);
    }
    qnt_model_free(t->master);
    void *all[] = {t->param, t->weights, t->velocity, t->order, t->peek, (char *)t->config.layer_bits};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
    qnt_release(ctx, t);
}
