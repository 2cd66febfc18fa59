#ifndef TOOLS_FEED_H
#define TOOLS_FEED_H
/* What a session runs on: images from a data set or files as its inputs have them, and room for its outputs. */
#include "tools/common/env.h"
#include "tools/common/inputs.h"

/* Images to run on, with their label where there is one. */
struct source {
    size_t count;
    const qnt_model *model;
    const qnt_dataset *data;    /* source_data */
    const struct inputs *files; /* source_files; neither: noise for inputs of floats, zeros for others */
};
void source_data(struct source *s, const qnt_dataset *data, const qnt_model *model);
/* After inputs_check. */
void source_files(struct source *s, const struct inputs *files, const qnt_model *model);
void source_noise(struct source *s, const qnt_model *model);
/* Whether input k can be had in floats, and image i of it so: what it means by the model's normalisation when it is
 * pixels. label: -1 without. */
bool source_has_reals(const struct source *s, size_t k);
qnt_status source_reals(const struct source *s, size_t k, size_t i, float *dst, int *label);

struct border {
    qnt_tensor_info info;   /* as the session takes or gives it */
    size_t elements, bytes; /* of an image */
};
struct feed {
    const struct source *source;
    size_t n_in, n_out;
    struct border *in, *out;
    void **in_data, **out_data; /* for qnt_session_run_io: a batch of each */
    float *image;               /* an image of any input, before it is quantized */
};
/* Room for `batch` images, noise in it where there is no source of inputs. An exit code, told: EXIT_UNSUPPORTED when an
 * input cannot be made of what there is. */
int feed_create(const struct opt_tool *tool, const qnt_session *session, const struct source *source, size_t batch,
                struct feed *f);
/* Images first, first + 1, ... as inputs; label[i]: of image first + i, -1 without. */
qnt_status feed_fill(struct feed *f, size_t first, size_t count, int *label);
/* What element `at` of the output stands for. */
float feed_value(const struct feed *f, size_t output, size_t at);
void feed_free(struct feed *f);
#endif
