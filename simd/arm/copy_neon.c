#include "arm/v_neon.h"
#include "tmpl/copy_tmpl.h"
