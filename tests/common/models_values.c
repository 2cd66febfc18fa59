/* Models of the ops that training does not know: functions, pairs and reductions, one after another; recurrent layers.
 */
#include <string.h>
#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/models.h"

enum { SIDE = 6, CHANNELS = 3, HIDDEN = 4 };

struct draft {
    qnt_model *m;
    bool quantized;
    qnt_status status;
};

static int named(struct draft *d, const char *op, const char *name, const qnt_node_attr *attr, const int *in,
                 size_t n_in, bool f32)
{
    float scale = 0.02f;
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = -3};
    int id = 0;
    if (!d->status)
        d->status = qnt_model_append_node(d->m, qnt_op_find(op), name, attr, in, n_in, NULL,
                                          d->quantized && !f32 ? &q : NULL, &id);
    return id;
}

static int node(struct draft *d, const char *op, const qnt_node_attr *attr, const int *in, size_t n_in, bool f32)
{
    return named(d, op, op, attr, in, n_in, f32);
}

/* Places for gather. */
static int places(struct draft *d)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t) "places",
                           .type = QNT_S32,
                           .bits = 32,
                           .rank = 1,
                           .dim = {SIDE},
                           .constant = true,
                           .owns_data = true};
    int id = 0;
    if (d->status)
        return 0;
    if (!(t.data = qnt_alloc_array(d->m->ctx, SIDE, sizeof(int32_t), t.name))) {
        d->status = QNT_ERR_NOMEM;
        return 0;
    }
    for (int32_t i = 0; i < SIDE; i++)
        ((int32_t *)t.data)[i] = i * i % 5 - 2;
    if ((d->status = qnt_model_append_tensor(d->m, &t, &id)))
        qnt_release(d->m->ctx, t.data);
    return id;
}

/* Floats for a recurrent layer. */
static int floats(struct draft *d, const char *name, const size_t *dim)
{
    const size_t count = dim[0] * dim[1] * dim[2];
    float data[12 * HIDDEN * HIDDEN];
    int id = 0;
    for (size_t i = 0; i < count; i++)
        data[i] = 0.05f * (float)((int)(i * 7 % 11) - 5);
    if (!d->status)
        d->status = qnt_model_add_const(d->m, name, 3, dim, data, &id);
    return id;
}

/* [CHANNELS] or [CHANNELS][CHANNELS] values; codes in a quantized model, where they are not wanted as floats. */
static int constant(struct draft *d, const char *name, uint32_t rank, bool f32)
{
    const bool codes = d->quantized && !f32;
    const int count = rank == 2 ? CHANNELS * CHANNELS : CHANNELS;
    float scale = 0.01f;
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name,
                           .type = codes ? QNT_S8 : QNT_F32,
                           .bits = codes ? 8 : 32,
                           .rank = rank,
                           .dim = {CHANNELS, rank == 2 ? CHANNELS : 0},
                           .scales = codes,
                           .scale = &scale,
                           .constant = true,
                           .owns_data = true};
    int id = 0;
    if (d->status)
        return 0;
    if (!(t.data = qnt_alloc_array(d->m->ctx, (size_t)count, qnt_dtype_size(t.type), name))) {
        d->status = QNT_ERR_NOMEM;
        return 0;
    }
    for (int i = 0; i < count; i++)
        if (codes)
            ((int8_t *)t.data)[i] = (int8_t)(20 + 11 * i);
        else
            ((float *)t.data)[i] = 0.2f + 0.11f * (float)i;
    if ((d->status = qnt_model_append_tensor(d->m, &t, &id)))
        qnt_release(d->m->ctx, t.data);
    return id;
}

static int functions(struct draft *d, int x)
{
    static const char *const ops[] = {"elu", "gelu", "hard_sigmoid", "erf",  "exp",   "sqrt", "reciprocal",
                                      "log", "neg",  "abs",          "sign", "floor", "ceil", "round"};
    const qnt_node_attr attr = {.size = sizeof attr, .lo = 0.5f, .hi = 0.25f};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        x = node(d, ops[i], &attr, &x, 1, false);
    return x;
}

/* In floats. */
static int reductions(struct draft *d, int x)
{
    static const char *const ops[] = {"reduce_sum", "reduce_max", "reduce_min", "reduce_mean"};
    qnt_node_attr attr = {.size = sizeof attr, .axis = {1}};
    int in[2] = {x, constant(d, "gamma", 1, true)};
    x = node(d, "layer_norm", NULL, in, 2, true);
    x = node(d, "log_softmax", &attr, &x, 1, true);
    for (uint32_t i = 0; i < 4; i++) {
        attr.axis[0] = i % 2;
        attr.axis[1] = !(i % 2);
        x = node(d, ops[i], &attr, &x, 1, true);
    }
    return x;
}

