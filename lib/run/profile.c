/* The work of steps, and runs that are measured: the phases of session.c, with the counter read after each. */
#include <qnt/profile.h>
#include "lib/gemm/winograd.h"
#include "lib/op/binary.h"
#include "lib/op/linear.h"
#include "lib/op/step.h"
#include "lib/run/session.h"
#include "simd/fpenv.h"
#include "simd/ticks.h"

static uint64_t constant_bytes(const struct qnt_step *s, const qnt_step_work *w, uint32_t input)
{
    const struct qnt_gemm *g = s->variant->gemm;
    const struct qnt_tensor *t = s->in[input];
    if (input != 1 || !g || !w->depth || s->op == &qnt_op_matmul) /* not packed before the run, or not by one tile */
        return qnt_tensor_count(t) * qnt_dtype_size(t->type);
    if (g->run_f32)
        return w->groups * qnt_gemm_packed_bytes(g, w->columns, w->depth);
    if (!g->binary) {
        const struct qnt_conv_geom geom = qnt_linear_geometry(s);
        if (s->winograd)
            return qnt_winograd_packed_bytes(g, &geom);
        return w->groups * qnt_conv_s8_packed_bytes(g, &geom, w->columns);
    }
    const size_t channels = t->dim[t->rank - 1]; /* of a tap, whose bits begin with a byte */
    return w->groups * qnt_gemm_packed_bytes(g, w->columns, w->depth / channels * ((channels + 7) / 8));
}

static void tell_bytes(const struct qnt_step *s, qnt_step_work *w)
{
    w->out_bytes = s->lead * qnt_image_bytes(s->out);
    for (uint32_t i = 0; i < s->node->n_in; i++)
        if (s->in[i]->constant)
            w->weight_bytes += constant_bytes(s, w, i);
        else
            w->in_bytes += (i ? 1 : s->lead) * qnt_image_bytes(s->in[i]);
}

/* Two activations, or one and a constant: the last two dimensions of each, as often as the others say. */
static void tell_matmul(const struct qnt_step *s, const struct qnt_tensor *y, qnt_step_work *w)
{
    const struct qnt_tensor *a = s->in[0], *b = s->in[1];
    w->columns = y->dim[y->rank - 1];
    w->rows = y->rank > 1 ? y->dim[y->rank - 2] : 1;
    w->groups = qnt_tensor_count(y) / (w->rows * w->columns);
    w->depth = a->dim[a->rank - 1];
    w->weight_bits = b->constant ? b->bits : a->constant ? a->bits : 0;
}

/* Output channels are the first dimension of weights and the last of the output; the rest of both is what a product has
 * for depth and rows. */
static void tell_layer(const struct qnt_step *s, qnt_step_work *w)
{
    const struct qnt_tensor *weights = s->in[1];
    w->groups = s->node->attr.groups ? s->node->attr.groups : 1;
    w->rows = s->lead * qnt_tensor_count(s->out) / weights->dim[0];
    w->columns = weights->dim[0] / w->groups;
    w->depth = qnt_tensor_count(weights) / weights->dim[0];
    w->weight_bits = weights->bits;
    w->binary = qnt_is_binary(s->node);
}

/* y: what the step writes, as the model says it. */
static void tell_product(const struct qnt_step *s, const struct qnt_tensor *y, qnt_step_work *w)
{
    const struct qnt_gemm *g = s->variant->gemm;
    if (!s->macs)
        return;
    if (s->op == &qnt_op_matmul)
        tell_matmul(s, y, w);
    else
        tell_layer(s, w);
    if (g) {
        w->tile_rows = g->mr;
        w->tile_least = g->m_least;
        w->tile_columns = g->nr;
        w->tile_depth = g->binary ? g->kr * 8u : g->kr;
    }
}

