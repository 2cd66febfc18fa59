/* A binary tile of MR x NV vectors: the file that includes it gives count(), which adds popcounts to the sums. */
QNT_INLINE void store(const struct qnt_tile *t, __m512i *acc, const int MR, const int NV)
{
    const struct qnt_epilogue *e = t->e;
    if (e->kind == QNT_EPI_BITS) {
        uint8_t *c = t->c;
        const uint32_t bytes = (t->n + 7) / 8;
        QNT_UNROLL
        for (int i = 0; i < MR; i++, c += t->ldc) {
            if ((uint32_t)i >= t->m)
                break;
            uint32_t bits = 0;
            QNT_UNROLL
            for (int v = 0; v < NV; v++)
                bits |= (uint32_t)(_mm512_movepi32_mask(acc[i * NV + v]) & qnt_tail16_avx512(t->n, v)) << 16 * v;
            for (uint32_t b = 0; b < bytes; b++, bits >>= 8)
                c[b] = (uint8_t)bits;
        }
        return;
    }
    if (e->kind == QNT_EPI_F32) { /* its stores are those of s32 */
        QNT_UNROLL
        for (int v = 0; v < NV; v++) {
            const __mmask16 mask = qnt_tail16_avx512(t->n, v);
            const float *s = e->rq.scale;
            __m512 scale = e->rq.per_channel ? _mm512_maskz_loadu_ps(mask, s + t->col + 16 * v) : _mm512_set1_ps(s[0]);
            QNT_UNROLL
            for (int i = 0; i < MR; i++) {
                __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i * NV + v]), scale);
                if (e->bias_f32)
                    x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, e->bias_f32 + t->col + 16 * v));
                x = _mm512_max_ps(_mm512_set1_ps(e->lo), _mm512_min_ps(_mm512_set1_ps(e->hi), x));
                acc[i * NV + v] = _mm512_castps_si512(x);
            }
        }
    }
    qnt_tile_store_avx512(t, acc, MR, NV);
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV)
{
    __m512i acc[16];
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        acc[i] = _mm512_setzero_si512();
    count(acc, a, w, k / 4, MR, NV);
    QNT_UNROLL
    for (int v = 0; v < NV; v++) {
        const __mmask16 mask = qnt_tail16_avx512(t->n, v);
        __m512i bias = qnt_tile_bias_avx512(t, v);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            const int32_t *row =
                t->last && t->e->row_bias && (uint32_t)i < t->m ? t->e->row_bias[t->row + (uint32_t)i] : NULL;
            __m512i from = row ? _mm512_add_epi32(bias, _mm512_maskz_loadu_epi32(mask, row + t->col + 16 * v)) : bias;
            acc[i * NV + v] = _mm512_sub_epi32(from, _mm512_slli_epi32(acc[i * NV + v], 1));
        }
    }
    store(t, acc, MR, NV);
}
