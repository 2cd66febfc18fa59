#ifndef SIMD_KERNELS_H
#define SIMD_KERNELS_H
/* Function types (the contracts), parameter structs, descriptors and struct qnt_dsp.
 *
 * Common rules: the _ref variant is the specification and every other variant gives the same bytes. Nothing outside
 * [0, n) is read or written. Any alignment. src and dst must not overlap unless said. n == 0 is allowed. Kernels
 * cannot fail, keep no state, leave MXCSR/FPCR alone and the upper vector halves clean. The float environment is
 * round-to-nearest-even without flush-to-zero. */
#include <stddef.h>
#include <stdint.h>
#include "gemm_tile.h"
#include "isa.h"
#include "requant.h"
#include "tiles.h"

/* ---- quantization ------------------------------------------------------------------------------------------- */
/* dst[i] = clamp(rne(src[i] / scale) + zero, -128, 127); half to even, true division. NaN gives zero, +-Inf saturate.
 * Source: ONNX QuantizeLinear. */
typedef void qnt_quantize_f32_s8_fn(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q);
/* The same to [0, 255]. */
typedef void qnt_quantize_f32_u8_fn(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q);
/* Rows of `channels` values, channel c with q[c]. src and dst are [rows][channels], dense. */
typedef void qnt_quantize_pc_f32_s8_fn(const float *src, int8_t *dst, size_t rows, size_t channels,
                                       const struct qnt_quant *q);
/* dst[i] = (float)(src[i] - zero) * scale (one float32 product). */
typedef void qnt_dequantize_s8_f32_fn(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q);
typedef void qnt_dequantize_u8_f32_fn(const uint8_t *src, float *dst, size_t n, const struct qnt_quant *q);
typedef void qnt_dequantize_pc_s8_f32_fn(const int8_t *src, float *dst, size_t rows, size_t channels,
                                         const struct qnt_quant *q);
/* src [rows][cols] of s32 with row stride lds (elements), dst [rows][cols] bytes with row stride ldd; scale[c] by column. */
typedef void qnt_requantize_s32_s8_fn(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,
                                      const struct qnt_requant *r);

/* ---- binary values: +1 or -1 in one bit each, set for -1 ---------------------------------------------------------
 * Element i of a row is bit i % 8 of byte i / 8; bits past the row's end are 0. So two rows of n values have the dot
 * product n - 2 * popcount(a xor w). */

/* src [rows][cols] dense, dst [rows][(cols + 7) / 8]: value c is -1 where src < threshold[c], else +1 (NaN too; and so
 * sign(0) = +1), then negated where bit c of flip is set. threshold NULL: zeros; flip [(cols + 7) / 8] NULL: none, bits
 * past cols are 0. */
typedef void qnt_binarize_f32_fn(const float *src, uint8_t *dst, size_t rows, size_t cols, const float *threshold,
                                 const uint8_t *flip);
typedef void qnt_binarize_s8_fn(const int8_t *src, uint8_t *dst, size_t rows, size_t cols, const int8_t *threshold,
                                const uint8_t *flip);
/* n values in (n + 7) / 8 bytes each: n - 2 * popcount(a xor b). n < 2^31. */
typedef int32_t qnt_dot_b1_fn(const uint8_t *a, const uint8_t *b, size_t n);

/* ---- dot products and sums: exact for n <= 2^16 -------------------------------------------------------------- */
typedef int32_t qnt_dot_s8_fn(const int8_t *a, const int8_t *b, size_t n);
typedef int32_t qnt_dot_u8s8_fn(const uint8_t *a, const int8_t *b, size_t n);
/* Weights of few bits, packed as .qnt files have them: code i in bits 4 * i .. (s2: 2 * i ..) of a little-endian bit string,
 * two's complement; what follows the last code in its byte does not count. Ternary codes, -1 to 1, are s2 ones. */
