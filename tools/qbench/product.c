/* Products of matrices by the library's driver, without a graph around them. */
#include <string.h>
#include "lib/gemm/gemm.h"
#include "lib/op/op.h"
#include "lib/op/step.h"
#include "tools/qbench/product.h"

struct product {
    struct qnt_gemm_call call;
    struct qnt_epilogue e;
    float scale;
    uint8_t *scratch; /* stride bytes for each thread */
    size_t stride;
};

/* A thread's share: rows, or where there are fewer rows than threads, panels of columns. */
static void run(void *arg, uint32_t part, uint32_t parts)
{
    const struct product *p = arg;
    struct qnt_gemm_call call = p->call;
    struct qnt_epilogue e = p->e;
    size_t begin, end, nr = call.g->nr;
    if (call.m >= parts) {
        qnt_share(call.m, part, parts, &begin, &end);
        qnt_gemm_run(&call, begin, end, p->scratch + part * p->stride);
        return;
    }
    qnt_share((call.n + nr - 1) / nr, part, parts, &begin, &end);
    begin *= nr;
    end = end * nr < call.n ? end * nr : call.n;
    if (begin >= end)
        return;
    call.packed_w = (const uint8_t *)call.packed_w + qnt_gemm_packed_bytes(call.g, begin, call.k);
    call.c = qnt_gemm_place(&call, 0, begin);
    call.n = end - begin;
    e.bias += begin;
    call.e = &e;
    qnt_gemm_run(&call, 0, call.m, p->scratch + part * p->stride);
}

static const struct qnt_gemm_list *list_of(const struct qbench *q, const struct qb_product *s)
{
    const struct qnt_dsp *d = &q->ctx->dsp;
    return s->bits == 1 ? &d->gemm_b1 : s->bits == 2 ? &d->gemm_s2s8 : s->bits == 4 ? &d->gemm_s4s8 : &d->gemm_s8;
}

/* Codes of `bits` in bytes; of 1 bit eight values, in any bits. */
static int8_t *weights(struct qbench *q, const struct qb_product *s, size_t bytes)
{
    int8_t *w = qb_noise(q, bytes);
    for (size_t i = 0; w && (s->bits == 2 || s->bits == 4) && i < bytes; i++)
        w[i] = (int8_t)(w[i] >> (8 - s->bits));
    return w;
}

static int pack(struct qbench *q, const struct qb_product *s, struct product *p, size_t k)
{
    struct qnt_gemm_call *call = &p->call;
    const struct qnt_gemm *g = call->g;
    int8_t *w = weights(q, s, s->n * k);
    void *packed = qb_alloc(q, qnt_gemm_packed_bytes(g, s->n, k));
    int32_t *bias = qb_alloc(q, s->n * sizeof *bias);
    if (!w || !packed || !bias)
        return -1;
    struct qnt_operand rows = qnt_operand_rows(w, k, k, 1);
    qnt_gemm_pack_w(g, &rows, s->n, k, packed);
    if (s->bits > 1)
        qnt_gemm_fold_bias(q->ctx, g, w, s->n, k, s->in_u8 ? -128 : 0, NULL, bias);
    call->packed_w = packed;
    p->e.bias = bias;
    return 0;
}

int qb_product_case(struct qbench *q, const struct qb_product *s, struct qb_case *c)
{
    const size_t k = s->bits == 1 ? s->k / 8 : s->k, size = s->out_8bit ? 1 : sizeof(int32_t);
    const struct qnt_gemm *g = qnt_gemm_choose(list_of(q, s), s->m, s->n, k);
    struct product *p = qb_alloc(q, sizeof *p);
    const void *a = qb_noise(q, s->m * k);
    void *out = qb_alloc(q, s->m * s->n * size);
    if (!p || !a || !out)
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    p->stride = qnt_round_up(qnt_gemm_scratch_bytes(g, k, 1), 128);
    p->scale = 1.0f / (float)(16 * s->k);
    p->e.kind = s->out_8bit ? QNT_EPI_S8 : QNT_EPI_S32;
    p->e.rq = (struct qnt_requant){.lo = -128, .hi = 127, .out_xor = s->in_u8 ? 0x80 : 0, .scale = &p->scale};
    p->call = (struct qnt_gemm_call){.g = g, .a = qnt_operand_rows(a, k, k, 1), .m = s->m, .n = s->n, .k = k};
    p->call.a.in_xor = s->in_u8 ? 0x80 : 0;
    p->call.c = out;
    p->call.ldc = s->n;
    p->call.e = &p->e;
    if (pack(q, s, p, k) || !(p->scratch = qb_alloc(q, q->threads * p->stride)))
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    snprintf(c->kernel, sizeof c->kernel, "%s", qnt_variant_of_tile(g)->variant);
    c->work = (struct qb_work){.run = run, .arg = p};
    c->macs = (double)s->m * (double)s->n * (double)s->k;
    c->bytes = (double)s->m * (double)k + (double)s->n * (double)s->k * s->bits / 8 +
               (double)s->m * (double)s->n * (double)size;
    c->peak = s->bits == 1 ? QB_B1 : QB_S8;
    return EXIT_OK;
}
