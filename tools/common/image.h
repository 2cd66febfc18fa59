#ifndef TOOLS_IMAGE_H
#define TOOLS_IMAGE_H
/* Images from PNG files, as the bytes that a model's normalisation takes. */
#include "tools/common/opt.h"

struct image {
    size_t height, width, channels;
    unsigned char *pixel; /* [height][width][channels] */
};
int image_is_png(const unsigned char *bytes, size_t size);
/* Decodes to 8 bits of red, green, blue and alpha (255 where the file has none), as they are stored: no gamma is
 * applied. pixel is the caller's to free. An exit code, told with the file's name. */
int image_png(const struct opt_tool *tool, const char *path, const unsigned char *bytes, size_t size,
              struct image *out);
/* Writes `from` (four channels) as [height][width][channels]: 3 channels leave alpha out, 1 is grey by ITU-R BT.601
 * (0.299, 0.587, 0.114). Of another size it is scaled, each axis by itself: a pixel is the average of those around its
 * place, with weights that fall linearly to 0 at a distance of a pixel of the coarser of both sizes; rounded once, at
 * the end. An exit code: EXIT_RESOURCE without memory, not told. */
int image_fit(const struct image *from, struct image *to);
#endif
