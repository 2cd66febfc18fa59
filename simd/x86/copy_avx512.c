#include "x86/v_avx512.h"
#include "tmpl/copy_tmpl.h"
