#include "arm/v_neon.h"
#include "tmpl/quantize_tmpl.h"
