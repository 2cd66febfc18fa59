/* A plan, its memory and perhaps a team. A run has phases: the inputs are copied into the arena, the steps run one
 * after another, the outputs are copied out; every thread does its share of each. A team has a barrier between phases;
 * the application's parallel_for is called anew for each, since it may run the parts one after another. Shares never
 * change what is computed, so neither does the number of threads. */
#include "lib/op/binary.h"
#include "lib/run/session.h"
#include "simd/fpenv.h"

enum { CHUNK_BYTES = 1 << 19, PIECE_BYTES = 16 << 10, PIECES = 8 /* a thread, at most */ };

static qnt_status read_config(const qnt_session_config *config, qnt_session_config *c)
{
    qnt_status status = qnt_config_copy(c, sizeof *c, config, "session config");
    if (status)
        return status;
    if (c->quantized_io != 0 && c->quantized_io != 1)
        return qnt_fail(QNT_ERR_ARG, "session config: quantized_io is %d, expected 0 or 1", c->quantized_io);
    if (c->keep_tensors != 0 && c->keep_tensors != 1)
        return qnt_fail(QNT_ERR_ARG, "session config: keep_tensors is %d, expected 0 or 1", c->keep_tensors);
    if (c->small_weights != 0 && c->small_weights != 1)
        return qnt_fail(QNT_ERR_ARG, "session config: small_weights is %d, expected 0 or 1", c->small_weights);
    if (c->reserved)
        return qnt_fail(QNT_ERR_ARG, "session config: reserved is %u, expected 0", c->reserved);
    if (!c->cpus != !c->n_cpus)
        return qnt_fail(QNT_ERR_ARG, "session config: cpus and n_cpus must be set together");
    if (!c->parallel_for && c->parallel_user)
        return qnt_fail(QNT_ERR_ARG, "session config: parallel_user is set, but parallel_for is not");
    if (c->parallel_for && !c->threads)
        return qnt_fail(QNT_ERR_ARG, "session config: threads is 0, expected the number of parts for parallel_for");
    if (c->parallel_for && c->cpus)
        return qnt_fail(QNT_ERR_ARG, "session config: cpus are for the library's workers, with parallel_for there are "
                                     "none");
    c->max_batch = c->max_batch ? c->max_batch : 1;
    c->threads = c->threads ? c->threads : 1;
    return QNT_OK;
}

static size_t image_bytes(const struct qnt_plan *p, int id)
{
    return qnt_image_bytes(&p->model->tensor[id]);
}

static void touch_tensor(const qnt_session *s, int id, uint32_t part, uint32_t parts)
{
    size_t begin, end;
    qnt_share(s->plan->max_batch * image_bytes(s->plan, id), part, parts, &begin, &end);
    memset(s->arena + s->plan->offset[id] + begin, 0, end - begin);
    qnt_team_barrier(s->team);
}

/* Member `part` of the team writes its scratch and its share of every tensor, in the order of a run: where tensors
 * share memory, the first one decides which member has a page. */
static void touch_share(void *arg, uint32_t part, uint32_t parts)
{
    const qnt_session *s = arg;
    const struct qnt_plan *p = s->plan;
    memset(s->scratch + part * s->scratch_stride, 0, s->scratch_stride);
    for (size_t i = 0; i < p->model->inputs.n; i++)
        if (p->offset[p->model->inputs.id[i]] != SIZE_MAX)
            touch_tensor(s, p->model->inputs.id[i], part, parts);
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->step[i].op->run)
            touch_tensor(s, p->step[i].node->out, part, parts);
}

