#include "x86/v_avx2.h"
#include "tmpl/clamp_tmpl.h"
