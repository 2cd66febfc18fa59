#include "x86/v_avx512.h"
#include "tmpl/channel_tmpl.h"
