#include "arm/v_neon.h"
#include "tmpl/requantize_tmpl.h"
