/* Sequences are independent: threads share blocks of them. */
#include <math.h>
#include <string.h>
#include "rnn.h"
#include "step.h"

/* What a block is about. */
struct block {
    const struct qnt_rnn *rnn;
    const struct qnt_rnn_direction *d;
    const float *x; /* of the image */
    float *y, *last_h, *last_c;
    size_t direction, first, rows;
    float *gates, *in, *h, *c, *more; /* scratch: [rows][g h], [rows][i], [rows][h] */
};

/* c [rows][ldc] = begin or c, + a [rows][k] times the piece. */
static void product(const struct block *b, const struct qnt_rnn_piece *p, const float *a, const float *begin, float *c,
                    size_t ldc)
{
    const struct qnt_gemm *g = b->rnn->g;
    const struct qnt_epilogue e = {.kind = QNT_EPI_F32, .bias_f32 = begin, .lo = -INFINITY, .hi = INFINITY};
    for (size_t col = 0; col < p->n; col += g->nr) {
        const struct qnt_f32_operands o = {.a = a,
                                           .w = p->packed + col * p->k,
                                           .a_row = (ptrdiff_t)p->k,
                                           .a_k = 1,
                                           .w_k = g->nr,
                                           .run = p->k,
                                           .runs = 1};
        const struct qnt_tile t = {.c = c + col,
                                   .ldc = ldc,
                                   .m = (uint32_t)b->rows,
                                   .n = (uint32_t)(p->n - col < g->nr ? p->n - col : g->nr),
                                   .col = (uint32_t)col,
                                   .first = begin != NULL,
                                   .last = 1,
                                   .e = &e};
        g->run_f32(&o, &t);
    }
}

static void rnn_cell(const struct block *b)
{
    const struct qnt_rnn *r = b->rnn;
    product(b, &b->d->r, b->h, NULL, b->gates, r->h);
    r->tanh(b->gates, b->gates, b->rows * r->h);
    memcpy(b->more, b->gates, b->rows * r->h * sizeof(float));
}

static void gru_cell(const struct block *b)
{
    const struct qnt_rnn *r = b->rnn;
    const size_t h = r->h, all = 3 * h;
    product(b, &b->d->r, b->h, NULL, b->gates, all);
    for (size_t i = 0; i < b->rows; i++) {
        float *gate = b->gates + i * all;
        r->sigmoid(gate, gate, 2 * h);
        for (size_t j = 0; j < h && !r->linear; j++)
            b->more[i * h + j] = gate[h + j] * b->h[i * h + j];
    }
    if (r->linear)
        product(b, &b->d->last, b->h, b->d->last_bias, b->more, h);
    else
        product(b, &b->d->last, b->more, NULL, b->gates + 2 * h, all);
    for (size_t i = 0; i < b->rows; i++) {
        float *z = b->gates + i * all, *c = z + 2 * h, *more = b->more + i * h;
        for (size_t j = 0; j < h && r->linear; j++)
            c[j] = c[j] + z[h + j] * more[j];
        r->tanh(c, c, h);
        for (size_t j = 0; j < h; j++)
            more[j] = (1.0f - z[j]) * c[j] + z[j] * b->h[i * h + j];
    }
}

/* sum + p * c */
static void peep(float *gate, const float *p, const float *c, size_t h)
{
    for (size_t j = 0; j < h; j++)
        gate[j] = gate[j] + p[j] * c[j];
}

static void lstm_cell(const struct block *b)
{
    const struct qnt_rnn *r = b->rnn;
    const size_t h = r->h, all = 4 * h;
    const float *p = b->d->peepholes;
    product(b, &b->d->r, b->h, NULL, b->gates, all);
    for (size_t i = 0; i < b->rows; i++) {
        float *in = b->gates + i * all, *out = in + h, *forget = out + h, *cell = forget + h, *c = b->in + i * h;
        const float *before = b->c + i * h;
        if (p) {
            peep(in, p, before, h);
            peep(forget, p + 2 * h, before, h);
        }
        r->sigmoid(in, in, h);
        r->sigmoid(forget, forget, h);
        r->tanh(cell, cell, h);
        for (size_t j = 0; j < h; j++)
            c[j] = forget[j] * before[j] + in[j] * cell[j];
        if (p)
            peep(out, p + h, c, h);
        r->sigmoid(out, out, h);
        r->tanh(c, cell, h);
        for (size_t j = 0; j < h; j++)
            b->more[i * h + j] = out[j] * cell[j];
    }
}

