/* A session with the times of its parts. */
#include <math.h>
#include "simd/ticks.h"
#include "tools/qbench/model.h"

enum { MOST_CALLS = 64 }; /* of one network in a round */

static size_t bytes_of(const qnt_tensor_info *t)
{
    size_t n = qnt_dtype_size(t->type);
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

static void make_noise(void *to, size_t bytes)
{
    uint32_t r = 1;
    for (size_t i = 0; i < bytes / sizeof(float); i++) {
        r = r * 1664525u + 1013904223u;
        ((float *)to)[i] = (float)(int32_t)r * 0x1p-30f;
    }
}

void qb_runner_free(struct qb_runner *r)
{
    if (!r->q)
        return;
    const qnt_ctx *ctx = r->q->ctx;
    qnt_session_free(r->session);
    for (size_t i = 0; r->in && i < r->n_in; i++)
        qnt_release(ctx, r->in[i]);
    for (size_t i = 0; r->out && i < r->n_out; i++)
        qnt_release(ctx, r->out[i]);
    qnt_release(ctx, r->in);
    qnt_release(ctx, r->out);
    qnt_release(ctx, r->ticks);
    qnt_release(ctx, r->part);
    qnt_release(ctx, r->whole);
}

/* Room for a batch of every input (with noise in it) and output. */
static qnt_status make_borders(struct qb_runner *r, const qnt_model *model)
{
    const qnt_ctx *ctx = r->q->ctx;
    qnt_tensor_info t;
    qnt_status status = QNT_OK;
    r->n_in = qnt_model_input_count(model);
    r->n_out = qnt_model_output_count(model);
    if (!(r->in = qnt_alloc_array(ctx, r->n_in, sizeof *r->in, "inputs")) ||
        !(r->out = qnt_alloc_array(ctx, r->n_out, sizeof *r->out, "outputs")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < r->n_in && !status; i++) {
        if ((status = qnt_session_input_at(r->session, i, &t)))
            break;
        if (!(r->in[i] = qnt_alloc_array(ctx, r->q->batch, bytes_of(&t), "input")))
            return QNT_ERR_NOMEM;
        make_noise(r->in[i], r->q->batch * bytes_of(&t));
    }
    for (size_t i = 0; i < r->n_out && !status; i++)
        if (!(status = qnt_session_output_at(r->session, i, &t)) &&
            !(r->out[i] = qnt_alloc_array(ctx, r->q->batch, bytes_of(&t), "output")))
            return QNT_ERR_NOMEM;
    return status;
}

qnt_status qb_runner_create(struct qbench *q, qnt_model *model, struct qb_runner *r)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = q->batch, .threads = q->threads};
    r->q = q;
    if (q->threads > 1) {
        c.cpus = q->cpus.cpu;
        c.n_cpus = q->cpus.count;
    }
    qnt_status status = qnt_session_create(model, &c, &r->session);
    if (status || (status = make_borders(r, model)))
        return status;
    r->parts = qnt_session_step_count(r->session) + 2;
    r->room = (size_t)q->rounds * MOST_CALLS;
    if (!(r->ticks = qnt_alloc_array(q->ctx, r->parts, sizeof *r->ticks, "ticks")) ||
        !(r->part = qnt_alloc_array(q->ctx, r->parts * r->room, sizeof *r->part, "times")) ||
        !(r->whole = qnt_alloc_array(q->ctx, r->room, sizeof *r->whole, "times")))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

static void sweep_part(void *arg, uint32_t part, uint32_t parts)
{
    (void)parts;
    qb_sweep(arg, part);
}

static void sweep(struct qbench *q)
{
    if (q->cold && q->team)
        qnt_team_run(q->team, sweep_part, q);
    else if (q->cold)
        qb_sweep(q, 0);
}

/* Seconds of an ordinary run. */
static qnt_status run_once(struct qb_runner *r, double *seconds)
{
    sweep(r->q);
    uint64_t begun = qnt_ticks();
    qnt_status status = qnt_session_run_io(r->session, (const void *const *)r->in, r->out, r->q->batch);
    *seconds = fmax(0, (double)(qnt_ticks() - begun) * r->seconds_per_tick - r->watch);
    return status;
}

static qnt_status measure_once(struct qb_runner *r, size_t sample)
{
    sweep(r->q);
    qnt_status status =
        qnt_session_profile_io(r->session, (const void *const *)r->in, r->out, r->q->batch, r->ticks, r->parts);
    for (size_t i = 0; i < r->parts; i++)
        r->part[i * r->room + sample] = fmax(0, (double)r->ticks[i] * r->seconds_per_tick - r->watch);
    return status;
}

/* A slice: calls of both kinds, after one that warms up. */
qnt_status qb_runner_round(struct qb_runner *r)
{
    double seconds;
    qnt_status status = run_once(r, &seconds);
    for (size_t i = 0; i < r->calls && !status; i++, r->samples++)
        if (!(status = run_once(r, &r->whole[r->samples])))
            status = measure_once(r, r->samples);
    return status;
}

qnt_status qb_runner_begin(struct qb_runner *r)
{
    double seconds = 0, least = 1;
    qnt_status status = qnt_ticks_per_second(&seconds);
    if (status)
        return status;
    r->seconds_per_tick = 1 / seconds;
    for (int i = 0; i < 1000; i++) {
        uint64_t begun = qnt_ticks();
        least = fmin(least, (double)(qnt_ticks() - begun) * r->seconds_per_tick);
    }
    r->watch = least;
    for (int i = 0; i < 3 && !status; i++)
        status = run_once(r, &seconds);
    double calls = (double)r->q->seconds / r->q->rounds / 2 / fmax(seconds, 1e-9);
    r->calls = calls > MOST_CALLS ? MOST_CALLS : calls < 1 ? 1 : (size_t)calls;
    return status;
}

struct qb_stat qb_runner_part(struct qb_runner *r, size_t part)
{
    return qb_stat_of(r->part + part * r->room, r->samples);
}
