#include "inputs.h"
#include <stdlib.h>
#include <string.h>
#include "tools/common/file.h"
#include "tools/common/image.h"
#include "tools/common/npy.h"

enum { SHAPE_TEXT = 160 };

/* The first bytes of a file; how many, 0 when it cannot be read. */
static size_t begin_of(const char *path, unsigned char begin[8])
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t n = fread(begin, 1, 8, file);
    fclose(file);
    return n;
}

bool inputs_is_image(const char *path)
{
    unsigned char begin[8];
    return image_is_png(begin, begin_of(path, begin));
}

bool inputs_is_archive(const char *path)
{
    unsigned char begin[8];
    return npz_is(begin, begin_of(path, begin));
}

int inputs_create(const struct opt_tool *tool, const qnt_model *model, struct inputs *out)
{
    int code = EXIT_OK;
    *out = (struct inputs){.tool = tool, .n = qnt_model_input_count(model)};
    if (!(out->input = calloc(out->n, sizeof *out->input)))
        return opt_error(tool, EXIT_RESOURCE, "out of memory: %zu inputs", out->n);
    for (size_t i = 0; i < out->n && code == EXIT_OK; i++) {
        struct input *to = &out->input[i];
        if ((code = opt_fail(tool, qnt_model_input_at(model, i, &to->info))) != EXIT_OK)
            break;
        to->elements = 1;
        for (uint32_t d = 0; d < to->info.rank; d++)
            to->elements *= to->info.dim[d];
    }
    return code;
}

void inputs_free(struct inputs *in)
{
    for (size_t i = 0; in->input && i < in->n; i++)
        free(in->input[i].data);
    free(in->input);
    in->input = NULL;
}

/* "32 x 32 x 3"; "one element" */
static const char *shape_of(const size_t *dim, uint32_t rank, char text[SHAPE_TEXT])
{
    size_t used = 0;
    snprintf(text, SHAPE_TEXT, "one element");
    for (uint32_t d = 0; d < rank && used < SHAPE_TEXT; d++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, d ? " x %zu" : "%zu", dim[d]);
    return text;
}

/* Room for `images` more, of a type that those before have, too. */
static int grow(const struct inputs *in, struct input *to, const char *path, qnt_dtype type, bool pixels, size_t images,
                unsigned char **at)
{
    size_t bytes, all;
    if (to->images && (to->type != type || to->pixels != pixels))
        return opt_error(in->tool, EXIT_FAILED, "%s: holds %s for input '%s', expected %s as in the files before", path,
                         pixels ? "pixels" : qnt_dtype_name(type), to->info.name,
                         to->pixels ? "pixels" : qnt_dtype_name(to->type));
    if (__builtin_mul_overflow(images * qnt_dtype_size(type), to->elements, &bytes) ||
        __builtin_add_overflow(to->bytes, bytes, &all))
        return opt_error(in->tool, EXIT_RESOURCE, "%s: out of memory: %zu images", path, images);
    unsigned char *grown = realloc(to->data, all + 1);
    if (!grown)
        return opt_error(in->tool, EXIT_RESOURCE, "%s: out of memory: %zu bytes", path, all);
    *at = grown + to->bytes;
    to->data = grown;
    to->bytes = all;
    to->type = type;
    to->pixels = pixels;
    to->images += images;
    return EXIT_OK;
}

static int append(const struct inputs *in, struct input *to, const char *path, qnt_dtype type, bool pixels,
                  const unsigned char *data, size_t images)
{
    unsigned char *at;
    const int code = grow(in, to, path, type, pixels, images, &at);
    if (code == EXIT_OK)
        memcpy(at, data, images * to->elements * qnt_dtype_size(type));
    return code;
}

/* The input's shape, with any dimensions before it, which count images. */
static int add_array(struct inputs *in, struct input *to, const char *path, const struct npy *a)
{
    char found[SHAPE_TEXT], expected[SHAPE_TEXT];
    const bool pixels = in->u8 && a->type == QNT_U8;
    bool fits = a->rank >= to->info.rank;
    for (uint32_t d = 0; fits && d < to->info.rank; d++)
        fits = a->dim[a->rank - to->info.rank + d] == to->info.dim[d];
    if (!fits || a->count == 0)
        return opt_error(in->tool, EXIT_FAILED, "%s: an array of %s, expected for input '%s' %s, or several such", path,
                         shape_of(a->dim, a->rank, found), to->info.name,
                         shape_of(to->info.dim, to->info.rank, expected));
    if (a->type == QNT_BOOL)
        for (size_t i = 0; i < a->count; i++)
            if (a->data[i] > 1)
                return opt_error(in->tool, EXIT_FAILED, "%s: element %zu is %d, expected 0 or 1", path, i, a->data[i]);
    return append(in, to, path, a->type, pixels, a->data, a->count / to->elements);
}

