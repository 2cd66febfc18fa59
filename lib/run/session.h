#ifndef RUN_SESSION_H
#define RUN_SESSION_H
/* A session and the phases of a run, for the two that walk them: session.c, and profile.c with a watch in its hand. */
#include <stdatomic.h>
#include <string.h>
#include <qnt/session.h>
#include "lib/graph/plan.h"
#include "lib/run/team.h"

struct qnt_session {
    qnt_ctx *ctx;
    struct qnt_plan *plan;
    struct qnt_team *team; /* NULL: the caller alone */
    bool keep_tensors;
    bool inputs_outside; /* of the arena where they can be: the caller leaves them alone during a run */
    uint32_t threads;
    size_t *in_bytes, *out_bytes; /* of one image, by input and output */
    uint8_t *arena, *scratch;     /* scratch: scratch_stride bytes for each thread */
    size_t scratch_stride;
    uint32_t pieces;        /* of the first phase of a team's run, */
    _Atomic uint64_t taken; /* and those taken: from the front in the low half, from the back in the high one */
    const void *const *in;  /* of the run under way, by input and output */
    void *const *out;
    const void *only_in; /* what in and out point at where there is one of each */
    void *only_out;
    size_t batch, max_batch;
    size_t chunk; /* images that go through all steps together; the last ones may be fewer */
    void (*parallel_for)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg); /* or NULL */
    void *parallel_user;
    _Atomic uint32_t *stamp; /* by part: the call of parallel_for that ran it last */
    uint32_t call;           /* counts them; wraps */
    size_t phase, first;     /* of this call; the chunk's first image */
    _Atomic bool stray;      /* a part was run twice or does not exist */
    uint64_t *ticks, begun;  /* of a measured run, by phase, and when it began: profile.c */
};

/* What there is of a session before it has memory and threads: plan, chunk, sizes; s is zero before. c: max_batch,
 * threads, quantized_io and keep_tensors, all set. On failure, too, _unprepare frees what there is. */
qnt_status qnt_session_prepare(struct qnt_session *s, qnt_model *model, const qnt_session_config *c);
void qnt_session_unprepare(struct qnt_session *s);

/* Checks the arguments of a run and notes them; _begin_one: of a model with one input and one output, refused for
 * others. what: the function's name, for the error text. */
qnt_status qnt_session_begin(qnt_session *s, const char *what, const void *const *in, void *const *out, size_t batch);
qnt_status qnt_session_begin_one(qnt_session *s, const char *what, const void *in, void *out, size_t batch);
/* Phase s->phase by the application's parallel_for. */
qnt_status qnt_session_run_foreign(qnt_session *s, const char *what);

static inline void qnt_session_copy(void *to, const void *from, size_t bytes, uint32_t part, uint32_t parts)
{
    size_t begin, end;
    qnt_share(bytes, part, parts, &begin, &end);
    memcpy((uint8_t *)to + begin, (const uint8_t *)from + begin, end - begin);
}

static inline void qnt_session_copy_in(const qnt_session *s, uint32_t part, uint32_t parts, size_t first, size_t images)
{
    const struct qnt_ids *ids = &s->plan->model->inputs;
    for (size_t i = 0; i < ids->n; i++)
        if (s->plan->offset[ids->id[i]] != SIZE_MAX)
            qnt_session_copy(s->arena + s->plan->offset[ids->id[i]], (const uint8_t *)s->in[i] + first * s->in_bytes[i],
                             images * s->in_bytes[i], part, parts);
}

static inline void qnt_session_copy_out(const qnt_session *s, uint32_t part, size_t first, size_t images)
{
    const struct qnt_ids *ids = &s->plan->model->outputs;
    for (size_t i = 0; i < ids->n; i++)
        qnt_session_copy((uint8_t *)s->out[i] + first * s->out_bytes[i], s->arena + s->plan->offset[ids->id[i]],
                         images * s->out_bytes[i], part, s->threads);
}

/* Phase 0 copies the inputs, phase i runs step i - 1, the last copies the outputs. */
static inline size_t qnt_session_phases(const qnt_session *s)
{
    return s->plan->n_steps + 2;
}

static inline bool qnt_session_has_work(const qnt_session *s, size_t phase)
{
    if (phase == 0)
        return s->plan->inputs_inside > 0;
    return phase == s->plan->n_steps + 1 || s->plan->step[phase - 1].op->run;
}

/* Share `part` of `parts` of a phase, of the chunk that begins with image `first`, by thread `thread`. */
static inline void qnt_session_run_piece(const qnt_session *s, size_t first, size_t phase, uint32_t part,
                                         uint32_t parts, uint32_t thread)
{
    const struct qnt_plan *p = s->plan;
    const size_t left = s->batch - first, images = left < s->chunk ? left : s->chunk;
    struct qnt_exec x = {.arena = s->arena,
                         .scratch = s->scratch + thread * s->scratch_stride,
                         .batch = images,
                         .part = part,
                         .parts = parts};
    if (phase == 0) {
        qnt_session_copy_in(s, part, parts, first, images);
    } else if (phase <= p->n_steps) {
        const uint32_t outside = p->step[phase - 1].outside;
        if (outside)
            x.outside = (const uint8_t *)s->in[outside - 1] + first * s->in_bytes[outside - 1];
        qnt_plan_run_step(p, phase - 1, &x);
    } else {
        qnt_session_copy_out(s, part, first, images);
    }
}

static inline void qnt_session_run_phase(const qnt_session *s, size_t first, size_t phase, uint32_t part)
{
    qnt_session_run_piece(s, first, phase, part, s->threads, part);
}
#endif
