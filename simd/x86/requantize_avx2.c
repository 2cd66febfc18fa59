#include "x86/v_avx2.h"
#include "tmpl/requantize_tmpl.h"
