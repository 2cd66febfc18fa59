#ifndef SIMD_WINOGRAD_H
#define SIMD_WINOGRAD_H
/* 3 x 3 convolutions of bytes by Winograd's F(2 x 2, 3 x 3), exact: 16 products for four outputs instead of 36.
 *
 * A tile is 2 x 2 outputs; x are the 4 x 4 codes of a channel that it sees, w the 3 x 3 of its weights. With
 *          1  0 -1  0         2  0  0
 *     B' = 0  1  1  0     G = 1  1  1     A' = 1  1  1  0
 *          0 -1  1  0         1 -1  1          0  1 -1 -1
 *          0  1  0 -1         0  0  2
 * the four sums of products, times 4, are A' M A, where M is the sum over channels of (G w G') * (B' x B), point by
 * point. |B' x B| <= 512 and |G w G'| <= 1152 are codes of 16 bits. M and A' M A are right mod 2^32, and with up to
 * 3584 channels 4 * 9 * channels * 2^14 < 2^31: so the sums are right. Source: Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2015; their G is half of this one. */
#include <stddef.h>
#include <stdint.h>

struct qnt_tile;
enum {
    QNT_WINOGRAD_POINTS = 16,
    QNT_WINOGRAD_CHANNELS = 16 /* their number is a multiple */,
    QNT_WINOGRAD_MOST = 3584
};

/* The codes that a row of tiles sees: column x of line i is line[i] + x * step[i], of the columns below width; others,
 * and the lines above and below the image, hold what `zero` points to. */
struct qnt_winograd_row {
    const int8_t *line[4], *zero; /* [channels] */
    size_t step[4];               /* channels; 0 for lines outside of the image, where line[i] is zero */
    size_t channels, width;
    size_t first; /* column of the first tile's first one; wraps below 0 */
};
/* (B' x B) of `tiles` tiles side by side: point p of tile t and channel c at dst[p * point + t * channels + c]. */
typedef void qnt_winograd_input_fn(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point);
/* M of `tiles` tiles and nr columns: m[(p * tiles + t) * nr + j] = sum over c of v[p * point + t * channels + c] times
 * w[((p * channels / 2 + c / 2) * nr + j) * 2 + c % 2]. */
typedef void qnt_winograd_products_fn(const int16_t *v, size_t point, const int16_t *w, size_t channels, size_t tiles,
                                      int32_t *m);
/* Outputs of `tiles` tiles side by side, whose M of point p starts at m + p * point: `pixels` (2 tiles, or one less) of
 * two lines, the first one at t->c, the second one at `below` (NULL: not wanted); t->ldc from pixel to pixel, t->n
 * columns with t->e from t->col on. t->m and t->row do not count; t is first and last. */
typedef void qnt_winograd_output_fn(const int32_t *m, size_t point, size_t tiles, const struct qnt_tile *t, void *below,
                                    size_t pixels);
struct qnt_winograd {
    const char *name; /* "winograd_" and the tile's */
    qnt_winograd_input_fn *input;
    qnt_winograd_products_fn *products;
    qnt_winograd_output_fn *output;
    /* In the unit of the tile that has it, of a tile here: by channel and panel of columns, by panel, by channel. */
    uint16_t cost_step, cost_tile, cost_row;
};
#endif