typedef int32_t qnt_dot_s4s8_fn(const uint8_t *w, const int8_t *a, size_t n); /* (n + 1) / 2 bytes of w */
typedef int32_t qnt_dot_s2s8_fn(const uint8_t *w, const int8_t *a, size_t n); /* (n + 3) / 4 */
typedef int32_t qnt_sum_s8_fn(const int8_t *a, size_t n);

/* ---- pooling, NHWC --------------------------------------------------------------------------------------------
 * A run of `pixels` outputs whose windows all have the same size: output p, channel c reads
 * src[p * step + i * row + j * col + c], 0 <= i < kh, 0 <= j < kw (strides in elements; kh, kw >= 1); writes
 * dst[p * ldd + c]. */
struct qnt_window {
    size_t kh, kw, row, col, step, pixels, channels;
};
typedef void qnt_maxpool_s8_fn(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w);
typedef void qnt_maxpool_f32_fn(const float *src, float *dst, size_t ldd, const struct qnt_window *w);
/* acc = sum of (x - in_zero); then requantized by r (per_channel must be 0). kh * kw <= 2^16. */
typedef void qnt_avgpool_s8_fn(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, int32_t in_zero,
                               const struct qnt_requant *r);
/* Sum from +0 in the order i, j, then one division by kh * kw; a NaN result is 0x7fc00000 (which NaN a sum gives differs
 * between machines). */
typedef void qnt_avgpool_f32_fn(const float *src, float *dst, size_t ldd, const struct qnt_window *w);
/* max: NaN operands follow (a > b ? a : b) from the first tap on, b being the running maximum. */

/* ---- depthwise convolution, NHWC --------------------------------------------------------------------------------
 * `lines` runs of `pixels` outputs: tap t of output p of run l and channel c is tap[t][l * line + p * step + c] (line and
 * step in elements, taps >= 1). */
struct qnt_depthwise {
    const int8_t *const *tap;
    const int8_t *w; /* [ceil(taps / 4)][channels][4]: four taps of a channel lie together; past the last tap 0 */
    const int32_t *bias; /* [channels] zero points included */
    size_t taps, step, pixels, channels, lines, line;
};
/* sum = bias[c] + sum of tap * w, which must fit 32 bits; with i = l * pixels + p, acc[i * ldd + c] = sum (acc NULL: not
 * wanted), dst[i * ldd + c] = the sum requantized by r. */
typedef void qnt_depthwise_s8_fn(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                                 const struct qnt_requant *r);
/* One run of floats. */
struct qnt_depthwise_f32 {
    const float *const *tap;
    const float *w;    /* [taps][channels] */
    const float *bias; /* [channels]; NULL: zeros */
    size_t taps, step, pixels, channels;
};
/* dst[p * ldd + c]: x = one chain of fma in order of the taps, from the bias on; any NaN is 0x7fc00000; then
 * (x < lo ? lo : x > hi ? hi : x). One pixel may have dst as its bias: its chain goes on. */
typedef void qnt_depthwise_f32_fn(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi);

/* Windows of side x side on an image: output x of line y has tap (i, j) at line y * step + i - top and column
 * x * step + j - left. Taps outside of the image are left out of the chain, whatever their weights. */
struct qnt_depthwise_image_f32 {
    const float *src;  /* [height][width][channels] */
    const float *w;    /* [side][side][channels] */
    const float *bias; /* [channels]; NULL: zeros */
    size_t height, width, channels;
    size_t side, step; /* 3 or 5; 1 or 2 */
    size_t top, left;
    size_t pixels;  /* outputs of a line */
    float *scratch; /* QNT_DEPTHWISE_IMAGE_SCRATCH floats, for copies; NULL: the image is read where it lies */
};
enum { QNT_DEPTHWISE_IMAGE_SCRATCH = 6144 };
/* dst[((y - line0) * pixels + x) * ldd + c], lines [line0, line1), as depthwise_f32 computes it of the taps inside, in
 * order of i, j. */
