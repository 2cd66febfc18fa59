#include "x86/v_avx2.h"
#include "tmpl/quantize_tmpl.h"
