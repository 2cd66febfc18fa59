/* Binary tiles by table: popcounts of nibbles of a xor w from vpshufb, added up by vpdpbusd with ones.
 *
 * Both panels hold their nibbles apart, [k/4][2][R][4]; dword lanes are columns. Half a step of one sum is vpxord,
 * vpshufb, vpdpbusd. Registers of 8x16: 8 sums, one of W, one of A, the table, ones; gcc
 * keeps a product of every sum in flight, which is why twice the columns would spill. */
#include "pack_b1.h"
#include "x86/tile_avx512.h"

QNT_INLINE __m512i bcast(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* Adds popcounts to the sums. */
QNT_INLINE void count(__m512i *acc, const uint8_t *a, const uint8_t *w, size_t n, const int MR, const int NV)
{
    const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i ones = _mm512_set1_epi8(1);
    for (n *= 2; n; n--, a += 4 * MR, w += 64 * NV) { /* low nibbles, high nibbles, low ... */
        __m512i wv[2];
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = _mm512_loadu_si512(w + 64 * v);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m512i av = bcast(a + 4 * i);
            QNT_UNROLL
            for (int v = 0; v < NV; v++) {
                __m512i *s = &acc[i * NV + v];
                *s = _mm512_dpbusd_epi32(*s, _mm512_shuffle_epi8(bits, _mm512_xor_si512(av, wv[v])), ones);
            }
        }
    }
}

#include "x86/tile_b1_avx512.h"

QNT_PACK_B1(pack_a1, qnt_pack_b1, 1, 1)
QNT_PACK_B1(pack_a8, qnt_pack_b1, 8, 1)
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 1)
QNT_PACK_B1(pack_w32, qnt_pack_b1_wide, 32, 1)
/* Costs in 1/16 cycle, estimated from the instructions of a step, with half of the packing of A. */
QNT_TILE_B1(1, 32, avx512vnni, 1, pack_a1, pack_w32, 170, 1000)
QNT_TILE_B1(8, 16, avx512vnni, 1, pack_a8, pack_w16, 370, 1600)
