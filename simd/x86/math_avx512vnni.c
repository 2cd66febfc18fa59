#include <math.h>
#include "x86/v_avx512vnni.h"
#include "tmpl/math_tmpl.h"
