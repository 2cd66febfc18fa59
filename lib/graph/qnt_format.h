#ifndef GRAPH_QNT_FORMAT_H
#define GRAPH_QNT_FORMAT_H
/* The .qnt file, version 1.2. All numbers are little-endian, floats IEEE 754; the structs below are the bytes.
 *
 *     header                      64 bytes
 *     section table               one entry a section, by rising kind, each kind once
 *     model tensors nodes names scales data [borders]
 *
 * Every section starts at the first multiple of 64 after what lies before it, and the file ends on one; all bytes
 * between are zero. So the layout of a model is unique, no two parts can overlap, and the file can be mapped and its
 * constants used in place. Records that refer to names, scales or data do so by offset, and the offsets again follow
 * from the order: each name, scale and constant lies directly after the one before it.
 *
 * Checksums are XXH3_64bits. The header's covers the header (its own field zero) and the table, the table's cover
 * their sections, and each constant has its own in its tensor record, so that damage is reported by name. Padding is
 * zero: no byte of a file can change unnoticed.
 *
 * Versions: a reader refuses a larger major. A larger minor may bring more section kinds, longer records, more codes
 * in a field; a reader takes such a file if it uses none of them (fields past the ones it knows are zero), and else
 * names what it does not know. Minor 1 brought ternary constants and the second part of a node's record: a file of
 * minor 0 lacks it, and it counts as zero. Minor 2 brought the borders, of models with more than one input or output: a
 * file of any other model has none; types past ternary, and constants of u8 with 4 bits; and dimensions 4 and 5, in
 * longer records of tensors and nodes, which are zero where a file lacks them. */
#include <stdint.h>

#define QNT_FILE_MAX_ELEMENTS (UINT64_C(1) << 40) /* of a tensor */
#define QNT_FILE_MAGIC "\x89QNT\r\n\x1a\n"        /* damaged by text-mode transfers and by 7-bit lines */
enum {
    QNT_FILE_MAJOR = 1,
    QNT_FILE_MINOR = 2,
    QNT_FILE_ALIGN = 64,
    /* Limits of a reader of this version. */
    QNT_FILE_MAX_SECTIONS = 64,
    QNT_FILE_MAX_RECORD = 4096,
    QNT_FILE_MAX_TENSORS = 1 << 14,
    QNT_FILE_MAX_NODES = 1 << 14,
    QNT_FILE_MAX_BORDERS = 1 << 15,
    QNT_FILE_MAX_NAME = 255,         /* bytes without the end */
    QNT_FILE_MAX_ATTRIBUTE = 1 << 20 /* kernel, stride, dilation, pad, groups */
};

struct qnt_file_header {
    uint8_t magic[8];
    uint16_t major, minor;
    uint32_t sections;
    uint64_t file_bytes;
    uint64_t hash;
    uint8_t zero[32];
};

enum qnt_file_kind {
    QNT_FILE_MODEL = 1, /* one struct qnt_file_model */
    QNT_FILE_TENSORS,   /* struct qnt_file_tensor; the index is the id. Inputs of a node precede its output */
    QNT_FILE_NODES,     /* struct qnt_file_node, by rising output id */
    QNT_FILE_NAMES,     /* of the tensors, then of each node its name and its op's; each ends with a zero byte.
                           A name is 1 to 255 bytes, none of them below 0x20 or 0x7f */
    QNT_FILE_SCALES,    /* float; finite, > 0 */
    QNT_FILE_DATA,      /* the constants, each at a multiple of 64 */
    QNT_FILE_BORDERS,   /* struct qnt_file_border: of all inputs, by rising tensor, then of all outputs, in the model's
                           order; only where there is more than one of either */
    QNT_FILE_KINDS = QNT_FILE_BORDERS,
    QNT_FILE_LEAST_KINDS = QNT_FILE_DATA /* the kinds up to here are in every file */
};
struct qnt_file_section {
    uint32_t kind;
    uint32_t entry_bytes; /* of one record; 1: names and data */
    uint64_t offset;      /* in the file */
    uint64_t bytes;       /* a multiple of entry_bytes */
    uint64_t hash;        /* 0 for data, whose constants have their own */
};

struct qnt_file_model {
    uint32_t input, output; /* tensor ids: the first of each */
    uint32_t requantize;    /* arithmetic of s32 -> s8: 0, float32 product, half to even */
    uint32_t zero;
    float mean[4], deviation[4]; /* finite; deviation > 0 */
};

struct qnt_file_border {
    uint32_t tensor; /* id; of an output: of an activation */
    uint32_t output; /* 0: an input, 1: an output */
};

struct qnt_file_tensor {
    uint32_t name; /* offset in names */
    uint8_t type;  /* enum qnt_dtype */
    uint8_t bits;  /* s8: 1..8, u8: 8, of constants also 4, ternary (constants only): 2, else the type's */
    uint8_t rank;  /* 1..6 */
    uint8_t constant;
    int32_t zero_point;
    uint32_t scales;      /* 0; 1; constants also dim[0] */
    uint32_t first_scale; /* index in scales */
    uint32_t zero;
    uint64_t dim[4]; /* >= 1, product <= 2^40; past the rank 0; more below. Activations: without the batch */
    /* Constants; 0 for activations. Elements of the type in row-major order; codes of k < 8 bits are a little-endian
     * bit string, code i in the bits k * i .. k * i + k - 1, two's complement, of 1 bit set for -1 and clear for 1, of
     * u8 0 to 15 and an even number of them; ternary codes are those of 2 bits without -2; the spare bits of the last
     * byte 0. */
    uint64_t offset; /* in data */
    uint64_t bytes;
    uint64_t hash;
    /* Since minor 2. */
    uint64_t more_dim[2]; /* dimensions 4 and 5 */
};

struct qnt_file_node {
    uint32_t name, op; /* offsets in names */
    uint32_t inputs;   /* how many: the first 6 of them in `in`, then in `more`; the unused are 0 */
    uint32_t out;      /* tensor id */
    uint32_t in[6];    /* tensor ids, < out */
    uint32_t kernel[2], stride[2], dilation[2], pad[4], groups; /* as qnt_node_attr, defaults filled in */
    float lo, hi, epsilon;
    /* Since minor 1. */
    int64_t begin[4], end[4], step[4]; /* these, too, as qnt_node_attr */
    uint64_t dim[4];
    uint32_t axis[4];
    float scale[2], value;
    uint32_t mode, position, rounding;
    uint32_t more[10]; /* tensor ids, < out */
    /* Since minor 2: elements 4 and 5 of the arrays above. */
    int64_t more_begin[2], more_end[2], more_step[2];
    uint64_t more_dim[2];
    uint32_t more_axis[2];
};
/* Bytes of the parts that earlier versions knew. */
#define QNT_FILE_TENSOR_MINOR_1 80
#define QNT_FILE_NODE_MINOR_0 96
#define QNT_FILE_NODE_MINOR_1 304

_Static_assert(sizeof(struct qnt_file_header) == 64, "no padding");
_Static_assert(sizeof(struct qnt_file_section) == 32, "no padding");
_Static_assert(sizeof(struct qnt_file_model) == 48, "no padding");
_Static_assert(sizeof(struct qnt_file_border) == 8, "no padding");
_Static_assert(sizeof(struct qnt_file_tensor) == 96, "no padding");
_Static_assert(sizeof(struct qnt_file_node) == 376, "no padding");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the structs are read and written as they lie in memory: a big-endian host needs conversions here"
#endif
#endif
