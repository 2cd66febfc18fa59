#ifndef UNIT_OP_UTIL_H
#define UNIT_OP_UTIL_H
/* Small models with random constants, and their comparison with the oracle: every ISA level of this machine, batches,
 * and steps split into parts. */
#include "lib/graph/plan.h"
#include "tests/common/quick.h"
#include "oracle.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
#define ATTR(...) ((qnt_node_attr){.size = sizeof(qnt_node_attr), __VA_ARGS__})
enum { BATCHES = 3 };

static inline struct qnt_tensor quant(float *scale, int32_t zero)
{
    return (struct qnt_tensor){.type = QNT_S8, .bits = 8, .scales = 1, .scale = scale, .zero = zero};
}

static inline int add_input(struct qnt_model *m, uint32_t rank, const size_t *dim)
{
    int id;
    OK(qnt_model_add_input(m, "x", rank, dim, &id));
    return id;
}

/* Random floats in [-range, range). */
static inline int add_floats(struct qnt_model *m, const char *name, uint32_t rank, const size_t *dim, float range)
{
    int id;
    size_t count = 1;
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    float *data = malloc(count * sizeof *data);
    for (size_t i = 0; i < count; i++)
        data[i] = unit_random_float() * range;
    OK(qnt_model_add_const(m, name, rank, dim, data, &id));
    free(data);
    return id;
}

/* For `bits`: codes of the ternary type. */
enum { TERNARY = 100 };
/* Codes of `bits`: random, but `fill` when that is a code (not INT8_MAX + 1). Scales by channel unless `scales` is 1.
 */
enum { RANDOM = 128 };
static inline int add_weights(struct qnt_model *m, const char *name, uint32_t bits, uint32_t rank, const size_t *dim,
                              size_t scales, int fill)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name, .type = QNT_S8, .bits = bits, .rank = rank};
    size_t count = 1;
    int id;
    if (bits == TERNARY) {
        t.type = QNT_TERNARY;
        t.bits = 2;
    }
    t.constant = t.owns_data = true;
    memcpy(t.dim, dim, rank * sizeof *dim);
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    int8_t *data = t.data = qnt_alloc(m->ctx, count, name);
    for (size_t i = 0; i < count; i++)
        data[i] = (int8_t)(fill != RANDOM    ? fill
                           : bits == 1       ? 1 - 2 * (int32_t)(unit_random() >> 31)
                           : bits == TERNARY ? (int32_t)(unit_random() % 3) - 1
                                             : (int32_t)unit_random() >> (32 - bits));
    t.scales = (uint32_t)scales;
    t.scale = malloc(scales * sizeof *t.scale);
    for (size_t i = 0; i < scales; i++)
        t.scale[i] = 0.002f + 0.001f * fabsf(unit_random_float());
    OK(qnt_model_append_tensor(m, &t, &id));
    free(t.scale);
    return id;
}

static inline int add_bias(struct qnt_model *m, const char *name, size_t count, int32_t range)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name, .type = QNT_S32, .bits = 32, .rank = 1, .dim = {count}};
    int id;
    t.constant = t.owns_data = true;
    int32_t *data = t.data = qnt_alloc_array(m->ctx, count, sizeof *data, name);
    for (size_t i = 0; i < count; i++)
        data[i] = (int32_t)((double)unit_random_float() * range);
    OK(qnt_model_append_tensor(m, &t, &id));
    return id;
}

/* q: NULL, or the output's scale and zero point. */
static inline int add_node(struct qnt_model *m, const char *op, const char *name, const qnt_node_attr *attr,
                           const int *in, size_t n_in, const struct qnt_tensor *q)
{
    int id;
    OK(qnt_model_append_node(m, qnt_op_find(op), name, attr, in, n_in, NULL, q, &id));
    return id;
}

typedef void build_fn(struct qnt_model *m, const void *arg); /* sets the output */

static inline void run_parts(const struct qnt_plan *p, uint8_t *arena, uint8_t *scratch, size_t batch, uint32_t parts)
{
    for (size_t i = 0; i < p->n_steps; i++)
        for (uint32_t part = parts; part-- > 0;) {
            struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = batch, .part = part, .parts = parts};
            qnt_plan_run_step(p, i, &x);
        }
}

/* The first `batch` images after a run of them. */
static inline void compare(const struct oracle *o, const struct qnt_plan *p, const uint8_t *arena, size_t batch,
                           const char *what)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct qnt_step *s = &p->step[i];
        size_t n = batch * qnt_tensor_count(s->out);
        const void *mine = arena + s->out_offset, *its = o->value[s->node->out];
        bool softmax = !strcmp(s->op->name, "softmax");
        const size_t size = qnt_dtype_size(s->out->type);
        if (s->out->type != QNT_F32 && s->out->type != QNT_S8) {
            for (size_t k = 0; k < n; k++)
                EACH_MUST(!memcmp((const char *)mine + k * size, (const char *)its + k * size, size),
                          "%s: node '%s': element %zu of type %s differs", what, s->node->name, k,
                          qnt_dtype_name(s->out->type));
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            bool f32 = s->out->type == QNT_F32;
            float a = f32 ? ((const float *)mine)[k] : ((const int8_t *)mine)[k];
            float b = f32 ? ((const float *)its)[k] : ((const int8_t *)its)[k];
            bool same = softmax ? fabsf(a - b) < 1e-6f : !memcmp(&a, &b, sizeof a);
            EACH_MUST(same, "%s: node '%s' (%s): element %zu is %.9g, expected %.9g", what, s->node->name,
                      s->variant->variant, k, (double)a, (double)b);
        }
    }
}

