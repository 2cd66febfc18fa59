#include "arm/v_neon.h"
#include "tmpl/transpose_tmpl.h"
#include "tmpl/transpose32_tmpl.h"
