#include "x86/v_avx512vnni.h"
#include "tmpl/requantize_tmpl.h"
