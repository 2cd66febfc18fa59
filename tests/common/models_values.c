/* A model of the ops that training does not know: functions, pairs and reductions, one after another. */
#include <string.h>
#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/models.h"

enum { SIDE = 6, CHANNELS = 3 };

struct draft {
    qnt_model *m;
    bool quantized;
    qnt_status status;
};

static int node(struct draft *d, const char *op, const qnt_node_attr *attr, const int *in, size_t n_in, bool f32)
{
    float scale = 0.02f;
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = -3};
    int id = 0;
    if (!d->status)
        d->status = qnt_model_append_node(d->m, qnt_op_find(op), op, attr, in, n_in, NULL,
                                          d->quantized && !f32 ? &q : NULL, &id);
    return id;
}

/* [CHANNELS] values; codes in a quantized model. */
static int constant(struct draft *d, const char *name)
{
    float scale = 0.01f;
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name,
                           .type = d->quantized ? QNT_S8 : QNT_F32,
                           .bits = d->quantized ? 8 : 32,
                           .rank = 1,
                           .dim = {CHANNELS},
                           .scales = d->quantized,
                           .scale = &scale,
                           .constant = true,
                           .owns_data = true};
    int id = 0;
    if (d->status)
        return 0;
    if (!(t.data = qnt_alloc_array(d->m->ctx, CHANNELS, qnt_dtype_size(t.type), name))) {
        d->status = QNT_ERR_NOMEM;
        return 0;
    }
    for (int i = 0; i < CHANNELS; i++)
        if (d->quantized)
            ((int8_t *)t.data)[i] = (int8_t)(20 + 30 * i);
        else
            ((float *)t.data)[i] = 0.2f + 0.3f * (float)i;
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
    x = node(d, "log_softmax", &attr, &x, 1, true);
    for (uint32_t i = 0; i < 4; i++) {
        attr.axis[0] = i % 2;
        attr.axis[1] = !(i % 2);
        x = node(d, ops[i], &attr, &x, 1, true);
    }
    return x;
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
    in[1] = constant(&d, "slope");
    in[0] = node(&d, "prelu", NULL, in, 2, false);
    in[1] = constant(&d, "least");
    in[0] = node(&d, "max", NULL, in, 2, false);
    in[1] = node(&d, "div", NULL, (int[]){in[1], in[0]}, 2, false);
    in[0] = functions(&d, in[0]);
    x = node(&d, "min", NULL, in, 2, false);
    if (quantized)
        x = node(&d, "dequantize", NULL, &x, 1, true);
    x = reductions(&d, x);
    if (!d.status)
        d.status = qnt_model_set_output(d.m, x);
    if (d.status)
        qnt_model_free(d.m);
    else
        *out = d.m;
    return d.status;
}
