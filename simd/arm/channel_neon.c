#include "arm/v_neon.h"
#include "tmpl/channel_tmpl.h"
