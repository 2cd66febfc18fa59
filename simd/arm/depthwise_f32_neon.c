#include "arm/v_neon.h"
enum { DF_PART = 1 }; /* parts of vectors are put together by branches */
#include "tmpl/depthwise_f32_tmpl.h"
