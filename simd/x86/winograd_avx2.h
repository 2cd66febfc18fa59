/* Winograd's F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3) with 256-bit vectors (winograd.h), for a tile of 16 columns: after
 * tile_avx2.h.
 * products: 6 tiles x 16 columns: 12 sums, 2 vectors of W, 1 broadcast, 1 product: 16 registers.
 * input: 16 channels. Side 2: two of four columns, summed over their lines, are the next tile's first two. */
enum { WINOGRAD_ROWS = 6, WINOGRAD_NR = 16 };

/* 16 channels of column x, L lines. */
QNT_INLINE void winograd_load(const struct qnt_winograd_row *r, size_t x, size_t c, __m256i *d, const int L)
{
    const bool in = x < r->width;
    QNT_UNROLL
    for (int i = 0; i < L; i++) {
        const int8_t *p = (in ? r->line[i] + x * r->step[i] : r->zero) + c;
        d[i] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    }
}

QNT_INLINE void winograd_put(int16_t *dst, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)dst, v);
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
static void winograd_products(const int16_t *v, size_t points, size_t point, const int16_t *w, size_t channels,
                              size_t tiles, int32_t *m)
{
    static void (*const fn[])(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead) = {
        winograd_rows_1, winograd_rows_2, winograd_rows_3, winograd_rows_4, winograd_rows_5, winograd_rows_6};
    const size_t parts = (tiles + WINOGRAD_ROWS - 1) / WINOGRAD_ROWS;
    for (; points; points--, v += point, w += channels * WINOGRAD_NR)
        for (size_t i = 0, t = 0, n; i < parts; i++, t += n, m += n * WINOGRAD_NR) {
            n = (tiles - t + parts - i - 1) / (parts - i);
            fn[n - 1](v + t * channels, w, channels, m, i ? 0 : channels * WINOGRAD_NR);
        }
}

/* ---- side 2 ---- */
struct winograd_column { /* of B' x */
    __m256i v[4];
};

QNT_INLINE struct winograd_column winograd2_column(const struct qnt_winograd_row *r, size_t x, size_t c)
{
    __m256i d[4];
    winograd_load(r, x, c, d, 4);
    return (struct winograd_column){{_mm256_sub_epi16(d[0], d[2]), _mm256_add_epi16(d[1], d[2]),
                                     _mm256_sub_epi16(d[2], d[1]), _mm256_sub_epi16(d[1], d[3])}};
}

