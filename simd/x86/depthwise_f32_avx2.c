#include "x86/v_avx2.h"
enum { DF_PART = 1 }; /* parts of vectors are put together by branches */
#include "tmpl/depthwise_f32_tmpl.h"
