#include "x86/v_avx512.h"
#include "tmpl/quantize_tmpl.h"
