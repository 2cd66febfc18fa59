#include <math.h>
#include "infer.h"
#include "requant.h"
#include "simd/ref/scalar.h"

qnt_status qnt_requant_factors(const struct qnt_step *s, size_t channels, float *factor)
{
    const struct qnt_tensor *x = s->in[0], *w = s->in[1], *y = s->out;
    for (size_t c = 0; c < channels; c++) {
        float sw = w->scale[w->scales == 1 ? 0 : c];
        factor[c] = x->scale[0] * sw / y->scale[0];
        if (!(factor[c] >= 0.0f) || !isfinite(factor[c]))
            return qnt_fail(
                QNT_ERR_RANGE,
                "node '%s': channel %zu: scales %g (input) * %g (weights) / %g (output) give %g, expected a "
                "finite number >= 0",
                s->node->name, c, (double)x->scale[0], (double)sw, (double)y->scale[0], (double)factor[c]);
    }
    return QNT_OK;
}

qnt_status qnt_requant_check_bias(const struct qnt_step *s, size_t channels)
{
    const struct qnt_tensor *x = s->in[0], *w = s->in[1], *b = s->in[2];
    for (size_t c = 0; s->node->n_in > 2 && b->scales && c < channels; c++) {
        float found = b->scale[b->scales == 1 ? 0 : c], unit = x->scale[0] * w->scale[w->scales == 1 ? 0 : c];
        if (found != unit)
            return qnt_fail(QNT_ERR_TYPE,
                            "node '%s': channel %zu: bias '%s' has scale %.9g, expected input times weights, "
                            "%.9g",
                            s->node->name, c, b->name, (double)found, (double)unit);
    }
    return QNT_OK;
}

void qnt_requant_table(const struct qnt_tensor *x, const struct qnt_tensor *y, int8_t table[256])
{
    for (int i = 0; i < 256; i++) {
        float value = (float)((int8_t)(uint8_t)i - x->zero) * x->scale[0];
        table[i] = (int8_t)qnt_quantize_one(value, y->scale[0], y->zero, qnt_least_code(y), qnt_most_code(y));
    }
}

int8_t qnt_bound_code(float bound, const struct qnt_tensor *t)
{
    return (int8_t)qnt_quantize_one(bound, t->scale[0], t->zero, qnt_least_code(t), qnt_most_code(t));
}

void qnt_requant_bounds(const struct qnt_step *s, struct qnt_requant *rq)
{
    rq->mode = QNT_REQUANT_FLOAT;
    rq->zero = s->out->zero;
    rq->out_xor = 0;
    rq->lo = qnt_bound_code(s->clamp_lo, s->out);
    rq->hi = qnt_bound_code(s->clamp_hi, s->out);
}