typedef void qnt_depthwise_image_f32_fn(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                        size_t line1, float lo, float hi);

/* ---- two operands (in place allowed: dst == a or b, with step 1) ------------------------------------------------
 * Operand a is a[i * a_step], a_step 0 or 1: one value for all or one each; b likewise. */
struct qnt_pair {
    int32_t a_zero, b_zero;   /* s8: zero points, [-128, 127] */
    float a_factor, b_factor; /* below 2^100 in magnitude */
    size_t a_step, b_step;
};
/* v = fma(a - a_zero, a_factor, (b - b_zero) * b_factor), the differences exact, the product float32; then
 * clamp(rne(v) + zero, lo, hi) as struct qnt_requant says of a product (its mode, scale and per_channel do not count).
 * A subtraction has a negative b_factor. ONNX Runtime's QLinearAdd: factors are scales over the output's. */
typedef void qnt_add_s8_fn(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                           const struct qnt_requant *r);
/* v = (a - a_zero) * (b - b_zero), exact, times a_factor. */
typedef void qnt_mul_s8_fn(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                           const struct qnt_requant *r);
/* v = fma(b, b_factor, a), or a * b; any NaN is 0x7fc00000; then (v < lo ? lo : v > hi ? hi : v). */
typedef void qnt_add_f32_fn(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                            float hi);
typedef void qnt_mul_f32_fn(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                            float hi);
/* The same with v = a / b, (a < b ? a : b), (a > b ? a : b) or (a < 0 ? a * b : a); of least and greatest, any operand that
 * is NaN gives it. */
typedef qnt_mul_f32_fn qnt_div_f32_fn, qnt_min_f32_fn, qnt_max_f32_fn, qnt_prelu_f32_fn;

/* ---- elementwise (in place allowed: dst == src; lo <= hi) ------------------------------------------------------ */
typedef void qnt_clamp_s8_fn(const int8_t *src, int8_t *dst, size_t n, int8_t lo, int8_t hi);
/* (x < lo ? lo : x > hi ? hi : x): NaN passes through, -0 stays. */
typedef void qnt_clamp_f32_fn(const float *src, float *dst, size_t n, float lo, float hi);
/* Rows of `channels` values, dense: v = fma(src, scale[c], shift[c]), any NaN is 0x7fc00000; then
 * (v < lo ? lo : v > hi ? hi : v). */
typedef void qnt_scale_shift_f32_fn(const float *src, float *dst, size_t rows, size_t channels, const float *scale,
                                    const float *shift, float lo, float hi);
/* dst[i] = table[(uint8_t)src[i]], table of 256: any function of a code. */
typedef void qnt_lookup_s8_fn(const int8_t *src, int8_t *dst, size_t n, const int8_t *table);
/* Fixed sequences of fma, spelled out in ref/math_one.h; any NaN operand gives 0x7fc00000. exp is the sequence of SLEEF's
 * deterministic finz u10 function; tanh is our own: odd polynomial below 0.625, else 1 - 2 / (exp(2|x|) + 1). */
