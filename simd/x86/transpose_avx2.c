#include "x86/v_avx2.h"
#include "tmpl/transpose_tmpl.h"
#include "tmpl/transpose32_tmpl.h"
