/* Models beside the float one: outputs of the calibration inputs, accuracy on test images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "qquant.h"

enum { BATCH = 16 };

static void take(const struct feed *f, size_t images, float *to)
{
    for (size_t i = 0; i < images; i++)
        for (size_t k = 0; k < f->n_out; k++)
            for (size_t e = 0; e < f->out[k].elements; e++)
                *to++ = feed_value(f, k, i * f->out[k].elements + e);
}

static int run_all(const struct run *r, qnt_session *session, struct feed *f, struct outputs *out)
{
    int code = EXIT_OK;
    out->first = f->out->elements;
    out->n = 0;
    for (size_t k = 0; k < f->n_out; k++)
        out->n += f->out[k].elements;
    if (!(out->value = calloc(out->images, out->n * sizeof *out->value)))
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: outputs of %zu inputs", out->images);
    for (size_t i = 0, some; i < out->images && code == EXIT_OK; i += some) {
        some = out->images - i < BATCH ? out->images - i : BATCH;
        for (size_t k = 0; k < r->n_in; k++)
            memcpy(f->in_data[k], r->in[k].data + i * r->in[k].bytes, some * r->in[k].bytes);
        code = opt_fail(r->tool, qnt_session_run_io(session, (const void *const *)f->in_data, f->out_data, some));
        if (code == EXIT_OK)
            take(f, some, out->value + i * out->n);
    }
    return code;
}

int outputs_of(const struct run *r, qnt_model *model, size_t images, struct outputs *out)
{
    const struct eval_config config = {.threads = r->threads, .batch = BATCH, .cpus = r->cpus};
    struct source source;
    struct feed feed = {.n_in = 0};
    qnt_session *session = NULL;
    *out = (struct outputs){.images = images};
    int code = opt_fail(r->tool, eval_session(model, &config, &session));
    source_noise(&source, model);
    if (code == EXIT_OK)
        code = feed_create(r->tool, session, &source, BATCH, &feed);
    if (code == EXIT_OK)
        code = run_all(r, session, &feed, out);
    feed_free(&feed);
    qnt_session_free(session);
    return code;
}

/* Natural logarithms of softmax(x). */
static void log_softmax(const float *x, size_t n, double *to)
{
    double most = (double)x[0], sum = 0.0;
    for (size_t i = 1; i < n; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)x[i] - most - log(sum);
}

int likeness_of(const struct run *r, const struct outputs *a, const struct outputs *b, struct likeness *l)
{
    const size_t first = a->first;
    double aa = 0.0, bb = 0.0, ab = 0.0, error = 0.0, kl = 0.0, *p = calloc(2 * first, sizeof *p);
    if (!p)
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu values", first);
    for (size_t i = 0; i < a->images * a->n; i++) {
        const double x = (double)a->value[i], y = (double)b->value[i];
        aa += x * x;
        bb += y * y;
        ab += x * y;
        error += (x - y) * (x - y);
    }
    for (size_t i = 0; i < a->images; i++) {
        log_softmax(a->value + i * a->n, first, p);
        log_softmax(b->value + i * a->n, first, p + first);
        for (size_t k = 0; k < first; k++)
            kl += exp(p[k]) * (p[k] - p[first + k]);
    }
    free(p);
    l->sqnr = error > 0.0 ? 10.0 * log10(aa / error) : INFINITY;
    l->noise = error > 0.0 ? error / aa : 0.0;
    l->cosine = aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 1.0;
    l->kl = kl / (double)a->images;
    if (!isfinite(error)) { /* some are no numbers */
        l->sqnr = -INFINITY;
        l->noise = INFINITY;
        l->cosine = 0.0;
    }
    return EXIT_OK;
}

json_t *real_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

int accuracy_of(const struct run *r, qnt_model *model, double *value)
{
    const struct eval_config config = {.threads = r->threads, .batch = BATCH, .cpus = r->cpus, .repeat = 1};
    struct source source;
    struct eval_result result;
    source_data(&source, r->test, model);
    int code = eval_run(r->tool, model, &source, &config, &result);
    *value = result.accuracy;
    return code;
}
