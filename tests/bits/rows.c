#include <stddef.h>
#include <qnt/train.h>
#include "bits.h"
#include "lib/graph/graph.h"
#include "tests/common/models.h"
#include "tests/common/twin.h"

enum { SEED = 3 };

/* The library's weights are too small for a deep network without training: biases would drown the image. These keep the
 * mean square of values through a layer and its relu (He et al. 2015, arXiv:1502.01852). */
static qnt_status plain(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out)
{
    const float weights = 2.4494898f, biases = 0.125f; /* from variance 1/3 to 2 over the fan-in */
    qnt_status status = qnt_model_build(ctx, row->architecture, SEED, out);
    for (size_t i = 0; !status && i < (*out)->n_tensors; i++) {
        const struct qnt_tensor *t = &(*out)->tensor[i];
        const size_t n = t->constant ? qnt_tensor_count(t) : 0;
        for (size_t k = 0; k < n; k++)
            ((float *)t->data)[k] *= t->rank > 1 ? weights : biases;
    }
    return status;
}

static qnt_status twin(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out)
{
    qnt_model *model;
    qnt_status status = plain(ctx, row, &model);
    if (status)
        return status;
    status = test_twin(model, row->bits, row->layer_bits, out);
    qnt_model_free(model);
    return status;
}

static qnt_status signs(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out)
{
    (void)row;
    return test_model_signs(ctx, out);
}

#define SMALL(name)                                                                                                    \
    static qnt_status name(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out)                                  \
    {                                                                                                                  \
        return test_model_##name(ctx, row->bits > 0, out);                                                             \
    }
SMALL(binary)
SMALL(depthwise)
SMALL(functions)
SMALL(moves)
SMALL(pairs)
SMALL(pools)

static qnt_status layers(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out)
{
    (void)row;
    return test_model_float(ctx, out);
}

#define ROW(...) {__VA_ARGS__},
const struct bits_row bits_rows[] = {
#include "rows.def"
    {NULL, NULL, NULL, 0, NULL, false, 0}};
#undef ROW
