/* Good files, made by the library's own writer. */
#include <stdbool.h>
#include "tests/common/models.h"
#include "tests/fuzz/fuzz.h"

static qnt_status signs(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    return quantized ? test_model_signs(ctx, out) : test_model_binary(ctx, false, out);
}

static const struct {
    qnt_status (*make)(qnt_ctx *ctx, bool quantized, qnt_model **out);
} layers[] = {{test_model_pools},    {test_model_depthwise}, {test_model_binary},    {signs},
              {test_model_moves},    {test_model_pairs},     {test_model_functions}, {test_model_borders},
              {test_model_integers}, {test_model_values},    {test_model_recurrent}, {test_model_blocks}};
enum { FIRST_LAYER = 9, SEEDS = FIRST_LAYER + 2 * sizeof layers / sizeof *layers };

size_t fuzz_seed(size_t i, uint8_t **data)
{
    static qnt_ctx *ctx;
    qnt_model *m;
    qnt_status status;
    size_t size = 0;
    if (i >= SEEDS)
        return 0;
    if (!ctx)
        ctx = fuzz_context("ref");
    if (i < FIRST_LAYER)
        status = i ? test_model_quantized(ctx, (uint32_t)i, &m) : test_model_float(ctx, &m);
    else
        status = layers[(i - FIRST_LAYER) / 2].make(ctx, i % 2, &m);
    if (status || !(*data = fuzz_bytes(m, &size)))
        fuzz_wrong("seed %zu: %s", i, qnt_last_error());
    qnt_model_free(m);
    return size;
}