/* want: of BATCHES images. */
static inline void check_plan(struct qnt_model *m, const void *in, const struct oracle *want, const char *isa)
{
    struct qnt_plan_options o = {.max_batch = BATCHES, .keep_tensors = true, .keep_graph = true};
    const size_t image = oracle_bytes(&m->tensor[m->inputs.id[0]]);
    struct qnt_plan *p;
    char what[64];
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(m->ctx, p->arena_bytes, "arena"),
            *scratch = qnt_alloc(m->ctx, p->scratch_bytes, "scratch");
    for (size_t batch = 1; batch <= BATCHES; batch++)
        for (uint32_t parts = 1; parts < 500; parts = parts * 7 - 4) { /* 1, 3, 17, 115: to more than rows */
            snprintf(what, sizeof what, "%s, batch %zu, %u parts", isa, batch, parts);
            memset(arena, 0x55, p->arena_bytes);
            memset(scratch, 0x55, p->scratch_bytes);
            memcpy(arena + p->offset[p->model->inputs.id[0]], in, batch * image);
            run_parts(p, arena, scratch, batch, parts);
            compare(want, p, arena, batch, what);
        }
    for (size_t i = 0; i < p->n_steps; i++) /* again in place: the same */
        OK(p->step[i].op->prepare(m->ctx, &p->step[i], BATCHES));
    run_parts(p, arena, scratch, BATCHES, 1);
    compare(want, p, arena, BATCHES, "prepared again");
    qnt_release(m->ctx, arena);
    qnt_release(m->ctx, scratch);
    qnt_plan_free(p);
}

/* Calls `check` with the same model, built in a context of each usable level; widest: of the widest alone. */
typedef void level_fn(struct qnt_model *m, const char *isa, void *user);
static inline void each_level(build_fn *build, const void *arg, bool widest, level_fn *check, void *user)
{
    qnt_ctx *all, *ctx;
    qnt_isa_row row;
    size_t last = 0;
    OK(qnt_ctx_create(NULL, &all));
    for (size_t i = 0; !qnt_ctx_isa(all, i, &row); i++)
        last = row.usable ? i : last;
    for (size_t i = widest ? last : 0; !qnt_ctx_isa(all, i, &row); i++) {
        if (!row.usable)
            continue;
        qnt_config config = {.size = sizeof config, .isa = row.name};
        struct qnt_model *m;
        OK(qnt_ctx_create(&config, &ctx));
        OK(qnt_model_new(ctx, &m));
        unit_seed();
        build(m, arg);
        check(m, row.name, user);
        qnt_model_free(m);
        qnt_ctx_free(ctx);
    }
    qnt_ctx_free(all);
}

/* in, want: of the first level; the others have the same. */
struct checked {
    float range;
    uint8_t *in;
    struct oracle want;
};

static inline void check_level(struct qnt_model *m, const char *isa, void *user)
{
    struct checked *c = user;
    const struct qnt_tensor *x = &m->tensor[m->inputs.id[0]];
    size_t n = BATCHES * qnt_tensor_count(x), size = qnt_dtype_size(x->type);
    uint8_t *in = malloc(n * size);
    for (size_t k = 0; k < n; k++) {
        const float real = unit_random_float() * c->range;
        const uint64_t bits = (uint64_t)unit_random() << 32 | unit_random();
        memcpy(in + k * size, x->type == QNT_F32 ? (const void *)&real : &bits, size);
    }
    if (!c->in) {
        c->in = in;
        c->want = oracle_run(m, in, BATCHES);
    }
    ck_assert_msg(m->n_tensors == c->want.tensors && !memcmp(in, c->in, n * size), "%s: another model", isa);
    check_plan(m, in, &c->want, isa);
    if (in != c->in)
        free(in);
}

/* Builds the same model for every usable level (emulated: for the widest) and compares all its tensors. Inputs:
 * floats in [-range, range), of other types any bits. */
static inline void check_model(build_fn *build, const void *arg, float range)
{
    struct checked c = {.range = range};
    each_level(build, arg, test_emulated(), check_level, &c);
    oracle_free(&c.want);
    free(c.in);
}

/* A plan of the model must be refused. */
static inline void refuse_plan(struct qnt_model *m, qnt_status wanted, const char *part, const char *other)
{
    struct qnt_plan_options o = {.max_batch = 2};
    struct qnt_plan *p = NULL;
    qnt_status status = qnt_plan_create(m, &o, &p);
    ck_assert_msg(status == wanted && !p, "status %d: '%s'", status, qnt_last_error());
    ck_assert_msg(strstr(qnt_last_error(), part) && strstr(qnt_last_error(), other), "'%s' lacks '%s' or '%s'",
                  qnt_last_error(), part, other);
}
#endif
