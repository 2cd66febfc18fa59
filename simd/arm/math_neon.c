#include <math.h>
#include "arm/v_neon.h"
#include "tmpl/math_tmpl.h"
#include "tmpl/function_tmpl.h"