/* The first of the variants behind the bound one that this context does not have. */
static void tell_faster(const qnt_ctx *ctx, const struct qnt_step *s, qnt_step_work *w)
{
    const struct qnt_kernel_row *bound = s->variant;
    qnt_kernel_info k;
    bool behind = false;
    w->kernel = bound->op;
    w->variant = qnt_step_variant(s);
    w->isa = *bound->op ? qnt_isa_table[bound->isa].id : "";
    w->faster = w->reason = "";
    for (size_t i = 0; *bound->op && !*w->faster && !qnt_ctx_kernel(ctx, i, &k); i++) {
        if (strcmp(k.op, bound->op))
            continue;
        if (behind && !k.usable) {
            w->faster = k.variant;
            w->reason = k.reason;
        }
        behind = behind || !strcmp(k.variant, bound->variant);
    }
}

qnt_status qnt_session_step_work(const qnt_session *session, size_t i, qnt_step_work *out)
{
    qnt_step_work w = {.size = sizeof w};
    if (!session || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_step_work: a pointer is NULL");
    if (i >= session->plan->n_steps)
        return qnt_fail(QNT_ERR_ARG, "step %zu, the session has %zu", i, session->plan->n_steps);
    const struct qnt_step *s = &session->plan->step[i];
    w.name = s->node->name;
    w.op = s->op->name;
    w.macs = s->macs;
    const struct qnt_tensor *y = &session->plan->model->tensor[s->node->out];
    w.type = y->type;
    w.rank = y->rank;
    memcpy(w.dim, y->dim, y->rank * sizeof *w.dim);
    tell_faster(session->ctx, s, &w);
    tell_product(s, y, &w);
    if (s->op->run)
        tell_bytes(s, &w);
    return qnt_result_copy(out, &w, sizeof w, "qnt_session_step_work");
}

/* Part 0 reads the counter, behind a barrier: a phase ends when all are done with it. */
static void profile_share(void *arg, uint32_t part, uint32_t parts)
{
    const qnt_session *s = arg;
    (void)parts; /* s->threads */
    uint64_t begin = s->begun;
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t first = 0; first < s->batch; first += s->chunk)
        for (size_t phase = 0; phase < qnt_session_phases(s); phase++) {
            if (phase && !qnt_session_has_work(s, phase)) /* the begin is told, even if nothing is copied */
                continue;
            qnt_session_run_phase(s, first, phase, part);
            if (s->team)
                qnt_team_barrier(s->team);
            if (part == 0) {
                uint64_t end = qnt_ticks();
                s->ticks[phase] += end - begin;
                begin = end;
            }
        }
    qnt_fpenv_leave(saved);
}

static qnt_status profile_foreign(qnt_session *s, const char *what)
{
    qnt_status status = QNT_OK;
    uint64_t begin = s->begun;
    for (s->first = 0; s->first < s->batch && !status; s->first += s->chunk)
        for (s->phase = 0; s->phase < qnt_session_phases(s) && !status; s->phase++) {
            if (!qnt_session_has_work(s, s->phase))
                continue;
            status = qnt_session_run_foreign(s, what);
            uint64_t end = qnt_ticks();
            s->ticks[s->phase] += end - begin;
            begin = end;
        }
    return status;
}

static qnt_status profile(qnt_session *session, const char *what, uint64_t *ticks, size_t n)
{
    if (!ticks || n != qnt_session_phases(session))
        return qnt_fail(QNT_ERR_ARG, "%s: ticks has %zu elements, expected %zu, two more than the steps", what,
                        ticks ? n : 0, qnt_session_phases(session));
    memset(ticks, 0, n * sizeof *ticks);
    session->ticks = ticks;
    session->begun = qnt_ticks();
    if (session->parallel_for)
        return profile_foreign(session, what);
    if (session->team)
        qnt_team_run(session->team, profile_share, session);
    else
        profile_share(session, 0, 1);
    return QNT_OK;
}

qnt_status qnt_session_profile(qnt_session *session, const void *in, void *out, size_t batch, uint64_t *ticks, size_t n)
{
    qnt_status status = qnt_session_begin_one(session, "qnt_session_profile", in, out, batch);
    return status ? status : profile(session, "qnt_session_profile", ticks, n);
}

qnt_status qnt_session_profile_io(qnt_session *session, const void *const *in, void *const *out, size_t batch,
                                  uint64_t *ticks, size_t n)
{
    qnt_status status = qnt_session_begin(session, "qnt_session_profile_io", in, out, batch);
    return status ? status : profile(session, "qnt_session_profile_io", ticks, n);
}
