/* maxpool_grad: 8 channels at a time; what is left of dy stays in a register over the window's taps.
 * watch: 16 columns at a time down all rows: bounds and extremes stay in registers, masks are packed to bytes.
 * code_sums: the 16 partial sums are two registers each. Channel and column tails go to the reference. */
#include <immintrin.h>
#include "kernels.h"

/* 1 byte -> 8 lanes of all ones where it is not 0. */
QNT_INLINE __m256 mask8(const uint8_t *pass)
{
    __m256i zero =
        _mm256_cmpeq_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)pass)), _mm256_setzero_si256());
    return _mm256_castsi256_ps(_mm256_xor_si256(zero, _mm256_set1_epi32(-1)));
}

QNT_INLINE void grad8(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx,
                      const struct qnt_window *w, __m256 lo, __m256 hi)
{
    __m256 max = _mm256_loadu_ps(y);
    __m256 in = _mm256_and_ps(_mm256_cmp_ps(max, lo, _CMP_GT_OQ), _mm256_cmp_ps(max, hi, _CMP_LT_OQ));
    __m256 left = _mm256_and_ps(_mm256_loadu_ps(dy), in);
    for (size_t i = 0; i < w->kh; i++)
        for (size_t j = 0; j < w->kw; j++) {
            size_t at = i * w->row + j * w->col;
            __m256 hit = _mm256_cmp_ps(_mm256_loadu_ps(x + at), max, _CMP_EQ_OQ), share = _mm256_and_ps(left, hit);
            if (pass)
                share = _mm256_and_ps(share, mask8(pass + at));
            _mm256_storeu_ps(dx + at, share);
            left = _mm256_andnot_ps(hit, left);
        }
}

void qnt_maxpool_grad_f32_avx2(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx,
                               size_t ldy, const struct qnt_window *w, float lo, float hi)
{
    __m256 vlo = _mm256_set1_ps(lo), vhi = _mm256_set1_ps(hi);
    size_t whole = w->channels / 8 * 8;
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < whole; c += 8) {
            size_t at = p * w->step + c;
            if (pass)
                grad8(x + at, y + p * ldy + c, dy + p * ldy + c, pass + at, dx + at, w, vlo, vhi);
            else
                grad8(x + at, y + p * ldy + c, dy + p * ldy + c, NULL, dx + at, w, vlo, vhi);
        }
    if (whole == w->channels)
        return;
    struct qnt_window tail = *w;
    tail.channels -= whole;
    qnt_maxpool_grad_f32_ref(x + whole, y + whole, dy + whole, pass ? pass + whole : NULL, dx + whole, ldy, &tail, lo,
                             hi);
}

QNT_INLINE __m256i load8(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

QNT_INLINE void store8(int32_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

/* 16 bytes: 1 where lo <= v <= hi. */
QNT_INLINE __m128i inside16(const __m256i v[2], const __m256i lo[2], const __m256i hi[2])
{
    __m256i f0 = _mm256_or_si256(_mm256_cmpgt_epi32(lo[0], v[0]), _mm256_cmpgt_epi32(v[0], hi[0]));
    __m256i f1 = _mm256_or_si256(_mm256_cmpgt_epi32(lo[1], v[1]), _mm256_cmpgt_epi32(v[1], hi[1]));
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(f0, f1), 0xd8);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    return _mm_andnot_si128(bytes, _mm_set1_epi8(1));
}

QNT_INLINE void watch16(const int32_t *acc, size_t ld, size_t rows, const int32_t *lo, const int32_t *hi, uint8_t *pass,
                        int32_t *min, int32_t *max, const int extremes)
{
    const __m256i l[2] = {load8(lo), load8(lo + 8)}, h[2] = {load8(hi), load8(hi + 8)};
    __m256i least[2] = {0}, most[2] = {0};
    if (extremes) {
        least[0] = load8(min), least[1] = load8(min + 8);
        most[0] = load8(max), most[1] = load8(max + 8);
    }
    for (size_t r = 0; r < rows; r++, acc += ld, pass += ld) {
        const __m256i v[2] = {load8(acc), load8(acc + 8)};
        _mm_storeu_si128((__m128i *)pass, inside16(v, l, h));
        if (extremes) {
            least[0] = _mm256_min_epi32(least[0], v[0]), least[1] = _mm256_min_epi32(least[1], v[1]);
            most[0] = _mm256_max_epi32(most[0], v[0]), most[1] = _mm256_max_epi32(most[1], v[1]);
        }
    }
    if (extremes) {
        store8(min, least[0]), store8(min + 8, least[1]);
        store8(max, most[0]), store8(max + 8, most[1]);
    }
}

void qnt_watch_s32_avx2(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                        uint8_t *pass, int32_t *min, int32_t *max)
{
    size_t c = 0;
    for (; c + 16 <= cols; c += 16)
        if (min)
            watch16(acc + c, ld, rows, lo + c, hi + c, pass + c, min + c, max + c, 1);
        else
            watch16(acc + c, ld, rows, lo + c, hi + c, pass + c, NULL, NULL, 0);
    if (c < cols)
        qnt_watch_s32_ref(acc + c, ld, rows, cols - c, lo + c, hi + c, pass + c, min ? min + c : NULL,
                          max ? max + c : NULL);
}

struct sums {
    __m256 wq, qq;
};

QNT_INLINE void add8(struct sums *s, __m256 w, __m256 inv, __m256 limit, __m256 below)
{
    __m256 x = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(w, inv), below), limit); /* max(NaN, b) is b */
    __m256 q = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    s->wq = _mm256_add_ps(s->wq, _mm256_mul_ps(w, q));
    s->qq = _mm256_add_ps(s->qq, _mm256_mul_ps(q, q));
}

QNT_INLINE float fold16(__m256 a, __m256 b)
{
    __m256 s8 = _mm256_add_ps(a, b);
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

void qnt_code_sums_f32_avx2(const float *w, size_t n, float inv_scale, float limit, float *sums)
{
    __m256 inv = _mm256_set1_ps(inv_scale), top = _mm256_set1_ps(limit), below = _mm256_set1_ps(-limit);
    struct sums a = {_mm256_setzero_ps(), _mm256_setzero_ps()}, b = a;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        add8(&a, _mm256_loadu_ps(w + i), inv, top, below);
        add8(&b, _mm256_loadu_ps(w + i + 8), inv, top, below);
    }
    if (i < n) { /* lanes past the end hold w = 0, whose code must be 0 as well: inv 0 too, as it may be infinite */
        float tail[16] = {0.0f}, scale[16] = {0.0f};
        for (size_t l = 0; l < n - i; l++)
            tail[l] = w[i + l], scale[l] = inv_scale;
        add8(&a, _mm256_loadu_ps(tail), _mm256_loadu_ps(scale), top, below);
        add8(&b, _mm256_loadu_ps(tail + 8), _mm256_loadu_ps(scale + 8), top, below);
    }
    float wq = fold16(a.wq, b.wq);
    sums[0] = wq != wq ? __builtin_nanf("") : wq;
    sums[1] = fold16(a.qq, b.qq);
}
