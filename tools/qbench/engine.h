#ifndef QBENCH_ENGINE_H
#define QBENCH_ENGINE_H
/* qbench engine: what a way to a worker and back costs over the inference itself. Two threads, each on a CPU of its
 * own: the program, which holds the watch, and the mate on the worker's CPU, which echoes, runs the kernel and serves
 * the ways without an engine while the engine is paused. */
#include <pthread.h>
#include <qnt/client.h>
#include "lib/engine/engine.h"
#include "tools/qbench/qbench.h"

enum { QE_SAMPLES = 1 << 14, QE_LINE = 64, QE_DEPTH = 32 /* at most */ };
/* Latencies on a logarithmic axis: buckets to an octave of nanoseconds, octaves. */
enum { QE_SPLIT = 16, QE_OCTAVES = 26, QE_BUCKETS = QE_SPLIT * QE_OCTAVES };

/* What one window has measured. It is in memory that a child shares. */
struct qe_window {
    uint32_t samples, failed; /* failed: operations without QNT_OK */
    double rate;              /* a second; of windows that have no samples */
    double ticks[QE_SAMPLES]; /* of one operation */
    uint64_t until;           /* when there are enough */
};

/* Done on the mate's CPU; begin returns at once, end when it is through. Between these it takes no time. */
struct qe_mate {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    void (*fn)(void *arg);
    void *arg;
    bool ends, started;
};
struct qe_lines;

struct qe {
    struct qbench *q;
    qnt_model *model;
    qnt_session *session; /* the mate's */
    qnt_engine *engine;
    uint32_t cpu[2];                /* the program's, the worker's */
    double ticks_per_second, watch; /* watch: ticks that reading the counter twice takes */
    uint64_t slice;                 /* ticks of a window */
    struct qe_mate mate;
    struct qe_lines *lines;
    /* Shared with a child: the window, and inputs and outputs, each block from a multiple of 64 bytes. */
    void *shared;
    size_t shared_bytes;
    struct qe_window *window;
    uint8_t *data, *in, *out;
    size_t data_bytes, in_bytes, out_bytes; /* of one operation */
    const void **in_at;                     /* by input: the mate's */
    void **out_at;
    const char *ort; /* path of the library */
    struct qe_ort *ort_session;
};

/* What a row is judged by: the time over the kernel in round trips, the figure itself, or the quotient of this row and
 * another one. */
enum qe_measure { QE_NOTHING, QE_TRIPS, QE_FIGURE, QE_QUOTIENT };
struct qe_case {
    const char *name;
    int (*run)(struct qe *e, const struct qe_case *c); /* a window: an exit code */
    uint32_t n;                                        /* depth, or messages at a time */
    uint32_t slots;                                    /* of a ring, or lines that go to and fro: a power of two */
    const char *unit;                                  /* "us": of the window's median; else of its rate */
    double scale;                                      /* of the rate, to the unit */
    enum qe_measure measure;
    bool least; /* the goal is a least one */
    double goal;
    const char *beside; /* of QE_QUOTIENT: the other row */
    bool drawn;         /* on the chart */
    bool once;          /* it takes long, and is measured in one window */
    void *arg;
};
struct qe_row {
    const struct qe_case *c;
    struct qb_stat figure;      /* in its unit */
    struct qb_stat over, trips; /* over the kernel, in seconds; the same in round trips */
    double judged;              /* what the goal is for */
    uint32_t kept, dropped;
    char skipped[160]; /* why there is nothing */
    /* of the windows that were kept */
    double *figures, *overs, *tripss;
    uint32_t *count; /* [QE_BUCKETS]; NULL: not drawn */
    uint64_t counted;
};
struct qe_report {
    struct qe_row *row;
    size_t rows;
    struct qb_stat trip, kernel; /* seconds, of all windows that were kept */
    double *trips, *kernels;
    size_t samples;
};

/* ---- engine.c ---- */
double qe_median(double *value, size_t n); /* sorts them */

/* ---- engine_model.c ---- */
qnt_status qe_model_build(qnt_ctx *ctx, qnt_model **out);
int qe_memory_create(struct qe *e); /* what is shared, and the places in it; an exit code */
void qe_memory_free(struct qe *e);

/* ---- engine_mate.c ---- */
int qe_mate_create(struct qe *e);
void qe_mate_free(struct qe *e);
void qe_mate_begin(struct qe *e, void (*fn)(void *arg), void *arg);
void qe_mate_end(struct qe *e);
void qe_infer(struct qe *e); /* on the mate: the kernel alone, from e->in_at to e->out_at */
/* Seconds of a cache line's way there and back, and of the kernel on the worker's CPU. The engine is paused. */
double qe_trip(struct qe *e);
double qe_kernel(struct qe *e);
int qe_bare(struct qe *e, const struct qe_case *c); /* a window: a word to the mate, the kernel, a word back */

/* ---- what windows measure: engine_pump.c, engine_process.c, engine_ways.c, engine_ring.c, engine_idle.c, engine_ort.c
 * ---- */
int qe_depth(struct qe *e, const struct qe_case *c);
int qe_depth_moving(struct qe *e, const struct qe_case *c); /* writes the input, reads the output */
int qe_process(struct qe *e, const struct qe_case *c);      /* from another process */
int qe_way(struct qe *e, const struct qe_case *c);          /* arg: of qe_ways */
int qe_ring(struct qe *e, const struct qe_case *c);
int qe_exchange(struct qe *e, const struct qe_case *c);
int qe_idle(struct qe *e, const struct qe_case *c);
int qe_ort(struct qe *e, const struct qe_case *c);
/* Ways without an engine, by the name of their row. */
struct qe_way;
extern const struct qe_way qe_futex, qe_eventfd, qe_socket, qe_tcp;
/* NULL, or why there is no row of ONNX Runtime. */
const char *qe_ort_open(struct qe *e, char *text, size_t size);
void qe_ort_close(struct qe *e);

/* ---- engine_pump.c: a window of a client, whose data area e->in and e->out lie in ---- */
void qe_pump_client(struct qe *e, qnt_client *client, uint32_t depth);

/* ---- engine_process.c: where temporary files go ---- */
const char *qe_folder(void);

/* ---- engine_out.c, engine_plot.c: an exit code ---- */
int qe_report(const struct qe *e, const struct qe_report *r);
int qe_plot(const struct qe *e, const struct qe_report *r);
/* Notes what measurement `i` of a window, counted from 0, took; the first `warm` do not count. end: now. Whether the
 * window has had its time, and some more samples than one. */
static inline bool qe_sample(struct qe *e, uint64_t i, uint32_t warm, double ticks, uint64_t end)
{
    enum { LEAST = 3 };
    struct qe_window *w = e->window;
    if (i == warm)
        w->until = end + e->slice;
    if (i >= warm)
        w->ticks[w->samples++] = ticks;
    return i >= warm + LEAST && end > w->until;
}

static inline double qe_bucket_ns(double i)
{
    return __builtin_exp2(i / QE_SPLIT);
}
#endif
