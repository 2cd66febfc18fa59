#ifndef GRAPH_QNT_FILE_H
#define GRAPH_QNT_FILE_H
/* Inside the reader and writer of .qnt files (the format: qnt_format.h). */
#include "lib/graph/graph.h"
#include "lib/graph/qnt_format.h"

static inline uint64_t qnt_file_align(uint64_t n)
{
    return (n + QNT_FILE_ALIGN - 1) / QNT_FILE_ALIGN * QNT_FILE_ALIGN;
}

/* A model's description as records: what a file holds but the constants' bytes. The reader makes it from a file, the
 * writer from a model; both check it by the same rules, so nothing is written that could not be read again. */
struct qnt_image {
    const qnt_ctx *ctx;
    struct qnt_file_model model;
    struct qnt_file_tensor *tensor;
    struct qnt_file_node *node;
    char *names;
    float *scale;
    struct qnt_file_border *border; /* all inputs, then all outputs; NULL: model's input and output are all */
    size_t n_tensors, n_nodes, names_bytes, n_scales, data_bytes, n_borders;
};

/* A file in memory. */
struct qnt_source {
    const uint8_t *base;
    size_t bytes;
    bool alias; /* base is aligned and outlives the model */
    struct qnt_file_section section[QNT_FILE_KINDS];
};
/* qnt_sections.c: what the file's front says, proved against its bytes but for the constants', and checked as below.
 * On failure, too, *f is to be released. */
qnt_status qnt_image_read(const qnt_ctx *ctx, struct qnt_source *s, struct qnt_image *f);
/* QNT_ERR_FORMAT with a text that names section and thing ("": none). */
qnt_status qnt_file_check_hash(const char *section, const char *name, const void *data, size_t bytes,
                               uint64_t expected);
qnt_status qnt_file_check_padding(const struct qnt_source *s, const char *what, const char *name, uint64_t at,
                                  uint64_t end);

/* Refuses with QNT_ERR_FORMAT (an op that is not in the table: QNT_ERR_UNSUPPORTED) and a text "section: thing:
 * expected, found". Only then are offsets, ids, counts and sizes safe to use. The data is not looked at. */
qnt_status qnt_image_check(const struct qnt_image *f);
void qnt_image_release(struct qnt_image *f);
static inline const char *qnt_image_name(const struct qnt_image *f, uint32_t offset)
{
    return f->names + offset;
}

/* Input k of a node; k < QNT_MAX_INPUTS. */
static inline uint32_t *qnt_file_input(struct qnt_file_node *n, uint32_t k)
{
    return k < 6 ? &n->in[k] : &n->more[k - 6];
}

/* Dimension d of a tensor, and elements d of a node's arrays; d < QNT_MAX_RANK. */
static inline uint64_t *qnt_file_dim(struct qnt_file_tensor *t, uint32_t d)
{
    return d < 4 ? &t->dim[d] : &t->more_dim[d - 4];
}
struct qnt_file_elements {
    int64_t *begin, *end, *step;
    uint64_t *dim;
    uint32_t *axis;
};
static inline struct qnt_file_elements qnt_file_elements(struct qnt_file_node *n, uint32_t d)
{
    const uint32_t k = d - 4;
    if (d < 4)
        return (struct qnt_file_elements){&n->begin[d], &n->end[d], &n->step[d], &n->dim[d], &n->axis[d]};
    return (struct qnt_file_elements){&n->more_begin[k], &n->more_end[k], &n->more_step[k], &n->more_dim[k],
                                      &n->more_axis[k]};
}

/* Bytes of `count` (<= 2^40) elements in a file: k-bit codes packed, the last byte filled up. Other types: bits is
 * their width. */
static inline uint64_t qnt_stored_bytes(uint32_t bits, uint64_t count)
{
    return (count * bits + 7) / 8;
}
/* 1 <= bits <= 7. pack returns the index of the first code that `bits` cannot hold, or n. unpack returns false when the
 * spare bits of the last byte are set. */
size_t qnt_codes_pack(const int8_t *src, size_t n, uint32_t bits, uint8_t *dst);
bool qnt_codes_unpack(const uint8_t *src, size_t n, uint32_t bits, int8_t *dst);
/* Index of the first code that is not -1, 0 or 1 (of bool: not 0 or 1), or n. */
size_t qnt_codes_not_ternary(const int8_t *codes, size_t n);
size_t qnt_codes_not_bool(const uint8_t *codes, size_t n);
#endif
