/* cast (x) -> the values of x as another type, which is preset (f32 where nothing is) and has no scale. Codes of s8
 * with a scale are the floats that they stand for, (code - zero) * scale. A float is cut towards 0 (NaN gives 0) and,
 * like an integer, keeps the low bits of the type it becomes; mode 2 or 4: so many, in s8 (the highest is the sign) or
 * u8. Integers become the nearest float, halves to even. Of bool, what is not 0 is 1. */
#include "infer.h"
#include "step.h"

enum { BLOCK = 256 };

struct state {
    size_t elements;
};

static bool is_code(qnt_dtype type) /* an integer, as it is */
{
    return type == QNT_S8 || type == QNT_U8 || type == QNT_S16 || type == QNT_U16 || type == QNT_S32 ||
           type == QNT_S64 || type == QNT_BOOL;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const uint32_t mode = n->attr.mode;
    if (x->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is a constant, expected an activation", n->name, x->name);
    if (x->type != QNT_F32 && !is_code(x->type))
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32 or integers", n->name, x->name,
                        qnt_dtype_name(x->type));
    if (x->scales && x->type != QNT_S8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s with a scale, expected s8 or none", n->name, x->name,
                        qnt_dtype_name(x->type));
    qnt_status status = x->scales ? qnt_check_quant(n, x) : QNT_OK;
    if (status)
        return status;
    if (!out->type) /* as a file's outputs of f32 are */
        out->type = QNT_F32;
    if (out->scales || (out->type != QNT_F32 && !is_code(out->type)))
        return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s with %u scales, expected a type without", n->name,
                        qnt_dtype_name(out->type), out->scales);
    if (mode && ((mode != 2 && mode != 4) || (out->type != QNT_S8 && out->type != QNT_U8)))
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u for %s, expected 0, or 2 or 4 bits in s8 or u8", n->name, mode,
                        qnt_dtype_name(out->type));
    out->bits = 8 * (uint32_t)qnt_dtype_size(out->type);
    out->zero = 0;
    qnt_infer_same_shape(m, n, out);
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->elements = qnt_tensor_count(s->out);
    s->variant = &qnt_no_variant;
    return QNT_OK;
}

static int64_t cut(float x)
{
    return x != x ? 0 : x < -0x1p63f ? INT64_MIN : x >= 0x1p63f ? INT64_MAX : (int64_t)x;
}

#define FROM(T)                                                                                                        \
    for (size_t i = 0; i < n; i++)                                                                                     \
        v[i] = ((const T *)x)[i + at];                                                                                 \
    break

static void read(qnt_dtype type, const void *x, size_t at, size_t n, int64_t *v)
{
    switch (type) {
    case QNT_F32:
        for (size_t i = 0; i < n; i++)
            v[i] = cut(((const float *)x)[i + at]);
        break;
    case QNT_S8:
        FROM(int8_t);
    case QNT_S16:
        FROM(int16_t);
    case QNT_U16:
        FROM(uint16_t);
    case QNT_S32:
        FROM(int32_t);
    case QNT_S64:
        FROM(int64_t);
    default: /* u8, bool */
        FROM(uint8_t);
    }
}
#undef FROM

#define TO(T)                                                                                                          \
    for (size_t i = 0; i < n; i++)                                                                                     \
        ((T *)y)[i + at] = (T)(uint64_t)v[i];                                                                          \
    break

static void write(qnt_dtype type, uint32_t bits, void *y, size_t at, size_t n, const int64_t *v)
{
    switch (type) {
    case QNT_F32:
        for (size_t i = 0; i < n; i++)
            ((float *)y)[i + at] = (float)v[i];
        break;
    case QNT_S8:
        for (size_t i = 0; i < n; i++) /* the low bits, the highest of them repeated above */
            ((int8_t *)y)[i + at] = (int8_t)((int8_t)(uint8_t)((uint64_t)v[i] << (8 - bits)) >> (8 - bits));
        break;
    case QNT_U8:
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[i + at] = (uint8_t)((uint64_t)v[i] & (255u >> (8 - bits)));
        break;
    case QNT_BOOL:
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[i + at] = v[i] != 0;
        break;
    case QNT_S64:
        TO(int64_t);
    case QNT_S32:
        TO(int32_t);
    default: /* s16, u16 */
        TO(uint16_t);
    }
}
#undef TO

/* Elements [at, at + n) of x to [to, to + n) of the output. */
static void block(const struct qnt_step *s, qnt_dtype from, const void *x, size_t at, void *y, size_t to, size_t n)
{
    const uint32_t bits = s->node->attr.mode ? s->node->attr.mode : 8;
    int64_t v[BLOCK];
    if (from == QNT_F32 && s->out->type == QNT_F32) {
        for (size_t i = 0; i < n; i++)
            ((float *)y)[to + i] = ((const float *)x)[at + i];
    } else if (from == QNT_F32 && s->out->type == QNT_BOOL) {
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[to + i] = ((const float *)x)[at + i] != 0.0f;
    } else {
        read(from, x, at, n, v);
        write(s->out->type, bits, y, to, n, v);
    }
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const struct qnt_tensor *in = s->in[0];
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    for (size_t i = i0; i < i1; i += BLOCK) {
        const size_t n = i1 - i < BLOCK ? i1 - i : BLOCK;
        float real[BLOCK];
        for (size_t k = 0; in->scales && k < n; k++)
            real[k] = (float)(((const int8_t *)qnt_step_in(s, x))[i + k] - in->zero) * in->scale[0];
        if (in->scales)
            block(s, QNT_F32, real, 0, qnt_step_out(s, x), i, n);
        else
            block(s, in->type, qnt_step_in(s, x), i, qnt_step_out(s, x), i, n);
    }
}

const struct qnt_op_def qnt_op_cast = {
    .name = "cast", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .run = run};
