#include "x86/v_avx512.h"
enum { DF_PART = 8 }; /* parts of vectors cost no more: layers of 8 channels are common */
#include "tmpl/depthwise_f32_tmpl.h"
