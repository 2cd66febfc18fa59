#include "arm/v_neon.h"
#include "tmpl/train_tmpl.h"
