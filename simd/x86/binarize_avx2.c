#include "x86/v_avx2.h"
#include "tmpl/binarize_tmpl.h"
