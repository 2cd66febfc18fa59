#ifndef SIMD_WINOGRAD_H
#define SIMD_WINOGRAD_H
/* 3 x 3 convolutions of bytes by Winograd's F(m x m, 3 x 3), exact: (m + 2)^2 products for m x m outputs instead of 9 m^2.
 *
 * A tile is m x m outputs, `side` m; x are the codes of a channel that it sees, (m + 2)^2 of them, w its 3 x 3 weights.
 * With the matrices below, of integers, A' M A is `scale` times the sums of products, where M is the sum over channels of
 * (G w G') * (B' x B), point by point.
 *
 *             side 2, scale 4                       side 4, scale 576
 *     B'   1  0 -1  0     G   2  0  0       4  0 -5  0  1  0     G   1  0  0
 *          0  1  1  0         1  1  1       0 -4 -4  1  1  0         1  1  1
 *          0 -1  1  0         1 -1  1       0  4 -4 -1  1  0         1 -1  1
 *          0  1  0 -1         0  0  2       0 -2 -1  2  1  0         1  2  4
 *                                           0  2 -1 -2  1  0         1 -2  4
 *                                           0  4  0 -5  0  1         0  0  1
 *     A'   1  1  1  0                       6 -4 -4  1  1  0
 *          0  1 -1 -1                       0 -4  4  2 -2  0
 *                                           0 -4 -4  4  4  0
 *                                           0 -4  4  8 -8 24
 *
 * The factors of M are codes of 16 bits: |B' x B| <= 512 and 12800, |G w G'| <= 1152 and 6272. All sums are right mod
 * 2^32, and so is A' M A. A sum of products S comes back exactly where scale = 2^s * odd leaves it room: 2^s * S is A' M A
 * times the inverse of `odd` mod 2^32, so that -2^(31 - s) <= S < 2^(31 - s) is enough: 29 bits, and 25 bits.
 * Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, whose G and A have fractions. */
#include <stddef.h>
#include <stdint.h>

struct qnt_tile;
enum { QNT_WINOGRAD_LINES = 6, QNT_WINOGRAD_POINTS = 36 };

/* The codes that a row of tiles sees: column x of line i, of side + 2, is line[i] + x * step[i], of the columns below
 * width; others, and the lines above and below the image, hold what `zero` points to. */
struct qnt_winograd_row {
    const int8_t *line[QNT_WINOGRAD_LINES], *zero; /* [channels] */
    size_t step[QNT_WINOGRAD_LINES];               /* channels; 0 for lines outside of the image, where line[i] is zero */
    size_t channels, width;
    size_t first; /* column of the first tile's first one; wraps below 0 */
};
/* (B' x B) of `tiles` tiles side by side: point p of tile t and channel c at dst[p * point + t * channels + c]. */
typedef void qnt_winograd_input_fn(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point);
/* M of `tiles` tiles and nr columns, of `points`: m[(p * tiles + t) * nr + j] = sum over c of
 * v[p * point + t * channels + c] times w[(p * channels + c - c % kr) * nr + j * kr + c % kr]. */
typedef void qnt_winograd_products_fn(const int16_t *v, size_t points, size_t point, const int16_t *w, size_t channels,
                                      size_t tiles, int32_t *m);
/* Outputs of tiles side by side, whose M of point p starts at m + p * point: `pixels` of each of the lines whose first
 * pixels are at c[0 .. lines), lines <= side, where the last tile may have fewer than it computes; t->ldc from pixel to
 * pixel, t->n columns with t->e from t->col on. t->c, t->m and t->row do not count; t is first and last. */
typedef void qnt_winograd_output_fn(const int32_t *m, size_t point, const struct qnt_tile *t, void *const *c,
                                    size_t lines, size_t pixels);
struct qnt_winograd {
    const char *name;  /* "winograd4_4x16_avx2": side and the tile; NULL ends a list */
    uint32_t side;     /* 2 or 4 */
    uint16_t kr;       /* codes of a column that lie side by side: 1 or 2 */
    uint16_t channels; /* a layer's number of them is a multiple of this */
    qnt_winograd_input_fn *input;
    qnt_winograd_products_fn *products;
    qnt_winograd_output_fn *output;
    uint16_t tiles; /* at most in a block: their M stays near */
    /* In the unit of the tile that has it, of a tile here: by channel and panel of columns, by panel, by channel. */
    uint16_t cost_step, cost_tile, cost_row;
    uint16_t cost_far; /* of a block: by 32 codes of weights, where these are more than a cache near by holds */
};
/* Lists for tiles of several files, whatever the bits of W: weights are codes of 16 bits here. */
extern const struct qnt_winograd qnt_winograd_avx2[], qnt_winograd_avx512[];
#endif