static size_t length(const struct qnt_rnn *r, size_t n)
{
    return r->lengths ? (size_t)r->lengths[n] : r->t;
}

/* Where sequence n is at its step. */
static size_t place(const struct block *b, size_t n, size_t step)
{
    const bool backwards = b->rnn->backwards || b->direction;
    return backwards ? length(b->rnn, n) - 1 - step : step;
}

/* One step: sequences that have ended keep their state, their rows are computed for nothing. */
static void step(const struct block *b, size_t at)
{
    const struct qnt_rnn *r = b->rnn;
    const size_t row = r->h * sizeof(float);
    for (size_t i = 0; i < b->rows; i++) {
        const size_t n = b->first + i;
        if (at < length(r, n))
            memcpy(b->in + i * r->i, b->x + (place(b, n, at) * r->n + n) * r->i, r->i * sizeof(float));
    }
    product(b, &b->d->w, b->in, b->d->bias, b->gates, r->gates * r->h);
    (r->lstm ? lstm_cell : r->gru ? gru_cell : rnn_cell)(b);
    for (size_t i = 0; i < b->rows; i++) {
        const size_t n = b->first + i;
        if (at >= length(r, n))
            continue;
        memcpy(b->h + i * r->h, b->more + i * r->h, row);
        if (r->lstm)
            memcpy(b->c + i * r->h, b->in + i * r->h, row);
        memcpy(b->y + ((place(b, n, at) * r->directions + b->direction) * r->n + n) * r->h, b->h + i * r->h, row);
    }
}

/* The state before the first step, [rows][h]. */
static void begin(const struct qnt_step *s, const struct qnt_exec *x, const struct block *b, size_t image, int which,
                  float *to)
{
    const struct qnt_rnn *r = b->rnn;
    const int input = r->first[which];
    const size_t at = (b->direction * r->n + b->first) * r->h, bytes = b->rows * r->h * sizeof(float);
    if (input < 0) {
        memset(to, 0, bytes);
        return;
    }
    const float *from = s->in[input]->constant ? s->in[input]->data
                                               : (const float *)(const void *)(x->arena + s->in_offset[input]) +
                                                     image * r->directions * r->n * r->h;
    memcpy(to, from + at, bytes);
}

static void run_block(const struct qnt_step *s, const struct qnt_exec *x, const struct block *b, size_t image)
{
    const struct qnt_rnn *r = b->rnn;
    const size_t state = (b->direction * r->n + b->first) * r->h, bytes = b->rows * r->h * sizeof(float);
    size_t longest = 0;
    begin(s, x, b, image, 0, b->h);
    begin(s, x, b, image, 1, b->c);
    memset(b->in, 0, b->rows * r->i * sizeof(float));
    for (size_t i = 0; i < b->rows; i++) {
        const size_t n = b->first + i, own = length(r, n);
        longest = own > longest ? own : longest;
        for (size_t t = own; t < r->t; t++)
            memset(b->y + ((t * r->directions + b->direction) * r->n + n) * r->h, 0, r->h * sizeof(float));
    }
    for (size_t at = 0; at < longest; at++)
        step(b, at);
    memcpy(b->last_h + state, b->h, bytes);
    if (r->lstm)
        memcpy(b->last_c + state, b->c, bytes);
}

void qnt_rnn_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct qnt_rnn *r = s->state;
    const size_t blocks = (r->n + r->block - 1) / r->block, states = r->directions * r->n * r->h;
    const size_t result = qnt_tensor_count(s->out);
    float *scratch = (float *)(void *)x->scratch;
    size_t u0, u1;
    qnt_share(x->batch * r->directions * blocks, x->part, x->parts, &u0, &u1);
    for (size_t u = u0; u < u1; u++) {
        const size_t image = u / blocks / r->directions;
        struct block b = {.rnn = r,
                          .direction = u / blocks % r->directions,
                          .first = u % blocks * r->block,
                          .x = (const float *)qnt_step_in(s, x) + image * r->t * r->n * r->i,
                          .y = (float *)qnt_step_out(s, x) + image * result,
                          .gates = scratch,
                          .in = scratch + r->at_x,
                          .h = scratch + r->at_h,
                          .c = scratch + r->at_c,
                          .more = scratch + r->at_more};
        b.d = &r->direction[b.direction];
        b.rows = r->n - b.first < r->block ? r->n - b.first : r->block;
        b.last_h = b.y + r->t * states;
        b.last_c = b.last_h + states;
        run_block(s, x, &b, image);
    }
}
