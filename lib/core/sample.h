#ifndef CORE_SAMPLE_H
#define CORE_SAMPLE_H
/* A call of every plain op on data made for it: what the self-test compares and what is measured of a variant. */
#include "lib/core/core.h"

/* Rows of c channels, n values in all; at least 7 rows of 29, which have all kinds of ends. The arrays lie in memory
 * that the user gives; f, s, u, acc [n], the others [c]; out: what two calls write, as any type. */
struct qnt_sample {
    size_t n, c, rows;
    float *f, *scale;
    int32_t *acc, *lo, *hi;
    struct qnt_quant *q;
    int8_t *s;
    uint8_t *u;
    int8_t table[256];
    struct qnt_requant rq;
    struct qnt_window win, tile;
    union {
        float *f;
        int32_t *i;
        int8_t *s;
        uint8_t *u;
    } out[2];
};
#define QNT_SAMPLE_BYTES(rows, c)                                                                                      \
    ((rows) * (c) * (4 * sizeof(float) + 2) + (c) * (3 * sizeof(float) + sizeof(struct qnt_quant)))
/* memory: QNT_SAMPLE_BYTES, aligned to 64 bytes; all of it is written. */
void qnt_sample_init(struct qnt_sample *x, void *memory, size_t rows, size_t c);

struct qnt_sample_op {
    const char *op;
    void (*run)(qnt_any_fn *fn, struct qnt_sample *x, int k);              /* writes out[k] */
    void (*work)(const struct qnt_sample *x, size_t *macs, size_t *bytes); /* of a call; bytes: read and written */
};
extern const struct qnt_sample_op qnt_sample_ops[]; /* in the order of kernels.def; ends with op == NULL */
#endif
