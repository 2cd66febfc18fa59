/* Panels of A out of rows, for tiles whose steps hold PACK_STEP bytes of a row. The includer has pack_block and
 * pack_span for its steps. */
#include "pack_rows.h"

/* One panel: `used` of its R rows, of which those of a tap lie `stride` apart in `rows`. */
QNT_INLINE void pack_panel(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t stride, size_t used,
                           uint8_t in_xor, int8_t *out, const int R, const size_t kr)
{
    struct qnt_rows r;
    qnt_rows_init(&r, rows, tap_k, k0, k, stride, R);
    r.known = used;
    while (qnt_rows_next(&r, 16)) {
        const size_t whole = r.bytes / 16 * 16, rest = r.bytes - whole;
        pack_span(r.row, r.at, whole, in_xor, out, R);
        out += whole * (size_t)R;
        for (int s = 0; rest && s < R; s += 4) {
            const int8_t *row[4];
            QNT_UNROLL
            for (int i = 0; i < 4; i++)
                row[i] = (const int8_t *)r.row[s + i] + r.at;
            pack_block(row, whole, qnt_flip_neon(in_xor, rest), out + PACK_STEP * s,
                       (rest + kr - 1) / kr * (kr / PACK_STEP), R);
        }
    }
}

QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     void *panels, const int R, const size_t kr)
{
    const size_t panel = (k + kr - 1) / kr * kr * (size_t)R;
    int8_t *out = panels;
    size_t i = 0;
    if (qnt_rows_plain(tap_k, k0, k, (size_t)R, R, 16)) {
        for (const void *const *first = rows + k0 / tap_k * used; i + (size_t)R <= used; i += (size_t)R, first += R) {
            const void *const *tap = first;
            for (size_t left = k; left; left -= tap_k, tap += used, out += tap_k * (size_t)R)
                pack_span(tap, 0, tap_k, in_xor, out, R);
        }
    }
    for (; i < used; i += (size_t)R, out += panel)
        pack_panel(rows + i, tap_k, k0, k, used, used - i < (size_t)R ? used - i : (size_t)R, in_xor, out, R, kr);
}