typedef void qnt_exp_f32_fn(const float *src, float *dst, size_t n);
typedef void qnt_tanh_f32_fn(const float *src, float *dst, size_t n);
/* 1 / (1 + exp(-x)) with that exp. */
typedef void qnt_sigmoid_f32_fn(const float *src, float *dst, size_t n);
/* dst[i] = f(src[i]), in the sequences of ref/function_one.h; any NaN result is 0x7fc00000. */
enum qnt_function_kind {
    QNT_LEAKY_RELU,   /* x < 0 ? x * a : x */
    QNT_HARD_SWISH,   /* x * clamp(x + 3, 0, 6) * (1 / 6) */
    QNT_HARD_SIGMOID, /* clamp(x * a + b, 0, 1), rounded twice */
    QNT_ELU,          /* x < 0 ? a * (exp(x) - 1) : x */
    QNT_GELU,         /* x / 2 * (1 + erf(x / sqrt(2))) */
    QNT_GELU_TANH,    /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
    QNT_ERF,
    QNT_LOG,
    QNT_SQRT,
    QNT_RECIPROCAL,
    QNT_ABS,
    QNT_NEG,
    QNT_SIGN, /* -1, 0 or 1 */
    QNT_FLOOR,
    QNT_CEIL,
    QNT_ROUND, /* halves to even */
    QNT_FUNCTIONS
};
struct qnt_function {
    int32_t kind; /* enum qnt_function_kind */
    float a, b;   /* finite */
};
typedef void qnt_function_f32_fn(const float *src, float *dst, size_t n, const struct qnt_function *f);
/* Each row: e = exp(x - max); the sum runs over 16 interleaved partial sums (lane c % 16, in order of c) folded by halves
 * (8, 4, 2, 1: s[i] += s[i + half]); dst = e / sum. rows x cols, dense. */
typedef void qnt_softmax_f32_fn(const float *src, float *dst, size_t rows, size_t cols);

/* ---- products with weights in blocks ---------------------------------------------------------------------------
 * W [n][k], unsigned codes of 4 or 8 bits; each block of a row has a scale and may have a zero point: the value of a
 * code is (code - half - zero) * scale, half being 8 or 128. A block is a multiple of 16 codes; k = blocks * block.
 * Outputs lie QNT_BLOCKS_PANEL to a panel, those past the last hold anything:
 *   codes  [panels][k / 8][PANEL][4] bytes of 4 bits (byte i: codes i, in its low bits, and i + 4),
 *          [panels][k / 4][PANEL][4] of 8 bits
 *   scale  [panels][blocks][PANEL];  zero  the same, or NULL: all 0 */
enum { QNT_BLOCKS_PANEL = 32 };
struct qnt_blocks {
    const uint8_t *codes;
    const float *scale;
    const int8_t *zero;
    size_t n, block, blocks;
};
/* y[r * ldy + j], r < rows, j < n, begins with bias[j] (NULL: 0) and goes on by each block of x's row in order:
 * y = fma(s, scale, y); any NaN is 0x7fc00000; then (y < lo ? lo : y > hi ? hi : y). */
struct qnt_blocks_out {
    const float *bias;
    float *y;
    size_t rows, ldy;
    float lo, hi;
};
/* x [rows][k]. s begins with (float)-zero * sum (without zero points: 0) and is one chain of fma of x and (float)(code
 * - half) in order of k. sum [rows][blocks]: of x over each block; not read without zero points. */
typedef void qnt_blocks_u4f32_fn(const struct qnt_blocks *w, const float *x, const float *sum,
                                 const struct qnt_blocks_out *o);
typedef qnt_blocks_u4f32_fn qnt_blocks_u8f32_fn;
/* x [rows][k] codes, x_scale and sum [rows][blocks]: as quantize_blocks gives them. s is the exact sum of x * (code -
 * half - zero), as a float; the scale is that of W times that of x, rounded. block <= 2^16. */
typedef void qnt_blocks_u4s8_fn(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                                const struct qnt_blocks_out *o);
typedef qnt_blocks_u4s8_fn qnt_blocks_u8s8_fn;
/* Each block of src by a scale of its own: m the greatest |src| (of numbers), scale = m / 127, dst = clamp(rne(src *
 * (127 / m)), -127, 127), the quotient and the product rounded; NaN gives 0. sum: of dst over the block. */
typedef void qnt_quantize_blocks_f32_s8_fn(const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block,
                                           size_t blocks);

/* ---- moving bytes: nothing is computed, any bits of any type pass --------------------------------------------- */
/* Row r: `bytes` bytes from src + r * lds to dst + r * ldd. Strides in bytes, of either sign; rows of src may overlap
 * (lds 0 repeats one), rows of dst not. */
