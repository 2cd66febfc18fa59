#include "arm/v_neon.h"
#include "tmpl/pair_tmpl.h"
