#ifndef TESTS_COMMON_TWIN_H
#define TESTS_COMMON_TWIN_H
/* The quantized twin of a float model without a training or a calibration run. */
#include <qnt/model.h>

/* Weights of `bits` (layer_bits: as qnt_train_config says, or NULL), s8 activations. The input's range is [-1, 1]; the
 * others are what values of zero mean would spread to, three deviations wide: good enough that every layer passes on
 * what it sees, and the same on every machine, since it comes from weights by plain doubles alone. */
qnt_status test_twin(const qnt_model *model, uint32_t bits, const char *layer_bits, qnt_model **out);
#endif
