#include "x86/v_avx2.h"
#include "tmpl/bilinear_tmpl.h"
