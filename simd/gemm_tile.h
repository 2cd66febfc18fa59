#ifndef SIMD_GEMM_TILE_H
#define SIMD_GEMM_TILE_H
/* Tiles of matrix products.
 * C[m][n] = A[m][k] * W[n][k] computed by mr x nr tiles over packed panels; one driver (lib/gemm) for every type.
 *
 * Packed A panel: [k/kr][mr][kr] elements of a_size bytes; packed W panel: [k/kr][nr][kr] of w_bits bits, preceded by
 * nothing; the order inside of a group of kr is the variant's. k is padded to a multiple of kr with zeros that add
 * nothing; rows past the matrix's edge are zero or repeat the last one: their results are not stored.
 * How a byte is represented inside a panel (s8, u8 = s8 ^ 0x80, s16) is private to the variant: its pack functions know.
 * What the representation adds to the sum (128 * sum of w, for example) is told by `w_bias`: the driver subtracts
 * w_bias * (sum of the W row) from the bias, so kernels need no correction; and the sum of the codes at all k where bit
 * k % 8 of w_more is set, or with w_negative of all negative codes, which the sum has once too often. Kernels run full
 * tiles and store m x n. */
#include "requant.h"
#include "winograd.h"

/* Tiles with run_rows (8-bit) read A where it lies, as the bytes (uint8_t)(s8 + w_bias): what the source already is when
 * its in_xor equals w_bias. Their A panel is such rows, qnt_rows_pitch(k) bytes apart, each padded to a multiple of kr.
 * Where they have unpack, they take s8 panels, which the driver makes once for all rows of a block. */
/* Weights of few bits (gemm_s4s8: codes -8..7; gemm_s2s8: -2..1, which ternary -1..1 and binary -1, 1 are among): pack_w
 * takes them as bytes like s8 codes, its in_xor is 0, and the panel stays packed until its bytes are in registers. The
 * same sums as gemm_s8 on the same codes; k <= 2^16 in one call. Of the nr * kr codes of a step in the order of an s8
 * panel, code i is in byte i % S of S = nr * kr * w_bits / 8, its field i / S from the top bits down: all codes of a
 * vector then need the same shift. What is added to the codes of a field is the variant's. */
/* Binary tiles (gemm_b1): panels hold bytes of eight binary values, k counts bytes. The sum is -2 * popcount(a xor w), so
 * the bias holds the row's number of values; a threshold is subtracted from it. Their in_xor and has_row_term are 0; they
 * add row_bias, with which a convolution takes back what its padding (bits of 0, that is +1) gave. They know every kind:
 * F32 is float(sum) * rq.scale[c] + bias_f32[c], two roundings of finite numbers, clamped; BITS the signs of the sums,
 * set for sum < 0, in byte i * ldc + j / 8 of c, bits past n 0. nr is a multiple of 8. */
enum qnt_epilogue_kind { QNT_EPI_S32, QNT_EPI_S8, QNT_EPI_F32, QNT_EPI_BITS };
struct qnt_epilogue {
    int32_t kind;          /* enum qnt_epilogue_kind */
    int32_t has_row_term;
    const int32_t *bias;   /* S32, S8: [n] exact, includes every zero-point and representation term; never NULL */
    const float *bias_f32; /* F32: [n] the value each sum starts from, or NULL for 0 */
    float lo, hi;          /* F32: result = (x < lo ? lo : x > hi ? hi : x); -INF, +INF for none */
    struct qnt_requant rq; /* S8 */
    const int32_t *row_term; /* with has_row_term: [m] sums of A rows; acc -= w_zero[n] * row_term[m] */
    const int32_t *w_zero;   /* [n] */
    const int32_t *const *row_bias; /* binary, NULL or [m]: NULL, or [n] terms added to the sums of that row */
};
struct qnt_tile {
    void *c;          /* first element of the tile; s32, s8, f32 or bits by e->kind */
    size_t ldc;       /* elements; bytes of bits */
    uint32_t m, n;    /* rows and columns to store: 1..mr (any number where tiles are tall), 1..nr (wide: any) */
    uint32_t row, col; /* tile position in the matrix: index into the epilogue's arrays */
    uint32_t first, last; /* first k block: start from the bias (s32: from 0); otherwise continue from the values in c.
                             last k block: apply the epilogue. Only s32, and f32 of f32 tiles, may come
                             in several k blocks. */
    const struct qnt_epilogue *e;
};
typedef void qnt_gemm_fn(size_t k, const void *a, const void *w, const struct qnt_tile *t); /* k: a multiple of kr */
/* Byte p of run r of row i of A is a[i * a_row + r * a_jump + p], p < run, a multiple of kr; W is a packed panel of
 * runs * run. Reads t->m rows. Where a row ends before its run does, what follows must be readable: W is 0 there.
 * Each run begins with `head` zeros in the first row and ends with `tail` of them in the last, together at most run and
 * all three multiples of 8 if not 0: these products may be left out. ahead: what is read next, if results and operands do
 * not stay near; a line of it may be asked for by 8 bytes of k, and those of the results. */
