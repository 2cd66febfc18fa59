/* Weights into codes: the scales that the quantizer finds, learned rounding, biases that take back the mean error. */
#include <math.h>
#include <string.h>
#include <qnt/train.h>
#include "lib/quant/ptq.h"

/* One scale for all channels: the largest of theirs, codes anew. */
static void share_scale(const struct qnt_qlayer *l, struct qnt_tensor *w, const float *values, float sx)
{
    float largest = 0.0f;
    if (l->bits == QNT_BITS_TERNARY || l->bits == 1)
        return; /* their scales are the channels' means, which one for all would not be */
    for (size_t c = 0; c < l->channels; c++)
        largest = fmaxf(largest, w->scale[c]);
    for (size_t c = 0; c < l->channels; c++) {
        w->scale[c] = largest;
        l->real[c] = sx * largest;
    }
    qnt_weight_codes(values, l->channels * l->fan_in, l->bits, largest, w->data);
}

/* The mean error of channel c's sum: of weights' errors times the mean inputs. */
static double mean_error(const struct qnt_moments *m, size_t group, const float *w, const int8_t *codes, float scale)
{
    double error = 0.0;
    for (size_t i = 0; i < m->k; i++)
        error += ((double)codes[i] * (double)scale - (double)w[i]) * (m->sum[group * m->k + i] / (double)m->windows);
    return error;
}

static void put_layer(struct qnt_ptq *p, size_t index, float *work)
{
    const struct qnt_quantizer *q = p->q;
    const struct qnt_qlayer *l = &q->layer[index];
    const struct qnt_moments *m = &p->moments[index];
    struct qnt_tensor *w = &q->model->tensor[l->w];
    const float *values = p->f->tensor[l->float_w].data;
    const float *bias = l->float_b < 0 ? NULL : p->f->tensor[l->float_b].data;
    const float sx = q->model->tensor[l->x].scale[0];
    for (size_t c = 0; c < l->channels; c++)
        qnt_quantizer_put_channel(q, index, c, values, bias, q->model, NULL, NULL);
    if (p->config.per_tensor)
        share_scale(l, w, values, sx);
    for (size_t c = 0; c < l->channels; c++) {
        const size_t group = c / (l->channels / m->groups);
        const float *row = values + c * l->fan_in, scale = w->scale[c];
        int8_t *codes = (int8_t *)w->data + c * l->fan_in;
        const int32_t limit = l->bits == QNT_BITS_TERNARY ? 1 : (1 << (l->bits - 1)) - 1;
        if (m->product && l->bits != 1 && m->windows)
            qnt_round_learned(row, m->k, scale, limit, m->product + group * m->k * m->k, work, codes);
        if (bias) {
            double b = (double)bias[c];
            if (!p->config.no_bias_correction && m->windows)
                b -= mean_error(m, group, row, codes, scale);
            ((int32_t *)q->model->tensor[l->b].data)[c] = qnt_bias_code((float)b, sx * scale);
        }
    }
}

qnt_status qnt_ptq_weights(struct qnt_ptq *p)
{
    size_t longest = 0;
    for (size_t i = 0; i < p->q->n_layers; i++)
        longest = p->q->layer[i].fan_in > longest ? p->q->layer[i].fan_in : longest;
    float *work = qnt_alloc_array(p->ctx, longest + 1, sizeof *work, "rounding");
    if (!work)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < p->q->n_layers; i++) {
        qnt_moments_mirror(&p->moments[i]);
        put_layer(p, i, work);
    }
    qnt_release(p->ctx, work);
    return QNT_OK;
}
