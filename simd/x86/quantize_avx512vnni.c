#include "x86/v_avx512vnni.h"
#include "tmpl/quantize_tmpl.h"
