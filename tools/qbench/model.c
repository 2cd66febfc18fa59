/* qbench model: a network's layers, measured inside of runs of a session; the same network in floats, in turn with it.
 */
#include <math.h>
#include <string.h>
#include "tools/qbench/model.h"

/* Until a run comes to the same weights again it has read all of them: they are where that much stays. */
static double all_weights(const struct qb_network *net)
{
    double sum = 0;
    for (size_t i = 0; i < net->layers; i++)
        sum += (double)net->layer[i].work.weight_bytes;
    return sum;
}

/* The work of all steps, before anything is measured. */
static qnt_status read_layers(const struct qb_model *m, const struct qb_runner *r, struct qb_network *net)
{
    qnt_status status = QNT_OK;
    net->layers = r->parts - 2;
    if (!(net->layer = qnt_alloc_array(m->q->ctx, net->layers, sizeof *net->layer, "layers")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < net->layers && !status; i++) {
        net->layer[i].work.size = sizeof net->layer[i].work;
        status = qnt_session_step_work(r->session, i, &net->layer[i].work);
    }
    for (size_t i = 0; i < net->layers && !status; i++)
        qb_layer_work(m, &net->layer[i], all_weights(net));
    return status;
}

/* The work of every peak that a layer is told by, once; rates are appended to m->rates. */
static void measure_peaks(struct qb_model *m)
{
    struct qbench *q = m->q;
    struct qb_work *work[QB_PEAKS];
    bool needed[QB_PEAKS + 1] = {false};
    size_t works = 0;
    for (int twin = 0; twin < 2; twin++)
        for (size_t i = 0; i < m->net[twin].layers; i++)
            needed[m->net[twin].layer[i].peak] = needed[m->net[twin].layer[i].roof] = true;
    for (int p = 0; p < QB_PEAKS; p++)
        if (needed[p])
            work[works++] = qb_peak_prepare(q, (enum qb_peak)p);
    qb_measure(q, work, works);
    for (uint32_t i = 0; i < q->taken; i++, m->peak_samples++)
        for (int p = 0; p < QB_PEAKS; p++)
            if (needed[p])
                m->peak_rate[p][m->peak_samples] = qb_peak_work(q, (enum qb_peak)p) / q->peak[p].seconds[i];
}

/* Peaks, rounds in which both networks run in turn, and the peaks again: what has changed meanwhile is in both. */
static qnt_status measure(struct qb_model *m, struct qb_runner r[2])
{
    qnt_status status = QNT_OK;
    if (m->q->cold)
        qb_sweep_prepare(m->q);
    measure_peaks(m);
    for (int twin = 0; twin < 2 && !status; twin++)
        status = qb_runner_begin(&r[twin]);
    for (uint32_t i = 0; i < m->q->rounds && !status; i++)
        for (int twin = 0; twin < 2 && !status; twin++)
            status = qb_runner_round(&r[twin]);
    measure_peaks(m);
    return status;
}

static void take_times(struct qb_network *net, struct qb_runner *r)
{
    net->seconds = qb_stat_of(r->whole, r->samples);
    net->begin = qb_runner_part(r, 0).median;
    net->end = qb_runner_part(r, r->parts - 1).median;
    net->steps = 0;
    for (size_t i = 0; i < net->layers; i++) {
        net->layer[i].seconds = qb_runner_part(r, 1 + i);
        net->steps += net->layer[i].seconds.median;
    }
}

static const struct qb_layer *layer_named(const struct qb_network *net, const char *name)
{
    for (size_t i = 0; i < net->layers; i++)
        if (!strcmp(net->layer[i].work.name, name))
            return &net->layer[i];
    return NULL;
}

static void explain(struct qb_model *m)
{
    struct qbench *q = m->q;
    for (int p = 0; p < QB_PEAKS; p++)
        if (m->peak_samples && m->peak_rate[p][0] > 0)
            q->peak_rate[p] = qb_stat_of(m->peak_rate[p], m->peak_samples);
    for (int twin = 0; twin < 2; twin++)
        for (size_t i = 0; i < m->net[twin].layers; i++)
            qb_layer_why(m, &m->net[twin].layer[i]);
    for (size_t i = 0; i < m->net[0].layers; i++) {
        struct qb_layer *l = &m->net[0].layer[i];
        const struct qb_layer *other = layer_named(&m->net[1], l->work.name);
        l->float_seconds = other ? other->seconds.median : 0;
    }
}

/* For the chart. */
static qnt_status add_rows(struct qb_model *m)
{
    struct qbench *q = m->q;
    const struct qb_network *net = &m->net[0];
    qnt_status status = qnt_grow(q->ctx, (void **)&q->row, &q->room, net->layers, sizeof *q->row, "the report");
    for (size_t i = 0; i < net->layers && !status; i++) {
        const struct qb_layer *l = &net->layer[i];
        const double work = l->macs > 0 ? l->macs : l->bytes, t = l->seconds.median;
        if (t <= 0 || work <= 0)
            continue;
        struct qb_row *r = &q->row[q->rows++];
        snprintf(r->name, sizeof r->name, "%s", l->work.name);
        snprintf(r->type, sizeof r->type, "%s", l->work.op);
        snprintf(r->kernel, sizeof r->kernel, "%s", l->work.variant);
        r->macs = l->macs;
        r->bytes = l->bytes;
        r->seconds = l->seconds;
        r->rate = (struct qb_stat){work / t, work / l->seconds.q3, work / fmax(l->seconds.q1, 1e-12)};
        r->peak = l->peak == QB_NONE ? l->roof : l->peak;
        r->limit = l->roof;
        r->share = (l->peak == QB_NONE ? l->by_roof : l->by_peak) / t;
        r->limit_share = l->by_roof / t;
    }
    return status;
}

static qnt_status allocate_peaks(struct qb_model *m)
{
    for (int p = 0; p < QB_PEAKS; p++)
        if (!(m->peak_rate[p] =
                  qnt_alloc_array(m->q->ctx, (size_t)m->q->rounds * 2, sizeof(double), "rates of the peaks")))
            return QNT_ERR_NOMEM;
    return QNT_OK;
}

static qnt_status run(struct qb_model *m, qnt_model *model[2], struct qb_runner runner[2])
{
    qnt_status status = allocate_peaks(m);
    for (int twin = 0; twin < 2 && !status; twin++)
        if (!(status = qb_runner_create(m->q, model[twin], &runner[twin])))
            status = read_layers(m, &runner[twin], &m->net[twin]);
    if (status || (status = measure(m, runner)))
        return status;
    for (int twin = 0; twin < 2; twin++)
        take_times(&m->net[twin], &runner[twin]);
    explain(m);
    return add_rows(m);
}

int qb_model(struct qbench *q)
{
    struct qb_model m = {.q = q};
    struct qb_runner runner[2] = {{0}};
    qnt_model *model[2] = {NULL};
    if (q->sizes)
        return opt_usage(q->tool, "model: all layers are measured, expected no --sizes");
    q->reported = true;
    qnt_status status = model_open(q->ctx, q->file, &q->import, &model[0]);
    if (!status && !(status = qnt_model_dequantize(model[0], &model[1])))
        status = run(&m, model, runner);
    int code = status ? opt_fail(q->tool, status) : qb_model_report(&m);
    for (int twin = 0; twin < 2; twin++) {
        qb_runner_free(&runner[twin]); /* layers point into the session's texts */
        qnt_release(q->ctx, m.net[twin].layer);
        qnt_model_free(model[twin]);
    }
    for (int p = 0; p < QB_PEAKS; p++)
        qnt_release(q->ctx, m.peak_rate[p]);
    return code;
}
