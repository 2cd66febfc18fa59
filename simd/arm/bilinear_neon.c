#include "arm/v_neon.h"
#include "tmpl/bilinear_tmpl.h"
