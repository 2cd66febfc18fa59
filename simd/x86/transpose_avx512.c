/* Bytes only: of dwords, a vector would be put together from more parts than it saves moves, and AVX2 is faster. */
#include "x86/v_avx512.h"
#include "tmpl/transpose_tmpl.h"
