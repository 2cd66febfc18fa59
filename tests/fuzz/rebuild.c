/* Changes of the model itself. The source is built again, tensor by tensor, with a few differences; what no longer fits
 * is made to: weights take the shape and type their input asks for, a node that is still refused is left out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/edit.h"
#include "tests/fuzz/element.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_CONSTANT = 1 << 12, MOST_INPUT = 1 << 11, RANK = QNT_MAX_RANK };

static void some_name(struct edit *e, char name[16])
{
    snprintf(name, 16, "~%d", e->made++);
    while (qnt_model_find(e->to, name) >= 0)
        snprintf(name, 16, "~%d", e->made++);
}

/* Appends a constant described by t, its values and scales those of `from` over and over. -1 when that cannot be. */
static int append_constant(struct edit *e, struct qnt_tensor t, const struct qnt_tensor *from)
{
    size_t count = 1, had = qnt_tensor_count(from);
    float scale[1024];
    char name[16];
    int id, odd = chance(e, 4) ? (int)below(e, 3) : -1; /* all of one kind: the extremes */
    for (uint32_t d = 0; d < t.rank; d++)
        if ((count *= t.dim[d]) > MOST_CONSTANT)
            return -1;
    if (qnt_tensor_packed(&t) && count % 2)
        t.bits = 8;
    if (t.scales > sizeof scale / sizeof *scale)
        return -1;
    for (uint32_t i = 0; i < t.scales; i++)
        scale[i] = from->scales && !chosen(e) ? from->scale[i % from->scales] : some_scale(e);
    t.scale = scale;
    if (!t.name) {
        some_name(e, name);
        t.name = name;
    }
    t.owns_data = true;
    if (!(t.data = qnt_alloc(e->to->ctx, qnt_tensor_bytes(&t), "a constant")))
        return -1;
    for (size_t i = 0; i < count; i++)
        element_put(&t, i,
                    odd == 0    ? -0x1p40
                    : odd == 1  ? 0x1p40
                    : chosen(e) ? some_float(e)
                                : element_value(from, i % had));
    if (!qnt_model_append_tensor(e->to, &t, &id))
        return id;
    qnt_release(e->to->ctx, t.data);
    return -1;
}

static uint32_t bits_of(struct edit *e, qnt_dtype type)
{
    return type == QNT_S8 ? 1 + below(e, 8) : type == QNT_TERNARY ? 2 : 8 * (uint32_t)qnt_dtype_size(type);
}

static int copy_constant(struct edit *e, const struct qnt_tensor *from)
{
    struct qnt_tensor t = *from;
    if (chosen(e) && t.type == QNT_S8)
        t.bits = 1 + below(e, 8);
    if (chosen(e))
        t.dim[below(e, t.rank)] = some_size(e);
    if (chosen(e) && chance(e, 4)) {
        t.type = (qnt_dtype)(QNT_F32 + below(e, QNT_BOOL));
        t.bits = bits_of(e, t.type);
    }
    if (t.type == QNT_F32 || t.type == QNT_S64 || t.type == QNT_BOOL)
        t.scales = 0;
    else if (t.scales > 1 || (chosen(e) && t.scales))
        t.scales = chance(e, 4) ? below(e, 2) : (uint32_t)t.dim[0];
    if (chosen(e) && t.type == QNT_S8 && t.bits > 1)
        t.zero = qnt_rng_between(&e->rng, -(1 << (t.bits - 1)), (1 << (t.bits - 1)) - 1);
    else
        t.zero = 0;
    return append_constant(e, t, from);
}

