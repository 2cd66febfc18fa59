#ifndef TOOLS_QTRAIN_H
#define TOOLS_QTRAIN_H
#include <jansson.h>
#include "tools/common/eval.h"

/* Everything the command line says. */
struct settings {
    const char *data, *model, *from, *teacher, *out, *checkpoint, *resume, *recipe;
    qnt_train_config config;
    uint32_t images, test_images, hold_out;
    uint32_t normalise; /* per channel, by the training set's moments; a model given by --from brings its own */
    int json;
};

/* The named presets: what --recipe sets before the other options. recipe_apply returns 0 for an unknown name. */
int recipe_apply(const char *name, struct settings *s);

/* What one run works on. */
struct run {
    const struct opt_tool *tool;
    const struct settings *s;
    qnt_ctx *ctx;
    qnt_dataset *train_set, *held_out, *test_set;
    qnt_model *start, *teacher;
    int binary; /* start has binary layers */
    qnt_train *train;
    json_t *epochs; /* a row per epoch */
};

/* Steps to the end, or until SIGINT or SIGTERM, which leaves a checkpoint and gives EXIT_INTERRUPTED. */
int loop_run(struct run *r);
/* Evaluates a model on a data set through a session with a thread per usable core. */
int loop_evaluate(const struct run *r, qnt_model *model, const qnt_dataset *data, struct eval_result *out);
#endif