static struct input *named(const struct inputs *in, const char *name)
{
    for (size_t i = 0; i < in->n; i++)
        if (!strcmp(in->input[i].info.name, name))
            return &in->input[i];
    return NULL;
}

static struct input *in_turn(struct inputs *in)
{
    return &in->input[in->next++ % in->n];
}

static int add_archive(struct inputs *in, const char *path, const unsigned char *bytes, size_t size)
{
    struct npz z;
    struct npy array;
    char name[256], where[1024];
    bool by_name = true;
    int code = npz_open(in->tool, path, bytes, size, &z);
    if (code != EXIT_OK)
        return code;
    for (size_t i = 0; i < z.count && by_name; i++) {
        npz_name(&z, i, name, sizeof name);
        by_name = named(in, name) != NULL;
    }
    for (size_t i = 0; i < z.count && code == EXIT_OK; i++) {
        unsigned char *data;
        npz_name(&z, i, name, sizeof name);
        snprintf(where, sizeof where, "%s: %s", path, name);
        code = npz_read(&z, i, &array, &data);
        if (code == EXIT_OK)
            code = add_array(in, by_name ? named(in, name) : in_turn(in), where, &array);
        free(data);
    }
    npz_close(&z);
    return code;
}

/* The last three dimensions are height, width and channels; there may be ones before them. */
static int add_image(struct inputs *in, struct input *to, const char *path, const unsigned char *bytes, size_t size)
{
    const qnt_tensor_info *t = &to->info;
    char text[SHAPE_TEXT];
    struct image image = {0}, fit;
    unsigned char *at;
    const size_t *dim = t->rank >= 3 ? t->dim + t->rank - 3 : NULL;
    if (!dim || dim[0] * dim[1] * dim[2] != to->elements || (dim[2] != 1 && dim[2] != 3 && dim[2] != 4))
        return opt_error(in->tool, EXIT_FAILED,
                         "%s: a PNG image for input '%s' of %s, expected height, width and 1, 3 or 4 channels", path,
                         t->name, shape_of(t->dim, t->rank, text));
    int code = image_png(in->tool, path, bytes, size, &image);
    if (code == EXIT_OK && !in->resize && (image.height != dim[0] || image.width != dim[1]))
        code = opt_error(
            in->tool, EXIT_FAILED,
            "%s: the image's height and width are %zu and %zu, input '%s' expects %zu and %zu (or --resize linear)",
            path, image.height, image.width, t->name, dim[0], dim[1]);
    if (code == EXIT_OK)
        code = grow(in, to, path, QNT_U8, true, 1, &at);
    if (code == EXIT_OK) {
        fit = (struct image){.height = dim[0], .width = dim[1], .channels = dim[2], .pixel = at};
        if ((code = image_fit(&image, &fit)) != EXIT_OK)
            opt_error(in->tool, code, "%s: out of memory: the image made fit", path);
    }
    free(image.pixel);
    return code;
}

/* Floats for all that can be quantized, else the input's own elements; with u8 pixels. */
static int add_raw(struct inputs *in, struct input *to, const char *path, const unsigned char *bytes, size_t size)
{
    const qnt_dtype type = in->u8 ? QNT_U8 : to->info.scales == 1 ? QNT_F32 : to->info.type;
    const size_t one = to->elements * qnt_dtype_size(type);
    if (size == 0 || size % one)
        return opt_error(in->tool, EXIT_FAILED,
                         "%s: %zu bytes are not whole %s images of the model's input '%s', of %zu bytes each", path,
                         size, qnt_dtype_name(type), to->info.name, one);
    return append(in, to, path, type, in->u8, bytes, size / one);
}

int inputs_add(struct inputs *in, const char *path)
{
    unsigned char *bytes;
    size_t size;
    struct npy array;
    int code = file_read(in->tool, path, &bytes, &size);
    if (code != EXIT_OK)
        return code;
    if (npz_is(bytes, size))
        code = add_archive(in, path, bytes, size);
    else if (image_is_png(bytes, size))
        code = add_image(in, in_turn(in), path, bytes, size);
    else if (!npy_is(bytes, size))
        code = add_raw(in, in_turn(in), path, bytes, size);
    else if ((code = npy_parse(in->tool, path, bytes, size, &array)) == EXIT_OK)
        code = add_array(in, in_turn(in), path, &array);
    free(bytes);
    return code;
}

int inputs_check(const struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->input[i].images != in->input[0].images || !in->input[i].images)
            return opt_error(
                in->tool, EXIT_FAILED,
                "the files give %zu images for input '%s', and %zu for input '%s': expected as many, one at least",
                in->input[0].images, in->input[0].info.name, in->input[i].images, in->input[i].info.name);
    return EXIT_OK;
}
