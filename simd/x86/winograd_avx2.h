/* Winograd's F(2 x 2, 3 x 3) with 256-bit vectors (winograd.h), for a tile of 16 columns: after tile_avx2.h.
 * input: 16 channels; two of four columns, summed over their lines, are the next tile's first two.
 * products: 6 tiles x 16 columns: 12 sums, 2 vectors of W, 1 broadcast, 1 product: 16 registers. */
enum { WINOGRAD_ROWS = 6, WINOGRAD_NR = 16 };

struct winograd_column { /* of B' x */
    __m256i v[4];
};

QNT_INLINE struct winograd_column winograd_column(const struct qnt_winograd_row *r, size_t x, size_t c)
{
    const bool in = x < r->width;
    __m256i d[4];
    struct winograd_column q;
    QNT_UNROLL
    for (int i = 0; i < 4; i++) {
        const int8_t *p = (in ? r->line[i] + x * r->step[i] : r->zero) + c;
        d[i] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    }
    q.v[0] = _mm256_sub_epi16(d[0], d[2]);
    q.v[1] = _mm256_add_epi16(d[1], d[2]);
    q.v[2] = _mm256_sub_epi16(d[2], d[1]);
    q.v[3] = _mm256_sub_epi16(d[1], d[3]);
    return q;
}

QNT_INLINE void winograd_put(int16_t *dst, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)dst, v);
}

static void winograd_input(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point)
{
    for (size_t c = 0; c < r->channels; c += QNT_WINOGRAD_CHANNELS) {
        size_t x = r->first;
        int16_t *to = dst + c;
        struct winograd_column a = winograd_column(r, x, c), b = winograd_column(r, x + 1, c);
        for (size_t t = 0; t < tiles; t++, to += r->channels) {
            x += 2;
            const struct winograd_column d = winograd_column(r, x, c), e = winograd_column(r, x + 1, c);
            int16_t *at = to;
            QNT_UNROLL
            for (int i = 0; i < 4; i++) {
                winograd_put(at, _mm256_sub_epi16(a.v[i], d.v[i]));
                at += point;
                winograd_put(at, _mm256_add_epi16(b.v[i], d.v[i]));
                at += point;
                winograd_put(at, _mm256_sub_epi16(d.v[i], b.v[i]));
                at += point;
                winograd_put(at, _mm256_sub_epi16(b.v[i], e.v[i]));
                at += point;
            }
            a = d;
            b = e;
        }
    }
}

/* One step of two channels of M rows: three from q on, the others from q3. */
QNT_INLINE void winograd_step(const int M, const int16_t *q, const int16_t *q3, ptrdiff_t r1, const int16_t *w,
                              __m256i *acc)
{
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)w + 1);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const __m256i a = qnt_dword_avx2((i < 3 ? q : q3) + i % 3 * r1);
        acc[2 * i] = _mm256_add_epi32(acc[2 * i], _mm256_madd_epi16(a, w0));
        acc[2 * i + 1] = _mm256_add_epi32(acc[2 * i + 1], _mm256_madd_epi16(a, w1));
        __asm__(""
                : "+x"(acc[2 * i]),
                  "+x"(acc[2 * i + 1])); /* or products of two steps would be added first, and spill */
    }
}

