#include "x86/v_avx512vnni.h"
#include "tmpl/pool_tmpl.h"
