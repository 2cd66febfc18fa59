#include "x86/v_avx2.h"
#include "tmpl/pool_tmpl.h"