QNT_INLINE void winograd_rows(const int M, const int16_t *v, const int16_t *w, size_t channels, int32_t *m,
                              size_t ahead)
{
    const ptrdiff_t r1 = (ptrdiff_t)channels;
    const int16_t *q = v, *q3 = M > 3 ? v + 3 * r1 : v;
    __m256i acc[2 * WINOGRAD_ROWS];
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        acc[i] = _mm256_setzero_si256();
    for (size_t k = channels; k > 0; k -= 4, q += 4, q3 += 4, w += 4 * WINOGRAD_NR) {
        _mm_prefetch((const char *)(w + ahead), _MM_HINT_T0);
        _mm_prefetch((const char *)(w + ahead + 32), _MM_HINT_T0);
        winograd_step(M, q, q3, r1, w, acc);
        winograd_step(M, q + 2, q3 + 2, r1, w + 2 * WINOGRAD_NR, acc);
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        _mm256_storeu_si256((__m256i *)(void *)m + i, acc[i]);
}

#define WINOGRAD_ROWS_FN(M)                                                                                            \
    static void winograd_rows_##M(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead)       \
    {                                                                                                                  \
        winograd_rows(M, v, w, channels, m, ahead);                                                                    \
    }
WINOGRAD_ROWS_FN(1)
WINOGRAD_ROWS_FN(2)
WINOGRAD_ROWS_FN(3)
WINOGRAD_ROWS_FN(4)
WINOGRAD_ROWS_FN(5)
WINOGRAD_ROWS_FN(6)

/* Even shares of tiles. */
static void winograd_products(const int16_t *v, size_t point, const int16_t *w, size_t channels, size_t tiles,
                              int32_t *m)
{
    static void (*const fn[])(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t) = {
        winograd_rows_1, winograd_rows_2, winograd_rows_3, winograd_rows_4, winograd_rows_5, winograd_rows_6};
    const size_t parts = (tiles + WINOGRAD_ROWS - 1) / WINOGRAD_ROWS;
    for (size_t p = 0; p < QNT_WINOGRAD_POINTS; p++, v += point, w += channels * WINOGRAD_NR)
        for (size_t i = 0, t = 0, n; i < parts; i++, t += n, m += n * WINOGRAD_NR) {
            n = (tiles - t + parts - i - 1) / (parts - i);
            fn[n - 1](v + t * channels, w, channels, m, i ? 0 : channels * WINOGRAD_NR);
        }
}

/* A' M A / 4 + bias of 8 columns: to y[0], y[2] of the upper line's pixels, y[4], y[6] of the lower one's. */
QNT_INLINE void winograd_sums(const int32_t *m, size_t point, __m256i bias, __m256i *y)
{
    __m256i left[4], right[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i d[4];
        QNT_UNROLL
        for (int j = 0; j < 4; j++, m += point)
            d[j] = _mm256_loadu_si256((const __m256i *)(const void *)m);
        left[i] = _mm256_add_epi32(_mm256_add_epi32(d[0], d[1]), d[2]);
        right[i] = _mm256_sub_epi32(_mm256_sub_epi32(d[1], d[2]), d[3]);
    }
    QNT_UNROLL
    for (int x = 0; x < 2; x++) {
        const __m256i *r = x ? right : left;
        const __m256i upper = _mm256_add_epi32(_mm256_add_epi32(r[0], r[1]), r[2]);
        const __m256i lower = _mm256_sub_epi32(_mm256_sub_epi32(r[1], r[2]), r[3]);
        y[2 * x] = _mm256_add_epi32(_mm256_srai_epi32(upper, 2), bias);
        y[4 + 2 * x] = _mm256_add_epi32(_mm256_srai_epi32(lower, 2), bias);
    }
}

static void winograd_plain(const int32_t *m, size_t point, size_t tiles, const struct qnt_tile *t, int8_t *below)
{
    const struct qnt_plain_avx2 p = qnt_plain_load_avx2(t);
    int8_t *c = t->c;
    for (size_t i = 0; i < tiles; i++, m += WINOGRAD_NR, c += 2 * t->ldc) {
        __m256i y[8];
        winograd_sums(m, point, p.bias[0], y);
        winograd_sums(m + 8, point, p.bias[1], y + 1);
        qnt_plain_store_avx2(&p, y, c, t->ldc, 2);
        if (below) {
            qnt_plain_store_avx2(&p, y + 4, below, t->ldc, 2);
            below += 2 * t->ldc;
        }
    }
}

static void winograd_output(const int32_t *m, size_t point, size_t tiles, const struct qnt_tile *t, void *below,
                            size_t pixels)
{
    size_t i = 0;
    struct qnt_tile part = *t;
    const size_t step = 2 * t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    if (t->n == WINOGRAD_NR && qnt_tile_is_plain_avx2(t)) {
        i = pixels / 2;
        winograd_plain(m, point, i, t, below);
    }
    for (; i < tiles; i++) {
        __m256i y[8];
        winograd_sums(m + i * WINOGRAD_NR, point, qnt_tile_bias_avx2(t, 0), y);
        winograd_sums(m + i * WINOGRAD_NR + 8, point, qnt_tile_bias_avx2(t, 1), y + 1);
        part.m = pixels - 2 * i < 2 ? 1 : 2;
        part.c = (char *)t->c + i * step;
        qnt_tile_store_avx2(&part, y, 2);
        part.c = (char *)below + i * step;
        if (below)
            qnt_tile_store_avx2(&part, y + 4, 2);
    }
}

static const struct qnt_winograd winograd = {
    .name = "winograd_4x16_avx2",
    .input = winograd_input,
    .products = winograd_products,
    .output = winograd_output,
    .cost_step = 177,
    .cost_tile = 1800,
    .cost_row = 23,
};
