#ifndef QNT_CPU_H
#define QNT_CPU_H
/** The context: which CPU this is, which kernels may be used, allocator, log. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_ctx qnt_ctx;

/** Fields are appended only; zero means the default; unknown non-zero bytes past what the library knows are refused. */
typedef struct qnt_config {
    size_t size;     /**< sizeof(qnt_config) */
    const char *isa; /**< levels allowed, as QNT_ISA ("avx2", "avx2,neon"); NULL: the variable QNT_ISA, else everything found */
    void *(*alloc)(void *user, size_t bytes, size_t alignment); /**< NULL: the library's own */
    void (*free)(void *user, void *ptr);                        /**< set together with alloc */
    void (*log)(void *user, int level, const char *text);       /**< warnings (level 1) and notes (2); NULL: silent */
    void *user;                                                 /**< passed to the three above */
} qnt_config;

/** Creates a context. config may be NULL. Reads QNT_ISA once, here, when config->isa is NULL (ignored when setuid); it can
 *  only narrow what the CPU has. An unknown level is QNT_ERR_ARG and the text lists the valid ones. The context must
 *  outlive what is made from it. Thread-safe; the context itself is read-only after creation and may be shared. */
QNT_API qnt_status qnt_ctx_create(const qnt_config *config, qnt_ctx **out);
/** NULL is allowed. */
QNT_API void qnt_ctx_free(qnt_ctx *ctx);

/** One row per ISA level of this library. */
typedef struct qnt_isa_row {
    const char *name, *text;
    int found;  /**< this CPU and OS have it */
    int built;  /**< this build holds code for it */
    int usable; /**< found, built and not narrowed away */
} qnt_isa_row;
/** Row i, or QNT_ERR_ARG past the end (no error text is set then). Thread-safe. */
QNT_API qnt_status qnt_ctx_isa(const qnt_ctx *ctx, size_t i, qnt_isa_row *out);

/** One row per kernel variant in this build. */
typedef struct qnt_kernel_info {
    const char *op, *variant, *isa;
    int usable;
    int preferred; /**< the one plain calls use; tile variants (gemm) are chosen by shape: every usable one is a candidate */
    int tile;      /**< 1: a tile descriptor chosen by shape */
} qnt_kernel_info;
QNT_API qnt_status qnt_ctx_kernel(const qnt_ctx *ctx, size_t i, qnt_kernel_info *out);

/** Runs every usable variant against the reference on fixed inputs. QNT_OK, or QNT_ERR_STATE with the variant named in
 *  qnt_last_error(). checked: receives the number of variants compared; may be NULL. */
QNT_API qnt_status qnt_ctx_selftest(const qnt_ctx *ctx, size_t *checked);

/** What the machine offers this process (by hwloc and the process's CPU affinity). */
typedef struct qnt_machine {
    size_t size;       /**< in: sizeof(qnt_machine) */
    char cpu_name[64]; /**< model name, "" when unknown */
    uint32_t cores;    /**< physical cores in the machine */
    uint32_t cpus;     /**< hardware threads in the machine */
    uint32_t usable_cores; /**< physical cores this process may use: the default team size */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /**< of the first usable core; 0: unknown */
} qnt_machine;
QNT_API qnt_status qnt_machine_get(qnt_machine *out);
/** CPU number (as the OS counts) of usable core i: one hardware thread per core, in topology order. QNT_ERR_ARG past the end. */
QNT_API qnt_status qnt_machine_core(size_t i, uint32_t *cpu);

#ifdef __cplusplus
}
#endif
#endif
