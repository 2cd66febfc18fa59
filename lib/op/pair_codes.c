/* Two operands of codes by way of floats, a block at a time on the stack. */
#include "infer.h"
#include "pair.h"
#include "simd/quant.h"

enum { BLOCK = 512 };

static qnt_status set(const struct qnt_node *n, const struct qnt_tensor *t, struct qnt_quant *q)
{
    qnt_status status = qnt_check_quant(n, t);
    if (!status && (q->scale != t->scale[0] || q->zero != t->zero)) /* the proof inside is not free */
        qnt_quant_init(q, t->scale[0], t->zero);
    return status;
}

qnt_status qnt_pair_codes_set(const struct qnt_step *s, struct qnt_pair_codes *c)
{
    qnt_status status = set(s->node, s->in[0], &c->a);
    if (status || (status = set(s->node, s->in[1], &c->b)))
        return status;
    return set(s->node, s->out, &c->y);
}

void qnt_pair_codes_row(const struct qnt_pair_codes *c, const int8_t *a, const int8_t *b, int8_t *dst, size_t n,
                        const struct qnt_pair *pair, float lo, float hi)
{
    float x[BLOCK], y[BLOCK];
    if (!n)
        return;
    if (!pair->a_step)
        c->dequantize(a, x, 1, &c->a);
    if (!pair->b_step)
        c->dequantize(b, y, 1, &c->b);
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t count = n - i < BLOCK ? n - i : BLOCK;
        if (pair->a_step)
            c->dequantize(a + i, x, count, &c->a);
        if (pair->b_step)
            c->dequantize(b + i, y, count, &c->b);
        float *to = pair->a_step ? x : y; /* in place where there is one value each */
        float z[BLOCK];
        if (!pair->a_step && !pair->b_step)
            to = z;
        c->run(x, y, to, count, pair, lo, hi);
        c->quantize(to, dst + i, count, &c->y);
    }
}
