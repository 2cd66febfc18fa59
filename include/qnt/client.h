#ifndef QNT_CLIENT_H
#define QNT_CLIENT_H
/** Clients: operations for the engine of another process (qserve, qnt/server.h), through memory that both have.
 *
 *  A client has one queue pair, which one of the engine's workers polls, and a data area, which the inputs and outputs
 * of its operations lie in. Submitting and polling are as those of qnt_engine: neither enters the kernel, allocates or
 *  locks. Two cases are left out: a worker that has gone to sleep is woken by a packet to the server (a futex that
 *  processes share would let one client keep the worker from another's wakes); and a client that has waited for a
 * result for 10 ms asks the system, once every 10 ms, whether there still is a server. A program that wants several
 * queue pairs connects several times.
 *
 *  A server that ends takes no memory from under its clients: qnt_client_check says so then, and polling gives the
 *  operations back that have no result. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_client qnt_client;

/** Fields are appended only; zero means the default. */
typedef struct qnt_client_config {
    size_t size;         /**< sizeof(qnt_client_config) */
    uint64_t bytes;      /**< of the data area; 0: as many as the server allows */
    uint32_t depth;      /**< operations under way at most, a power of two; 0: as many as the server allows */
    uint32_t timeout_ms; /**< for the server's answers to the connection; 0: 2000 */
} qnt_client_config;

/** Connects to the server that listens at `path`. config may be NULL. QNT_ERR_IO: there is no server; QNT_ERR_STATE: it
 *  does not answer, or has as many clients as it takes; QNT_ERR_ARG: more is asked than it gives a client;
 * QNT_ERR_SYSTEM: it does not let this user in; QNT_ERR_UNSUPPORTED: it speaks another version. The context must
 * outlive the client. Thread-safe. */
QNT_API qnt_status qnt_client_connect(qnt_ctx *ctx, const char *path, const qnt_client_config *config,
                                      qnt_client **out);
/** Leaves; from the return on the data area is gone. NULL is allowed. In a child of fork: frees the child's copy. Frees
 *  the client. */
QNT_API void qnt_client_close(qnt_client *client);

/** What was agreed on. */
typedef struct qnt_client_info {
    size_t size;        /**< in: sizeof(qnt_client_info) */
    void *data;         /**< the data area, */
    uint64_t bytes;     /**< and how large it is */
    uint32_t depth;     /**< operations under way at most: submitted and not polled yet */
    uint32_t max_batch; /**< images of an operation at most */
    uint32_t models;
    uint32_t reserved;
} qnt_client_info;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. Reads the client. */
QNT_API qnt_status qnt_client_get(const qnt_client *client, qnt_client_info *out);
/** The server's name of model i, and the number of the model of that name; NULL and QNT_ERR_ARG if there is none. Valid
 *  while the client lives. Read the client. */
QNT_API const char *qnt_client_model_name(const qnt_client *client, uint32_t model);
QNT_API qnt_status qnt_client_find_model(const qnt_client *client, const char *name, uint32_t *out);
/** How many inputs and outputs the model has, and number i of them as the engine takes and gives them; QNT_ERR_ARG past
 *  the end. Valid while the client lives. Read the client. */
QNT_API size_t qnt_client_input_count(const qnt_client *client, uint32_t model);
QNT_API size_t qnt_client_output_count(const qnt_client *client, uint32_t model);
QNT_API qnt_status qnt_client_input(const qnt_client *client, uint32_t model, size_t i, qnt_tensor_info *out);
QNT_API qnt_status qnt_client_output(const qnt_client *client, uint32_t model, size_t i, qnt_tensor_info *out);

/** A part of the data area, from a multiple of 64 bytes on; NULL with the text set when no part so large is free. 0
 * bytes are one. Freed parts are given out again; those that are left end with the client. A program that divides the
 * area itself needs none of this. Thread-safe. */
QNT_API void *qnt_client_alloc(qnt_client *client, size_t bytes);
/** NULL is allowed; QNT_ERR_ARG for what is no such part's beginning. No operation that is under way may be using it.
 *  Thread-safe. */
QNT_API qnt_status qnt_client_free(qnt_client *client, void *part);

/** As qnt_engine_submit_burst and qnt_engine_poll_burst, with these differences. `in` and `out` lie in the data area,
 *  each at a multiple of its elements' size; else the operation comes back with QNT_ERR_ARG. QNT_OP_ARRAYS is not known
 *  (QNT_ERR_ARG). Of the operations that have been submitted and not been polled there are `depth` at most. `ticks` of
 * a result count from the look by which the worker found it. Once the server is gone nothing is taken any more, and
 * what has no result comes back from polling with QNT_ERR_INTERRUPTED. Changes the submitting or the polling side of
 * the client: one call at a time for a side; everything else but closing at the same time. */
QNT_API uint32_t qnt_client_submit_burst(qnt_client *client, const qnt_engine_op *ops, uint32_t n);
QNT_API uint32_t qnt_client_poll_burst(qnt_client *client, qnt_engine_op *ops, uint32_t n);
/** QNT_OK, or QNT_ERR_STATE with a text: the server is gone, or this is a child of fork. Asks the system. Thread-safe.
 */
QNT_API qnt_status qnt_client_check(qnt_client *client);

#ifdef __cplusplus
}
#endif
#endif