/* The packed weights are the plan's: one copy, written by the caller. */
static qnt_status make_memory(qnt_session *s)
{
    /* No page is shared between members of a team, no line nor its neighbour with threads of the application. */
    s->scratch_stride = qnt_round_up(s->plan->scratch_bytes, s->team ? qnt_page_size() : 128);
    if (!s->team) {
        s->arena = qnt_alloc(s->ctx, s->plan->arena_bytes, "a session's tensors");
        if (s->arena)
            s->scratch = qnt_alloc_array(s->ctx, s->threads, s->scratch_stride, "a session's scratch");
        return s->scratch ? QNT_OK : QNT_ERR_NOMEM;
    }
    size_t bytes;
    if (qnt_mul_overflows(s->threads, s->scratch_stride, &bytes))
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: scratch of %zu bytes for %u threads", s->scratch_stride,
                        s->threads);
    if (!(s->arena = qnt_alloc_untouched(s->ctx, s->plan->arena_bytes, "a session's tensors")) ||
        !(s->scratch = qnt_alloc_untouched(s->ctx, bytes, "a session's scratch")))
        return QNT_ERR_NOMEM;
    qnt_team_run(s->team, touch_share, s);
    return QNT_OK;
}

static qnt_status note_sizes(qnt_session *s)
{
    const struct qnt_ids *in = &s->plan->model->inputs, *out = &s->plan->model->outputs;
    if (!(s->in_bytes = qnt_alloc_array(s->ctx, in->n, sizeof *s->in_bytes, "sizes of inputs")) ||
        !(s->out_bytes = qnt_alloc_array(s->ctx, out->n, sizeof *s->out_bytes, "sizes of outputs")))
        return QNT_ERR_NOMEM;
    size_t all = 0;
    for (size_t i = 0; i < in->n; i++)
        all += s->in_bytes[i] = image_bytes(s->plan, in->id[i]);
    all = all * s->chunk / PIECE_BYTES; /* which the plan found no overflow in */
    s->pieces = (uint32_t)qnt_least(all > s->threads ? all : s->threads, (size_t)s->threads * PIECES);
    for (size_t i = 0; i < out->n; i++)
        s->out_bytes[i] = image_bytes(s->plan, out->id[i]);
    return QNT_OK;
}