typedef void qnt_copy_rows_fn(const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes);
/* Row r: `bytes` bytes from src + at[r] (bytes) to dst + r * bytes. */
typedef void qnt_gather_rows_fn(const void *src, const size_t *at, void *dst, size_t rows, size_t bytes);
/* Rows of `bytes` bytes at a stride of ldd >= bytes: each is the four bytes of value, lowest first, repeated. bytes is a
 * multiple of 4, unless all four are the same. */
typedef void qnt_fill_rows_fn(void *dst, size_t ldd, size_t rows, size_t bytes, uint32_t value);
/* dst[c * ldd + r] = src[r * lds + c]; strides in elements, lds >= cols, ldd >= rows. What lies between the rows of src
 * may be read. */
typedef void qnt_transpose_s8_fn(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols);
typedef void qnt_transpose_f32_fn(const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols);

/* ---- linear interpolation between four pixels, NHWC -------------------------------------------------------------
 * One line of an enlarged or reduced image, dst [pixels][channels], between two lines of the source (which may be the
 * same): pixel p lies between the pixels that begin at elements x[p].left and x[p].right of both. */
enum { QNT_BILINEAR_ONE = 1 << 14 };
struct qnt_bilinear {
    size_t left, right;
    int32_t code; /* s8: weight of the right one times 2^14, [0, 2^14] */
    float part;   /* f32: that weight, [0, 1] */
};
/* The weight of the lower right pixel for weights x of the right and y of the lower ones; the other three are x and y
 * less this and what is left to 2^14: none is negative, and the sum is exact. */
static inline int32_t qnt_bilinear_corner(int32_t x, int32_t y)
{
    return (x * y + (QNT_BILINEAR_ONE >> 1)) >> 14;
}
/* acc = sum of weight * (q - in_zero) over the four, exact; then requantized by r, whose scale[0] (per_channel must be
 * 0) includes 2^-14. y: weight of the bottom line, as code. */
typedef void qnt_bilinear_s8_fn(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                                const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r);
/* u = fma(right, part, left * (1 - part)) of each line; fma(u of bottom, y, u of top * (1 - y)); any NaN is 0x7fc00000. */
typedef void qnt_bilinear_f32_fn(const float *top, const float *bottom, float *dst, size_t pixels, size_t channels,
                                 const struct qnt_bilinear *x, float y);

/* ---- training ------------------------------------------------------------------------------------------------- */
/* Gradient of maxpool where windows do not overlap: x, pass and dx are read and written at the taps of w (as maxpool's
 * src), y and dy at [p * ldy + c]. The first tap with x == y, in order i, j, gets dy if lo < y < hi and its pass (NULL:
 * all ones) is not 0; every other tap gets 0. */
typedef void qnt_maxpool_grad_f32_fn(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx,
                                     size_t ldy, const struct qnt_window *w, float lo, float hi);
/* Gradient of a depthwise convolution's weights: sums[t * channels + c] goes on by the run's tap * dy[p * ldy + c], one
 * chain of fma in order of p; a NaN sum is 0x7fc00000. d's w and bias do not count. */
typedef void qnt_depthwise_grad_f32_fn(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums);
/* Sums [rows][cols], row stride ld of acc and pass: pass = lo[c] <= acc <= hi[c]; min[c] and max[c] (both NULL: not
 * wanted) are lowered and raised to the sums of the column. */
typedef void qnt_watch_s32_fn(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo,
                              const int32_t *hi, uint8_t *pass, int32_t *min, int32_t *max);
/* Rows of `channels` values, dense. sums[c] = sum of a, sums[channels + c] = sum of a * (b - pivot[c]), from +0 in order
 * of the rows, the products by fma; a NaN sum is 0x7fc00000. b may be a. */