static int copy_input(struct edit *e, const struct qnt_tensor *from)
{
    struct qnt_tensor t = *from;
    float scale = from->scales ? *from->scale : some_scale(e);
    int id;
    for (uint32_t d = 0; d < t.rank; d++) {
        size_t was = t.dim[d];
        t.dim[d] = chosen(e) ? some_size(e) : was;
        if (qnt_tensor_count(&t) > MOST_INPUT)
            t.dim[d] = was;
    }
    if (chosen(e) && t.rank < RANK) { /* images in front */
        memmove(t.dim + 1, t.dim, t.rank++ * sizeof *t.dim);
        t.dim[0] = 1 + below(e, 3);
        t.dim[0] = qnt_tensor_count(&t) > MOST_INPUT ? 1 : t.dim[0];
    }
    if (chosen(e) && chance(e, 4)) {
        t.type = chance(e, 2) ? (t.type == QNT_F32 ? QNT_S8 : QNT_F32) : (qnt_dtype)(QNT_F32 + below(e, QNT_BOOL));
        t.type = t.type == QNT_TERNARY ? QNT_U8 : t.type;
        t.bits = 8 * (uint32_t)qnt_dtype_size(t.type);
        t.zero = 0;
        t.scales = t.type == QNT_S8 || t.type == QNT_U8 || t.type == QNT_S16 ? !chance(e, 3) : 0;
    }
    t.scale = &scale;
    return qnt_model_append_input(e->to, &t, &id) ? -1 : id;
}

/* One like it, under another name. */
static void add_input(struct edit *e, const struct qnt_tensor *like)
{
    char name[16];
    struct qnt_tensor t = *like;
    some_name(e, name);
    t.name = name;
    copy_input(e, &t);
}

/* Any activation there is. */
static int some_activation(struct edit *e)
{
    for (int tries = 0; tries < 20; tries++) {
        int id = (int)below(e, (uint32_t)e->to->n_tensors);
        if (!e->to->tensor[id].constant)
            return id;
    }
    return e->to->inputs.id[0];
}

/* Of the ops that move elements. */
static void change_moves(struct edit *e, qnt_node_attr *a)
{
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -(1 << 20), 1 << 20, 255, -255};
    int64_t *const place[] = {a->begin, a->end, a->step};
    uint32_t d = below(e, RANK);
    switch (below(e, 6)) {
    case 0:
        place[below(e, 3)][d] = chance(e, 8) ? odd[below(e, 8)] : qnt_rng_between(&e->rng, -5, 7);
        break;
    case 1:
        a->dim[d] = chance(e, 8) ? some_number(e) : some_size(e);
        break;
    case 2:
        a->axis[d] = below(e, RANK + 1);
        break;
    case 3:
        a->scale[d % 2] = chance(e, 2) ? (float)(1 + below(e, 8)) / 4 : fabsf(some_float(e));
        break;
    case 4:
        a->value = some_float(e);
        break;
    default:
        a->mode = below(e, 4);
        a->position = below(e, 5);
        a->rounding = below(e, 5);
        break;
    }
}

static void change_attributes(struct edit *e, qnt_node_attr *a)
{
    uint32_t *number = &a->kernel[0], number_count = 11; /* kernel, stride, dilation, pad, groups: as declared */
    if (chance(e, 2))
        change_moves(e, a);
    else
        number[below(e, number_count)] = some_number(e);
    if (chance(e, 4))
        a->lo = some_float(e);
    if (chance(e, 4))
        a->hi = some_float(e);
    if (chance(e, 4))
        a->epsilon = some_float(e);
    if (isnan(a->lo) || isnan(a->hi) || !isfinite(a->epsilon)) /* no file holds these */
        a->lo = a->hi = a->epsilon = 0.0f;
}

static uint32_t ops(void)
{
    uint32_t n = 0;
    while (qnt_op_table[n])
        n++;
    return n;
}

