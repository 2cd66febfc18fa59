#include "x86/v_avx512.h"
#include "tmpl/requantize_tmpl.h"
