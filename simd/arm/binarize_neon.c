#include "arm/v_neon.h"
#include "tmpl/binarize_tmpl.h"
