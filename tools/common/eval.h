#ifndef TOOLS_EVAL_H
#define TOOLS_EVAL_H
/* Runs a model over images: accuracy, latency, throughput and a digest of all outputs. */
#include "tools/common/feed.h"

struct eval_config {
    uint32_t threads, batch;
    struct env_cpus cpus; /* empty: the usable cores */
    int small_weights;    /* as of qnt_session_config */
    int quantized;        /* run on quantized bytes; the conversion of the input is not timed */
    uint32_t repeat;      /* passes over the images, >= 1; the digest is of the first */
    FILE *raw_out;        /* NULL, or receives of each image of the first pass the outputs, one after the other */
    /* NULL, or called for every image of the first pass; scores: what the n elements of the first output stand for */
    void (*each)(void *user, size_t image, const float *score, size_t n);
    void *user;
};
struct eval_result {
    size_t images, labelled, correct, arena_bytes, packed_bytes;
    double accuracy;                             /* 0..1; of the labelled ones */
    double median_us, p99_us, images_per_second; /* per call of `batch` images; over all passes */
    uint64_t digest; /* xxh3 of what raw_out receives: the same for any batch, thread count and ISA */
};
/* A session as the configuration has it. */
qnt_status eval_session(qnt_model *model, const struct eval_config *config, qnt_session **out);
/* Returns EXIT_OK, or another exit code with the reason told on stderr. */
int eval_run(const struct opt_tool *tool, qnt_model *model, const struct source *s, const struct eval_config *config,
             struct eval_result *out);
#endif
