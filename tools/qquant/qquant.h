#ifndef TOOLS_QQUANT_H
#define TOOLS_QQUANT_H
/* qquant: qquant.c parses and leads; calib.c reads calibration inputs, sensitivity.c compares layers. */
#include <jansson.h>
#include <qnt/quantize.h>
#include "tools/common/eval.h"
#include "tools/common/file.h"
#include "tools/common/model.h"

struct settings {
    const char *model, *calib, *data, *out, *onnx;
    uint32_t images, test_images;
    uint32_t opset;
    int sensitivity, json, int4;
    struct model_options import;
    qnt_ptq_config config;
};
struct run {
    const struct opt_tool *tool;
    const struct settings *s;
    qnt_ctx *ctx;
    qnt_model *start;
    struct file_list files; /* of calibration; none: a data set's */
    float *inputs;          /* of calibration: [n][elements] */
    size_t n, elements;
    qnt_dataset *test; /* NULL: none */
};

/* Finds the files of --calib; none: it is a data set. An exit code, told, as are the next. */
int calib_find(struct run *r);
/* Fills inputs from these. Returns an exit code, told. */
int calib_load(struct run *r);
/* Observes all inputs and gives the quantized model. */
int quantize_once(struct run *r, const qnt_ptq_config *config, qnt_model **out);
/* The share of test images that a model gets right. */
int accuracy_of(struct run *r, qnt_model *model, double *value);
/* The table of --sensitivity on stdout. */
int sensitivity_run(struct run *r);
#endif
