#ifndef QNT_STATUS_H
#define QNT_STATUS_H
/** Status codes, error text, version.  Every function that can fail returns qnt_status.
 *
 *  Threads. Each function says how it may be called from several of them:
 *    Thread-safe    at any time, also with the same arguments.
 *    Reads X        at any time, but not while a call that changes or frees the same X is under way.
 *    Changes X      one call at a time for an X, and none that reads it meanwhile; different X at the same time.
 *    Frees X        as "Changes"; nobody uses X afterwards.
 *  Objects keep no thread: one may be made, used and freed on different ones. */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QNT_API __attribute__((visibility("default")))
#else
#define QNT_API
#endif

#define QNT_VERSION_MAJOR 0
#define QNT_VERSION_MINOR 1
#define QNT_VERSION_PATCH 0
#define QNT_VERSION_STRING "0.1.0"

/** Stable values: new codes are appended only. */
typedef enum qnt_status {
    QNT_OK = 0,
    QNT_ERR_ARG = 1,         /**< an argument is invalid (null, out of range, unknown name) */
    QNT_ERR_NOMEM = 2,       /**< an allocation failed */
    QNT_ERR_IO = 3,          /**< a file cannot be opened, read or written */
    QNT_ERR_FORMAT = 4,      /**< a file is damaged or not of the format expected */
    QNT_ERR_SHAPE = 5,       /**< shapes do not fit each other */
    QNT_ERR_TYPE = 6,        /**< data types or quantization parameters do not fit */
    QNT_ERR_UNSUPPORTED = 7, /**< valid, but not supported by this library; the text names the thing */
    QNT_ERR_RANGE = 8,       /**< a number leaves the range that the arithmetic guarantees */
    QNT_ERR_STATE = 9,       /**< the call does not fit the object's state */
    QNT_ERR_SYSTEM = 10,     /**< the operating system refused (threads, memory locks) */
    QNT_ERR_INTERRUPTED = 11, /**< stopped on request */
    QNT_ERR_DEADLINE = 12     /**< its time was over before it was begun */
} qnt_status;

/** English name of a status code ("ok", "shape error", …). Never NULL, static. Thread-safe. */
QNT_API const char *qnt_status_string(qnt_status status);

/** Text of the last error on the calling thread: what was wrong with which node, tensor or value.
 *  Never NULL; "" when nothing failed yet. Valid until the next failing qnt call on this thread.
 *  Written on failure only: a call that succeeds leaves it as it is. Thread-safe: each thread has its own. */
QNT_API const char *qnt_last_error(void);

/** Version of the library at run time, as "major.minor.patch". Static. Thread-safe. */
QNT_API const char *qnt_version(void);

#ifdef __cplusplus
}
#endif
#endif
