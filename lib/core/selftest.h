#ifndef CORE_SELFTEST_H
#define CORE_SELFTEST_H
#include "lib/core/core.h"
/* One fixed full tile of a descriptor against a plain loop. */
bool qnt_selftest_tile(const struct qnt_gemm *g);
#endif
