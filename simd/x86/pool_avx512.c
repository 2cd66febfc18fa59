#include "x86/v_avx512.h"
#include "tmpl/pool_tmpl.h"
