#ifndef TRAIN_DATASET_H
#define TRAIN_DATASET_H
/* Images as they lie in memory. Parts of one set (hold-out) share the storage. */
#include <qnt/train.h>
#include "lib/core/core.h"

enum { QNT_IMAGE_SIDE = 32, QNT_IMAGE_CHANNELS = 3, QNT_IMAGE_BYTES = 32 * 32 * 3, QNT_IMAGE_CLASSES = 10 };

struct qnt_dataset_store {
    uint8_t *images; /* [n][32][32][3] */
    uint8_t *labels; /* [n] */
    _Atomic uint32_t refs;
};
struct qnt_dataset {
    const qnt_ctx *ctx;
    struct qnt_dataset_store *store;
    const uint8_t *images, *labels; /* this part */
    size_t n;
};
/* n zeroed images, to be filled through store. */
qnt_status qnt_dataset_alloc(const qnt_ctx *ctx, size_t n, qnt_dataset **out);
#endif
