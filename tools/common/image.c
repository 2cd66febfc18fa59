#include "image.h"
#include <math.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <png.h>

enum { RGBA = 4, MOST_SIDE = 1 << 16 };
static const size_t most_pixels = (size_t)1 << 26; /* what a small file may claim to hold */

int image_is_png(const unsigned char *bytes, size_t size)
{
    return size >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8);
}

/* One decoding. libpng leaves by longjmp: what is needed afterwards lies here, in the frame that called decoded(). */
struct decoder {
    const unsigned char *at;
    size_t left;
    char text[160]; /* what is wrong */
    png_structp png;
    png_infop info;
    struct image image;
    png_bytep *row;
};

static void take(png_structp png, png_bytep to, size_t n)
{
    struct decoder *d = png_get_io_ptr(png);
    if (n > d->left)
        png_error(png, "expected more bytes, found the end of the file");
    memcpy(to, d->at, n);
    d->at += n;
    d->left -= n;
}

static void fail(png_structp png, png_const_charp text)
{
    struct decoder *d = png_get_error_ptr(png);
    snprintf(d->text, sizeof d->text, "%s", text);
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_size(struct decoder *d)
{
    char text[sizeof d->text];
    png_read_info(d->png, d->info);
    d->image.height = png_get_image_height(d->png, d->info);
    d->image.width = png_get_image_width(d->png, d->info);
    d->image.channels = RGBA;
    if (d->image.height <= most_pixels / d->image.width)
        return;
    snprintf(text, sizeof text, "is %zu x %zu, expected at most %zu pixels", d->image.height, d->image.width,
             most_pixels);
    png_error(d->png, text);
}

static void decode(struct decoder *d)
{
    png_set_user_limits(d->png, MOST_SIDE, MOST_SIDE);
    read_size(d);
    png_set_expand(d->png);
    png_set_scale_16(d->png);
    png_set_gray_to_rgb(d->png);
    png_set_add_alpha(d->png, 255, PNG_FILLER_AFTER);
    png_read_update_info(d->png, d->info);
    const size_t line = d->image.width * RGBA;
    if (png_get_rowbytes(d->png, d->info) != line)
        png_error(d->png, "is of a form that is not known");
    d->image.pixel = malloc(d->image.height * line);
    d->row = malloc(d->image.height * sizeof *d->row);
    if (!d->image.pixel || !d->row)
        png_error(d->png, "out of memory");
    for (size_t y = 0; y < d->image.height; y++)
        d->row[y] = d->image.pixel + y * line;
    png_read_image(d->png, d->row); /* all passes of an interlaced one */
    png_read_end(d->png, NULL);
}

/* False after an error, whose text is in d. */
static bool decoded(struct decoder *d)
{
    if (setjmp(png_jmpbuf(d->png)))
        return false;
    png_set_read_fn(d->png, d, take);
    decode(d);
    return true;
}

int image_png(const struct opt_tool *tool, const char *path, const unsigned char *bytes, size_t size, struct image *out)
{
    int code = EXIT_OK;
    struct decoder d = {.at = bytes, .left = size};
    if ((d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, fail, ignore)))
        d.info = png_create_info_struct(d.png);
    if (!d.info) {
        code = opt_error(tool, EXIT_RESOURCE, "%s: out of memory: a PNG reader", path);
    } else if (!decoded(&d)) {
        code = opt_error(tool, EXIT_FAILED, "%s: PNG image: %s", path, d.text);
        free(d.image.pixel);
    } else
        *out = d.image;
    png_destroy_read_struct(&d.png, &d.info, NULL);
    free(d.row);
    return code;
}

/* The value of a pixel's channel c of `channels`. */
static float value_of(const unsigned char *pixel, size_t c, size_t channels)
{
    if (channels == 1)
        return (float)(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000.0f;
    return pixel[c];
}

/* Weights of output pixel i of an axis, in w: of pixels *first up to its result. */
static size_t weights(size_t i, size_t in, size_t out, float *w, size_t *first)
{
    const double scale = (double)in / (double)out, reach = fmax(scale, 1.0), centre = ((double)i + 0.5) * scale;
    const double low = floor(centre - reach), high = ceil(centre + reach);
    const size_t end = high > (double)in ? in : (size_t)high;
    double sum = 0.0;
    *first = low < 0 ? 0 : (size_t)low;
    for (size_t k = *first; k < end; k++)
        sum += fmax(0.0, 1.0 - fabs((double)k + 0.5 - centre) / reach);
    for (size_t k = *first; k < end; k++)
        w[k - *first] = (float)(fmax(0.0, 1.0 - fabs((double)k + 0.5 - centre) / reach) / sum);
    return end;
}

/* Each line of `from` becomes one of to->width pixels, in floats. */
static void fit_width(const struct image *from, const struct image *to, float *w, float *lines)
{
    for (size_t x = 0; x < to->width; x++) {
        size_t first;
        const size_t end = weights(x, from->width, to->width, w, &first);
        for (size_t y = 0; y < from->height; y++)
            for (size_t c = 0; c < to->channels; c++) {
                float sum = 0.0f;
                for (size_t k = first; k < end; k++)
                    sum += w[k - first] * value_of(from->pixel + (y * from->width + k) * RGBA, c, to->channels);
                lines[(y * to->width + x) * to->channels + c] = sum;
            }
    }
}

static void fit_height(const struct image *from, const struct image *to, float *w, const float *lines)
{
    const size_t line = to->width * to->channels;
    for (size_t y = 0; y < to->height; y++) {
        size_t first;
        const size_t end = weights(y, from->height, to->height, w, &first);
        for (size_t x = 0; x < line; x++) {
            float sum = 0.0f;
            for (size_t k = first; k < end; k++)
                sum += w[k - first] * lines[k * line + x];
            to->pixel[y * line + x] = (unsigned char)fminf(fmaxf(rintf(sum), 0.0f), 255.0f);
        }
    }
}

int image_fit(const struct image *from, struct image *to)
{
    const size_t side = from->width > from->height ? from->width : from->height;
    float *lines = calloc(from->height * to->channels, to->width * sizeof *lines), *w = calloc(side, sizeof *w);
    if (lines && w) {
        fit_width(from, to, w, lines);
        fit_height(from, to, w, lines);
    }
    const int code = lines && w ? EXIT_OK : EXIT_RESOURCE;
    free(lines);
    free(w);
    return code;
}
