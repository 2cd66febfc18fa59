/* What rnn, gru and lstm take, and their weights packed. */
#include <string.h>
#include "infer.h"
#include "lib/gemm/gemm.h"
#include "rnn.h"
#include "step.h"

/* The optional inputs, in their order. */
enum part { BIAS, FIRST_H, FIRST_C, PEEPHOLES, LENGTHS, PARTS };
static const struct {
    const char *name;
    uint32_t flag;
} parts[PARTS] = {[BIAS] = {"bias", QNT_RNN_BIAS},
                  [FIRST_H] = {"first h", QNT_RNN_FIRST_H},
                  [FIRST_C] = {"first c", QNT_RNN_FIRST_C},
                  [PEEPHOLES] = {"peepholes", QNT_RNN_PEEPHOLES},
                  [LENGTHS] = {"lengths", QNT_RNN_LENGTHS}};
enum {
    ALL = QNT_RNN_REVERSE | QNT_RNN_BOTH | QNT_RNN_LINEAR | QNT_RNN_BIAS | QNT_RNN_FIRST_H | QNT_RNN_FIRST_C |
          QNT_RNN_PEEPHOLES | QNT_RNN_LENGTHS
};

static size_t gates_of(const struct qnt_node *n)
{
    return n->op == &qnt_op_lstm ? 4 : n->op == &qnt_op_gru ? 3 : 1;
}

/* Which input a part is; -1: none. */
static int input_of(const struct qnt_node *n, enum part part)
{
    int at = 3;
    for (int p = 0; p < (int)part; p++)
        at += (n->attr.mode & parts[p].flag) != 0;
    return n->attr.mode & parts[part].flag ? at : -1;
}

static qnt_status check_mode(const struct qnt_node *n)
{
    const uint32_t mode = n->attr.mode;
    const bool lstm = n->op == &qnt_op_lstm, gru = n->op == &qnt_op_gru;
    uint32_t inputs = 3;
    for (int p = 0; p < PARTS; p++)
        inputs += (mode & parts[p].flag) != 0;
    if (mode & ~(uint32_t)ALL || (mode & QNT_RNN_REVERSE && mode & QNT_RNN_BOTH))
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u is not one of qnt_rnn_mode's", n->name, mode);
    if ((mode & QNT_RNN_LINEAR && !gru) || (mode & (QNT_RNN_FIRST_C | QNT_RNN_PEEPHOLES) && !lstm))
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u does not suit %s", n->name, mode, n->op->name);
    if (n->n_in != inputs)
        return qnt_fail(QNT_ERR_ARG, "node '%s': %u inputs, expected %u for mode %u", n->name, n->n_in, inputs, mode);
    return QNT_OK;
}

/* Input i has these dimensions. */
static qnt_status check_input(const struct qnt_model *m, const struct qnt_node *n, int i, const char *what,
                              bool constant, const struct qnt_tensor *wanted)
{
    const struct qnt_tensor *t = &m->tensor[n->in[i]];
    char shape[QNT_SHAPE_TEXT], expected[QNT_SHAPE_TEXT];
    bool same = t->rank == wanted->rank;
    for (uint32_t d = 0; same && d < t->rank; d++)
        same = t->dim[d] == wanted->dim[d];
    if (constant && !t->constant)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s '%s' is not a constant", n->name, what, t->name);
    if (t->constant && !t->data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s '%s' has no data", n->name, what, t->name);
    if (t->type != wanted->type)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': %s '%s' is %s, expected %s", n->name, what, t->name,
                        qnt_dtype_name(t->type), qnt_dtype_name(wanted->type));
    if (!same)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': %s '%s' is %s, expected %s", n->name, what, t->name,
                        qnt_shape_text(t, shape), qnt_shape_text(wanted, expected));
    return QNT_OK;
}

static qnt_status check_lengths(const struct qnt_node *n, const struct qnt_tensor *t, size_t most)
{
    const int32_t *length = t->data;
    for (size_t i = 0; i < t->dim[0]; i++)
        if (length[i] < 0 || (size_t)length[i] > most)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': length %zu of '%s' is %d, expected 0 to %zu", n->name, i,
                            t->name, length[i], most);
    return QNT_OK;
}