static void winograd2_input(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point)
{
    for (size_t c = 0; c < r->channels; c += QNT_WINOGRAD_CHANNELS) {
        size_t x = r->first;
        int16_t *to = dst + c;
        struct winograd_column a = winograd2_column(r, x, c), b = winograd2_column(r, x + 1, c);
        for (size_t t = 0; t < tiles; t++, to += r->channels) {
            x += 2;
            const struct winograd_column d = winograd2_column(r, x, c), e = winograd2_column(r, x + 1, c);
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

/* A' M A / 4 + bias of 8 columns: to y[0], y[2] of the upper line's pixels, y[4], y[6] of the lower one's. */
QNT_INLINE void winograd2_sums(const int32_t *m, size_t point, __m256i bias, __m256i *y)
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

static void winograd2_output(const int32_t *m, size_t point, size_t tiles, const struct qnt_tile *t, void *const *c,
                             size_t lines, size_t pixels)
{
    const bool plain = t->n == WINOGRAD_NR && qnt_tile_is_plain_avx2(t);
    const struct qnt_plain_avx2 p = plain ? qnt_plain_load_avx2(t) : (struct qnt_plain_avx2){.hi = _mm256_setzero_ps()};
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    const size_t step = t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    struct qnt_tile part = *t;
    for (size_t x = 0; x < pixels; x += 2, m += WINOGRAD_NR) {
        __m256i y[8];
        winograd2_sums(m, point, bias[0], y);
        winograd2_sums(m + 8, point, bias[1], y + 1);
        part.m = pixels - x < 2 ? 1 : 2;
        for (size_t l = 0; l < lines; l++) {
            part.c = (char *)c[l] + x * step;
            if (plain && part.m == 2)
                qnt_plain_store_avx2(&p, y + 4 * l, part.c, t->ldc, 2);
            else
                qnt_tile_store_avx2(&part, y + 4 * l, 2);
        }
    }
    (void)tiles;
}

/* ---- side 4 ---- */
/* B' d */
QNT_INLINE void winograd4_six(const __m256i *d, __m256i *v)
{
    const __m256i a = _mm256_sub_epi16(d[4], _mm256_slli_epi16(d[2], 2));
    const __m256i b = _mm256_sub_epi16(d[3], _mm256_slli_epi16(d[1], 2));
    const __m256i e = _mm256_sub_epi16(d[4], d[2]), f = _mm256_slli_epi16(_mm256_sub_epi16(d[3], d[1]), 1);
    v[0] = _mm256_add_epi16(_mm256_slli_epi16(_mm256_sub_epi16(d[0], d[2]), 2), e);
    v[1] = _mm256_add_epi16(a, b);
    v[2] = _mm256_sub_epi16(a, b);
    v[3] = _mm256_add_epi16(e, f);
    v[4] = _mm256_sub_epi16(e, f);
    v[5] = _mm256_sub_epi16(_mm256_sub_epi16(d[5], d[3]), _mm256_slli_epi16(f, 1));
}

static void winograd4_input(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point)
{
    for (size_t c = 0; c < r->channels; c += QNT_WINOGRAD_CHANNELS) {
        int16_t *to = dst + c;
        for (size_t t = 0, x = r->first; t < tiles; t++, x += 4, to += r->channels) {
            __m256i v[6][6]; /* by line of B' x, column */
            int16_t *at = to;
            for (size_t j = 0; j < 6; j++) {
                __m256i d[6], q[6];
                winograd_load(r, x + j, c, d, 6);
                winograd4_six(d, q);
                QNT_UNROLL
                for (int i = 0; i < 6; i++)
                    v[i][j] = q[i];
            }
            for (size_t i = 0; i < 6; i++) {
                __m256i q[6];
                winograd4_six(v[i], q);
                QNT_UNROLL
                for (int j = 0; j < 6; j++, at += point)
                    winograd_put(at, q[j]);
            }
        }
    }
}

/* A' m */
QNT_INLINE void winograd4_four(const __m256i *m, __m256i *y)
{
    const __m256i p = _mm256_add_epi32(m[1], m[2]), q = _mm256_slli_epi32(_mm256_sub_epi32(m[1], m[2]), 2);
    const __m256i r = _mm256_add_epi32(m[3], m[4]), s = _mm256_slli_epi32(_mm256_sub_epi32(m[3], m[4]), 1);
    const __m256i three = _mm256_add_epi32(m[0], _mm256_slli_epi32(m[0], 1)); /* of m[0], and below of m[5] */
    const __m256i last = _mm256_add_epi32(m[5], _mm256_slli_epi32(m[5], 1));
    const __m256i low = _mm256_sub_epi32(r, _mm256_slli_epi32(p, 2));
    y[0] = _mm256_add_epi32(_mm256_slli_epi32(three, 1), low);
    y[1] = _mm256_sub_epi32(s, q);
    y[2] = _mm256_slli_epi32(_mm256_sub_epi32(r, p), 2);
    y[3] = _mm256_add_epi32(_mm256_sub_epi32(_mm256_slli_epi32(s, 2), q), _mm256_slli_epi32(last, 3));
}

/* A' M A / 576 + bias of 8 columns: pixel x of line l to y[8 * l + 2 * x]. */
QNT_INLINE void winograd4_sums(const int32_t *m, size_t point, __m256i bias, __m256i *y)
{
    const __m256i ninth = _mm256_set1_epi32(0x38e38e39); /* mod 2^32 */
    __m256i half[4][6];                                  /* M A, by column */
    for (size_t i = 0; i < 6; i++) {
        __m256i d[6], q[4];
        QNT_UNROLL
        for (int j = 0; j < 6; j++, m += point)
            d[j] = _mm256_loadu_si256((const __m256i *)(const void *)m);
        winograd4_four(d, q);
        QNT_UNROLL
        for (int x = 0; x < 4; x++)
            half[x][i] = q[x];
    }
    for (size_t x = 0; x < 4; x++) {
        __m256i q[4];
        winograd4_four(half[x], q);
        QNT_UNROLL
        for (size_t l = 0; l < 4; l++)
            y[8 * l + 2 * x] = _mm256_add_epi32(_mm256_srai_epi32(_mm256_mullo_epi32(q[l], ninth), 6), bias);
    }
}

static void winograd4_output(const int32_t *m, size_t point, size_t tiles, const struct qnt_tile *t, void *const *c,
                             size_t lines, size_t pixels)
{
    const bool plain = t->n == WINOGRAD_NR && qnt_tile_is_plain_avx2(t);
    const struct qnt_plain_avx2 p = plain ? qnt_plain_load_avx2(t) : (struct qnt_plain_avx2){.hi = _mm256_setzero_ps()};
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    const size_t step = t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    struct qnt_tile part = *t;
    for (size_t x = 0; x < pixels; x += 4, m += WINOGRAD_NR) {
        __m256i y[32];
        winograd4_sums(m, point, bias[0], y);
        winograd4_sums(m + 8, point, bias[1], y + 1);
        part.m = pixels - x < 4 ? (uint32_t)(pixels - x) : 4;
        for (size_t l = 0; l < lines; l++) {
            part.c = (char *)c[l] + x * step;
            if (plain && part.m == 4)
                qnt_plain_store_avx2(&p, y + 8 * l, part.c, t->ldc, 4);
            else
                qnt_tile_store_avx2(&part, y + 8 * l, 4);
        }
    }
    (void)tiles;
}

static const struct qnt_winograd winograd[] = {
    {.name = "winograd2_4x16_avx2",
     .side = 2,
     .input = winograd2_input,
     .products = winograd_products,
     .output = winograd2_output,
     .tiles = 24,
     .cost_step = 181,
     .cost_tile = 1800,
     .cost_row = 23},
    {.name = "winograd4_4x16_avx2",
     .side = 4,
     .input = winograd4_input,
     .products = winograd_products,
     .output = winograd4_output,
     .tiles = 16,
     .cost_step = 406,
     .cost_tile = 6840,
     .cost_row = 93},
    {.name = NULL},
};
