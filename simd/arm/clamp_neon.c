#include "arm/v_neon.h"
#include "tmpl/clamp_tmpl.h"
