/* Calibration inputs: data sets, or what files of any kind give. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "qquant.h"

/* A data set by name or folder: training images, spread over all of it. */
static int from_data(struct run *r)
{
    qnt_dataset *data;
    int code = opt_fail(r->tool, env_data(r->ctx, r->s->calib, QNT_TRAIN, 0, &data));
    if (code)
        return code;
    const size_t all = qnt_dataset_size(data);
    r->n = r->s->images < all ? r->s->images : all;
    if (!(r->inputs = malloc(r->n * r->elements * sizeof *r->inputs)))
        code = opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n);
    else if (r->elements != 32 * 32 * 3)
        code = opt_error(r->tool, EXIT_FAILED, "%s: the data's images have 3072 values, the model's input %zu",
                         r->s->calib, r->elements);
    for (size_t i = 0; i < r->n && code == EXIT_OK; i++) {
        int label;
        code =
            opt_fail(r->tool, qnt_dataset_input(data, r->start, i * (all / r->n), r->inputs + i * r->elements, &label));
    }
    qnt_dataset_free(data);
    return code;
}

static int take_inputs(struct run *r, const struct inputs *files)
{
    struct source source;
    int code = EXIT_OK, label;
    source_files(&source, files, r->start);
    if (!source_has_reals(&source, 0))
        return opt_error(r->tool, EXIT_FAILED, "%s: holds %s, expected f32 or PNG images", r->s->calib,
                         qnt_dtype_name(files->input->type));
    r->n = source.count < r->s->images ? source.count : r->s->images;
    if (!(r->inputs = calloc(r->n, r->elements * sizeof *r->inputs)))
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n);
    for (size_t i = 0; i < r->n && code == EXIT_OK; i++)
        code = opt_fail(r->tool, source_reals(&source, 0, i, r->inputs + i * r->elements, &label));
    return code;
}

/* As many files as there are to be inputs, spread over all. */
static int from_files(struct run *r)
{
    struct inputs files;
    int code = inputs_create(r->tool, r->start, &files);
    const size_t n = r->files.n < r->s->images ? r->files.n : r->s->images;
    files.resize = r->s->import.resize;
    for (size_t i = 0; i < n && code == EXIT_OK; i++)
        code = inputs_add(&files, r->files.path[i * (r->files.n / n)]);
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
    qnt_tensor_info in;
    int code = opt_fail(r->tool, qnt_model_input(r->start, &in));
    if (code)
        return code;
    r->elements = 1;
    for (uint32_t d = 0; d < in.rank; d++)
        r->elements *= in.dim[d];
    return r->files.n ? from_files(r) : from_data(r);
}
