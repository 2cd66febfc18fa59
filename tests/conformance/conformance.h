#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H
/* ONNX models with inputs and the outputs that others computed: what is compared (value.c, compare.c), how a model is
 * run on it (run.c, case.c) and where it lies (main.c). */
#include <stdbool.h>
#include <qnt/qnt.h>
#include "lib/import/onnx/onnx.h"

/* A tensor of the data. */
struct value {
    int32_t type; /* enum onnx_type; those of 4 and 2 bits are here as bytes */
    uint32_t rank;
    size_t dim[ONNX_MAX_RANK];
    size_t count, bytes;
    uint8_t *data;   /* from malloc, as are the next */
    uint8_t *stored; /* as the file has it, packed */
    size_t stored_bytes;
};
/* The bytes of a file, from malloc; NULL when it cannot be read. */
uint8_t *read_bytes(const char *path, size_t *bytes);
/* A .pb file (TensorProto) or an .npy file of floats. A text is left for qnt_last_error on failure. */
qnt_status value_read(qnt_ctx *ctx, const char *path, struct value *v);
void value_free(struct value *v);
size_t value_element(int32_t type); /* bytes in `data` */
/* The library's type for it; false when it has none. */
bool value_type(int32_t type, qnt_dtype *out);

/* Integers are equal; floats are within absolute + relative * |expected|. NaN equals NaN. */
struct tolerance {
    double relative, absolute;
};
/* True, or false with the first difference in text. found: as many elements of the same type. */
bool value_same(const struct value *expected, const void *found, struct tolerance t, char *text, size_t room);

enum { MOST_VALUES = 16, TEXT = 1024 };
enum outcome { PASSED, FAILED, REFUSED, OUTCOMES };
/* One set of inputs and outputs. */
struct set {
    struct value in[MOST_VALUES], out[MOST_VALUES];
    size_t n_in, n_out;
};
/* What a case's sets share. */
struct model {
    qnt_ctx *ctx;
    const char *path;
    const struct onnx_graph *graph; /* as the file says it */
    bool bound[MOST_VALUES];        /* inputs that the importer wants to know */
    size_t batch;                   /* of the configuration */
    bool rewrite;                   /* written as ONNX and imported again before it runs */
    bool ort_x86;                   /* of the configuration */
    qnt_model *imported;            /* NULL: yet to be imported */
};
/* Imports if need be, runs on the inputs and compares. REFUSED: the library says that it does not support it. */
enum outcome model_run(struct model *m, const struct set *s, struct tolerance t, char text[TEXT]);
void model_free(struct model *m);

struct one_case {
    const char *name, *model, *folder; /* folder: of test_data_set_*, or of .npy files */
    struct tolerance tolerance;
    bool rewrite, ort_x86; /* as of a model */
    const char *network;   /* of whole networks: their family, else NULL */
};
/* All sets: PASSED when all of them do. family: what the operations of the model are about. */
enum outcome case_run(qnt_ctx *ctx, const struct one_case *c, char family[64], char text[TEXT]);
#endif