static qnt_status check_parts(const struct qnt_model *m, const struct qnt_node *n, size_t sequences, size_t h)
{
    const size_t d = n->attr.mode & QNT_RNN_BOTH ? 2 : 1, gates = gates_of(n);
    const struct qnt_tensor wanted[PARTS] = {[BIAS] = {.type = QNT_F32, .rank = 2, .dim = {d, 2 * gates * h}},
                                             [FIRST_H] = {.type = QNT_F32, .rank = 3, .dim = {d, sequences, h}},
                                             [FIRST_C] = {.type = QNT_F32, .rank = 3, .dim = {d, sequences, h}},
                                             [PEEPHOLES] = {.type = QNT_F32, .rank = 2, .dim = {d, 3 * h}},
                                             [LENGTHS] = {.type = QNT_S32, .rank = 1, .dim = {sequences}}};
    for (int p = 0; p < PARTS; p++) {
        const int in = input_of(n, (enum part)p);
        qnt_status status =
            in < 0 ? QNT_OK : check_input(m, n, in, parts[p].name, p != FIRST_H && p != FIRST_C, &wanted[p]);
        if (status)
            return status;
    }
    const int in = input_of(n, LENGTHS);
    return in < 0 ? QNT_OK : check_lengths(n, &m->tensor[n->in[in]], m->tensor[n->in[0]].dim[0]);
}

qnt_status qnt_rnn_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *r = &m->tensor[n->in[2]];
    const size_t d = n->attr.mode & QNT_RNN_BOTH ? 2 : 1, gates = gates_of(n);
    qnt_status status = check_mode(n);
    if (status || (status = qnt_infer_data(m, n)))
        return status;
    if (x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s of %s '%s', expected f32 (a dequantize before it)", n->name,
                        n->op->name, qnt_dtype_name(x->type), x->name);
    if ((status = qnt_infer_rank(m, n, 3, "time x sequences x elements")))
        return status;
    const size_t h = r->rank == 3 ? r->dim[2] : 1;
    const struct qnt_tensor w_wanted = {.type = QNT_F32, .rank = 3, .dim = {d, gates * h, x->dim[2]}};
    const struct qnt_tensor r_wanted = {.type = QNT_F32, .rank = 3, .dim = {d, gates * h, h}};
    if ((status = check_input(m, n, 1, "weights", true, &w_wanted)) ||
        (status = check_input(m, n, 2, "recurrent weights", true, &r_wanted)) ||
        (status = check_parts(m, n, x->dim[1], h)))
        return status;
    size_t states = 1, count;
    if (qnt_mul_overflows(d * h, x->dim[1], &states) ||
        qnt_mul_overflows(states, x->dim[0] + (n->op == &qnt_op_lstm ? 2 : 1), &count))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': the result is too large", n->name);
    out->rank = 1;
    out->dim[0] = count;
    return qnt_infer_f32(n, out);
}

/* Places in memory, in floats; without memory: counted only. */
static float *take(struct qnt_rnn *r, size_t *at, size_t floats)
{
    float *place = r->memory ? r->memory + *at : NULL;
    *at += qnt_round_up(floats, 16);
    return place;
}

static void pack(struct qnt_rnn *r, struct qnt_rnn_piece *p, size_t *at, const float *w, size_t n, size_t k)
{
    float *packed = take(r, at, qnt_gemm_packed_bytes(r->g, n, k) / sizeof(float));
    const struct qnt_operand o = qnt_operand_rows(w, k, k, sizeof *w);
    *p = (struct qnt_rnn_piece){.n = n, .k = k, .packed = packed};
    if (packed)
        qnt_gemm_pack_w(r->g, &o, n, k, packed);
}

