/* One arena by lifetime: the largest tensor first, each into a gap that is free during its whole life: where its middle
 * is nearest to that of the first one, or, should the arena be larger for that, into the smallest gap. Threads take
 * their shares of tensors in order, so with one middle they write what they have in their own caches. */
#include "lib/op/binary.h"
#include "rewrite.h"

enum { LINE = 64 };

/* Inputs that only steps read which can do so anywhere stay where the caller has them. */
static void leave_outside(struct qnt_plan *p, bool wanted)
{
    const struct qnt_model *m = p->model;
    p->inputs_inside = m->inputs.n;
    for (size_t k = 0; wanted && k < m->inputs.n; k++) {
        const int id = m->inputs.id[k];
        size_t readers = 0, others = 0;
        for (size_t i = 0; i < p->n_steps; i++)
            for (uint32_t j = 0; j < p->step[i].node->n_in; j++)
                if (p->step[i].node->in[j] == id)
                    *(j == 0 && p->step[i].op->reads_outside ? &readers : &others) += 1;
        for (size_t i = 0; i < m->outputs.n; i++)
            others += m->outputs.id[i] == id;
        if (!readers || others)
            continue;
        p->inputs_inside--;
        for (size_t i = 0; i < p->n_steps; i++)
            if (p->step[i].node->n_in && p->step[i].node->in[0] == id)
                p->step[i].outside = (uint32_t)k + 1;
    }
}

/* Steps during which a tensor's bytes must stay; inputs are there before step 0, outputs after the last. */
struct life {
    int root; /* the tensor whose memory this is: itself, or what a flatten aliases */
    bool used, placed, outside;
    size_t from, to, bytes;
};

static qnt_status tensor_bytes(const struct qnt_plan *p, int id, size_t *bytes)
{
    const struct qnt_tensor *t = &p->model->tensor[id];
    size_t elements;
    qnt_status status = qnt_tensor_elements(t, &elements);
    if (status)
        return status;
    if (qnt_mul_overflows(qnt_image_bytes(t), p->max_batch, bytes) || *bytes > SIZE_MAX / 4)
        return qnt_fail(QNT_ERR_RANGE, "tensor '%s': %zu images of %zu elements are too large", t->name, p->max_batch,
                        elements);
    *bytes = qnt_round_up(*bytes, LINE);
    return QNT_OK;
}

static void touch(struct life *life, int id, size_t step)
{
    struct life *l = &life[life[id].root];
    if (l->outside)
        return;
    if (!l->used || step < l->from)
        l->from = step;
    if (!l->used || step > l->to)
        l->to = step;
    l->used = true;
}

/* Step i's place in time is i + 1. */
static qnt_status find_lives(const struct qnt_plan *p, struct life *life)
{
    for (size_t i = 0; i < p->model->n_tensors; i++)
        life[i].root = (int)i;
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->step[i].outside)
            life[p->step[i].node->in[0]].outside = true;
    for (size_t i = 0; i < p->model->inputs.n; i++)
        touch(life, p->model->inputs.id[i], 0);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_step *s = &p->step[i];
        if (!s->op->run)
            life[s->node->out].root = life[s->node->in[0]].root;
        for (uint32_t k = 0; k < s->node->n_in; k++)
            if (!p->model->tensor[s->node->in[k]].constant)
                touch(life, s->node->in[k], i + 1);
        touch(life, s->node->out, i + 1);
    }
    for (size_t i = 0; i < p->model->outputs.n; i++)
        touch(life, p->model->outputs.id[i], p->n_steps + 1);
    for (size_t i = 0; i < p->model->n_tensors; i++) {
        qnt_status status = life[i].used ? tensor_bytes(p, (int)i, &life[i].bytes) : QNT_OK;
        if (status)
            return status;
    }
    return QNT_OK;
}

static bool meet(const struct life *a, const struct life *b)
{
    return a->from <= b->to && b->from <= a->to;
}

/* Tensors that have their place, by offset. */
struct placed {
    int *id;
    size_t n;
    bool centred;  /* how places are chosen, */
    size_t middle; /* and of the first one */
};

