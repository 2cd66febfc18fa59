/* Weights into codes: the scales that the quantizer finds, learned rounding, biases that take back the mean error. */
#include <math.h>
#include <string.h>
#include <qnt/train.h>
#include "lib/quant/ptq.h"

/* Of the longest layer. */
struct work {
    float *gradient;
    int8_t *codes;
};

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
    return isfinite(error) ? error : 0.0; /* inputs that are no numbers tell nothing */
}

/* Scale and codes of channel c by the errors of its sums: of some scales around the one that suits the weights
 * themselves the one whose codes, rounded by learning, leave the least. Ternary scales are the mean of what is not 0.
 */
static float learn_channel(const struct qnt_qlayer *l, const struct qnt_moments *m, size_t group, const float *row,
                           float scale, const struct work *work, int8_t *codes)
{
    static const float factor[] = {1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.75f, 1.06f, 1.12f};
    const int32_t limit = l->bits == QNT_BITS_TERNARY ? 1 : (1 << (l->bits - 1)) - 1;
    const float *product = m->product + group * m->k * m->k;
    const size_t tries =
        l->per_tensor || l->bits == 8 || l->bits == QNT_BITS_TERNARY ? 1 : sizeof factor / sizeof *factor;
    float best_scale = scale;
    double best = qnt_round_learned(row, m->k, scale, limit, product, work->gradient, codes);
    for (size_t i = 1; i < tries; i++) {
        const float tried = scale * factor[i];
        qnt_weight_codes(row, m->k, l->bits, tried, work->codes);
        const double error = qnt_round_learned(row, m->k, tried, limit, product, work->gradient, work->codes);
        if (error < best) {
            best = error;
            best_scale = tried;
            memcpy(codes, work->codes, m->k);
        }
    }
    return best_scale;
}

static void put_layer(struct qnt_ptq *p, size_t index, const struct work *work)
{
    const struct qnt_quantizer *q = p->q;
    const struct qnt_qlayer *l = &q->layer[index];
    const struct qnt_moments *m = &p->moments[l->node];
    struct qnt_tensor *w = &q->model->tensor[l->w];
    const float *values = p->f->tensor[l->float_w].data;
    const float *bias = l->float_b < 0 ? NULL : p->f->tensor[l->float_b].data;
    const float sx = q->model->tensor[l->x].scale[0];
    for (size_t c = 0; c < l->channels; c++)
        qnt_quantizer_put_channel(q, index, c, values, bias, q->model, NULL, NULL);
    if (l->per_tensor)
        share_scale(l, w, values, sx);
    for (size_t c = 0; c < l->channels; c++) {
        const size_t group = c / (l->channels / m->groups);
        const float *row = values + c * l->fan_in;
        int8_t *codes = (int8_t *)w->data + c * l->fan_in;
        if (m->product && l->bits != 1 && m->windows)
            w->scale[c] = learn_channel(l, m, group, row, w->scale[c], work, codes);
        const float scale = w->scale[c];
        l->real[c] = sx * scale;
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
    const struct work work = {qnt_alloc_array(p->ctx, longest + 1, sizeof *work.gradient, "rounding"),
                              qnt_alloc_array(p->ctx, longest + 1, sizeof *work.codes, "rounding")};
    for (size_t i = 0; i < p->q->n_layers && work.gradient && work.codes; i++) {
        qnt_moments_mirror(&p->moments[p->q->layer[i].node]);
        put_layer(p, i, &work);
    }
    const bool done = work.gradient && work.codes;
    qnt_release(p->ctx, work.gradient);
    qnt_release(p->ctx, work.codes);
    return done ? QNT_OK : QNT_ERR_NOMEM;
}
