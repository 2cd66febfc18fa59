#include "x86/v_avx512.h"
#include "tmpl/binarize_tmpl.h"
