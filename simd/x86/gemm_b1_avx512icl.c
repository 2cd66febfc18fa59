/* Binary tiles on vpopcntd: panels [k/4][R][4] as they are, dword lanes are columns.
 *
 * Counting every word would be vpxord, vpopcntd, vpaddd, three steps. Instead a register holds, for each bit, the
 * lowest bit of how often it was set so far: parity ^= a ^ w is one vpternlogd a word. The count goes up by two where
 * the parity falls from 1 to 0, which of two words it does at most once: one vpternlogd finds where, and only that is
 * counted. So two words take five steps. Registers of 8x16: 8 sums, 8 parities, two of W, the rest for what is in
 * flight. */
#include "pack_b1.h"
#include "x86/tile_avx512.h"

/* The next parity. */
QNT_INLINE __m512i flip(__m512i parity, const uint8_t *a, __m512i w)
{
    int32_t word;
    memcpy(&word, a, sizeof word);
    return _mm512_ternarylogic_epi32(parity, w, _mm512_set1_epi32(word), 0x96);
}

/* Adds popcounts to the sums. */
QNT_INLINE void count(__m512i *acc, const uint8_t *a, const uint8_t *w, size_t n, const int MR, const int NV)
{
    enum { FALLS = 0x74 /* (p & ~q) | (q & ~r) */ };
    __m512i parity[16];
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        parity[i] = _mm512_setzero_si512();
    for (; n > 1; n -= 2, a += 8 * MR, w += 128 * NV) {
        __m512i w0[2], w1[2];
        QNT_UNROLL
        for (int v = 0; v < NV; v++) {
            w0[v] = _mm512_loadu_si512(w + 64 * v);
            w1[v] = _mm512_loadu_si512(w + 64 * (NV + v));
        }
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            QNT_UNROLL
            for (int v = 0; v < NV; v++) {
                __m512i p = parity[i * NV + v], q = flip(p, a + 4 * i, w0[v]), r = flip(q, a + 4 * (MR + i), w1[v]);
                __m512i falls = _mm512_ternarylogic_epi32(p, q, r, FALLS);
                acc[i * NV + v] = _mm512_add_epi32(acc[i * NV + v], _mm512_popcnt_epi32(falls));
                parity[i * NV + v] = r;
                __asm__("" : "+v"(parity[i * NV + v])); /* else copies of all come first, and sums go to the stack */
            }
        }
    }
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++) {
        __m512i p = parity[i], last = _mm512_setzero_si512();
        if (n) {
            int32_t word;
            memcpy(&word, a + 4 * (i / NV), sizeof word);
            last = _mm512_xor_si512(_mm512_set1_epi32(word), _mm512_loadu_si512(w + 64 * (i % NV)));
            last = _mm512_popcnt_epi32(last);
        }
        last = _mm512_add_epi32(last, _mm512_popcnt_epi32(p));
        acc[i] = _mm512_add_epi32(_mm512_add_epi32(acc[i], acc[i]), last);
    }
}

#include "x86/tile_b1_avx512.h"

QNT_PACK_B1(pack_a1, qnt_pack_b1, 1, 0)
QNT_PACK_B1(pack_a8, qnt_pack_b1, 8, 0)
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 0)
QNT_PACK_B1(pack_w32, qnt_pack_b1_wide, 32, 0)
/* Costs in 1/16 cycle, estimated from the instructions of a step, with half of the packing of A. */
QNT_TILE_B1(1, 32, avx512icl, 0, pack_a1, pack_w32, 82, 1000)
QNT_TILE_B1(8, 16, avx512icl, 0, pack_a8, pack_w16, 178, 1600)
