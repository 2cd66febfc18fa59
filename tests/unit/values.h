#ifndef UNIT_VALUES_H
#define UNIT_VALUES_H
/* One node against plain arithmetic in double within a bound; and its bytes: the same on every level of this machine,
 * for any batch and any split into parts. */
#include <math.h>
#include "op_util.h"

/* What an operand of the node holds for one image. */
struct operand {
    const struct qnt_tensor *t;
    const void *data;
};
/* Fills y[elements of out] with what the node must give: real numbers, or the integers that it stores. */
typedef void want_fn(const struct qnt_node *n, const struct operand *in, const struct qnt_tensor *out, double *y);

struct values {
    build_fn *build; /* the node at hand is the last one of the model */
    const void *arg;
    want_fn *want;
    float range;               /* of the model's input */
    double relative, absolute; /* |y - want| <= absolute + relative * |want|; NaN and infinities as they are */
};

static inline double value_at(const struct qnt_tensor *t, const void *data, size_t i)
{
    switch (t->type) {
    case QNT_F32:
        return (double)((const float *)data)[i];
    case QNT_S8:
        return ((const int8_t *)data)[i];
    case QNT_U8:
    case QNT_BOOL:
        return ((const uint8_t *)data)[i];
    case QNT_S16:
        return ((const int16_t *)data)[i];
    case QNT_U16:
        return ((const uint16_t *)data)[i];
    case QNT_S64:
        return (double)((const int64_t *)data)[i];
    case QNT_S32:
        return ((const int32_t *)data)[i];
    default:
        ck_abort_msg("'%s' is %s", t->name, qnt_dtype_name(t->type));
    }
}

/* What element i of an operand stands for. */
static inline double real_at(const struct operand *o, size_t i)
{
    const double v = value_at(o->t, o->data, i);
    return o->t->scales ? (v - o->t->zero) * (double)o->t->scale[0] : v;
}

static inline size_t value_bytes(const struct qnt_tensor *t)
{
    return qnt_tensor_count(t) * qnt_dtype_size(t->type);
}

static inline void values_match(const struct values *v, const struct qnt_step *s, const uint8_t *arena, size_t image,
                                const char *what)
{
    struct operand in[QNT_MAX_INPUTS];
    const size_t n = qnt_tensor_count(s->out);
    const uint8_t *y = arena + s->out_offset + image * value_bytes(s->out);
    double *want = calloc(n, sizeof *want);
    for (uint32_t k = 0; k < s->node->n_in; k++)
        in[k] = (struct operand){
            s->in[k], s->in[k]->constant ? s->in[k]->data : arena + s->in_offset[k] + image * value_bytes(s->in[k])};
    v->want(s->node, in, s->out, want);
    for (size_t i = 0; i < n; i++) {
        const double got = value_at(s->out, y, i), bound = v->absolute + v->relative * fabs(want[i]);
        EACH_MUST(got == want[i] || (isnan(got) && isnan(want[i])) || fabs(got - want[i]) <= bound,
                  "%s, image %zu: node '%s' (%s): element %zu is %.9g, expected %.9g", what, image, s->node->name,
                  s->variant->variant, i, got, want[i]);
    }
    free(want);
}

/* Every batch, every split; first: the bytes of the greatest batch on the first level, made and compared with `want` by the
 * first call: all others are the same. */
static inline void values_of_plan(const struct values *v, struct qnt_model *m, const float *in, const char *isa,
                                  uint8_t **first)
{
    struct qnt_plan_options o = {.max_batch = BATCHES, .keep_tensors = true, .keep_graph = true};
    struct qnt_plan *p;
    char what[64];
    OK(qnt_plan_create(m, &o, &p));
    const struct qnt_step *s = &p->step[p->n_steps - 1];
    const size_t image = value_bytes(&m->tensor[m->inputs.id[0]]), bytes = value_bytes(s->out);
    uint8_t *arena = qnt_alloc(m->ctx, p->arena_bytes, "arena"),
            *scratch = qnt_alloc(m->ctx, p->scratch_bytes, "scratch");
    for (size_t batch = BATCHES; batch > 0; batch--)
        for (uint32_t parts = 1; parts < 500; parts = parts * 7 - 4) { /* 1, 3, 17, 115: to more than rows */
            snprintf(what, sizeof what, "%s, batch %zu, %u parts", isa, batch, parts);
            memset(arena, 0x55, p->arena_bytes);
            memset(scratch, 0x55, p->scratch_bytes);
            memcpy(arena + p->offset[p->model->inputs.id[0]], in, batch * image);
            run_parts(p, arena, scratch, batch, parts);
            if (!*first) {
                *first = malloc(BATCHES * bytes);
                memcpy(*first, arena + s->out_offset, BATCHES * bytes);
                for (size_t i = 0; i < BATCHES; i++)
                    values_match(v, s, arena, i, what);
            }
            ck_assert_msg(!memcmp(arena + s->out_offset, *first, batch * bytes), "%s: other bytes than at first", what);
        }
    for (size_t i = 0; i < p->n_steps; i++) /* again in place: the same */
        OK(p->step[i].op->prepare(m->ctx, &p->step[i], BATCHES));
    memcpy(arena + p->offset[p->model->inputs.id[0]], in, BATCHES * image);
    run_parts(p, arena, scratch, BATCHES, 1);
    ck_assert_msg(!memcmp(arena + s->out_offset, *first, BATCHES * bytes), "%s: prepared again", isa);
    qnt_release(m->ctx, arena);
    qnt_release(m->ctx, scratch);
    qnt_plan_free(p);
}

struct levels {
    const struct values *v;
    uint8_t *first; /* what the first level gave */
};

static inline void values_of_level(struct qnt_model *m, const char *isa, void *user)
{
    struct levels *l = user;
    OK(qnt_model_set_output(m, m->node[m->n_nodes - 1].out));
    const size_t n = BATCHES * qnt_tensor_count(&m->tensor[m->inputs.id[0]]);
    float *in = malloc(n * sizeof *in);
    for (size_t k = 0; k < n; k++)
        in[k] = unit_random_float() * l->v->range;
    values_of_plan(l->v, m, in, isa, &l->first);
    free(in);
}

/* Every usable level. */
static inline void check_values(const struct values *v)
{
    struct levels l = {v, NULL};
    each_level(v->build, v->arg, false, values_of_level, &l);
    free(l.first);
}

/* The node that `build` adds last must be refused with these words. */
#define REFUSED(m, status, op, attr, in, n_in, q, ...)                                                                 \
    refused(m, status, op, attr, in, n_in, q, (const char *const[]){__VA_ARGS__, NULL})
static inline void refused(struct qnt_model *m, qnt_status wanted, const char *op, const qnt_node_attr *attr,
                           const int *in, size_t n_in, const struct qnt_tensor *q, const char *const *words)
{
    int id;
    qnt_status status = qnt_model_append_node(m, qnt_op_find(op), "refused", attr, in, n_in, NULL, q, &id);
    ck_assert_msg(status == wanted, "%s: status %d, expected %d: '%s'", op, status, wanted, qnt_last_error());
    for (size_t i = 0; words[i]; i++)
        ck_assert_msg(strstr(qnt_last_error(), words[i]), "'%s' lacks '%s'", qnt_last_error(), words[i]);
}
#endif
