/* Batch norm in training: y = gamma * (x - mean) * inv + beta with mean and inv of the mini-batch. So
 * dx = gamma * inv * (dy - mean of dy - (x - mean) * inv^2 * mean of dy * (x - mean)), over all rows of the mini-batch.
 * Floats are summed over short runs only, which are added up in double. */
#include <math.h>
#include <string.h>
#include "lib/op/backward.h"
#include "lib/op/batchnorm.h"

enum { RUN = 128 /* rows summed in float */ };

static qnt_status create(const qnt_ctx *ctx, const struct qnt_step *s, struct qnt_batchnorm **out)
{
    const char *what = s->node->name;
    struct qnt_batchnorm *b = qnt_alloc(ctx, sizeof *b, what);
    if (!(*out = b))
        return QNT_ERR_NOMEM;
    b->dsp = &ctx->dsp;
    b->channels = s->out->dim[s->out->rank - 1];
    b->rows = qnt_tensor_count(s->out) / b->channels;
    if (!(b->pivot = qnt_alloc_array(ctx, b->channels, sizeof(float), what)) ||
        !(b->scale = qnt_alloc_array(ctx, b->channels, sizeof(float), what)) ||
        !(b->shift = qnt_alloc_array(ctx, b->channels, sizeof(float), what)) ||
        !(b->factors = qnt_alloc_array(ctx, b->channels, 3 * sizeof(float), what)) ||
        !(b->mean = qnt_alloc_array(ctx, b->channels, sizeof(double), what)) ||
        !(b->inv = qnt_alloc_array(ctx, b->channels, sizeof(double), what)))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

qnt_status qnt_batchnorm_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                          size_t max_batch, void **state, size_t *scratch_bytes)
{
    struct qnt_batchnorm *b = *state;
    (void)max_batch;
    if (!b) {
        qnt_status status = create(ctx, s, &b);
        if (status) {
            qnt_batchnorm_backward_release(ctx, b);
            return status;
        }
        *state = b;
        *scratch_bytes = 2 * b->channels * sizeof(float);
    }
    memcpy(b->pivot, value[s->node->in[3]], b->channels * sizeof(float));
    return QNT_OK;
}

void qnt_batchnorm_backward_release(const qnt_ctx *ctx, void *state)
{
    struct qnt_batchnorm *b = state;
    if (!b)
        return;
    void *all[] = {b->pivot, b->scale, b->shift, b->factors, b->mean, b->inv, b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
}

void qnt_batchnorm_sum(const struct qnt_batchnorm *b, const float *a, const float *x, size_t images, double *sums,
                       float *scratch)
{
    const size_t n = 2 * b->channels, rows = images * b->rows;
    memset(sums, 0, n * sizeof *sums);
    for (size_t r = 0; r < rows; r += RUN) {
        const size_t at = r * b->channels;
        b->dsp->channel_moments_f32(a + at, x + at, rows - r < RUN ? rows - r : RUN, b->channels, b->pivot, scratch);
        for (size_t i = 0; i < n; i++)
            sums[i] += (double)scratch[i];
    }
}

void qnt_batchnorm_forward(struct qnt_batchnorm *b, const struct qnt_step *s, const double *sums, size_t rows,
                           float momentum)
{
    const float *gamma = s->in[1]->data, *beta = s->in[2]->data;
    float *running_mean = s->in[3]->data, *running_variance = s->in[4]->data;
    for (size_t c = 0; c < b->channels; c++) {
        const double mean = sums[c] / (double)rows, pivot = (double)b->pivot[c];
        /* sum of (x - mean)^2 from that of x * (x - pivot) */
        const double squares = sums[b->channels + c] - sums[c] * (mean - pivot);
        const double variance = squares > 0.0 ? squares / (double)rows : squares * 0.0; /* NaN stays */
        b->mean[c] = mean;
        b->inv[c] = 1.0 / sqrt(variance + (double)s->node->attr.epsilon);
        const double scale = (double)gamma[c] * b->inv[c];
        b->scale[c] = (float)scale;
        b->shift[c] = (float)((double)beta[c] - mean * scale);
        b->pivot[c] = (float)mean;
        running_mean[c] += momentum * ((float)mean - running_mean[c]);
        if (rows > 1)
            running_variance[c] +=
                momentum * ((float)(variance * (double)rows / (double)(rows - 1)) - running_variance[c]);
    }
}

/* sum of dy * (x - mean), which was taken around the rounded mean. */
static double centred(const struct qnt_batchnorm *b, const double *sums, size_t c)
{
    return sums[b->channels + c] + ((double)b->pivot[c] - b->mean[c]) * sums[c];
}

void qnt_batchnorm_factors_of(struct qnt_batchnorm *b, const struct qnt_step *s, const double *sums, size_t rows)
{
    const float *gamma = s->in[1]->data;
    float *of_dy = b->factors, *of_x = of_dy + b->channels, *of_one = of_x + b->channels;
    for (size_t c = 0; c < b->channels; c++) {
        const double k = (double)gamma[c] * b->inv[c], inv = b->inv[c];
        const double slope = -k * inv * inv * centred(b, sums, c) / (double)rows;
        of_dy[c] = (float)k;
        of_x[c] = (float)slope;
        of_one[c] = (float)(-k * sums[c] / (double)rows - slope * b->mean[c]);
    }
}

static void give_param(const struct qnt_grad *g, int id, size_t c, double value)
{
    float *to = g->param[id];
    if (to)
        to[c] = (float)value + (g->param_add ? to[c] : 0.0f);
}

void qnt_batchnorm_backward_sum(const struct qnt_step *s, const struct qnt_grad *g, double *sums)
{
    const struct qnt_batchnorm *b = g->state;
    const struct qnt_node *n = s->node;
    float *dy = g->delta[n->out];
    qnt_backward_clamp(s, g, dy, g->batch * qnt_tensor_count(s->out));
    qnt_batchnorm_sum(b, dy, g->value[n->in[0]], g->batch, sums, g->scratch);
    for (size_t c = 0; c < b->channels; c++) {
        give_param(g, n->in[1], c, b->inv[c] * centred(b, sums, c));
        give_param(g, n->in[2], c, sums[c]);
    }
}

void qnt_batchnorm_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const struct qnt_batchnorm *b = g->state;
    const int x = s->node->in[0];
    const size_t rows = g->batch * b->rows;
    float *dy = g->delta[s->node->out], *dx = g->delta[x];
    if (!dx)
        return;
    const bool first = !g->delta_set[x];
    b->dsp->channel_mix_f32(dy, g->value[x], first ? dx : dy, rows, b->channels, b->factors);
    if (first)
        g->delta_set[x] = 1;
    else
        qnt_backward_give(g, x, dy, rows * b->channels);
}
