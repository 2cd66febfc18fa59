#ifndef UNIT_PTQ_UTIL_H
#define UNIT_PTQ_UTIL_H
/* What tests of post-training quantization share. */
#include <qnt/quantize.h>
#include <qnt/session.h>
#include <qnt/train.h>
#include "lib/quant/ptq.h"
#include "op_util.h"
#include "same_model.h"
#include "tests/common/models.h"
#include "tests/common/oom.h"

enum { INPUTS = 12 };
static qnt_ctx *ctx;
static float inputs[INPUTS * TEST_MODEL_IN];

static inline void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    test_model_images(inputs, INPUTS * TEST_MODEL_IN);
}

static inline void teardown(void)
{
    qnt_ctx_free(ctx);
}

/* The whole way in a context of its own, whose allocations may fail; layer: NULL, or a choice made afterwards. */
static inline qnt_status ptq_or_fail(const qnt_ptq_config *config, const qnt_ptq_layer *layer)
{
    qnt_ctx *own;
    qnt_model *f = NULL, *q = NULL;
    qnt_ptq *p = NULL;
    qnt_status status = qnt_ctx_create(&oom_config, &own);
    if (status)
        return status;
    if (!(status = test_model_float(own, &f)) && !(status = qnt_ptq_create(f, config, &p)) &&
        !(status = qnt_ptq_observe(p, inputs, 1)) && (!layer || !(status = qnt_ptq_choose(p, layer, 1))))
        status = qnt_ptq_model(p, &q);
    qnt_model_free(q);
    qnt_ptq_free(p);
    qnt_model_free(f);
    qnt_ctx_free(own);
    return status;
}
#endif
