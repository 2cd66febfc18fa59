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
    /** The three functions are called from any thread that calls the library, also at the same time.
     *  alloc: all memory that objects of this context hold, and what is needed on the way there; bytes is a multiple of
     *  alignment, a power of two; NULL is QNT_ERR_NOMEM from the call. Not through it: what libc and hwloc allocate for
     *  themselves (threads, open files, the topology). NULL: the library's own, aligned_alloc and free. */
    void *(*alloc)(void *user, size_t bytes, size_t alignment);
    void (*free)(void *user, void *ptr);                  /**< set together with alloc; ptr is never NULL */
    void (*log)(void *user, int level, const char *text); /**< warnings (level 1) and notes (2); NULL: silent */
    void *user;                                           /**< passed to the three above */
    /** File of the costs that tiles are chosen by, measured on this machine by `qbench tune`; it changes what is fast, no
     *  result. "": none. NULL: the variable QNT_COSTS says it, and where it is not set the file of this kind of CPU in the
     *  user's cache folder, $XDG_CACHE_HOME or ~/.cache, does. One that cannot be used is a warning. */
    const char *costs;
} qnt_config;

/** Creates a context. config may be NULL. Reads QNT_ISA once, here, when config->isa is NULL (ignored when setuid); it can
 *  only narrow what the CPU has. An unknown level is QNT_ERR_ARG and the text lists the valid ones. The file of costs and
 *  the variables that name it are read here, too, and never again. The context must outlive what is made from it.
 *  Thread-safe; the context itself is read-only after creation and may be shared. */
QNT_API qnt_status qnt_ctx_create(const qnt_config *config, qnt_ctx **out);
/** Nothing made from it may be left. NULL is allowed. Frees the context. */
QNT_API void qnt_ctx_free(qnt_ctx *ctx);

/** One row per ISA level of this library. */
typedef struct qnt_isa_row {
    const char *name, *text;
    int found;  /**< this CPU and OS have it */
    int built;  /**< this build holds code for it */
    int usable; /**< found, built and not narrowed away */
    const char *reason; /**< why it is not usable: "the CPU lacks AVX2"; "" when it is */
} qnt_isa_row;
/** Row i, or QNT_ERR_ARG past the end (no error text is set then). Thread-safe. */
QNT_API qnt_status qnt_ctx_isa(const qnt_ctx *ctx, size_t i, qnt_isa_row *out);

/** One row per kernel variant of this architecture, also those that this build lacks; the variants of an op slow to fast. */
typedef struct qnt_kernel_info {
    const char *op, *variant, *isa;
    int usable;
    int preferred; /**< the one plain calls use; tile variants (gemm) are chosen by shape: every usable one is a candidate */
    int tile;      /**< 1: a tile descriptor chosen by shape */
    const char *reason; /**< why it is not usable, as of its level; "" when it is */
} qnt_kernel_info;
/** Row i, or QNT_ERR_ARG past the end (no error text is set then). Thread-safe. */
QNT_API qnt_status qnt_ctx_kernel(const qnt_ctx *ctx, size_t i, qnt_kernel_info *out);

/** Which costs tiles are chosen by. */
typedef struct qnt_costs_info {
    size_t size;        /**< in: sizeof(qnt_costs_info) */
    const char *file;   /**< the file of measured costs in use, or else the one looked for; "" when there is none to be */
    const char *reason; /**< why the library's own are used: "line 7: expected ..., found ..."; "" when the file's are */
} qnt_costs_info;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. Texts are the context's. Thread-safe. */
QNT_API qnt_status qnt_ctx_costs(const qnt_ctx *ctx, qnt_costs_info *out);

/** Runs every usable variant against the reference on fixed inputs. QNT_OK, or QNT_ERR_STATE with the variant named in
 *  qnt_last_error(). checked: receives the number of variants compared; may be NULL. Thread-safe. */
QNT_API qnt_status qnt_ctx_selftest(const qnt_ctx *ctx, size_t *checked);

