#include "x86/v_avx512.h"
#include "tmpl/clamp_tmpl.h"