typedef void qnt_channel_moments_f32_fn(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                                        float *sums);
/* dst = fma(a, factors[c], fma(b, factors[channels + c], factors[2 * channels + c])), any NaN is 0x7fc00000. In place
 * allowed: dst == a or b. */
typedef void qnt_channel_mix_f32_fn(const float *a, const float *b, float *dst, size_t rows, size_t channels,
                                    const float *factors);
/* What codes q = rne(x), x = w * inv_scale clamped to +-limit (NaN: -limit; limit <= 127), have in common with w:
 * sums[0] = sum of w * q, sums[1] = sum of q * q. 16 interleaved partial sums, folded as softmax's; a NaN sum gives
 * 0x7fc00000. */
typedef void qnt_code_sums_f32_fn(const float *w, size_t n, float inv_scale, float limit, float *sums);

/* ---- peaks: what a core can do at most -------------------------------------------------------------------------
 * n operations, a multiple of QNT_PEAK, by the instructions that the tiles of the level use, on operands that stay in
 * registers, with as many sums side by side as hide the latencies: what a product is measured by. The result is a sum
 * that only comes out when all n were done. Operands are 16 bytes, which repeat. */
enum { QNT_PEAK = 6144 };
/* Sum of a[i % 16] * b[i % 16], i < n, mod 2^32. */
typedef int32_t qnt_peak_s8_fn(const int8_t *a, const int8_t *b, size_t n);
/* Bits set in a xor b, of n, mod 2^32. */
typedef int32_t qnt_peak_b1_fn(const uint8_t *a, const uint8_t *b, size_t n);
/* Sum of a[i % 4] * b[i % 4] by fma: whole numbers with n * max|a| * max|b| <= 2^23, so that the order does not count. */
typedef int32_t qnt_peak_f32_fn(const float *a, const float *b, size_t n);
/* Loads: sum of all dwords of n bytes, a multiple of 512, read `times` over, mod 2^32. */
typedef int32_t qnt_peak_read_fn(const void *src, size_t n, size_t times);

/* ---- declarations and the dispatch table, from kernels.def ----------------------------------------------------- */
#define QNT_OP(op) qnt_##op##_fn qnt_##op##_ref;
#define QNT_K(op, isa) QNT_ON(isa, qnt_##op##_fn qnt_##op##_##isa;)
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa) QNT_ON(isa, extern const struct qnt_gemm qnt_##op##_##tile##_##isa;)
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK

struct qnt_dsp { /* const after qnt_dsp_init: no locks */
    qnt_isa_set isas;
#define QNT_OP(op) qnt_##op##_fn *op;
#define QNT_K(op, isa)
#define QNT_GEMM(op) struct qnt_gemm_list op;
#define QNT_GK(op, tile, isa)
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
};
/* Fills d with the preferred variant of each op among `isas` (closed under implication; ref is always taken). Pure. */
void qnt_dsp_init(struct qnt_dsp *d, qnt_isa_set isas);
/* The list of an op of tiles; NULL: there is no such op. */
struct qnt_gemm_list *qnt_dsp_tiles(struct qnt_dsp *d, const char *op);

/* Rows for tests, bench and qinfo: every variant of every op that this build holds. */
typedef void qnt_any_fn(void);
struct qnt_kernel_row {
    const char *op, *variant; /* "dot_s8", "avx2"; gemm: "6x16_avx2" */
    enum qnt_isa isa;
    qnt_any_fn *fn;              /* a plain op's function, cast back by its user; else NULL */
    const struct qnt_gemm *gemm; /* else NULL */
};
extern const struct qnt_kernel_row qnt_kernel_rows[]; /* ends with op == NULL */
/* Every line of kernels.def in the same order, built or not: for telling what is missing. */
struct qnt_kernel_name {
    const char *op, *variant;
    enum qnt_isa isa;
    int tile;
};
extern const struct qnt_kernel_name qnt_kernel_names[]; /* ends with op == NULL */
#endif