/* Bytes of activations that the largest node of a model moves for an image; what cannot be told yet counts as 1. */
static size_t footprint(const struct qnt_model *m)
{
    size_t most = 1;
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        size_t bytes = qnt_image_bytes(&m->tensor[n->out]);
        for (uint32_t k = 0; k < n->n_in; k++)
            bytes += m->tensor[n->in[k]].constant ? 0 : qnt_image_bytes(&m->tensor[n->in[k]]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* As many images at a time as leave what a step moves in each thread's second-level cache: all of a batch through one
 * step after another would go through memory. Where images are small, together they make better use of weights. */
static size_t choose_chunk(const struct qnt_model *m, const qnt_session_config *c)
{
    const size_t room = c->threads * (size_t)CHUNK_BYTES / footprint(m);
    return c->keep_tensors || room >= c->max_batch ? c->max_batch : room ? room : 1;
}

qnt_status qnt_session_prepare(struct qnt_session *s, qnt_model *model, const qnt_session_config *c)
{
    s->ctx = model->ctx;
    s->max_batch = c->max_batch;
    s->chunk = choose_chunk(model, c);
    s->keep_tensors = c->keep_tensors;
    s->threads = c->threads;
    struct qnt_plan_options o = {.max_batch = s->chunk,
                                 .quantized_io = c->quantized_io,
                                 .keep_tensors = c->keep_tensors,
                                 .inputs_outside = s->inputs_outside && !c->keep_tensors,
                                 .small_weights = c->small_weights};
    qnt_status status = qnt_team_check_threads(c->threads);
    if (!status && !(status = qnt_plan_create(model, &o, &s->plan)))
        status = note_sizes(s);
    return status;
}

void qnt_session_unprepare(struct qnt_session *s)
{
    qnt_plan_free(s->plan);
    qnt_release(s->ctx, s->in_bytes);
    qnt_release(s->ctx, s->out_bytes);
}

static qnt_status create(qnt_session *s, qnt_model *model, const qnt_session_config *c)
{
    s->inputs_outside = true;
    qnt_status status = qnt_session_prepare(s, model, c);
    if (status)
        return status;
    s->parallel_for = c->parallel_for;
    s->parallel_user = c->parallel_user;
    if (!s->parallel_for && s->threads > 1 &&
        (status = qnt_team_create(s->ctx, s->threads, c->cpus, c->n_cpus, &s->team)))
        return status;
    if ((status = make_memory(s)))
        return status;
    if (s->parallel_for && !(s->stamp = qnt_alloc_array(s->ctx, s->threads, sizeof *s->stamp, "a session's parts")))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

qnt_status qnt_session_create(qnt_model *model, const qnt_session_config *config, qnt_session **out)
{
    qnt_session_config c;
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_create: model or out is NULL");
    qnt_status status = read_config(config, &c);
    if (status)
        return status;
    qnt_session *s = qnt_alloc(model->ctx, sizeof *s, "a session");
    if (!s)
        return QNT_ERR_NOMEM;
    s->ctx = model->ctx;
    if ((status = create(s, model, &c))) {
        qnt_session_free(s);
        return status;
    }
    *out = s;
    return QNT_OK;
}

void qnt_session_free(qnt_session *s)
{
    if (!s)
        return;
    const qnt_ctx *ctx = s->ctx;
    qnt_team_free(s->team);
    qnt_session_unprepare(s);
    qnt_release(ctx, s->arena);
    qnt_release(ctx, s->scratch);
    qnt_release(ctx, (void *)s->stamp);
    qnt_release(ctx, s);
}

/* Parked workers take as long to come as some inputs to be read: the caller begins at the front meanwhile, those who
 * come take pieces from the back. */
static void run_first(qnt_session *s, size_t phase, uint32_t part)
{
    const uint64_t one = part ? UINT64_C(1) << 32 : 1;
    for (;;) {
        const uint64_t taken = atomic_fetch_add_explicit(&s->taken, one, memory_order_relaxed);
        const uint32_t front = (uint32_t)taken, back = (uint32_t)(taken >> 32);
        if (front >= s->pieces || back >= s->pieces - front)
            return;
        qnt_session_run_piece(s, 0, phase, part ? s->pieces - 1 - back : front, s->pieces, part);
    }
}

/* Copying, or a step that only reads inputs: any cut of them is as good. */
static bool goes_by_pieces(const qnt_session *s, size_t phase)
{
    return s->team && (phase == 0 || (phase <= s->plan->n_steps && s->plan->step[phase - 1].outside));
}

static void run_share(void *arg, uint32_t part, uint32_t parts)
{
    qnt_session *s = arg;
    bool begun = false; /* what comes first waits for nobody */
    (void)parts;        /* s->threads */
    qnt_fpenv saved = qnt_fpenv_enter();
    for (size_t first = 0; first < s->batch; first += s->chunk)
        for (size_t phase = 0; phase < qnt_session_phases(s); phase++) {
            if (!qnt_session_has_work(s, phase))
                continue;
            if (s->team && begun)
                qnt_team_barrier(s->team);
            if (!begun && goes_by_pieces(s, phase))
                run_first(s, phase, part);
            else
                qnt_session_run_phase(s, first, phase, part);
            begun = true;
        }
    qnt_fpenv_leave(saved);
}

/* One part of the phase, on a thread of the application's. */
static void foreign_part(void *arg, size_t i)
{
    qnt_session *s = arg;
    /* Acquires and releases, should parallel_for do so less than it must. */
    if (i >= s->threads || atomic_exchange_explicit(&s->stamp[i], s->call, memory_order_acq_rel) == s->call) {
        atomic_store_explicit(&s->stray, true, memory_order_relaxed);
        return;
    }
    qnt_fpenv saved = qnt_fpenv_enter();
    qnt_session_run_phase(s, s->first, s->phase, (uint32_t)i);
    qnt_fpenv_leave(saved);
}

qnt_status qnt_session_run_foreign(qnt_session *s, const char *what)
{
    s->call++;
    s->parallel_for(s->parallel_user, s->threads, foreign_part, s);
    for (uint32_t i = 0; i < s->threads; i++)
        if (atomic_load_explicit(&s->stamp[i], memory_order_acquire) != s->call)
            return qnt_fail(QNT_ERR_STATE, "%s: parallel_for left out part %u of %u", what, i, s->threads);
    if (atomic_load_explicit(&s->stray, memory_order_relaxed))
        return qnt_fail(QNT_ERR_STATE, "%s: parallel_for ran a part twice, or one past the last of %u", what,
                        s->threads);
    return QNT_OK;
}

static qnt_status run_foreign(qnt_session *s, const char *what)
{
    qnt_status status = QNT_OK;
    for (s->first = 0; s->first < s->batch && !status; s->first += s->chunk)
        for (s->phase = 0; s->phase < qnt_session_phases(s) && !status; s->phase++)
            if (qnt_session_has_work(s, s->phase))
                status = qnt_session_run_foreign(s, what);
    return status;
}

static qnt_status run(qnt_session *session, const char *what)
{
    if (session->parallel_for)
        return run_foreign(session, what);
    if (session->team) {
        atomic_store_explicit(&session->taken, 0, memory_order_relaxed); /* the team's start releases it */
        qnt_team_run(session->team, run_share, session);
    } else {
        run_share(session, 0, 1);
    }
    return QNT_OK;
}

qnt_status qnt_session_run(qnt_session *session, const void *in, void *out, size_t batch)
{
    qnt_status status = qnt_session_begin_one(session, "qnt_session_run", in, out, batch);
    return status ? status : run(session, "qnt_session_run");
}

qnt_status qnt_session_run_io(qnt_session *session, const void *const *in, void *const *out, size_t batch)
{
    qnt_status status = qnt_session_begin(session, "qnt_session_run_io", in, out, batch);
    return status ? status : run(session, "qnt_session_run_io");
}

qnt_status qnt_session_input_at(const qnt_session *session, size_t i, qnt_tensor_info *out)
{
    if (!session || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_input: a pointer is NULL");
    return qnt_model_input_at(session->plan->model, i, out);
}

qnt_status qnt_session_output_at(const qnt_session *session, size_t i, qnt_tensor_info *out)
{
    if (!session || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_output: a pointer is NULL");
    return qnt_model_output_at(session->plan->model, i, out);
}

qnt_status qnt_session_input(const qnt_session *session, qnt_tensor_info *out)
{
    return qnt_session_input_at(session, 0, out);
}

qnt_status qnt_session_output(const qnt_session *session, qnt_tensor_info *out)
{
    return qnt_session_output_at(session, 0, out);
}

size_t qnt_session_step_count(const qnt_session *session)
{
    return session ? session->plan->n_steps : 0;
}

qnt_status qnt_session_step(const qnt_session *session, size_t i, qnt_step_info *out)
{
    if (!session || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_step: a pointer is NULL");
    if (i >= session->plan->n_steps)
        return qnt_fail(QNT_ERR_ARG, "step %zu, the session has %zu", i, session->plan->n_steps);
    const struct qnt_step *s = &session->plan->step[i];
    *out = (qnt_step_info){.name = s->node->name,
                           .op = s->op->name,
                           .variant = qnt_step_variant(s),
                           .macs = s->macs,
                           .output = s->out->name};
    return QNT_OK;
}

size_t qnt_session_arena_bytes(const qnt_session *session)
{
    return session ? session->plan->arena_bytes : 0;
}

size_t qnt_session_packed_bytes(const qnt_session *session)
{
    return session ? session->plan->packed_bytes : 0;
}

qnt_status qnt_session_peek(const qnt_session *session, const char *tensor, const void **data, qnt_tensor_info *info)
{
    if (!session || !tensor || !data)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_peek: a pointer is NULL");
    if (!session->keep_tensors)
        return qnt_fail(QNT_ERR_STATE, "qnt_session_peek: the session was created without keep_tensors");
    const struct qnt_plan *p = session->plan;
    int id = qnt_model_find(p->model, tensor);
    if (id < 0)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_peek: the model has no tensor '%s'", tensor);
    if (p->offset[id] == SIZE_MAX)
        return qnt_fail(QNT_ERR_ARG, "qnt_session_peek: tensor '%s' is %s", tensor,
                        p->model->tensor[id].constant ? "a constant" : "not computed: its step was fused into another");
    *data = session->arena + p->offset[id];
    return info ? qnt_model_tensor(p->model, (size_t)id, info) : QNT_OK;
}
