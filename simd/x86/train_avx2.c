#include "x86/v_avx2.h"
#include "tmpl/train_tmpl.h"