/* Weights and bias as the layer asks for them; in[1], in[2] are exchanged when they are not. */
static void fit_weights(struct edit *e, const struct qnt_op_def *op, int *in, size_t n_in, qnt_node_attr *a,
                        bool s8_out)
{
    bool binary = op == &qnt_op_binary_conv2d || op == &qnt_op_binary_fully_connected;
    bool conv = op == &qnt_op_conv2d || op == &qnt_op_binary_conv2d;
    if (!binary && !conv && op != &qnt_op_fully_connected)
        return;
    const struct qnt_tensor x = e->to->tensor[in[0]], w = e->to->tensor[in[1]];
    struct qnt_tensor t = {.type = w.type, .bits = w.bits, .constant = true, .scales = w.scales};
    if (x.rank < (conv ? 3 : 1) || !w.constant)
        return;
    size_t channels = x.dim[x.rank - 1];
    a->groups = conv && a->groups && channels % a->groups == 0 ? a->groups : 1;
    t.rank = conv ? 4 : 2;
    t.dim[0] = chosen(e) ? some_size(e) : w.dim[0];
    t.dim[0] = qnt_round_up(t.dim[0], a->groups);
    for (int d = 1; d < 3 && conv; d++) {
        t.dim[d] = chosen(e) ? 1 + below(e, 5) : w.rank == 4 ? w.dim[d] : 1;
        a->kernel[d - 1] = (uint32_t)t.dim[d];
    }
    t.dim[t.rank - 1] = channels / a->groups;
    t.type = !binary && x.type != QNT_S8                       ? QNT_F32
             : !binary && (w.type == QNT_TERNARY || chosen(e)) ? QNT_TERNARY
                                                               : QNT_S8;
    t.bits = binary ? 1 : t.type == QNT_S8 && w.type == QNT_S8 ? w.bits : bits_of(e, t.type);
    t.scales = t.type == QNT_F32 ? 0 : chance(e, 4) ? 1 : (uint32_t)t.dim[0];
    int id = append_constant(e, t, &w);
    if (id < 0)
        return;
    in[1] = id;
    if (n_in < 3 || !e->to->tensor[in[2]].constant)
        return;
    const struct qnt_tensor b = e->to->tensor[in[2]];
    bool s32 = binary ? s8_out : x.type == QNT_S8;
    t = (struct qnt_tensor){
        .type = s32 ? QNT_S32 : QNT_F32, .bits = 32, .rank = 1, .dim = {t.dim[0]}, .constant = true};
    if ((id = append_constant(e, t, &b)) >= 0)
        in[2] = id;
}

/* Appends a node of `op`, its output quantized as q (or not: NULL), or else not as q. -1 when it is refused. */
static int append_node(struct edit *e, const struct qnt_op_def *op, const char *name, qnt_node_attr a, int *in,
                       size_t n_in, const struct qnt_tensor *q)
{
    char own[16];
    int id;
    if (!name) {
        some_name(e, own);
        name = own;
    }
    fit_weights(e, op, in, n_in, &a, q != NULL);
    if (!qnt_model_append_node(e->to, op, name, &a, in, n_in, name, q, &id) ||
        (q && !qnt_model_append_node(e->to, op, name, &a, in, n_in, name, NULL, &id)))
        return id;
    return -1;
}

/* A node that the source has not. */
static int insert(struct edit *e, int x)
{
    float scale = some_scale(e);
    struct qnt_tensor q = {
        .type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = qnt_rng_between(&e->rng, -128, 127)};
    qnt_node_attr a = {.size = sizeof a, .kernel = {1 + below(e, 3), 1 + below(e, 3)}, .hi = 1.0f};
    int in[QNT_MAX_INPUTS] = {x};
    const struct qnt_op_def *op = qnt_op_table[below(e, ops())];
    for (uint32_t k = 1; k < op->min_in; k++) {
        const struct qnt_tensor *like = &e->to->tensor[x];
        struct qnt_tensor t = {.type = QNT_F32, .bits = 32, .rank = 1, .dim = {some_size(e)}, .constant = true};
        float one = 1.0f;
        const struct qnt_tensor values = {.type = QNT_F32, .rank = 1, .dim = {1}, .data = &one};
        if (chance(e, 2))
            t.dim[0] = like->dim[like->rank - 1];
        if (like->type == QNT_S8) {
            t.type = QNT_S8;
            t.bits = 8;
            t.scales = 1;
        }
        in[k] = chance(e, 2) ? some_activation(e) : append_constant(e, t, &values);
        if (in[k] < 0)
            return x;
    }
    if (chance(e, 2))
        change_attributes(e, &a);
    int id = append_node(e, op, NULL, a, in, op->min_in, chance(e, 2) ? &q : NULL);
    return id < 0 ? x : id;
}

