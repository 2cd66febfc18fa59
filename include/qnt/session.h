#ifndef QNT_SESSION_H
#define QNT_SESSION_H
/** Sessions: a model prepared for running. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_session qnt_session;

/** Fields are appended only; zero means the default. */
typedef struct qnt_session_config {
    size_t size;        /**< sizeof(qnt_session_config) */
    uint32_t max_batch; /**< images per run at most; 0: 1. Large images go through the steps a few at a time, as caches hold
                             them: memory does not grow with the batch then */
    uint32_t threads;   /**< 0 or 1: the caller's thread alone; n: the caller and n - 1 pinned workers, parked between calls */
    const uint32_t *cpus; /**< CPU numbers, n_cpus of them: worker i is pinned to cpus[i]; cpus[0] is the caller's, which
                               is never pinned: do it yourself. NULL: one per usable physical core. */
    uint32_t n_cpus;
    int quantized_io;   /**< 1: an input that one quantize alone reads, and an output that a dequantize makes, are the
                             quantized bytes (s8), without these; others stay as they are. QNT_ERR_TYPE when then no
                             input or no output is quantized */
    int keep_tensors;   /**< 1: no memory is shared between tensors, so qnt_session_peek can read every one (debugging) */
    /** The application's own threads instead of workers: the library starts none, and a run is cut into `threads` parts
     *  (1 to 1024; cpus must be NULL) which this function, called by qnt_session_run once for each step, has run. It calls
     *  task(arg, i) exactly once for each i in [0, n), in any order, on any threads, one after another or at the same time,
     *  and returns when all have returned; what the caller wrote before is seen by the tasks, and what they wrote by the
     *  caller. A task neither waits for another nor allocates, locks or enters the kernel; it may not be left by longjmp.
     *  A part that was left out, done twice or is none of [0, n) is QNT_ERR_STATE from qnt_session_run, and `out` is then
     *  unspecified. Same bytes as without it. NULL: workers of the library. */
    void (*parallel_for)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
    void *parallel_user; /**< passed to parallel_for */
    int small_weights;   /**< 1: weights are packed in the bytes of their codes, or twice as many (AVX2). 3 x 3 layers then
                              do without transformed ones, of 16 bits and up to four times as many, which make them up
                              to three times as fast. The same output to the last byte */
    uint32_t reserved;   /**< 0 */
} qnt_session_config;

/** Prepares the model: fuses, plans memory, packs weights, binds kernels, starts the workers. config may be NULL. A pinning
 *  failure is a warning on the context's log. The session keeps a reference to the model. Memory of tensors and scratch is
 *  written by the worker that uses it, so on NUMA machines it lies near it (worker 0 is the caller; with parallel_for the
 *  caller writes all); weights are shared. Reads the model: sessions on one
 *  may be made, run and freed on any threads at once. */
QNT_API qnt_status qnt_session_create(qnt_model *model, const qnt_session_config *config, qnt_session **out);
/** Stops the workers. NULL is allowed. Frees the session. */
QNT_API void qnt_session_free(qnt_session *session);

/** Runs `batch` images of a model with one input and one output (QNT_ERR_ARG for others): in is [batch][input shape], out [batch][output shape], of the types the session says below and
 *  aligned as these (else QNT_ERR_ARG); they must not overlap, and in must not change meanwhile. With threads <= 1: no allocation, lock or system call. Same bytes for every thread count, batch
 *  size and ISA (of a NaN in a float output: that it is one). Changes the session: one call at a time; different sessions
 *  may run at once. */
QNT_API qnt_status qnt_session_run(qnt_session *session, const void *in, void *out, size_t batch);

/** The same for any model: in[i] is input i, out[i] output i, each in the order of the model and laid out as above; none
 *  may overlap an output. The arrays are read until the call returns. Changes the session. */
QNT_API qnt_status qnt_session_run_io(qnt_session *session, const void *const *in, void *const *out, size_t batch);

/** Input and output i as this session takes and gives them, as many as the model has: type, shape, and scale and zero
 *  point when quantized. QNT_ERR_ARG past the last; without a number: the first. The pointers stay valid until the session
 *  is freed. Read the session; also while it runs. */
QNT_API qnt_status qnt_session_input_at(const qnt_session *session, size_t i, qnt_tensor_info *out);
QNT_API qnt_status qnt_session_output_at(const qnt_session *session, size_t i, qnt_tensor_info *out);
QNT_API qnt_status qnt_session_input(const qnt_session *session, qnt_tensor_info *out);
QNT_API qnt_status qnt_session_output(const qnt_session *session, qnt_tensor_info *out);

/** One step of the prepared plan. */
typedef struct qnt_step_info {
    const char *name, *op, *variant; /**< variant: the kernel bound, "" when the step only moves data */
    uint64_t macs;                   /**< per image */
    const char *output;              /**< name of the tensor it writes */
} qnt_step_info;
/** Steps, in order; the bytes that all tensors take, and weights in the form that the kernels take, beside the model's
 *  own (0 for session NULL). Read the session; also while it runs. */
QNT_API size_t qnt_session_step_count(const qnt_session *session);
QNT_API qnt_status qnt_session_step(const qnt_session *session, size_t i, qnt_step_info *out);
QNT_API size_t qnt_session_arena_bytes(const qnt_session *session);
QNT_API size_t qnt_session_packed_bytes(const qnt_session *session);

/** With keep_tensors: the bytes of the named activation after the last run, [batch][shape]. The pointer stays valid until the
 *  session is freed. Reads the session; what it points at is written by a run. */
QNT_API qnt_status qnt_session_peek(const qnt_session *session, const char *tensor, const void **data, qnt_tensor_info *info);

#ifdef __cplusplus
}
#endif
#endif
