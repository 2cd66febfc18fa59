#ifndef QBENCH_QBENCH_H
#define QBENCH_QBENCH_H
/* qbench: what its commands share. A command fills in cases, has a group of them measured in the same rounds
 * (qb_group), which makes rows of the report. */
#include "lib/core/core.h"
#include "lib/run/team.h"
#include "tools/common/env.h"
#include "tools/common/model.h"

/* What can be done at most: measured by register-only loops, and by reading and copying memory of which a level of the
 * caches, or none, holds all. */
enum qb_level { QB_L1, QB_L2, QB_L3, QB_MEMORY, QB_LEVELS };
enum qb_peak {
    QB_S8,
    QB_B1,
    QB_F32,
    QB_READ,
    QB_COPY = QB_READ + QB_LEVELS,
    QB_PEAKS = QB_COPY + QB_LEVELS,
    QB_NONE = QB_PEAKS
};

/* Something to be timed: run is called by every thread at once with its part of the work. */
typedef void qb_run(void *arg, uint32_t part, uint32_t parts);
struct qb_work {
    qb_run *run;
    void *arg;
    bool each;       /* every thread does all of the work, instead of a part of it */
    size_t calls;    /* in a slice */
    double usual;    /* seconds of a call while that was found */
    double *seconds; /* of one call, by round */
};

/* What the peaks' works have for arguments: a kernel peak_*; a part of the buffer. */
struct qb_products {
    enum qb_peak kind;
    qnt_any_fn *fn;
};
struct qb_memory {
    const struct qbench *q;
    size_t bytes, times;
};

enum { QB_NAME = 48, QB_SHORT = 24 };
struct qb_case {
    char name[QB_NAME], type[QB_SHORT], kernel[QB_SHORT]; /* "256x256x256", "s8 -> s32", "12x32" */
    struct qb_work work;
    double macs;  /* of a call; 0: bytes are what counts */
    double bytes; /* that a call cannot but move; 0: do not limit it */
    double held;  /* bytes that a cache must hold to serve it; 0: as `bytes` */
    enum qb_peak
        peak;   /* of the multiply-accumulates; of bytes alone: QB_READ or QB_COPY, of the level that holds them */
    bool exact; /* peak is that of a level already */
};

/* Over the rounds. */
struct qb_stat {
    double median, q1, q3;
};
struct qb_row {
    char name[QB_NAME], type[QB_SHORT], kernel[QB_SHORT];
    double macs, bytes;
    struct qb_stat seconds, rate; /* rate: MAC/s or bytes/s, of all threads */
    enum qb_peak peak, limit;     /* limit: what binds first, the peak or the memory; QB_NONE: not told */
    double share, limit_share;    /* median of the rounds' quotients */
};

/* To be released at the end of a group: by fn, or where there is none, as memory. */
struct qb_owned {
    void (*fn)(void *arg);
    void *arg;
};

enum qb_format { QB_MD, QB_CSV, QB_JSON };
struct qbench {
    const struct opt_tool *tool;
    qnt_ctx *ctx;
    struct qnt_team *team; /* NULL: one thread */
    /* options */
    struct env_cpus cpus;
    uint32_t threads, rounds, batch;
    float seconds;           /* for each figure */
    int cold, json, compare; /* compare: name the layers that are not faster than in floats */
    enum qb_format format;
    struct model_options import;
    const char *isa, *costs, *plot, *sizes, *file, *ort;
    bool reported, drawn; /* the command has a table, a chart of its own */
    /* the machine */
    qnt_machine machine;
    char levels[128];
    double clock_overhead;
    /* measuring */
    uint8_t *buffer; /* buffer_bytes for each thread, to read, to copy, to sweep the caches */
    size_t buffer_bytes, touched, to_touch, sweep_bytes;
    size_t bytes[QB_LEVELS]; /* of it: a thread's, that a level holds; 0: no such cache */
    struct qb_products products[QB_READ];
    struct qb_memory memory[2 * QB_LEVELS];
    struct qb_work peak[QB_PEAKS];
    struct qb_stat peak_rate[QB_PEAKS]; /* of all groups that needed it; median 0: not measured */
    uint32_t taken;                     /* rounds of the group at hand */
    /* the report */
    struct qb_row *row;
    size_t rows, room;
    /* memory of the cases at hand */
    struct qb_owned *owned;
    size_t n_owned, owned_room;
};

/* ---- measure.c ---- */
/* Rounds of slices of all works, in turn. Slices in which a thread was preempted are taken again. */
void qb_measure(struct qbench *q, struct qb_work *const *work, size_t n);
struct qb_stat qb_stat_of(double *value, size_t n); /* sorts them */

/* ---- peaks.c ---- */
int qb_peaks_create(struct qbench *q); /* an exit code */
void qb_peaks_free(struct qbench *q);
const char *qb_peak_name(enum qb_peak p);                        /* "L2 read" */
double qb_peak_work(const struct qbench *q, enum qb_peak p);     /* of a call on all threads: operations, bytes */
enum qb_level qb_level_of(const struct qbench *q, double bytes); /* the first cache that has room for them */
/* Bytes of a level: 0 where there is no such cache. */
double qb_size_of(const struct qbench *q, enum qb_level l);
struct qb_work *qb_peak_prepare(struct qbench *q, enum qb_peak p); /* ready to be measured */
qb_run qb_run_products;
/* For cold caches: reads what displaces all that the caches next to a core hold. */
void qb_sweep_prepare(struct qbench *q);
void qb_sweep(const struct qbench *q, uint32_t part);

/* ---- group.c ---- */
/* Measures the cases and the peaks they are told by in the same rounds and adds their rows; then what qb_alloc gave is
 * freed. An exit code. */
int qb_group(struct qbench *q, struct qb_case *cases, size_t n);
/* Zeroed, until the end of the group. NULL: told on stderr. */
void *qb_alloc(struct qbench *q, size_t bytes);
/* The same with noise in it. */
void *qb_noise(struct qbench *q, size_t bytes);
float *qb_noise_f32(struct qbench *q, size_t n);
/* Has fn(arg) called at the end of the group, before memory is freed. */
qnt_status qb_at_end(struct qbench *q, void (*fn)(void *arg), void *arg);
/* Ends a group that is not to be measured; returns `code`. */
int qb_drop(struct qbench *q, int code);
/* --sizes is not given, or has a part of the name between its commas. */
bool qb_wanted(const struct qbench *q, const char *name);

/* ---- out.c, chart.c ---- */
int qb_report(const struct qbench *q, const char *command);
double qb_spread(const struct qb_stat *s); /* half the distance of the quartiles, of the median */
struct json_t *qb_machine_json(const struct qbench *q);
struct json_t *qb_peaks_json(const struct qbench *q); /* those that were measured */
void qb_machine_text(const struct qbench *q, char *text, size_t size);
const char *qb_unit(const struct qb_row *r); /* of its rate: "GMAC/s" */
int qb_chart(const struct qbench *q, const char *command);

/* ---- the commands: an exit code; rows are in q ---- */
#define QB_COMMAND(name, text) int qb_##name(struct qbench *q);
#include "tools/qbench/commands.def"
#undef QB_COMMAND
#endif
