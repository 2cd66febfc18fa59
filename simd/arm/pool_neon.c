#include "arm/v_neon.h"
#include "tmpl/pool_tmpl.h"
