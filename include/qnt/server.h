#ifndef QNT_SERVER_H
#define QNT_SERVER_H
/** Servers: an engine's queues for other processes (qnt/client.h). qserve is one as a program.
 *
 *  A thread of the server's own, which is not pinned, lets clients in and sees them leave. Each gets a queue pair and a
 *  data area in memory that it has in common with the server; a worker polls the queue pair beside its others, so
 * clients of one worker take turns. Nothing in that memory is believed: a client that dies at any moment, floods its
 * queue, does not fetch its results or writes anything anywhere in its memory harms its own operations only. Its memory
 * is given back as soon as it has died or left. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qnt_server qnt_server;

/** Fields are appended only; zero means the default. The arrays and texts are read during the call only. */
typedef struct qnt_server_config {
    size_t size;              /**< sizeof(qnt_server_config) */
    const char *path;         /**< of the socket; one that nobody listens at any more is replaced */
    const char *const *names; /**< of the engine's models, by which clients know them; NULL: "0", "1", … */
    const uint32_t *uids;     /**< users that are let in, n_uids of them, besides the server's own and root */
    const uint32_t *gids;     /**< users of these groups likewise */
    uint32_t n_uids, n_gids;  /**< when both are 0 the socket's file is the owner's alone, else everybody's to try */
    uint32_t max_clients;     /**< at once, up to 4096; 0: 64 */
    uint32_t depth;           /**< of a client's queue pair at most, a power of two up to 65536; 0: 256 */
    uint64_t bytes;           /**< of a client's data area at most; 0: 4 MiB */
    uint32_t handshake_ms;    /**< a client that has not finished connecting by then is dropped; 0: 1000 */
    uint32_t reserved;        /**< 0 */
} qnt_server_config;

/** Listens at the path and lets clients in. The engine must outlive the server; it may be paused and stopped meanwhile,
 *  and have queue pairs of its own in use. QNT_ERR_STATE: somebody listens at the path. Reads the engine. */
QNT_API qnt_status qnt_server_create(qnt_engine *engine, const qnt_server_config *config, qnt_server **out);
/** Removes the socket, gives up all clients' queue pairs, each after the operation that a worker is at, and disconnects
 *  them, which tells them. NULL is allowed. In a child of fork: frees the child's copy. Frees the server. */
QNT_API void qnt_server_destroy(qnt_server *server);

/** Counts since the server was made. */
typedef struct qnt_server_stats {
    size_t size;      /**< in: sizeof(qnt_server_stats) */
    uint32_t clients; /**< now */
    uint32_t max_clients;
    uint64_t bytes;     /**< of memory that they have */
    uint64_t connected; /**< clients, in all */
    uint64_t refused;   /**< not on the list, too many, asked for too much, or said what is none of this */
    uint64_t died;      /**< of the clients, without having left (qnt_client_close) */
    uint64_t wakes;     /**< packets by which clients woke workers */
    uint32_t models, workers;
    uint64_t done, errors, missed, ns; /**< as of qnt_engine_stats */
} qnt_server_stats;
/** Fills the first `size` bytes; what is past this library's struct becomes zero. Thread-safe. */
QNT_API qnt_status qnt_server_stats_get(const qnt_server *server, qnt_server_stats *out);
/** The same of the server that listens at `path`, and of one of its engine's workers (as qnt_engine_worker_get); this
 * user must be one that is let in. It takes no client's place. Errors as of qnt_client_connect. Thread-safe. */
QNT_API qnt_status qnt_server_ask(const char *path, qnt_server_stats *out);
QNT_API qnt_status qnt_server_ask_worker(const char *path, uint32_t worker, qnt_engine_worker *out);

#ifdef __cplusplus
}
#endif
#endif
