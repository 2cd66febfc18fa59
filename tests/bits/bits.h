#ifndef BITS_BITS_H
#define BITS_BITS_H
/* What must have the same bytes everywhere, and the bytes it must have. rows.def lists it. */
#include <stdbool.h>
#include <stdint.h>
#include <qnt/model.h>

struct bits_row {
    const char *name;
    /* Builds the model whose sessions are compared, or NULL: then train gives the digest. */
    qnt_status (*build)(qnt_ctx *ctx, const struct bits_row *row, qnt_model **out);
    const char *architecture;
    uint32_t bits; /* of the weights, as weight_bits of qnt_train_config */
    const char *layer_bits;
    bool heavy; /* too slow for an emulator */
    uint64_t digest;
};
extern const struct bits_row bits_rows[]; /* ends with name NULL */

/* Two steps of training of a small network (architecture "signs": with batch norms and a binary layer), or of the row's
 * architecture, on the built-in set: digest of every weight, scale and range that results.
 */
qnt_status bits_train(qnt_ctx *ctx, const struct bits_row *row, uint32_t threads, uint64_t *digest);
#endif
