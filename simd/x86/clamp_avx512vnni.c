#include "x86/v_avx512vnni.h"
#include "tmpl/clamp_tmpl.h"
