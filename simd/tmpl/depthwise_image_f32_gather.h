/* Depthwise convolution of floats where pixels lie a multiple of 512 bytes or so apart: the lines of the first cache
 * that a block of outputs reads then share a few of its sets and push each other out. A group of channels at a time is
 * copied, a line of the image when it is first wanted, to d->scratch: weights and bias by vectors, `side` lines of the
 * image by vectors of channels, each [width][VL], from which the blocks read. Every line is read once, and the reads
 * of a copy wait for nothing. */
enum { DI_SETS = 64, DI_SET_BYTES = 64, DI_WAYS = 7 }; /* of 8: what is stored wants one */

/* Whether the columns of a block have no room in their sets; the channels are then a multiple of 128. */
static bool di_crowded(const struct qnt_depthwise_image_f32 *d)
{
    const size_t bytes = d->channels * sizeof(float), apart = (bytes & -bytes) / DI_SET_BYTES;
    const size_t sets = apart <= 1 ? DI_SETS : apart >= DI_SETS ? 1 : DI_SETS / apart;
    return d->side * (DI_MOST * d->step + d->side - d->step) > sets * DI_WAYS;
}

/* Channels of a group; 0: none fit. */
static size_t di_group(const struct qnt_depthwise_image_f32 *d)
{
    const size_t floats = d->side * (d->side + d->width), fit = QNT_DEPTHWISE_IMAGE_SCRATCH / floats / VL * VL;
    return fit < d->channels ? fit : d->channels;
}

/* Vectors of channels [c, c + channels) of `rows` rows to [channels / VL][rows][VL]. */
static void di_copy(const float *from, size_t ld, size_t rows, size_t channels, float *to)
{
    for (size_t r = 0; r < rows; r++, from += ld, to += VL)
        for (size_t c = 0; c < channels; c += VL)
            vf_store(to + c * rows, vf_load(from + c, VL), VL);
}

/* The lines that output line y reads; those that are not in the ring yet are copied. */
static void di_take(struct di_run *g, size_t y, size_t c, float *ring, size_t *have)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    for (size_t i = 0; i < d->side; i++) {
        const size_t at = y * d->step + i - d->top; /* wraps above the image */
        float *slot = ring + at % d->side * d->width * g->channels;
        g->line[i] = at < d->height ? slot : NULL;
        if (at >= d->height || at < *have)
            continue;
        di_copy(d->src + at * d->width * d->channels + c, d->channels, d->width, g->channels, slot);
        *have = at + 1;
    }
}

static void di_gathered(struct di_run *g, const struct di_set *set, size_t group, float *dst, size_t line0,
                        size_t line1)
{
    const struct qnt_depthwise_image_f32 *const d = g->d;
    float *const w = d->scratch, *const ring = w + d->side * d->side * group;
    g->w = w;
    g->apart = VL;
    g->x_rows = d->width;
    g->w_rows = d->side * d->side;
    for (size_t c = 0; c < d->channels; c += group) {
        g->channels = d->channels - c < group ? d->channels - c : group;
        g->bias = d->bias ? d->bias + c : NULL;
        di_copy(d->w + c, d->channels, g->w_rows, g->channels, w);
        size_t have = 0;
        for (size_t y = line0; y < line1; y++) {
            di_take(g, y, c, ring, &have);
            g->dst = dst + (y - line0) * d->pixels * g->ldd + c;
            di_walk(g, set, 1);
        }
    }
}
