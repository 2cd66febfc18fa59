#include "feed.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void source_data(struct source *s, const qnt_dataset *data, const qnt_model *model)
{
    *s = (struct source){.count = qnt_dataset_size(data), .model = model, .data = data};
}

void source_files(struct source *s, const struct inputs *files, const qnt_model *model)
{
    *s = (struct source){.count = files->input->images, .model = model, .files = files};
}

void source_noise(struct source *s, const qnt_model *model)
{
    *s = (struct source){.count = 1, .model = model};
}

/* Codes of reals, by one scale. */
static bool quantized(const qnt_tensor_info *t)
{
    return (t->type == QNT_S8 || t->type == QNT_U8) && t->scales == 1;
}

/* The source has what goes to input k as it is; else its reals. */
static bool has_codes(const struct source *s, size_t k, const qnt_tensor_info *t)
{
    if (!s->files)
        return false;
    const struct input *in = &s->files->input[k];
    return in->type == t->type && !(in->pixels && t->scales);
}

bool source_has_reals(const struct source *s, size_t k)
{
    return s->data || (s->files && (s->files->input[k].type == QNT_F32 || s->files->input[k].pixels));
}

static int check_input(const struct opt_tool *tool, const struct source *s, const struct feed *f, size_t k)
{
    const qnt_tensor_info *t = &f->in[k].info;
    const size_t expected = 32 * 32 * 3;
    if (s->data && (f->n_in != 1 || f->in->elements != expected))
        return opt_error(tool, EXIT_FAILED,
                         "the data's images have %zu values; the model has %zu input%s, '%s' of %zu values", expected,
                         f->n_in, f->n_in == 1 ? "" : "s", t->name, f->in[k].elements);
    if ((!s->data && !s->files) || has_codes(s, k, t) ||
        ((t->type == QNT_F32 || quantized(t)) && source_has_reals(s, k)))
        return EXIT_OK;
    return opt_error(tool, EXIT_UNSUPPORTED, "input '%s' is %s%s and the %s %s%s", t->name, qnt_dtype_name(t->type),
                     quantized(t) ? " with a scale" : "", s->files ? "files hold" : "data are",
                     !s->files                   ? "images"
                     : s->files->input[k].pixels ? "images"
                                                 : qnt_dtype_name(s->files->input[k].type),
                     s->files && s->files->input[k].type == QNT_U8 && !s->files->input[k].pixels
                         ? " (--u8 takes them as images)"
                         : "");
}

qnt_status source_reals(const struct source *s, size_t k, size_t i, float *dst, int *label)
{
    if (s->data)
        return qnt_dataset_input(s->data, s->model, i, dst, label);
    const struct input *in = &s->files->input[k];
    *label = -1;
    if (!in->pixels) {
        memcpy(dst, in->data + i * in->elements * sizeof *dst, in->elements * sizeof *dst);
        return QNT_OK;
    }
    float mean[4], deviation[4];
    const size_t channels = in->info.rank ? in->info.dim[in->info.rank - 1] : 1;
    qnt_model_normalisation(s->model, mean, deviation);
    for (size_t e = 0; e < in->elements; e++) {
        const size_t c = e % channels;
        const float x = (float)in->data[i * in->elements + e] / 255.0f;
        dst[e] = c < 4 ? (x - mean[c]) / deviation[c] : x;
    }
    return QNT_OK;
}

static void quantize(const struct border *b, const float *image, void *dst)
{
    const float least = b->info.type == QNT_S8 ? -128.0f : 0.0f, zero = (float)b->info.zero_point;
    for (size_t i = 0; i < b->elements; i++) {
        const float q = fminf(fmaxf(rintf(image[i] / *b->info.scale) + zero, least), least + 255.0f);
        if (b->info.type == QNT_S8)
            ((int8_t *)dst)[i] = (int8_t)q;
        else
            ((uint8_t *)dst)[i] = (uint8_t)q;
    }
}

