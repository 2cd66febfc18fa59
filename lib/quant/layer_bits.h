#ifndef QUANT_LAYER_BITS_H
#define QUANT_LAYER_BITS_H
/* Widths of weights by layer, as text: "conv1=8,fc1=ternary". */
#include "lib/graph/graph.h"

/* Every entry names a layer of the model that has weights, and a width: 1 to 8 or ternary. */
qnt_status qnt_layer_bits_check(const struct qnt_model *f, const char *text);
/* The entry of `name`, else `others`. QNT_BITS_TERNARY for ternary. text: checked, or NULL. */
uint32_t qnt_layer_bits(const char *text, const char *name, uint32_t others);
#endif
