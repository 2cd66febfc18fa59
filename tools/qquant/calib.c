/* Calibration inputs: data sets, or what files of any kind give. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "qquant.h"

static size_t elements_of(const struct calib_input *in)
{
    return in->bytes / qnt_dtype_size(in->info.type);
}

static int allocate(struct run *r)
{
    for (size_t k = 0; k < r->n_in; k++)
        if (!(r->in[k].data = calloc(r->n, r->in[k].bytes)))
            return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n);
    return EXIT_OK;
}

/* A data set by name or folder: training images, spread over all of it. */
static int from_data(struct run *r)
{
    qnt_dataset *data;
    int code = opt_fail(r->tool, env_data(r->ctx, r->s->calib, QNT_TRAIN, 0, &data)), label;
    if (code)
        return code;
    const size_t all = qnt_dataset_size(data);
    r->n = r->s->images < all ? r->s->images : all;
    if (r->n_in != 1 || r->in->info.type != QNT_F32 || elements_of(r->in) != 32 * 32 * 3)
        code = opt_error(r->tool, EXIT_FAILED,
                         "%s: the data's images have 3072 values; the model has %zu input%s, '%s' of %zu values (%s)",
                         r->s->calib, r->n_in, r->n_in == 1 ? "" : "s", r->in->info.name, elements_of(r->in),
                         qnt_dtype_name(r->in->info.type));
    else
        code = allocate(r);
    for (size_t i = 0; i < r->n && code == EXIT_OK; i++)
        code = opt_fail(r->tool, qnt_dataset_input(data, r->start, i * (all / r->n),
                                                   (float *)(void *)(r->in->data + i * r->in->bytes), &label));
    qnt_dataset_free(data);
    return code;
}

/* Input k of all images: reals, or the elements themselves of one that takes no floats. */
static int take_input(struct run *r, const struct source *source, size_t k)
{
    const struct input *from = &source->files->input[k];
    struct calib_input *in = &r->in[k];
    int code = EXIT_OK, label;
    const bool reals = in->info.type == QNT_F32;
    if (reals ? !source_has_reals(source, k) : from->type != in->info.type || from->pixels)
        return opt_error(r->tool, EXIT_FAILED, "%s: holds %s for input '%s', expected %s%s", r->s->calib,
                         from->pixels ? "pixels" : qnt_dtype_name(from->type), in->info.name,
                         qnt_dtype_name(in->info.type), reals ? " or PNG images" : "");
    if (!reals)
        memcpy(in->data, from->data, r->n * in->bytes);
    for (size_t i = 0; i < r->n && reals && code == EXIT_OK; i++)
        code = opt_fail(r->tool, source_reals(source, k, i, (float *)(void *)(in->data + i * in->bytes), &label));
    return code;
}

static int take_inputs(struct run *r, const struct inputs *files)
{
    struct source source;
    source_files(&source, files, r->start);
    r->n = source.count < r->s->images ? source.count : r->s->images;
    int code = allocate(r);
    for (size_t k = 0; k < r->n_in && code == EXIT_OK; k++)
        code = take_input(r, &source, k);
    return code;
}

/* As many files as there are to be inputs, spread over all. Those of a model with several inputs follow each other, but
 * for archives, which have a whole image or more each. */
static int from_files(struct run *r)
{
    struct inputs files;
    int code = inputs_create(r->tool, r->start, &files);
    const size_t unit = inputs_is_archive(r->files.path[0]) ? 1 : r->n_in, units = r->files.n / unit;
    const size_t n = units < r->s->images ? units : r->s->images;
    files.resize = r->s->import.resize;
    if (code == EXIT_OK && r->files.n % unit)
        code = opt_error(r->tool, EXIT_FAILED,
                         "%s: names %zu files, expected one for each of the model's %zu inputs, in turn", r->s->calib,
                         r->files.n, r->n_in);
    for (size_t i = 0; i < n * unit && code == EXIT_OK; i++)
        code = inputs_add(&files, r->files.path[i / unit * (units / n) * unit + i % unit]);
    if (code == EXIT_OK)
        code = inputs_check(&files);
    if (code == EXIT_OK)
        code = take_inputs(r, &files);
    inputs_free(&files);
    return code;
}

int calib_find(struct run *r)
{
    const char *where = r->s->calib;
    char first[4096];
    struct stat st;
    if (*where == '@')
        return file_lines(r->tool, where + 1, &r->files);
    if (stat(where, &st))
        return EXIT_OK;
    if (S_ISREG(st.st_mode))
        return file_append(r->tool, where, &r->files);
    snprintf(first, sizeof first, "%s/data_batch_1.bin", where);
    return access(first, F_OK) ? file_folder(r->tool, where, &r->files) : EXIT_OK;
}

int calib_load(struct run *r)
{
    int code = EXIT_OK;
    r->n_in = qnt_model_input_count(r->start);
    if (!(r->in = calloc(r->n_in, sizeof *r->in)))
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n_in);
    for (size_t k = 0; k < r->n_in && code == EXIT_OK; k++) {
        struct calib_input *in = &r->in[k];
        if ((code = opt_fail(r->tool, qnt_model_input_at(r->start, k, &in->info))) != EXIT_OK)
            break;
        in->bytes = qnt_dtype_size(in->info.type);
        for (uint32_t d = 0; d < in->info.rank; d++)
            in->bytes *= in->info.dim[d];
    }
    if (code != EXIT_OK)
        return code;
    return r->files.n ? from_files(r) : from_data(r);
}

void calib_free(struct run *r)
{
    for (size_t k = 0; r->in && k < r->n_in; k++)
        free(r->in[k].data);
    free(r->in);
}
