#ifndef TOOLS_QRUN_H
#define TOOLS_QRUN_H
/* qrun: qrun.c parses and leads; classes.c names what images are taken for, report.c tells what a run gave, profile.c
 * what its layers take. */
#include <jansson.h>
#include "tools/common/eval.h"
#include "tools/common/model.h"

struct args {
    const char *data, *raw_out, *labels, *plot; /* data NULL: not given */
    struct env_cpus cpus;
    uint32_t threads, batch, images, repeat; /* repeat 0: not given */
    int u8, quantized, small_weights, hash, layers, json, profile;
    struct model_options model;
};
struct run {
    const struct opt_tool *tool;
    const struct args *a;
    const char *path; /* of the model */
    qnt_model *model;
};

/* ---- classes.c ---- */
/* Names of classes, a line each, and the predictions that are told with them. */
struct classes {
    unsigned char *text;
    char **name; /* n of them; NULL: without names */
    size_t n;
    json_t *rows; /* NULL: they are printed */
};
/* Reads the file of --labels, if given. An exit code, told, as are the next. */
int classes_open(const struct run *r, struct classes *c);
/* For struct eval_config: tells of one image the class, or with names the best five. */
void classes_tell(void *user, size_t image, const float *score, size_t n);
void classes_free(struct classes *c);

/* ---- report.c ---- */
int report_layers(const struct run *r);
int report_run(const struct run *r, const struct eval_config *c, const struct eval_result *e, struct classes *names);

/* ---- profile.c ---- */
int profile_run(const struct run *r, const struct eval_config *c, const struct source *s);
#endif