/* Direction d; the same places each time. */
static void set_direction(const struct qnt_step *s, struct qnt_rnn *r, size_t d, size_t *at)
{
    struct qnt_rnn_direction *to = &r->direction[d];
    const size_t all = r->gates * r->h, split = r->gru ? 2 * r->h : all;
    const float *w = (const float *)s->in[1]->data + d * all * r->i,
                *u = (const float *)s->in[2]->data + d * all * r->h;
    const int bias_in = input_of(s->node, BIAS), peep_in = input_of(s->node, PEEPHOLES);
    pack(r, &to->w, at, w, all, r->i);
    pack(r, &to->r, at, u, split, r->h);
    if (r->gru)
        pack(r, &to->last, at, u + split * r->h, r->h, r->h);
    float *bias = take(r, at, all), *last = take(r, at, r->h);
    to->bias = bias;
    to->last_bias = last;
    to->peepholes = peep_in < 0 ? NULL : (const float *)s->in[peep_in]->data + d * 3 * r->h;
    if (!bias)
        return;
    memset(bias, 0, all * sizeof *bias);
    memset(last, 0, r->h * sizeof *last);
    if (bias_in < 0)
        return;
    const float *b = (const float *)s->in[bias_in]->data + d * 2 * all;
    for (size_t j = 0; j < all; j++)
        bias[j] = r->linear && j >= split ? b[j] : b[j] + b[all + j];
    for (size_t j = 0; j < r->h && r->gru; j++)
        last[j] = b[all + split + j];
}

static void geometry(const struct qnt_step *s, struct qnt_rnn *r)
{
    const uint32_t mode = s->node->attr.mode;
    const int lengths = input_of(s->node, LENGTHS);
    r->t = s->in[0]->dim[0];
    r->n = s->in[0]->dim[1];
    r->i = s->in[0]->dim[2];
    r->h = s->in[2]->dim[2];
    r->gates = gates_of(s->node);
    r->directions = mode & QNT_RNN_BOTH ? 2 : 1;
    r->backwards = mode & QNT_RNN_REVERSE;
    r->linear = mode & QNT_RNN_LINEAR;
    r->lstm = s->op == &qnt_op_lstm;
    r->gru = s->op == &qnt_op_gru;
    r->first[0] = input_of(s->node, FIRST_H);
    r->first[1] = input_of(s->node, FIRST_C);
    r->lengths = lengths < 0 ? NULL : s->in[lengths]->data;
}

qnt_status qnt_rnn_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct qnt_rnn *r = s->state;
    const bool again = r != NULL;
    size_t floats = 0, used = 0;
    (void)max_batch;
    if (!r && !(s->state = r = qnt_alloc(ctx, sizeof *r, s->node->name)))
        return QNT_ERR_NOMEM;
    geometry(s, r);
    r->sigmoid = ctx->dsp.sigmoid_f32;
    r->tanh = ctx->dsp.tanh_f32;
    r->g = qnt_gemm_choose(&ctx->dsp.gemm_f32, r->n, r->gates * r->h, r->h);
    r->block = r->n < r->g->mr ? r->n : r->g->mr;
    for (size_t d = 0; d < r->directions && !again; d++)
        set_direction(s, r, d, &floats);
    if (!again && !(r->memory = qnt_alloc_array(ctx, floats, sizeof *r->memory, s->node->name)))
        return QNT_ERR_NOMEM;
    for (size_t d = 0; d < r->directions; d++)
        set_direction(s, r, d, &used);
    s->packed_bytes = used * sizeof(float);
    r->at_x = qnt_round_up(r->block * r->gates * r->h, 16);
    r->at_h = r->at_x + qnt_round_up(r->block * (r->i > r->h ? r->i : r->h), 16);
    r->at_c = r->at_h + qnt_round_up(r->block * r->h, 16);
    r->at_more = r->at_c + qnt_round_up(r->block * r->h, 16);
    s->scratch_bytes = (r->at_more + qnt_round_up(r->block * r->h, 16)) * sizeof(float);
    s->variant = qnt_variant_of_tile(r->g);
    return QNT_OK;
}

void qnt_rnn_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct qnt_rnn *r = s->state;
    if (r)
        qnt_release(ctx, r->memory);
    qnt_release(ctx, r);
}
