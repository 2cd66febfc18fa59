#ifndef TOOLS_EVAL_H
#define TOOLS_EVAL_H
/* Runs a model over images: accuracy, latency, throughput and a digest of all outputs. */
#include "tools/common/env.h"

/* Images to run on. read writes image i as the model's float input and its label (-1: none). */
struct source {
    size_t count;
    qnt_status (*read)(const struct source *s, size_t i, float *dst, int *label);
    const qnt_model *model;
    const qnt_dataset *data;    /* source_data */
    const unsigned char *bytes; /* source_bytes */
    size_t elements;
    int floats;
};
void source_data(struct source *s, const qnt_dataset *data, const qnt_model *model);
/* `size` bytes of raw images, f32 (floats) or u8 that the model's normalisation is applied to; QNT_ERR_SHAPE when the
 * size is no multiple of an image's. */
qnt_status source_bytes(struct source *s, const unsigned char *bytes, size_t size, int floats, const qnt_model *model);

struct eval_config {
    uint32_t threads, batch;
    struct env_cpus cpus; /* empty: the usable cores */
    int quantized;        /* run on quantized bytes; the conversion of the input is not timed */
    uint32_t repeat;      /* passes over the images, >= 1; the digest is of the first */
    FILE *raw_out;        /* NULL, or receives the outputs of the first pass */
    void (*each)(void *user, size_t image, int class,
                 float score); /* NULL, or called for every image of the first pass */
    void *user;
};
struct eval_result {
    size_t images, labelled, correct, arena_bytes;
    double accuracy;                             /* 0..1; of the labelled ones */
    double median_us, p99_us, images_per_second; /* per call of `batch` images; over all passes */
    uint64_t digest; /* xxh3 of the outputs in order: the same for any batch, thread count and ISA */
};
/* Returns EXIT_OK, or another exit code with the reason told on stderr. */
int eval_run(const struct opt_tool *tool, qnt_model *model, const struct source *s, const struct eval_config *config,
             struct eval_result *out);
#endif
