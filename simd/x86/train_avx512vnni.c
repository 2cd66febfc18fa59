#include "x86/v_avx512vnni.h"
#include "tmpl/train_tmpl.h"
