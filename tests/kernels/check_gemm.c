/* 8-bit tiles: panels from the variant's own packing, sums against a plain double loop. */
#include <string.h>
#include "ck.h"

void check_gemm_s8(struct ck *c);
void check_gemm_s8(struct ck *c)
{
    enum { DEPTHS = 6 };
    static const size_t depths[DEPTHS] = {1, 4, 5, 64, 67, 300};
    const struct qnt_gemm *d = c->gemm;
    ck_plain(c);
    for (size_t i = 0; i < DEPTHS * CK_INT_FILLS * CK_PLACES; i++) {
        size_t k = depths[i % DEPTHS], kp = (k + d->kr - 1) / d->kr * d->kr;
        enum ck_fill fill = (enum ck_fill)(i / DEPTHS % CK_INT_FILLS);
        enum ck_place place = (enum ck_place)(i / DEPTHS / CK_INT_FILLS);
        uint32_t m = 1 + (uint32_t)ck_below(c, d->mr), n = 1 + (uint32_t)ck_below(c, d->nr);
        const void *rows[256];
        ck_case(c, "m=%u n=%u k=%zu fill=%s place=%s", m, n, k, ck_fill_name(fill), ck_place_name(place));
        const int8_t *a = ck_in_2d(c, 0, CK_S8, m, k, k, fill, place), *w = ck_in_2d(c, 1, CK_S8, n, k, k, fill, place);
        void *pa = ck_out(c, 2, CK_U8, kp * d->mr * d->a_size, place),
             *pw = ck_out(c, 3, CK_U8, kp * d->nr * d->w_size, place);
        for (size_t r = 0; r < m; r++)
            rows[r] = a + r * k;
        CK_CALL(c, d->pack_a(rows, k, 0, k, m, 0, pa));
        for (size_t r = 0; r < n; r++)
            rows[r] = w + r * k;
        CK_CALL(c, d->pack_w(rows, k, 0, k, n, 0, pw));
        ck_seal(c, 2);
        ck_seal(c, 3);
        int32_t *out = ck_out_2d(c, 4, CK_S32, m, n, n + 3, place), bias[256], want[256];
        for (size_t j = 0; j < n; j++) {
            bias[j] = 0;
            for (size_t l = 0; l < k; l++)
                bias[j] -= d->w_bias * w[j * k + l];
        }
        const struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = bias};
        CK_CALL(c, d->run(kp, pa, pw, &(struct qnt_tile){out, n + 3, m, n, 0, 0, 1, 1, &e}));
        for (size_t r = 0; r < m; r++) {
            memset(want, 0, sizeof want);
            for (size_t j = 0; j < n; j++)
                for (size_t l = 0; l < k; l++)
                    want[j] += a[r * k + l] * w[j * k + l];
            ck_same(c, CK_S32, "row of the tile", want, out + r * (n + 3), n);
        }
    }
}
