/* ONNX Runtime's Run on the same model, from a library that the user has. Its interface is a table of functions to
 * which later versions only append, and of which an older version is asked for by number; a few entries are used, by
 * their places in it. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

/* Version 1.8's table, which every later library has. */
enum { TABLE = 8 };
enum {
    ERROR_TEXT = 2,
    NEW_ENV = 3,
    NEW_SESSION = 7,
    RUN = 9,
    NEW_OPTIONS = 10,
    SET_OPTIMIZATION = 23,
    SET_THREADS = 24,
    INPUT_NAME = 36,
    OUTPUT_NAME = 37,
    NEW_TENSOR = 49,
    NEW_CPU_MEMORY = 69,
    ALLOCATOR = 78,
    FREE_ENV = 92,
    FREE_STATUS = 93,
    FREE_MEMORY = 94,
    FREE_SESSION = 95,
    FREE_VALUE = 96,
    FREE_OPTIONS = 100
};
enum { WARNINGS = 2, ALL_OPTIMIZATIONS = 99, ARENA = 1, DEFAULT_MEMORY = 0, SIDES = 2, WARM = 16, MODEL_PATH = 256 };
typedef void *obj;
typedef void entry(void);
struct base {
    entry *const *(*table)(uint32_t version);
    const char *(*version)(void);
};

struct qe_ort {
    obj library, env, options, session, memory, value[SIDES];
    entry *const *table;
    const char *name[SIDES]; /* of the input, of the output */
    float *out;
    char *text;
    size_t size;
};
#define CALL(o, place, type, ...) ((type(*)(__VA_ARGS__))(o)->table[place])

/* Whether it went wrong; notes why. */
static bool bad(struct qe_ort *o, obj status)
{
    if (!status)
        return false;
    snprintf(o->text, o->size, "ONNX Runtime: %.100s", CALL(o, ERROR_TEXT, const char *, obj)(status));
    CALL(o, FREE_STATUS, void, obj)(status);
    return true;
}

static bool no(struct qe_ort *o, const char *text)
{
    snprintf(o->text, o->size, "%.150s", text);
    return false;
}

static bool open_library(struct qe_ort *o, const char *path)
{
    const struct base *(*get)(void) = NULL;
    if (!(o->library = dlopen(path, RTLD_NOW | RTLD_LOCAL)))
        return no(o, dlerror());
    obj symbol = dlsym(o->library, "OrtGetApiBase");
    memcpy(&get, &symbol, sizeof get);
    if (!get)
        return no(o, "the library has no OrtGetApiBase");
    o->table = get()->table(TABLE);
    return o->table || no(o, "the library is older than ONNX Runtime 1.8");
}

/* With its defaults otherwise: session.qdqisint8allowed, which has layers of s8 computed as s8, made it slower on
 * x86-64. */
static bool open_session(struct qe_ort *o, const char *path)
{
    return !bad(o, CALL(o, NEW_ENV, obj, int, const char *, obj *)(WARNINGS, "qbench", &o->env)) &&
           !bad(o, CALL(o, NEW_OPTIONS, obj, obj *)(&o->options)) &&
           !bad(o, CALL(o, SET_OPTIMIZATION, obj, obj, int)(o->options, ALL_OPTIMIZATIONS)) &&
           !bad(o, CALL(o, SET_THREADS, obj, obj, int)(o->options, 1)) &&
           !bad(o, CALL(o, NEW_SESSION, obj, obj, const char *, obj, obj *)(o->env, path, o->options, &o->session)) &&
           !bad(o, CALL(o, NEW_CPU_MEMORY, obj, int, int, obj *)(ARENA, DEFAULT_MEMORY, &o->memory));
}

/* One of the two, in memory of ours: [1][shape], floats. */
static bool open_tensor(struct qe_ort *o, int side, const qnt_tensor_info *t, void *data)
{
    int64_t dim[1 + QNT_MAX_RANK] = {1};
    size_t bytes = sizeof(float);
    obj allocator;
    char *name = NULL;
    for (uint32_t i = 0; i < t->rank; i++) {
        dim[1 + i] = (int64_t)t->dim[i];
        bytes *= t->dim[i];
    }
    if (bad(o, CALL(o, ALLOCATOR, obj, obj *)(&allocator)) ||
        bad(o, CALL(o, side ? OUTPUT_NAME : INPUT_NAME, obj, obj, size_t, obj, char **)(o->session, 0, allocator,
                                                                                        &name)) ||
        bad(o, CALL(o, NEW_TENSOR, obj, obj, void *, size_t, const int64_t *, size_t, int,
                    obj *)(o->memory, data, bytes, dim, 1 + t->rank, 1 /* float */, &o->value[side])))
        return false;
    o->name[side] = name; /* the process's for good */
    return true;
}