/* How far from where l should be is its best place in the gap [at, end), which goes to *place. */
static size_t distance(const struct placed *placed, const struct life *l, size_t at, size_t end, size_t *place)
{
    const size_t last = end - l->bytes, half = l->bytes / 2;
    const size_t wanted = placed->middle > half ? (placed->middle - half) / LINE * LINE : 0;
    if (!placed->centred) {
        *place = at;
        return end - at;
    }
    *place = wanted < at ? at : qnt_least(wanted, last);
    return *place > wanted ? *place - wanted : wanted - *place;
}

static size_t best_fit(const struct qnt_plan *p, const struct life *life, const struct life *l, bool share,
                       const struct placed *placed)
{
    size_t at = 0, best = SIZE_MAX, least = SIZE_MAX, place;
    for (size_t i = 0; i <= placed->n; i++) {
        const struct life *o = i < placed->n ? &life[placed->id[i]] : NULL;
        const size_t offset = o ? p->offset[placed->id[i]] : p->arena_bytes;
        if (o && share && !meet(l, o))
            continue;
        if (offset > at && offset - at >= l->bytes) {
            const size_t off = distance(placed, l, at, offset, &place);
            if (off < least) {
                best = place;
                least = off;
            }
        }
        at = o && offset + o->bytes > at ? offset + o->bytes : at;
    }
    return best == SIZE_MAX ? at : best;
}

static void insert(const struct qnt_plan *p, struct placed *placed, int id)
{
    size_t i = placed->n++;
    for (; i > 0 && p->offset[placed->id[i - 1]] > p->offset[id]; i--)
        placed->id[i] = placed->id[i - 1];
    placed->id[i] = id;
}

static qnt_status place(struct qnt_plan *p, struct life *life, bool share, struct placed *placed, bool centred)
{
    size_t n = p->model->n_tensors;
    *placed = (struct placed){.id = placed->id, .centred = centred};
    p->arena_bytes = 0;
    for (size_t i = 0; i < n; i++)
        life[i].placed = false;
    for (;;) {
        int largest = -1;
        for (size_t i = 0; i < n; i++)
            if (life[i].used && !life[i].placed && (largest < 0 || life[i].bytes > life[largest].bytes))
                largest = (int)i;
        if (largest < 0)
            break;
        struct life *l = &life[largest];
        size_t at = best_fit(p, life, l, share, placed);
        if (at > SIZE_MAX / 4)
            return qnt_fail(QNT_ERR_RANGE, "the tensors of %zu images are too large together", p->max_batch);
        p->offset[largest] = at;
        l->placed = true;
        if (placed->n == 0)
            placed->middle = l->bytes / 2;
        insert(p, placed, largest);
        p->arena_bytes = at + l->bytes > p->arena_bytes ? at + l->bytes : p->arena_bytes;
    }
    return QNT_OK;
}

static qnt_status place_all(struct qnt_plan *p, struct life *life, bool share, struct placed *placed)
{
    qnt_status status = place(p, life, share, placed, false);
    const size_t least = p->arena_bytes;
    if (!status && share && !(status = place(p, life, share, placed, true)) && p->arena_bytes > least)
        status = place(p, life, share, placed, false);
    for (size_t i = 0; i < p->model->n_tensors; i++)
        p->offset[i] = p->offset[life[i].root];
    return status;
}

qnt_status qnt_plan_place(struct qnt_plan *p, bool share, bool inputs_outside)
{
    size_t n = p->model->n_tensors;
    struct placed placed = {.id = qnt_alloc_array(p->ctx, n, sizeof *placed.id, "placed tensors")};
    struct life *life = qnt_alloc_array(p->ctx, n, sizeof *life, "lifetimes");
    qnt_status status = QNT_ERR_NOMEM;
    if (placed.id && life && (p->offset = qnt_alloc_array(p->ctx, n, sizeof *p->offset, "offsets"))) {
        for (size_t i = 0; i < n; i++)
            p->offset[i] = SIZE_MAX;
        leave_outside(p, inputs_outside);
        if (!(status = find_lives(p, life)))
            status = place_all(p, life, share, &placed);
    }
    qnt_release(p->ctx, placed.id);
    qnt_release(p->ctx, life);
    return status;
}
