/* peaks: every operation that is counted was done, and by all lanes on the right operands. */
#include "ck.h"

static const size_t steps[] = {1, 0, 2, 3, 9, 10, 11, 25, 64};
static volatile int32_t sink;

/* Sizes, fills of both operands, places. */
#define CASES(c, n, fill_a, fill_b, place)                                                                             \
    for (size_t at = 0, n; n = at < sizeof steps / sizeof *steps ? steps[at] * QNT_PEAK : 0,                           \
                at < sizeof steps / sizeof *steps && (at < 4 || !(c)->quick);                                          \
         at++)                                                                                                         \
        for (int fill_a = 0; fill_a < CK_INT_FILLS; fill_a++)                                                          \
            for (int fill_b = 0; fill_b < CK_INT_FILLS; fill_b++)                                                      \
                for (int place = 0; place < CK_PLACES; place++)

/* Sixteen bytes of each operand. */
#define CHECK_BYTES(op, type, ck_type)                                                                                 \
    void check_##op(struct ck *c);                                                                                     \
    void check_##op(struct ck *c)                                                                                      \
    {                                                                                                                  \
        CASES(c, n, x, y, place)                                                                                       \
        {                                                                                                              \
            ck_case(c, "n=%zu a=%s b=%s place=%s", n, ck_fill_name((enum ck_fill)x), ck_fill_name((enum ck_fill)y),    \
                    ck_place_name((enum ck_place)place));                                                              \
            const type *a = ck_in(c, 0, ck_type, 16, (enum ck_fill)x, (enum ck_place)place);                           \
            const type *b = ck_in(c, 1, ck_type, 16, (enum ck_fill)y, (enum ck_place)place);                           \
            CK_BOTH_S32(c, op, a, b, n);                                                                               \
        }                                                                                                              \
        const size_t n = 64 * QNT_PEAK;                                                                                \
        ck_case(c, "bench");                                                                                           \
        const type *a = ck_in(c, 0, ck_type, 16, CK_NOISE, CK_INSIDE),                                                 \
                   *b = ck_in(c, 1, ck_type, 16, CK_NOISE, CK_INSIDE);                                                 \
        CK_BENCH(c, "n=393216", CK_MACS, n, sink = ((qnt_##op##_fn *)c->fn)(a, b, n));                                 \
    }
CHECK_BYTES(peak_s8, int8_t, CK_S8)
CHECK_BYTES(peak_b1, uint8_t, CK_U8)

void check_peak_f32(struct ck *c);
void check_peak_f32(struct ck *c)
{
    CASES(c, n, x, y, place)
    {
        if (x != y || x > 3)
            continue; /* here: the numbers' range is 1 to 4 */
        ck_case(c, "n=%zu range=%d place=%s", n, x + 1, ck_place_name((enum ck_place)place));
        float *a = ck_in(c, 0, CK_F32, 4, CK_ZERO, (enum ck_place)place);
        float *b = ck_in(c, 1, CK_F32, 4, CK_ZERO, (enum ck_place)place);
        for (int i = 0; i < 4; i++) {
            a[i] = (float)ck_below(c, (size_t)(2 * x + 3)) - (float)(x + 1);
            b[i] = (float)(1 + ck_below(c, (size_t)(x + 1)));
        }
        CK_BOTH_S32(c, peak_f32, a, b, n);
    }
    const size_t n = 64 * QNT_PEAK;
    ck_case(c, "bench");
    const float *a = ck_in(c, 0, CK_F32, 4, CK_ZERO, CK_INSIDE), *b = ck_in(c, 1, CK_F32, 4, CK_ZERO, CK_INSIDE);
    CK_BENCH(c, "n=393216", CK_MACS, n, sink = ((qnt_peak_f32_fn *)c->fn)(a, b, n));
}

void check_peak_read(struct ck *c);
void check_peak_read(struct ck *c)
{
    static const size_t blocks[] = {0, 1, 2, 3, 8, 17, 129};
    for (size_t at = 0; at < sizeof blocks / sizeof *blocks; at++)
        for (int fill = 0; fill < CK_INT_FILLS; fill++)
            for (int place = 0; place < CK_PLACES; place++) {
                const size_t n = 512 * blocks[at];
                ck_case(c, "n=%zu fill=%s place=%s", n, ck_fill_name((enum ck_fill)fill),
                        ck_place_name((enum ck_place)place));
                const void *src = ck_in(c, 0, CK_U8, n, (enum ck_fill)fill, (enum ck_place)place);
                CK_BOTH_S32(c, peak_read, src, n, 1 + n / 512 % 3);
            }
    const size_t n = 16384;
    ck_case(c, "bench");
    const void *src = ck_in(c, 0, CK_U8, n, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "n=16384", CK_BYTES, n, sink = ((qnt_peak_read_fn *)c->fn)(src, n, 1));
}
