#ifndef GEMM_CONV_PLANE_H
#define GEMM_CONV_PLANE_H
/* Image lines of 8-bit convolutions with their padding written out, where the kw taps of a line are one of kw * c
 * bytes; and which lines of taps lie in the image. */
#include "conv.h"

struct qnt_conv_plane {
    const struct qnt_conv_geom *g;
    const struct qnt_gemm *tile;
    uint8_t in_xor;     /* of the images */
    size_t ph, pw;      /* padded image */
    size_t reach, room; /* lines that the taps of a pixel span; bytes of the plane */
    size_t line, image; /* bytes of a padded line and of all lines of an image */
    bool in_place;      /* the image needs no padding */
    const int8_t *data; /* of lines y0.. of image0.. */
    size_t image0, y0;
    size_t ky0, ky1; /* lines of taps that are taken */
};
struct qnt_conv_plane qnt_conv_plane_of(const struct qnt_gemm *tile, const struct qnt_conv_geom *g, uint8_t in_xor);
/* Whether the tile is better off with it than tap by tap. */
bool qnt_conv_plane_serves(const struct qnt_conv_plane *p);
/* Of the space that staging writes. */
size_t qnt_conv_plane_bytes(const struct qnt_conv_plane *p);
/* Fills the plane from row r on, as far as it goes; returns the row past it. */
size_t qnt_conv_plane_stage(struct qnt_conv_plane *p, const int8_t *images, uint8_t zero, size_t r, size_t r1,
                            int8_t *space);

/* Lines of taps [ky0, ky1) that lie in the image for line y of the output. */
void qnt_conv_taps_inside(const struct qnt_conv_geom *g, size_t y, size_t *ky0, size_t *ky1);
/* The row past those from r on, of r1, whose lines have the same taps. */
size_t qnt_conv_same_taps(const struct qnt_conv_geom *g, size_t r, size_t r1, size_t *ky0, size_t *ky1);
#endif
