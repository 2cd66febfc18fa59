/* Binary layers as they run: codes and scales in place of the floats that were trained. */
#include "lib/op/binary.h"
#include "lib/train/trainer.h"

static qnt_status binarize(struct qnt_model *m, struct qnt_tensor *w)
{
    const size_t count = qnt_tensor_count(w), channels = w->dim[0];
    int8_t *codes = qnt_alloc(m->ctx, count, w->name);
    float *scale = qnt_alloc_array(m->ctx, channels, sizeof *scale, w->name);
    if (!codes || !scale) {
        qnt_release(m->ctx, codes);
        qnt_release(m->ctx, scale);
        return QNT_ERR_NOMEM;
    }
    qnt_binary_weights(&m->ctx->dsp, w->data, channels, count / channels, codes, scale);
    if (w->owns_data)
        qnt_release(m->ctx, w->data);
    qnt_release(m->ctx, w->scale);
    w->type = QNT_S8;
    w->bits = 1;
    w->scales = (uint32_t)channels;
    w->scale = scale;
    w->data = codes;
    w->owns_data = true;
    return QNT_OK;
}

qnt_status qnt_train_binarize(struct qnt_model *m)
{
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < m->n_nodes && !status; i++)
        if (qnt_is_binary(&m->node[i]) && m->tensor[m->node[i].in[1]].type == QNT_F32)
            status = binarize(m, &m->tensor[m->node[i].in[1]]);
    return status;
}