struct qnt_s8_operands {
    const uint8_t *a, *ahead; /* or NULL */
    const void *w;
    ptrdiff_t a_row, a_jump;
    size_t run, runs, head, tail;
    /* Tiles with `lines`: rows from `line` on, a multiple of 4, lie line_jump bytes further: in the next line of an image.
     * 0: all rows are at a_row. Then copy_lines is 0. */
    size_t line;
    ptrdiff_t line_jump;
    /* Tiles with `beside`: copy_to[i] = copy_from[i] ^ copy_flip for so many lines of 64 bytes, at most one by 8 bytes of k,
     * beside the products: rows of a later tile. Then runs is 1, head and tail are 0, and copy_to overlaps nothing. */
    const uint8_t *copy_from;
    uint8_t *copy_to;
    size_t copy_lines;
    uint8_t copy_flip;
};
typedef void qnt_gemm_rows_fn(const struct qnt_s8_operands *o, const struct qnt_tile *t);
/* k (a multiple of kr) of a packed panel of few bits as the s8 panel [k/kr][nr][kr]; out must not overlap it. */
typedef void qnt_unpack_w_fn(const void *panel, size_t k, int8_t *out);
/* Whole cache lines and an odd number of them, so that the rows of a tile do not share few sets of the cache. */
static inline size_t qnt_rows_pitch(size_t k)
{
    return ((k + 63) / 64 | 1) * 64;
}
/* f32 tiles read A where it lies: broadcasts need no packed panel. k = runs * run; in each run, p = 0 .. run - 1, element
 * (i, p) of A is a[at + i * a_row + p * a_k] and (p, j) of W is w[p * w_k + j]; the next run starts at a + a_jump,
 * w + w_jump. Either a_k == 1 (rows of A are contiguous) or a_row == 1 (its columns are). Strides count floats; 0 is
 * allowed. width: not 0 where the rows of a run are windows on a line of an image of so many floats, a its first one: an
 * element whose place at + i * a_row + p is outside of [0, width) is not there: it is not read and its product is left
 * out, whatever W is. Then a_k == 1 and a_row >= 0.
 * Reads t->m rows of A and nr columns of W. Each output is one chain of fma in order of k, starting from the bias (or, in
 * later k blocks, from c); lanes run over outputs only, so the bits do not depend on tile or split. Which NaN a chain
 * gives is not told. */
struct qnt_f32_operands {
    const float *a, *w;
    ptrdiff_t a_row, a_k, w_k;
    size_t run, runs;
    ptrdiff_t a_jump, w_jump;
    ptrdiff_t at;
    size_t width;
    uint32_t far; /* 1: results do not stay near; their lines may be asked for */
    const float *ahead, *ahead_end; /* or NULL: what is read next and does not stay near; lines of it may be asked for */
};
typedef void qnt_gemm_f32_fn(const struct qnt_f32_operands *o, const struct qnt_tile *t);
/* Packs `used` (1..r) rows of k contiguous elements each into a panel of r rows. rows[tap * used + i] points to tap_k
 * contiguous elements; a row is the concatenation of its taps. Starts at element k0 of the concatenated row, takes k. */
typedef void qnt_pack_rows_fn(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                              void *panel);
/* Packs the transposed operand: element (k, i) of the panel is lines[k][i], 0 <= i < used. */
typedef void qnt_pack_cols_fn(const void *const *lines, size_t k, size_t used, void *panel);
struct qnt_gemm {
    const char *name; /* "6x16" */
    qnt_gemm_fn *run;           /* 8-bit; NULL for f32, and: */
    qnt_gemm_rows_fn *run_rows; /* 8-bit, reads A where it lies; else NULL */
    qnt_gemm_f32_fn *run_f32;   /* f32; NULL for 8-bit */
    qnt_pack_rows_fn *pack_a;   /* 8-bit; NULL for f32 */
    qnt_pack_rows_fn *pack_w;   /* in_xor: 0x80 when the 8-bit source holds u8 codes, else 0 */
    qnt_pack_cols_fn *pack_w_cols; /* f32 only; NULL for 8-bit */
    qnt_unpack_w_fn *unpack;       /* run_rows with W of few bits; else NULL */
    const struct qnt_winograd *winograd; /* ways by which 3 x 3 windows take fewer products; or NULL */
    uint8_t mr, nr, kr, a_size, w_bits;
    uint8_t w_bias;     /* 0 or 128, see above */
    uint8_t w_more;     /* see above */
    uint8_t w_negative; /* see above */
    uint8_t binary;     /* 1: a binary tile */
    uint8_t beside;     /* 1: run_rows copies lines beside its products */
    uint8_t lines;      /* 1: its rows may be of two lines */
    uint16_t cost_step, cost_tile, cost_unpack, cost_row; /* as struct qnt_tile_cost says: lib/gemm chooses by them */
    uint16_t k_run; /* f32: a loop nest cuts longer runs of k, so that a W panel stays near; 0 for 8-bit */
    uint8_t m_least;    /* its least: a tile of m rows takes max(m, m_least) / mr of a full one; 0: always a full one */
    uint8_t wide;    /* 1: run takes any number of columns, whose panels follow one another; mr is 1 */
    uint8_t tall;    /* 1: run_rows and run_f32 take any number of rows; pack_a and run do, whose panels follow one another */
};
/* Bytes of k (a multiple of kr) of one W panel. */
static inline size_t qnt_panel_w_bytes(const struct qnt_gemm *g, size_t k)
{
    return k * g->nr * g->w_bits / 8;
}

/* What sums have too much by the code w of W at k. */
static inline int32_t qnt_gemm_extra(const struct qnt_gemm *g, size_t k, int8_t w)
{
    return w * (g->w_bias + (g->w_more >> k % 8 & 1) + (g->w_negative && w < 0));
}
#endif
