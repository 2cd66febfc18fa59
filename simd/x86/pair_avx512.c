#include "x86/v_avx512.h"
#include "tmpl/pair_tmpl.h"
