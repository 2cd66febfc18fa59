#include "x86/v_avx2.h"
#include "tmpl/copy_tmpl.h"
