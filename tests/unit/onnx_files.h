#ifndef UNIT_ONNX_FILES_H
#define UNIT_ONNX_FILES_H
/* Models written as ONNX files and read again: `path` is the file. */
#include <stdbool.h>
#include <string.h>
#include <qnt/qnt.h>
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

enum { BORDERS = 8, BATCH = 3 };
static qnt_ctx *ctx;
static char path[TEST_PATH];

static inline void setup(void)
{
    unit_seed();
    OK(qnt_ctx_create(NULL, &ctx));
    test_temp_file(path);
}

static inline void teardown(void)
{
    unlink(path);
    qnt_ctx_free(ctx);
}

static inline size_t bytes_of(const qnt_tensor_info *t)
{
    size_t n = qnt_dtype_size(t->type);
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

/* All inputs and outputs are of the same types and shapes. */
static inline bool same_borders(const qnt_model *a, const qnt_model *b)
{
    qnt_tensor_info x, y;
    bool same =
        qnt_model_input_count(a) == qnt_model_input_count(b) && qnt_model_output_count(a) == qnt_model_output_count(b);
    for (size_t i = 0; same && i < qnt_model_input_count(a); i++) {
        OK(qnt_model_input_at(a, i, &x));
        OK(qnt_model_input_at(b, i, &y));
        same = x.type == y.type && x.rank == y.rank && !memcmp(x.dim, y.dim, sizeof x.dim) && !strcmp(x.name, y.name);
    }
    for (size_t i = 0; same && i < qnt_model_output_count(a); i++) {
        OK(qnt_model_output_at(a, i, &x));
        OK(qnt_model_output_at(b, i, &y));
        same = x.type == y.type && x.rank == y.rank && !memcmp(x.dim, y.dim, sizeof x.dim);
    }
    return same;
}

static inline void run(qnt_model *m, void *const *in, void **out)
{
    qnt_session *s;
    qnt_tensor_info t;
    const qnt_session_config c = {.size = sizeof c, .max_batch = BATCH};
    OK(qnt_session_create(m, &c, &s));
    for (size_t i = 0; i < qnt_model_output_count(m); i++) {
        OK(qnt_model_output_at(m, i, &t));
        out[i] = calloc(BATCH, bytes_of(&t));
    }
    OK(qnt_session_run_io(s, (const void *const *)in, out, BATCH));
    qnt_session_free(s);
}

static inline void equal_outputs(qnt_model *a, qnt_model *b, const char *what)
{
    void *in[BORDERS], *one[BORDERS], *other[BORDERS];
    qnt_tensor_info t;
    for (size_t i = 0; i < qnt_model_input_count(a); i++) {
        OK(qnt_model_input_at(a, i, &t));
        const size_t bytes = BATCH * bytes_of(&t);
        in[i] = malloc(bytes);
        ck_assert_int_eq(t.type, QNT_F32);
        for (size_t k = 0; k < bytes / sizeof(float); k++)
            ((float *)in[i])[k] = 2.5f * unit_random_float();
    }
    run(a, in, one);
    run(b, in, other);
    for (size_t i = 0; i < qnt_model_output_count(a); i++) {
        OK(qnt_model_output_at(a, i, &t));
        ck_assert_msg(!memcmp(one[i], other[i], BATCH * bytes_of(&t)), "%s: output '%s' has other bytes", what, t.name);
        free(one[i]);
        free(other[i]);
    }
    for (size_t i = 0; i < qnt_model_input_count(a); i++)
        free(in[i]);
}

/* Writes and reads; images as the model has them, once by the file and once by the importer. */
static inline void round_trip(qnt_model *m, qnt_export_config c, const char *name)
{
    bool found = false;
    char what[128];
    for (uint32_t out = 0; out <= 3; out += 3) {
        c.size = sizeof c;
        c.channels_last = out;
        OK(qnt_model_export(m, path, &c));
        found = false;
        for (uint32_t i = 0; i <= 3 && !found; i++) { /* the expected ones first: shapes of images may be cubes */
            const uint32_t in = out ? i : 3 - i;
            const qnt_import_config config = {.size = sizeof config, .channels_last = in};
            qnt_model *again;
            OK(qnt_model_import(ctx, path, &config, &again));
            snprintf(what, sizeof what, "%s, channels_last %u and %u", name, out, in);
            if ((found = same_borders(m, again)))
                equal_outputs(m, again, what);
            qnt_model_free(again);
        }
        ck_assert_msg(found, "%s: other inputs or outputs", name);
    }
}

#endif
