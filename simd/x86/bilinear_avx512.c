#include "x86/v_avx512.h"
#include "tmpl/bilinear_tmpl.h"
