#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/models.h"

/* A model under construction: the first error stays. */
struct draft {
    qnt_model *m;
    qnt_status status;
};

/* scale 0: float. */
static int add(struct draft *d, const char *op, const char *name, const qnt_node_attr *attr, int x, int other,
               float scale, int32_t zero)
{
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = zero};
    const int in[2] = {x, other};
    int id = 0;
    if (!d->status)
        d->status = qnt_model_append_node(d->m, qnt_op_find(op), name, attr, in, other < 0 ? 1 : 2, NULL,
                                          scale > 0.0f ? &q : NULL, &id);
    return id;
}

qnt_status test_model_moves(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    enum { SIZE = sizeof(qnt_node_attr) };
    const qnt_node_attr pad = {.size = SIZE, .begin = {1}, .end = {0, 2}, .mode = QNT_PAD_REFLECT},
                        edge = {.size = SIZE, .begin = {0, 1, 1}, .end = {1}, .mode = QNT_PAD_EDGE},
                        slice = {.size = SIZE, .begin = {0, -1}, .end = {7, -9, 4}, .step = {2, -3}},
                        axes = {.size = SIZE, .axis = {1, 2, 0}},
                        grow = {.size = SIZE, .dim = {6, 5}, .rounding = QNT_RESIZE_FLOOR},
                        shrink = {.size = SIZE, .scale = {0.5f, 0.9f}, .mode = QNT_RESIZE_LINEAR},
                        join = {.size = SIZE, .axis = {2}}, regroup = {.size = SIZE, .dim = {4, 3, 8}},
                        first = {.size = SIZE, .end = {1, 1, 3}},
                        around = {.size = SIZE, .end = {0, 1}, .value = 0.25f};
    const float scale = quantized ? 0.02f : 0.0f, wider = 1.25f * scale;
    struct draft d = {NULL, qnt_model_new(ctx, &d.m)};
    int x = 0, y;
    if (d.status)
        return d.status;
    d.status = qnt_model_add_input(d.m, "image", 3, (const size_t[]){6, 6, 3}, &x);
    if (quantized)
        x = add(&d, "quantize", "image.q", NULL, x, -1, scale, -3);
    x = add(&d, "pad", "pad", &pad, x, -1, scale, -3);            /* 7 x 8 x 3 */
    x = add(&d, "pad", "edge", &edge, x, -1, scale, -3);          /* 8 x 9 x 4 */
    x = add(&d, "slice", "slice", &slice, x, -1, scale, -3);      /* 4 x 3 x 4 */
    x = add(&d, "transpose", "axes", &axes, x, -1, scale, -3);    /* 3 x 4 x 4 */
    x = add(&d, "resize", "grow", &grow, x, -1, scale, -3);       /* 6 x 5 x 4 */
    y = add(&d, "resize", "shrink", &shrink, x, -1, wider, 9);    /* 3 x 4 x 4 */
    x = add(&d, "concat", "join", &join, y, y, scale, 0);         /* 3 x 4 x 8 */
    x = add(&d, "reshape", "regroup", &regroup, x, -1, scale, 0); /* 4 x 3 x 8 */
    x = add(&d, "pad", "around", &around, x, -1, scale, 0);       /* 4 x 4 x 8 */
    x = add(&d, "global_maxpool", "top", NULL, x, -1, scale, 0);  /* 1 x 1 x 8 */
    x = add(&d, "slice", "first", &first, x, -1, scale, 0);       /* 1 x 1 x 3 */
    if (quantized)
        x = add(&d, "dequantize", "result", NULL, x, -1, 0.0f, 0);
    if (!d.status)
        d.status = qnt_model_set_output(d.m, x);
    if (d.status)
        qnt_model_free(d.m);
    else
        *out = d.m;
    return d.status;
}
