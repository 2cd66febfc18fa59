/* What every file of a level above ref includes: parsed once for each level instead of once for each file, half of the
 * time that compilers take for most of them. Files name it themselves, so each compiles without. */
#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif
