#ifndef QNT_ENGINE_H
#define QNT_ENGINE_H
/** Engines: models that pinned workers run in a poll loop, behind queues in memory.
 *
 *  A program submits operations to a queue pair and polls their results from it, in the order they were submitted.
 * Between these two neither its thread nor the worker enters the kernel, allocates or locks; the one exception is the
 * waking of a worker that has gone to sleep after a time without work (see qnt_engine_idle). Every queue pair has one
 * worker, which looks at its queue pairs in turn; a program that wants n workers at once uses n queue pairs.
 *
 *  Results are the same bytes as those of a session. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_engine qnt_engine;

/** What a worker does that finds nothing: SLEEP looks on for spin_us and then sleeps until something is submitted; POLL
 *  looks on for ever; WAIT likewise, but rests its core meanwhile (UMWAIT where the CPU has it; WFE), which wakes it a
 *  little later. A CPU that cannot do the last is a note on the log, and POLL. */
typedef enum qnt_engine_idle { QNT_IDLE_SLEEP, QNT_IDLE_POLL, QNT_IDLE_WAIT } qnt_engine_idle;
/** INTER: each worker runs operations of its own. INTRA: all workers run one operation together; worker 0 has the queue
 *  pairs. */
typedef enum qnt_engine_mode { QNT_ENGINE_INTER, QNT_ENGINE_INTRA } qnt_engine_mode;
/** Memory of workers, best first: huge pages that the system has set aside; pages of a memory file, collapsed to huge
 * ones; transparent huge pages; ordinary pages. All of it is there before the engine is. */
typedef enum qnt_engine_memory {
    QNT_ENGINE_BEST,
    QNT_ENGINE_HUGETLB,
    QNT_ENGINE_COLLAPSED,
    QNT_ENGINE_TRANSPARENT,
    QNT_ENGINE_SMALL
} qnt_engine_memory;
/** How the system schedules workers. FIFO needs the right to it, starves what else runs on their cores, and is stopped
 *  for some 50 ms a second by the system's own guard. */
typedef enum qnt_engine_policy { QNT_POLICY_NORMAL, QNT_POLICY_FIFO } qnt_engine_policy;

/** Fields are appended only; zero means the default. */
typedef struct qnt_engine_config {
    size_t size;       /**< sizeof(qnt_engine_config) */
    const char *cores; /**< CPUs of the workers: "2-5", "1,3"; or "0@4,1@6": worker 0 on CPU 4, 1 on 6. NULL or "":
                          usable cores of the machine (qnt_machine), one hardware thread each, those that share a cache
                          and a NUMA node together; the first is left to the program when there are others. Read during
                            the call only */
    uint32_t workers;  /**< 0: as many as `cores` names, or as there are usable cores but the first */
    uint32_t
        queue_pairs; /**< 0: one for each worker (INTRA: one). Queue pair i is worker i mod workers' (INTRA: 0's) */
    uint32_t depth;  /**< operations that wait in a queue pair at most, and as many results; a power of two up to 65536;
                          0: 256 */
    uint32_t max_batch; /**< images of an operation at most; 0: 1 */
    uint32_t idle;      /**< qnt_engine_idle */
    uint32_t spin_us;   /**< SLEEP: how long a worker looks on; 0: 100 */
    uint32_t mode;      /**< qnt_engine_mode */
    uint32_t
        caller_driven; /**< 1: no threads; the program's own do the workers' part (qnt_engine_poll_once). INTER only */
    uint32_t quantized_io; /**< 1: as of qnt_session_config */
    uint32_t memory;       /**< qnt_engine_memory: the first to be tried; what cannot be had is a note on the log */
    uint32_t policy;       /**< qnt_engine_policy; FIFO that is refused is a warning */
    uint32_t priority;     /**< of FIFO, 1 to 99; 0: 1 */
    uint32_t small_weights; /**< 1: as of qnt_session_config */
    uint32_t reserved;      /**< 0 */
} qnt_engine_config;

/** An operation, and its result. Arrays of them are the program's; their elements are copied. */
typedef struct qnt_engine_op {
    uint64_t user;  /**< the program's; comes back */
    const void *in; /**< [batch][input shape], as qnt_session_run takes it. Several inputs: one after another, each
                         from a multiple of 64 bytes from `in` on. Read until the result has been polled */
    void *out; /**< [batch][output shape], several outputs likewise; overlaps no input. Written until the result has
                  been polled */
    uint64_t deadline_ns; /**< a time from submission; an operation that no worker has begun by then is given back with
                               QNT_ERR_DEADLINE. 0: none. In a result 0 */
    uint32_t model;       /**< its place in the array that the engine was made of */
    uint32_t batch;       /**< images; 0 means 1 */
    uint32_t flags;       /**< of qnt_engine_flag */
    qnt_status status;    /**< of a result. QNT_ERR_ARG: a field is out of range; QNT_ERR_INTERRUPTED: the engine was
                             stopped    before. `out` is written with QNT_OK only */
    uint64_t ticks;       /**< of a result: from submission until it was there, in ticks of the processor's counter
                               (qnt_ticks_per_second) */
} qnt_engine_op;
/** ARRAYS: `in` and `out` are arrays of pointers (const void *const *, void *const *), one for each input and output,
 * as qnt_session_run_io takes them. */
typedef enum qnt_engine_flag { QNT_OP_ARRAYS = 1 } qnt_engine_flag;

/** Prepares the models (one copy of packed weights for each NUMA node that has workers), starts the workers and returns
 *  when each has its memory in place and has run each model once. config may be NULL. The engine keeps references to
 * the models. What could not be had (a CPU, huge pages, locked memory, a scheduling policy) is told on the log of the
 * first model's context and in qnt_engine_worker; it is no error. A quota of CPU time below what the workers take is a
 * warning. Reads the models. */
QNT_API qnt_status qnt_engine_create(qnt_model *const *models, size_t n_models, const qnt_engine_config *config,
                                     qnt_engine **out);
/** Stops the workers, each after the operation it is at, and frees everything. What has not been polled is dropped:
 *  qnt_engine_stop, then polling, gives all of it back. After the call `in` and `out` of no operation are touched any
 * more. NULL is allowed. In a child of fork: frees the child's copy, the parent's engine goes on. Frees the engine. */
QNT_API void qnt_engine_destroy(qnt_engine *engine);

/** Submits up to n operations to queue pair qp; returns how many it took, the first ones, fewer than n when the queue
 * is full, 0 when the engine is stopped, in a child of fork or for a queue pair that there is not (qnt_engine_check
 * says which). Changes the submitting side of the queue pair: one call at a time for it; other queue pairs, polling and
 * everything else but freeing at the same time. */
QNT_API uint32_t qnt_engine_submit_burst(qnt_engine *engine, uint32_t qp, const qnt_engine_op *ops, uint32_t n);
/** Fetches up to n results, in the order of submission; returns how many. An operation comes back once. Works after
 *  qnt_engine_stop. Changes the polling side of the queue pair: one call at a time for it, as above. */
QNT_API uint32_t qnt_engine_poll_burst(qnt_engine *engine, uint32_t qp, qnt_engine_op *ops, uint32_t n);
/** QNT_OK, or QNT_ERR_STATE with a text: the engine is stopped, or this is a child of fork. Thread-safe. */
QNT_API qnt_status qnt_engine_check(const qnt_engine *engine);

/** Caller-driven engines: does worker `worker`'s part on this thread, what is queued now and no more than some
 * operations of each queue pair; returns how many were done. 0 for other engines, numbers out of range and while paused
 * or stopped. Changes the worker: one call at a time for it; all else but freeing at the same time. */
QNT_API uint32_t qnt_engine_poll_once(qnt_engine *engine, uint32_t worker);

/** Pause returns when no worker is at an operation; they sleep until resumed. Submitting and polling go on as far as
 * the queues reach. Thread-safe. */
QNT_API qnt_status qnt_engine_pause(qnt_engine *engine);
QNT_API qnt_status qnt_engine_resume(qnt_engine *engine);
/** Waits until everything submitted before has its result, or for timeout_ms: QNT_ERR_STATE then, with a text (results
 * that nobody polls hold their queue up), and at once when the engine is paused or stopped. A caller-driven engine is
 * driven by this call, which then changes all its workers. Thread-safe otherwise. */
QNT_API qnt_status qnt_engine_drain(qnt_engine *engine, uint32_t timeout_ms);
/** Ends the workers, each after the operation it is at. What waits in the queues comes back from polling with
 *  QNT_ERR_INTERRUPTED. A stopped engine does not start again. Caller-driven: no call of qnt_engine_poll_once may be
 * under way on the same thread. Thread-safe. */
QNT_API qnt_status qnt_engine_stop(qnt_engine *engine);

/** Puts another model in the place of model number i: its inputs and outputs have the same types and shapes
 *  (QNT_ERR_SHAPE, QNT_ERR_TYPE). Operations begun after the call run the new one; workers go on meanwhile; the call
 * returns when none uses the old one, which is freed. Caller-driven: on a thread that is not in qnt_engine_poll_once.
 * Reads the model; thread-safe for the engine. */
QNT_API qnt_status qnt_engine_swap(qnt_engine *engine, uint32_t i, qnt_model *model);

/** Input and output i of model `model` as the engine takes and gives them; see qnt_session_input_at. The pointers are
 *  valid until the model is swapped or the engine freed. Reads the engine. */
QNT_API qnt_status qnt_engine_input(const qnt_engine *engine, uint32_t model, size_t i, qnt_tensor_info *out);
QNT_API qnt_status qnt_engine_output(const qnt_engine *engine, uint32_t model, size_t i, qnt_tensor_info *out);

/** Counts since the engine was made. They are read while it runs, one after another. */
typedef struct qnt_engine_stats {
    size_t size; /**< in: sizeof(qnt_engine_stats) */
    uint32_t workers, queue_pairs;
    uint64_t submitted, polled;
    uint64_t done;           /**< by the workers, whatever the status */
    uint64_t errors, missed; /**< of these: with a status that is not QNT_OK; of those: QNT_ERR_DEADLINE */
    uint64_t ns;             /**< since the engine was made */
} qnt_engine_stats;
typedef struct qnt_engine_worker {
    size_t size;                     /**< in: sizeof(qnt_engine_worker) */
    uint32_t cpu, node;              /**< the CPU it was meant for, UINT32_MAX: none; its NUMA node */
    uint32_t thread;                 /**< the system's number of it; 0: caller-driven */
    uint32_t pinned, locked, policy; /**< got: the CPU; memory locked; qnt_engine_policy */
    uint32_t memory;                 /**< qnt_engine_memory it got */
    uint32_t idle;                   /**< qnt_engine_idle in use */
    uint64_t done, errors, missed;
    uint64_t polls, empty;  /**< looks at all its queue pairs; those that found nothing */
    uint64_t sleeps;        /**< times it went to sleep */
    double busy;            /**< share of the time since the engine was made that it was at operations */
    uint64_t latency_ns[5]; /**< from submission to result: median, 90, 99, 99.9 % and the greatest; within 6 %; 0 when
                                 nothing is done. Of queues of other processes: from when the worker took it */
} qnt_engine_worker;
/** Fill the first `size` bytes; what is past this library's struct becomes zero. QNT_ERR_ARG past the last worker.
 *  Thread-safe: also while the engine runs, which it does not slow down. */
QNT_API qnt_status qnt_engine_stats_get(const qnt_engine *engine, qnt_engine_stats *out);
QNT_API qnt_status qnt_engine_worker_get(const qnt_engine *engine, uint32_t worker, qnt_engine_worker *out);
/** Latencies of a worker's operations, counted in buckets whose widths are a sixteenth of their values: bucket i holds
 * those from ns[i] on and below ns[i + 1]. Fills in up to `room` of both, and *count with how many there are; ns and
 * counts may be NULL when room is 0. Thread-safe. */
QNT_API qnt_status qnt_engine_latencies(const qnt_engine *engine, uint32_t worker, uint64_t *ns, uint64_t *counts,
                                        size_t room, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