qnt_status feed_fill(struct feed *f, size_t first, size_t count, int *label)
{
    const struct source *s = f->source;
    for (size_t i = 0; i < count; i++)
        label[i] = -1;
    for (size_t k = 0; k < f->n_in && (s->data || s->files); k++) {
        const struct border *b = &f->in[k];
        for (size_t i = 0; i < count; i++) {
            unsigned char *to = (unsigned char *)f->in_data[k] + i * b->bytes;
            qnt_status status = QNT_OK;
            if (has_codes(s, k, &b->info))
                memcpy(to, s->files->input[k].data + (first + i) * b->bytes, b->bytes);
            else if ((status = source_reals(s, k, first + i, f->image, &label[i])))
                return status;
            else if (b->info.type == QNT_F32)
                memcpy(to, f->image, b->bytes);
            else
                quantize(b, f->image, to);
        }
    }
    return QNT_OK;
}

float feed_value(const struct feed *f, size_t output, size_t at)
{
    const qnt_tensor_info *t = &f->out[output].info;
    const void *data = f->out_data[output];
    const float scale = quantized(t) ? *t->scale : 1.0f;
    const int32_t zero = quantized(t) ? t->zero_point : 0;
    switch (t->type) {
    case QNT_F32:
        return ((const float *)data)[at];
    case QNT_S8:
        return scale * (float)(((const int8_t *)data)[at] - zero);
    case QNT_S16:
        return ((const int16_t *)data)[at];
    case QNT_U16:
        return ((const uint16_t *)data)[at];
    case QNT_S32:
        return (float)((const int32_t *)data)[at];
    case QNT_S64:
        return (float)((const int64_t *)data)[at];
    default:
        return scale * (float)(((const uint8_t *)data)[at] - zero);
    }
}

static void make_noise(float *to, size_t n)
{
    uint32_t r = 1;
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525u + 1013904223u;
        to[i] = (float)(int32_t)r * 0x1p-31f;
    }
}

/* A batch of input or output i: *status is as the session says; NULL without memory. */
static void *add_border(struct border *b, size_t batch)
{
    b->elements = 1;
    for (uint32_t d = 0; d < b->info.rank; d++)
        b->elements *= b->info.dim[d];
    b->bytes = b->elements * qnt_dtype_size(b->info.type);
    return calloc(batch, b->bytes);
}

static int add_borders(const struct opt_tool *tool, const qnt_session *session, size_t batch, struct feed *f)
{
    size_t most = 0;
    bool have = true;
    for (size_t i = 0; i < f->n_in; i++) {
        const qnt_status status = qnt_session_input_at(session, i, &f->in[i].info);
        if (status)
            return opt_fail(tool, status);
        have = (f->in_data[i] = add_border(&f->in[i], batch)) && have;
        most = f->in[i].elements > most ? f->in[i].elements : most;
    }
    for (size_t i = 0; i < f->n_out; i++) {
        const qnt_status status = qnt_session_output_at(session, i, &f->out[i].info);
        if (status)
            return opt_fail(tool, status);
        have = (f->out_data[i] = add_border(&f->out[i], batch)) && have;
    }
    if (!have || !(f->image = calloc(most, sizeof *f->image)))
        return opt_error(tool, EXIT_RESOURCE, "out of memory: buffers for a batch of %zu", batch);
    return EXIT_OK;
}

int feed_create(const struct opt_tool *tool, const qnt_session *session, const struct source *source, size_t batch,
                struct feed *f)
{
    *f = (struct feed){
        .source = source, .n_in = qnt_model_input_count(source->model), .n_out = qnt_model_output_count(source->model)};
    f->in = calloc(f->n_in, sizeof *f->in);
    f->out = calloc(f->n_out, sizeof *f->out);
    f->in_data = calloc(f->n_in, sizeof *f->in_data);
    f->out_data = calloc(f->n_out, sizeof *f->out_data);
    if (!f->in || !f->out || !f->in_data || !f->out_data)
        return opt_error(tool, EXIT_RESOURCE, "out of memory: %zu inputs and outputs", f->n_in + f->n_out);
    int code = add_borders(tool, session, batch, f);
    for (size_t k = 0; k < f->n_in && code == EXIT_OK; k++) {
        code = check_input(tool, source, f, k);
        if (!source->data && !source->files && f->in[k].info.type == QNT_F32)
            make_noise(f->in_data[k], batch * f->in[k].elements);
    }
    return code;
}

void feed_free(struct feed *f)
{
    for (size_t i = 0; f->in_data && i < f->n_in; i++)
        free(f->in_data[i]);
    for (size_t i = 0; f->out_data && i < f->n_out; i++)
        free(f->out_data[i]);
    free(f->in_data);
    free(f->out_data);
    free(f->in);
    free(f->out);
    free(f->image);
}