/** What the machine offers this process. Usable cores: those with a hardware thread that the cpusets and the calling thread's
 *  affinity mask allow, of the fastest kind among these (a capacity of at least three quarters of the greatest one), one
 *  hardware thread each, and not more than the quota of the control groups pays for (rounded down, at least 1: with a
 *  quota of 1.5 CPUs a second worker would stand still for a third of the time). */
typedef struct qnt_machine {
    size_t size;       /**< in: sizeof(qnt_machine) */
    char cpu_name[64]; /**< model name, "" when unknown */
    uint32_t cores;    /**< physical cores in the machine */
    uint32_t cpus;     /**< hardware threads in the machine */
    uint32_t usable_cores; /**< physical cores this process may use: the default team size */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /**< of the first usable core; 0: unknown */
    uint32_t numa_nodes;  /**< that have cores */
    uint32_t quota_milli; /**< CPU time by control groups (cpu.max, cpu.cfs_quota_us; the tightest of all above this
                               process), in thousandths of a CPU; 0: no limit */
    char quota_file[128]; /**< the file that says so, "" without a limit */
    const char *source;   /**< what told of the cores: "hwloc" or "sysfs" */
} qnt_machine;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. Thread-safe. */
QNT_API qnt_status qnt_machine_get(qnt_machine *out);
/** CPU number (as the OS counts) of usable core i: one hardware thread per core, in topology order. QNT_ERR_ARG past the end.
 *  Thread-safe. */
QNT_API qnt_status qnt_machine_core(size_t i, uint32_t *cpu);

/** Whether a hardware thread stands for a usable core; if not, the first reason in this order. */
typedef enum qnt_cpu_use {
    QNT_CPU_USED = 0,
    QNT_CPU_NOT_ALLOWED = 1, /**< a cpuset of the control groups leaves it out */
    QNT_CPU_NOT_BOUND = 2,   /**< the affinity mask leaves it out */
    QNT_CPU_SLOWER = 3,      /**< its core is slower than others that may be used */
    QNT_CPU_SIBLING = 4,     /**< another hardware thread of its core is used */
    QNT_CPU_OVER_QUOTA = 5   /**< the quota does not pay for it */
} qnt_cpu_use;
/** One row per hardware thread. */
typedef struct qnt_cpu_row {
    uint32_t cpu;           /**< as the OS counts */
    uint32_t core, package; /**< counted from 0 in topology order */
    uint32_t node;          /**< NUMA node, as the OS counts */
    uint32_t capacity;      /**< of its core, the fastest one's is about 1024; 0: unknown */
    qnt_cpu_use use;
} qnt_cpu_row;
/** All at one moment, in topology order, numbers 1024 and above left out. Fills in the first `room` rows; *count receives how
 *  many there are. rows may be NULL when room is 0. Thread-safe. */
QNT_API qnt_status qnt_machine_cpus(qnt_cpu_row *rows, size_t room, size_t *count);

/** Pages: what there is for large and for locked memory. */
typedef struct qnt_huge_page {
    uint64_t bytes, total, free; /**< size of one; how many the system has set aside, and how many of them are unused */
} qnt_huge_page;
typedef struct qnt_memory {
    size_t size;            /**< in: sizeof(qnt_memory) */
    uint64_t page_bytes;    /**< an ordinary page */
    uint64_t memlock_bytes; /**< what this process may lock, RLIMIT_MEMLOCK; UINT64_MAX: no limit */
    char transparent[16];   /**< mode of transparent huge pages, "always", "madvise" or "never"; "" when there are none */
    uint64_t transparent_bytes; /**< size of one; 0: unknown */
    uint32_t huge_sizes;        /**< rows in huge */
    qnt_huge_page huge[8];      /**< smallest first */
} qnt_memory;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. Thread-safe. */
QNT_API qnt_status qnt_memory_get(qnt_memory *out);

#ifdef __cplusplus
}
#endif
#endif
