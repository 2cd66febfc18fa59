#include "x86/v_avx2.h"
#include "tmpl/pair_tmpl.h"