/* Codes of s16, their sums as s64, and back. */
static int integers(struct draft *d, int x)
{
    const struct qnt_tensor s16 = {.type = QNT_S16, .bits = 16}, s64 = {.type = QNT_S64, .bits = 64};
    const qnt_node_attr first = {.size = sizeof first, .axis = {1}};
    int in[2] = {x, floats(d, "by", (size_t[]){1, 1, 1})}, most = 0, whole = 0;
    if (d->status)
        return 0;
    d->m->tensor[in[1]].rank = 3;
    *(float *)d->m->tensor[in[1]].data = 0.125f;
    most = node(d, "argmax", &first, &x, 1, true);
    if (!d->status)
        d->status = qnt_model_append_node(d->m, &qnt_op_quantize_by, "codes", NULL, in, 2, NULL, &s16, &x);
    if (!d->status)
        d->status = qnt_model_append_node(d->m, &qnt_op_cast, "whole", NULL, &x, 1, NULL, &s64, &whole);
    most = named(d, "add", "far", NULL, (int[]){whole, most}, 2, true);
    if (!d->status)
        d->status = qnt_model_append_node(d->m, &qnt_op_cast, "short", NULL, &most, 1, NULL, &s16, &in[0]);
    return node(d, "dequantize_by", NULL, in, 2, true);
}

qnt_status test_model_values(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const size_t dim[] = {SIDE, SIDE, CHANNELS};
    struct draft d = {.quantized = quantized};
    int x = 0, in[2];
    if (!(d.status = qnt_model_new(ctx, &d.m)))
        d.status = qnt_model_add_input(d.m, "image", 3, dim, &x);
    if (quantized)
        x = node(&d, "quantize", NULL, &x, 1, false);
    in[0] = x;
    in[1] = constant(&d, "slope", 1, false);
    in[0] = node(&d, "prelu", NULL, in, 2, false);
    in[1] = constant(&d, "least", 1, false);
    in[0] = node(&d, "max", NULL, in, 2, false);
    in[1] = node(&d, "div", NULL, (int[]){in[1], in[0]}, 2, false);
    in[0] = functions(&d, in[0]);
    in[0] = node(&d, "min", NULL, in, 2, false);
    in[1] = constant(&d, "matrix", 2, false);
    in[0] = node(&d, "matmul", NULL, in, 2, false);
    in[1] = places(&d);
    x = node(&d, "gather", NULL, in, 2, false);
    if (quantized)
        x = node(&d, "dequantize", NULL, &x, 1, true);
    x = integers(&d, reductions(&d, x));
    if (!d.status)
        d.status = qnt_model_set_output(d.m, x);
    if (d.status)
        qnt_model_free(d.m);
    else
        *out = d.m;
    return d.status;
}

qnt_status test_model_recurrent(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    static const char *const ops[] = {"rnn", "gru", "lstm"}, *const w[] = {"rnn w", "gru w", "lstm w"},
                             *const r[] = {"rnn r", "gru r", "lstm r"};
    static const size_t gates[] = {1, 3, 4};
    const size_t dim[] = {SIDE, SIDE, CHANNELS};
    struct draft d = {.quantized = quantized};
    int in[3] = {0};
    if (!(d.status = qnt_model_new(ctx, &d.m)))
        d.status = qnt_model_add_input(d.m, "image", 3, dim, &in[0]);
    if (quantized) {
        in[0] = node(&d, "quantize", NULL, in, 1, false);
        in[0] = node(&d, "dequantize", NULL, in, 1, true);
    }
    for (int i = 0; i < 3; i++) {
        const qnt_node_attr backwards = {.size = sizeof backwards, .mode = QNT_RNN_REVERSE},
                            y = {.size = sizeof y, .end = {SIDE * SIDE * HIDDEN}, .step = {1}},
                            box = {.size = sizeof box, .dim = {SIDE, SIDE, HIDDEN}};
        const char *name[] = {"first", "second", "third"}, *cut[] = {"first y", "second y", "third y"};
        in[1] = floats(&d, w[i], (size_t[]){1, gates[i] * HIDDEN, i ? HIDDEN : CHANNELS});
        in[2] = floats(&d, r[i], (size_t[]){1, gates[i] * HIDDEN, HIDDEN});
        in[0] = named(&d, ops[i], ops[i], i == 1 ? &backwards : NULL, in, 3, true);
        in[0] = named(&d, "slice", cut[i], &y, in, 1, true);
        in[0] = named(&d, "reshape", name[i], &box, in, 1, true);
    }
    if (!d.status)
        d.status = qnt_model_set_output(d.m, in[0]);
    if (d.status)
        qnt_model_free(d.m);
    else
        *out = d.m;
    return d.status;
}
