/* Winograd's ways of a tile of 16 columns: after tile_neon.h.
 * products: 4 tiles x 16 columns by SMLAL of an element: 16 sums, 4 of A (v0 to v15, where elements must be), 4 of W,
 * two channels of which one LD1 loads. */
enum { WG_ROWS = 4, WG_NR = 16, WG_KR = 1, WG_CODES = 8, WG_SUMS = 4 };
typedef int16x8_t wg_codes;
typedef uint32x4_t wg_sums;

QNT_INLINE wg_codes wg_widen(const int8_t *p)
{
    return vmovl_s8(vld1_s8(p));
}

QNT_INLINE wg_sums wg_signed(wg_sums x, const int s)
{
    return vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(x), vdupq_n_s32(-s)));
}

typedef struct {
    int whole;
} wg_end;

QNT_INLINE wg_end wg_begin(const struct qnt_tile *t)
{
    return (wg_end){qnt_tile_whole_neon(t, WG_NR / WG_SUMS)};
}

QNT_INLINE wg_sums wg_bias(const struct qnt_tile *t, const int v)
{
    int32_t tmp[4] = {0};
    const uint32_t from = 4u * (uint32_t)v, left = t->n > from ? t->n - from : 0;
    if (left >= 4)
        return vreinterpretq_u32_s32(vld1q_s32(t->e->bias + t->col + from));
    memcpy(tmp, t->e->bias + t->col + (left ? from : 0), left * sizeof *tmp);
    return vreinterpretq_u32_s32(vld1q_s32(tmp));
}

QNT_INLINE void wg_store(const wg_end *end, const struct qnt_tile *part, const wg_sums *y, const int rows)
{
    int32x4_t acc[16];
    QNT_UNROLL
    for (int i = 0; i < 4 * rows; i++)
        acc[i] = vreinterpretq_s32_u32(y[i]);
    if (end->whole && part->m == (uint32_t)rows)
        qnt_tile_put_neon(part, acc, rows, 4);
    else
        qnt_tile_end_neon(part, acc, rows, 4);
}
/* Element `lane` of a times 16 columns. Written out: gcc 12 copies the halves of vectors that it is told of. */
#define WG_ROW(acc, a, w, lane)                                                                                        \
    __asm__("smlal %[s0].4s, %[w0].4h, %[x].h[" #lane "]\n\t"                                                          \
            "smlal2 %[s1].4s, %[w0].8h, %[x].h[" #lane "]\n\t"                                                         \
            "smlal %[s2].4s, %[w1].4h, %[x].h[" #lane "]\n\t"                                                          \
            "smlal2 %[s3].4s, %[w1].8h, %[x].h[" #lane "]"                                                             \
            : [s0] "+w"((acc)[0]), [s1] "+w"((acc)[1]), [s2] "+w"((acc)[2]), [s3] "+w"((acc)[3])                       \
            : [w0] "w"((w)[0]), [w1] "w"((w)[1]), [x] "x"(a))
#define WG_TWO(first, second)                                                                                          \
    do {                                                                                                               \
        qnt_take_neon(wv, &pw, 4);                                                                                     \
        QNT_UNROLL                                                                                                     \
        for (int i = 0; i < M; i++)                                                                                    \
            WG_ROW(acc + 4 * i, a[i], wv, first);                                                                      \
        QNT_UNROLL                                                                                                     \
        for (int i = 0; i < M; i++)                                                                                    \
            WG_ROW(acc + 4 * i, a[i], wv + 2, second);                                                                 \
    } while (0)

QNT_INLINE void winograd_rows(const int M, const int16_t *v, const int16_t *w, size_t channels, int32_t *m)
{
    const int8_t *pw = (const int8_t *)w;
    int32x4_t acc[4 * WG_ROWS];
    QNT_UNROLL
    for (int i = 0; i < 4 * M; i++)
        acc[i] = vdupq_n_s32(0);
    for (size_t k = channels; k > 0; k -= 8, v += 8) {
        int16x8_t a[WG_ROWS];
        int8x16_t wv[4];
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            a[i] = vld1q_s16(v + (size_t)i * channels);
        WG_TWO(0, 1);
        WG_TWO(2, 3);
        WG_TWO(4, 5);
        WG_TWO(6, 7);
    }
    QNT_UNROLL
    for (int i = 0; i < 4 * M; i++)
        vst1q_s32(m + 4 * i, acc[i]);
}

#define WINOGRAD_ROWS_FN(M)                                                                                            \
    static void winograd_rows_##M(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead)       \
    {                                                                                                                  \
        (void)ahead;                                                                                                   \
        winograd_rows(M, v, w, channels, m);                                                                           \
    }
WINOGRAD_ROWS_FN(1)
WINOGRAD_ROWS_FN(2)
WINOGRAD_ROWS_FN(3)
WINOGRAD_ROWS_FN(4)

static void (*const wg_rows[WG_ROWS])(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead) = {
    winograd_rows_1, winograd_rows_2, winograd_rows_3, winograd_rows_4};
#include "tmpl/winograd_tmpl.h"

/* By instructions, in the tile's 1/16. */
static const struct qnt_winograd winograd[] = {
    WG_WAY(2, "4x16_neon", 12, 1088, 11200, 160, 0),
    WG_WAY(4, "4x16_neon", 8, 2448, 32000, 736, 0),
    {.name = NULL},
};
