#ifndef QNT_PROFILE_H
#define QNT_PROFILE_H
/** What the steps of a session cost: the work that each has by the plan, and the time it took in a measured run.
 * Ordinary runs know nothing of this and pay nothing for it. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The work of a step. Texts are never NULL and valid until the session is freed. */
typedef struct qnt_step_work {
    size_t size;               /**< in: sizeof(qnt_step_work) */
    const char *name, *op;     /**< as qnt_step_info says */
    const char *kernel;        /**< what the step runs on, an op of qnt_ctx_kernel: "gemm_s8"; "" when it moves nothing
                                    or has no kernel of its own */
    const char *variant, *isa; /**< the one bound and its level; "" without a kernel */
    const char *faster,
        *reason;   /**< the next variant after it that cannot be used, and why not, as qnt_ctx_kernel says;
                        "" when all can */
    uint64_t macs; /**< per image */
    /** Bytes that must be moved, each counted once however often a step reads it: activations read and written per
     * image; weights, biases and other constants per run, weights as they are packed for the kernel. */
    uint64_t in_bytes, out_bytes, weight_bytes;
    /** A step with MACs as matrix products, `groups` of them: rows per image, columns, and products in a sum; else 0.
     */
    uint64_t rows, columns, depth, groups;
    /** What the kernel computes at a time: a product takes as long as one whose sides are rounded up to these; but
     * where tile_least is not 0, as long as one of the rows that there are, or of that many. 0: not in tiles. */
    uint32_t tile_rows, tile_columns, tile_depth, tile_least;
    uint32_t binary;      /**< 1: products of signs */
    uint32_t weight_bits; /**< of the step's weights: 1 to 8, or 32 (float); 0: it has none */
    uint32_t type;        /**< qnt_dtype of what it writes */
    uint32_t rank;        /**< shape of what it writes, without the batch */
    size_t dim[QNT_MAX_RANK];
} qnt_step_work;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. QNT_ERR_ARG past the last step. Reads
 * the session; also while it runs. */
QNT_API qnt_status qnt_session_step_work(const qnt_session *session, size_t i, qnt_step_work *out);

/** Runs as qnt_session_run does, with the same result, and counts the ticks (qnt_ticks_per_second) of each part:
 * ticks[0] is the begin (workers are woken, inputs are copied that no step reads where they are), ticks[1 + i] step i,
 * ticks[1 + steps] copying the output. Together they are the whole run. n: elements of ticks, which must be
 * qnt_session_step_count + 2. A step that only renames a tensor has 0. With several threads a step lasts until the last
 * one is done with its share. Reading the counter waits for what is under way, some ten nanoseconds a step, which are in
 * the counts. No allocation, lock or system call with threads <= 1. On an error ticks are unspecified. Changes the
 * session. */
QNT_API qnt_status qnt_session_profile(qnt_session *session, const void *in, void *out, size_t batch, uint64_t *ticks,
                                       size_t n);
/** The same with the inputs and outputs of qnt_session_run_io. Changes the session. */
QNT_API qnt_status qnt_session_profile_io(qnt_session *session, const void *const *in, void *const *out, size_t batch,
                                          uint64_t *ticks, size_t n);
/** Ticks a second of the counter that qnt_session_profile reads, whatever the clock of the cores does meanwhile (x86:
 * TSC; ARM: CNTVCT, whose steps may be of some 40 ns). ARM tells it, on x86 it is measured against the system's clock,
 * within 0.01 %, in 20 ms. Thread-safe. */
QNT_API qnt_status qnt_ticks_per_second(double *out);

#ifdef __cplusplus
}
#endif
#endif
