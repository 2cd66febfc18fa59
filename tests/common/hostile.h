#ifndef TESTS_COMMON_HOSTILE_H
#define TESTS_COMMON_HOSTILE_H
/* A good .qnt file in memory, a copy to be damaged, and what must then happen: for the tests of damaged files. */
#include <qnt/model.h>
#include "tests/common/qnt_bytes.h"

/* Tensors of the model: 0 image, 1 image.q, 2 conv.weight, 3 conv.bias, 4 conv, 5 relu, 6 pool, 7 flat, 8 fc.weight, 9
 * fc, 10 logits; nodes: quantize, conv2d, relu, maxpool, flatten, fully_connected, dequantize; 3-bit weights. */
struct hostile {
    qnt_ctx *ctx;
    struct qnt_bytes good, bad; /* as saved; a copy of the same size, to be damaged */
    size_t live;                /* allocations of the context that are not freed: 1 between the tests, the context */
    size_t largest;             /* bytes of the largest allocation since set-up */
};
extern struct hostile hostile;

/* Fixtures of a check case. moves, borders: of that test_model_..., quantized, instead. */
void hostile_setup(void);
void hostile_setup_moves(void);
void hostile_setup_borders(void);
void hostile_teardown(void);
/* Loads from a block of exactly this size, so that the sanitizers see an over-read. */
qnt_status hostile_load(const uint8_t *data, size_t n, qnt_model **m);
/* hostile.bad must be refused with a text that holds `text`, and nothing leaked. what, at: for the failure's text. */
void hostile_refused(const char *what, size_t at, const char *text);
#endif
