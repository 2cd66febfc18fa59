#include "x86/v_avx512.h"
#include "tmpl/train_tmpl.h"
