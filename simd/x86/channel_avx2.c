#include "x86/v_avx2.h"
#include "tmpl/channel_tmpl.h"
