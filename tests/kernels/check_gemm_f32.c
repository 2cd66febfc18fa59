/* f32 tiles: packing, and chains of fma against a plain double loop. */
#include <math.h>
#include "ck.h"

void check_gemm_f32(struct ck *c);

static void tile(struct ck *c, size_t m, size_t n, size_t k, enum ck_fill fill, enum ck_place place)
{
    const struct qnt_gemm *d = c->gemm;
    const struct qnt_epilogue e = {.kind = QNT_EPI_F32, .lo = -INFINITY, .hi = INFINITY};
    const void *rows[256];
    float want[256];
    const float *a = ck_in_2d(c, 0, CK_F32, m, k, k + 3, fill, place),
                *w = ck_in_2d(c, 1, CK_F32, n, k, k, fill, place);
    float *panel = ck_out(c, 2, CK_F32, k * d->nr, place);
    for (size_t j = 0; j < n; j++)
        rows[j] = w + j * k;
    CK_CALL(c, d->pack_w(rows, k, 0, k, n, 0, panel));
    ck_seal(c, 2);
    float *out = ck_out_2d(c, 3, CK_F32, m, n, n + 3, place);
    const struct qnt_f32_operands o = {a, panel, (ptrdiff_t)k + 3, 1, d->nr, k, 1, 0, 0};
    const struct qnt_tile t = {out, n + 3, (uint32_t)m, (uint32_t)n, 0, 0, 1, 1, &e};
    CK_CALL(c, d->run_f32(&o, &t));
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            want[j] = 0.0f;
            for (size_t p = 0; p < k; p++)
                want[j] = fmaf(a[i * (k + 3) + p], w[j * k + p], want[j]);
        }
        ck_same(c, CK_F32, "row of the tile", want, out + i * (n + 3), n);
    }
}

void check_gemm_f32(struct ck *c)
{
    enum { DEPTHS = 6 };
    static const size_t depths[DEPTHS] = {1, 4, 5, 64, 67, 300};
    static const enum ck_fill fills[] = {CK_NOISE, CK_ONEHOT, CK_ZERO, CK_TIES, CK_DENORM};
    ck_plain(c);
    for (size_t f = 0; f < sizeof fills / sizeof *fills; f++)
        for (size_t i = 0; i < DEPTHS * CK_PLACES; i++) {
            size_t m = 1 + ck_below(c, c->gemm->mr), n = 1 + ck_below(c, c->gemm->nr), k = depths[i % DEPTHS];
            enum ck_place place = (enum ck_place)(i / DEPTHS);
            ck_case(c, "m=%zu n=%zu k=%zu fill=%s place=%s", m, n, k, ck_fill_name(fills[f]), ck_place_name(place));
            tile(c, m, n, k, fills[f], place);
        }
}
