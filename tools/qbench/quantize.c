/* qbench quantize: floats to codes and back, beside a memcpy that reads and writes as many bytes. */
#include <stdlib.h>
#include <string.h>
#include "lib/op/op.h"
#include "lib/op/step.h"
#include "simd/quant.h"
#include "tools/qbench/qbench.h"

static const size_t sizes[] = {(size_t)4 << 10, (size_t)128 << 10, (size_t)64 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes, PER_ELEMENT = 5, MOST_ELEMENTS = 1 << 28 };

enum kind { TO_S8, TO_U8, FROM_S8, FROM_U8, COPY };
struct conversion {
    const struct qnt_dsp *dsp;
    enum kind kind;
    struct qnt_quant q;
    size_t n;
    float *real, *other; /* other: where a copy goes to */
    uint8_t *code;
};

static void run(void *arg, uint32_t part, uint32_t parts)
{
    const struct conversion *c = arg;
    size_t begin, end;
    qnt_share(c->kind == COPY ? c->n * PER_ELEMENT / 2 : c->n, part, parts, &begin, &end);
    switch (c->kind) {
    case TO_S8:
        c->dsp->quantize_f32_s8(c->real + begin, (int8_t *)c->code + begin, end - begin, &c->q);
        break;
    case TO_U8:
        c->dsp->quantize_f32_u8(c->real + begin, c->code + begin, end - begin, &c->q);
        break;
    case FROM_S8:
        c->dsp->dequantize_s8_f32((const int8_t *)c->code + begin, c->real + begin, end - begin, &c->q);
        break;
    case FROM_U8:
        c->dsp->dequantize_u8_f32(c->code + begin, c->real + begin, end - begin, &c->q);
        break;
    default:
        memcpy((uint8_t *)c->other + begin, (const uint8_t *)c->real + begin, end - begin);
    }
}

static const char *kernel_of(const struct qnt_dsp *d, enum kind k)
{
    switch (k) {
    case TO_S8:
        return QNT_VARIANT_OF(d->quantize_f32_s8)->variant;
    case TO_U8:
        return QNT_VARIANT_OF(d->quantize_f32_u8)->variant;
    case FROM_S8:
        return QNT_VARIANT_OF(d->dequantize_s8_f32)->variant;
    case FROM_U8:
        return QNT_VARIANT_OF(d->dequantize_u8_f32)->variant;
    default:
        return "memcpy";
    }
}

/* A scale whose reciprocal is proved to give the same codes as a division, or one where it does not. */
static void choose_scale(struct qnt_quant *q, bool exact, int32_t zero)
{
    float scale = 0.0625f;
    for (qnt_quant_init(q, scale, zero); !q->recip_exact != !exact; qnt_quant_init(q, scale, zero))
        scale += 0.001f;
}

static int run_size(struct qbench *q, size_t n)
{
    static const struct {
        const char *type;
        enum kind kind;
        bool exact;
    } rows[] = {
        {"f32 -> s8", TO_S8, true},
        {"f32 -> u8", TO_U8, true},
        {"f32 -> s8, no recip.", TO_S8, false},
        {"f32 -> u8, no recip.", TO_U8, false},
        {"s8 -> f32", FROM_S8, true},
        {"u8 -> f32", FROM_U8, true},
        {"as many bytes", COPY, true},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    struct qb_case cases[ROWS] = {0};
    struct conversion arg[ROWS];
    float *real = qb_noise_f32(q, n), *other = qb_alloc(q, n * PER_ELEMENT / 2 + 1);
    uint8_t *code = qb_noise(q, n);
    if (!real || !other || !code)
        return qb_drop(q, opt_fail(q->tool, QNT_ERR_NOMEM));
    for (size_t i = 0; i < ROWS; i++) {
        arg[i] = (struct conversion){&q->ctx->dsp, rows[i].kind, .n = n, .real = real, .other = other, .code = code};
        choose_scale(&arg[i].q, rows[i].exact, rows[i].kind == TO_U8 || rows[i].kind == FROM_U8 ? 128 : 0);
        cases[i] = (struct qb_case){.bytes = (double)n * PER_ELEMENT, .peak = QB_COPY};
        cases[i].work = (struct qb_work){.run = run, .arg = &arg[i]};
        snprintf(cases[i].name, sizeof cases[i].name, "%zu", n);
        snprintf(cases[i].type, sizeof cases[i].type, "%s", rows[i].type);
        snprintf(cases[i].kernel, sizeof cases[i].kernel, "%s", kernel_of(&q->ctx->dsp, rows[i].kind));
    }
    return qb_group(q, cases, ROWS);
}

int qb_quantize(struct qbench *q)
{
    int code = EXIT_OK;
    if (!q->sizes) {
        for (size_t i = 0; i < SIZES && !code; i++)
            code = run_size(q, sizes[i]);
        return code;
    }
    for (const char *text = q->sizes; !code; text++) {
        char *end = NULL;
        unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
        if (n < 1 || n > MOST_ELEMENTS || (*end && *end != ','))
            return opt_usage(q->tool, "--sizes: '%s': expected numbers of elements from 1 to %d", q->sizes,
                             MOST_ELEMENTS);
        code = run_size(q, (size_t)n);
        if (!*(text = end))
            break;
    }
    return code;
}
