/* Binary tiles on vpopcntd: panels [k/4][R][4] as they are, dword lanes are columns. A step of one sum is vpxord,
 * vpopcntd, vpaddd. Registers of 8x16: 8 sums, one of W, one of A; gcc keeps a product of every sum in flight. */
#include "pack_b1.h"
#include "x86/tile_avx512.h"

/* Adds popcounts to the sums. */
QNT_INLINE void count(__m512i *acc, const uint8_t *a, const uint8_t *w, size_t n, const int MR, const int NV)
{
    for (; n; n--, a += 4 * MR, w += 64 * NV) {
        __m512i wv[2];
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = _mm512_loadu_si512(w + 64 * v);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            int32_t word;
            memcpy(&word, a + 4 * i, sizeof word);
            __m512i av = _mm512_set1_epi32(word);
            QNT_UNROLL
            for (int v = 0; v < NV; v++) {
                __m512i *s = &acc[i * NV + v];
                *s = _mm512_add_epi32(*s, _mm512_popcnt_epi32(_mm512_xor_si512(av, wv[v])));
            }
        }
    }
}

#include "x86/tile_b1_avx512.h"

QNT_PACK_B1(pack_a1, qnt_pack_b1, 1, 0)
QNT_PACK_B1(pack_a8, qnt_pack_b1, 8, 0)
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 0)
QNT_PACK_B1(pack_w32, qnt_pack_b1_wide, 32, 0)
/* Costs in 1/16 cycle, estimated from the instructions of a step, with half of the packing of A. */
QNT_TILE_B1(1, 32, avx512icl, 0, pack_a1, pack_w32, 90, 1000)
QNT_TILE_B1(8, 16, avx512icl, 0, pack_a8, pack_w16, 210, 1600)