static bool run(struct qe_ort *o)
{
    const obj in = o->value[0];
    obj out = o->value[1];
    return !bad(o, CALL(o, RUN, obj, obj, obj, const char *const *, const obj *, size_t, const char *const *, size_t,
                        obj *)(o->session, NULL, &o->name[0], &in, 1, &o->name[1], 1, &out));
}

/* The model as an ONNX file, in the library's layout. */
static bool write_model(struct qe *e, struct qe_ort *o, char path[MODEL_PATH])
{
    const qnt_export_config config = {.size = sizeof config,
                                      .channels_last = QNT_CHANNELS_LAST_INPUTS | QNT_CHANNELS_LAST_OUTPUTS};
    const int n = snprintf(path, MODEL_PATH, "%s/qbench-XXXXXX.onnx", qe_folder());
    const int fd = n < MODEL_PATH ? mkstemps(path, 5) : -1;
    if (fd < 0) {
        *path = '\0';
        return no(o, "no temporary file");
    }
    close(fd);
    return !qnt_model_export(e->model, path, &config) || no(o, qnt_last_error());
}

/* The same network gives about the same. */
static bool agrees(struct qe *e, struct qe_ort *o, size_t n)
{
    const float *ours = (const float *)(const void *)e->out;
    float most = 0;
    bool near = true;
    qe_infer(e);
    for (size_t i = 0; i < n; i++)
        most = fabsf(ours[i]) > most ? fabsf(ours[i]) : most;
    for (size_t i = 0; i < n; i++)
        near = near && fabsf(ours[i] - o->out[i]) <= 0.05f * most;
    return near || no(o, "ONNX Runtime: its results are others");
}

static bool open_all(struct qe *e, struct qe_ort *o)
{
    char path[MODEL_PATH] = "";
    qnt_tensor_info in, out;
    size_t n = 1;
    if (qnt_model_input_count(e->model) != 1 || qnt_model_output_count(e->model) != 1 ||
        qnt_session_input(e->session, &in) || qnt_session_output(e->session, &out) || in.type != QNT_F32 ||
        out.type != QNT_F32)
        return no(o, "ONNX Runtime: for models of one input and one output, in floats");
    for (uint32_t i = 0; i < out.rank; i++)
        n *= out.dim[i];
    if (!(o->out = calloc(n, sizeof *o->out)))
        return no(o, "out of memory");
    bool good = open_library(o, e->ort) && write_model(e, o, path);
    good = good && open_session(o, path);
    if (*path)
        unlink(path);
    return good && open_tensor(o, 0, &in, e->in) && open_tensor(o, 1, &out, o->out) && run(o) && agrees(e, o, n);
}

const char *qe_ort_open(struct qe *e, char *text, size_t size)
{
    struct qe_ort *o = calloc(1, sizeof *o);
    if (!o)
        return "out of memory";
    *o = (struct qe_ort){.text = text, .size = size};
    e->ort_session = o;
    return open_all(e, o) ? NULL : text;
}

/* The library stays: its threads may be at their ends still. */
void qe_ort_close(struct qe *e)
{
    struct qe_ort *o = e->ort_session;
    if (!o)
        return;
    for (int i = 0; i < SIDES; i++)
        if (o->value[i])
            CALL(o, FREE_VALUE, void, obj)(o->value[i]);
    if (o->memory)
        CALL(o, FREE_MEMORY, void, obj)(o->memory);
    if (o->session)
        CALL(o, FREE_SESSION, void, obj)(o->session);
    if (o->options)
        CALL(o, FREE_OPTIONS, void, obj)(o->options);
    if (o->env)
        CALL(o, FREE_ENV, void, obj)(o->env);
    free(o->out);
    free(o);
}

static void time_runs(void *arg)
{
    struct qe *e = arg;
    struct qe_window *w = e->window;
    for (uint32_t i = 0; w->samples < QE_SAMPLES; i++) {
        const uint64_t begin = qnt_ticks();
        w->failed += !run(e->ort_session);
        const uint64_t end = qnt_ticks();
        if (qe_sample(e, i, WARM, (double)(end - begin) - e->watch, end))
            break;
    }
}

int qe_ort(struct qe *e, const struct qe_case *c)
{
    (void)c;
    qe_mate_begin(e, time_runs, e);
    qe_mate_end(e);
    return EXIT_OK;
}
