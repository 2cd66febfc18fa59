/* Calibration inputs: data sets, .npy files, raw floats. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* The value of a key of an .npy header, a Python dictionary literal. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at || !(at = strchr(at, ':')))
        return NULL;
    for (at++; isspace((unsigned char)*at); at++)
        ;
    return at;
}

/* Checks a version 1 to 3 header for C-ordered little-endian floats; returns where the data begin, 0 after telling why.
 */
static size_t npy_begin(const struct run *r, const unsigned char *bytes, size_t size)
{
    const char *path = r->s->calib;
    const size_t wide = size > 6 && bytes[6] > 1 ? 4 : 2;
    size_t length = 0, begin = 8 + wide;
    for (size_t i = 0; i < wide && size > begin; i++)
        length |= (size_t)bytes[8 + i] << (8 * i);
    char header[4096];
    if (size < begin || length >= sizeof header || size - begin < length) {
        opt_error(r->tool, EXIT_FAILED, "%s: the .npy header is cut off or too long", path);
        return 0;
    }
    memcpy(header, bytes + begin, length);
    header[length] = '\0';
    const char *type = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'");
    if (!type || strncmp(type, "'<f4'", 5) != 0 || !order || strncmp(order, "False", 5) != 0) {
        opt_error(r->tool, EXIT_FAILED, "%s: the .npy header is %s, expected '<f4' in C order", path, header);
        return 0;
    }
    return begin + length;
}

static int take_bytes(struct run *r, const unsigned char *bytes, size_t size)
{
    const size_t one = r->elements * sizeof *r->inputs;
    const size_t begin = size >= 6 && !memcmp(bytes, "\x93NUMPY", 6) ? npy_begin(r, bytes, size) : 0;
    if (size >= 6 && !begin && !memcmp(bytes, "\x93NUMPY", 6))
        return EXIT_FAILED;
    if (size == begin || (size - begin) % one)
        return opt_error(r->tool, EXIT_FAILED, "%s: %zu bytes, expected a multiple of an input's, %zu", r->s->calib,
                         size - begin, one);
    r->n = (size - begin) / one;
    r->n = r->n < r->s->images ? r->n : r->s->images;
    if (!(r->inputs = malloc(r->n * one)))
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu inputs", r->n);
    memcpy(r->inputs, bytes + begin, r->n * one);
    return EXIT_OK;
}

static int from_file(struct run *r, size_t size)
{
    int code = EXIT_FAILED;
    unsigned char *bytes = malloc(size + 1);
    FILE *file = fopen(r->s->calib, "rb");
    if (!bytes)
        code = opt_error(r->tool, EXIT_RESOURCE, "%s: out of memory: %zu bytes", r->s->calib, size);
    else if (!file || fread(bytes, 1, size, file) != size)
        opt_error(r->tool, code, "%s: cannot be read", r->s->calib);
    else
        code = take_bytes(r, bytes, size);
    if (file)
        fclose(file);
    free(bytes);
    return code;
}

int calib_load(struct run *r)
{
    struct stat st;
    qnt_tensor_info in;
    int code = opt_fail(r->tool, qnt_model_input(r->start, &in));
    if (code)
        return code;
    r->elements = 1;
    for (uint32_t d = 0; d < in.rank; d++)
        r->elements *= in.dim[d];
    if (!stat(r->s->calib, &st) && S_ISREG(st.st_mode))
        return from_file(r, (size_t)st.st_size);
    return from_data(r);
}
