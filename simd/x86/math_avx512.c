#include <math.h>
#include "x86/v_avx512.h"
#include "tmpl/math_tmpl.h"
#include "tmpl/function_tmpl.h"
