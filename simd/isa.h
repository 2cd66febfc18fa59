#ifndef SIMD_ISA_H
#define SIMD_ISA_H
/* ISA levels as ids and bit sets; QNT_ON() drops lines whose ISA this build does not have. */
#include <stdint.h>
#include "isa_build.h" /* from meson: QNT_HAVE_<isa> as 0 or 1 */

enum qnt_isa {
#define QNT_ISA(id, arch, implies, text) QNT_ISA_##id,
#include "isa.def"
#undef QNT_ISA
    QNT_ISA_COUNT
};

enum qnt_arch { QNT_ARCH_ANY, QNT_ARCH_X86, QNT_ARCH_ARM };
#if defined(__x86_64__)
#define QNT_ARCH_HERE QNT_ARCH_X86
#elif defined(__aarch64__)
#define QNT_ARCH_HERE QNT_ARCH_ARM
#else
#define QNT_ARCH_HERE QNT_ARCH_ANY
#endif

typedef uint32_t qnt_isa_set;
#define QNT_ISA_FLAG(id) ((qnt_isa_set)1 << QNT_ISA_##id)

#define QNT_CAT_(a, b) a##b
#define QNT_CAT(a, b) QNT_CAT_(a, b)
#define QNT_IF_0(...)
#define QNT_IF_1(...) __VA_ARGS__
#define QNT_ON(isa, ...) QNT_CAT(QNT_IF_, QNT_HAVE_##isa)(__VA_ARGS__)

/* gcc 12 leaves constant-trip loops over accumulator arrays rolled (and spills them); clang 14 unrolls long ones only
 * after it has given the array a place in memory, unless told. */
#if defined(__clang__)
#define QNT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define QNT_UNROLL _Pragma("GCC unroll 32")
#endif
#define QNT_INLINE static inline __attribute__((always_inline))
#endif