static int copy_node(struct edit *e, const struct qnt_node *n)
{
    struct qnt_tensor q = e->from->tensor[n->out];
    const struct qnt_op_def *op = n->op;
    float scale = q.scales ? *q.scale : some_scale(e);
    qnt_node_attr a = n->attr;
    int in[QNT_MAX_INPUTS];
    for (uint32_t k = 0; k < n->n_in; k++)
        if ((in[k] = e->place[n->in[k]]) < 0)
            in[k] = some_activation(e);
    if (chosen(e) && chance(e, 2))
        return in[0]; /* without it */
    if (chosen(e))
        in[0] = insert(e, in[0]);
    if (chosen(e))
        in[below(e, n->n_in)] = some_activation(e);
    if (chosen(e))
        change_attributes(e, &a);
    const struct qnt_op_def *other = qnt_op_table[below(e, ops())];
    if (chosen(e) && other->min_in <= n->n_in && other->max_in >= n->n_in)
        op = other;
    if (chosen(e)) {
        scale = some_scale(e);
        q.zero = qnt_rng_between(&e->rng, -128, 127);
    }
    if (chosen(e))
        q.type = q.type == QNT_S8 ? QNT_F32 : QNT_S8;
    q.bits = 8;
    q.scales = 1;
    q.scale = &scale;
    int id = append_node(e, op, q.name, a, in, n->n_in, q.type == QNT_S8 ? &q : NULL);
    return id < 0 ? in[0] : id;
}

static bool copy(struct edit *e)
{
    size_t node = 0;
    for (size_t i = 0; i < e->from->n_tensors; i++) {
        const struct qnt_tensor *t = &e->from->tensor[i];
        if (t->constant)
            e->place[i] = copy_constant(e, t);
        else if (node < e->from->n_nodes && e->from->node[node].out == (int)i)
            e->place[i] = e->to->inputs.n ? copy_node(e, &e->from->node[node]) : -1, node++;
        else
            e->place[i] = copy_input(e, t);
        if (chosen(e) && !t->constant)
            add_input(e, t);
    }
    if (!e->to->inputs.n)
        return false;
    for (size_t i = 0; i < e->from->outputs.n; i++) {
        int out = e->place[e->from->outputs.id[i]];
        if (out < 0 || chosen(e))
            out = some_activation(e);
        if (qnt_model_add_output(e->to, out) || (chosen(e) && qnt_model_add_output(e->to, some_activation(e))))
            return false;
    }
    return true;
}

size_t fuzz_rebuild(uint8_t *data, size_t size, size_t most, uint64_t seed)
{
    static qnt_ctx *ctx;
    struct edit e = {.rng = qnt_rng_key(seed, 2, 0)};
    qnt_model *from;
    size_t n = 0;
    if (!ctx)
        ctx = fuzz_context("ref");
    qnt_bytes_rehash((struct qnt_bytes){data, size});
    if (qnt_model_load_memory(ctx, data, size, &from))
        return 0;
    e.from = from;
    e.rare = 4 + below(&e, 60);
    uint8_t *made = NULL;
    if (from->n_tensors <= MOST_TENSORS && !qnt_model_new(ctx, &e.to)) {
        memcpy(e.to->mean, from->mean, sizeof from->mean);
        memcpy(e.to->deviation, from->deviation, sizeof from->deviation);
        if (copy(&e) && (made = fuzz_bytes(e.to, &n)) && n <= most)
            memcpy(data, made, n);
        else
            n = 0;
        free(made);
        qnt_model_free(e.to);
    }
    qnt_model_free(from);
    return n;
}
