#ifndef TOOLS_QQUANT_H
#define TOOLS_QQUANT_H
/* qquant: options.c parses, qquant.c leads; calib.c reads calibration inputs, plan.c plans, judge.c compares models
 * with the float one, write.c writes what came out, sensitivity.c compares layers and plot.c draws that; search.h. */
#include <jansson.h>
#include <qnt/quantize.h>
#include "tools/common/eval.h"
#include "tools/common/file.h"
#include "tools/common/model.h"

struct settings {
    const char *model, *calib, *data, *out, *onnx, *plan, *plan_out, *plot;
    uint32_t images, test_images;
    uint32_t opset, block; /* block 0: activations are quantized, too */
    int sensitivity, json, int4, automatic, block_codes;
    float max_drop;       /* below 0: the default */
    uint64_t target_size; /* bytes; 0: none, as below */
    float target_latency; /* us */
    struct model_options import;
    qnt_ptq_config config;
};
/* What calibration gives to one input of the model: `bytes` an image, as the model takes them. */
struct calib_input {
    qnt_tensor_info info;
    size_t bytes;
    unsigned char *data;
};
struct run {
    const struct opt_tool *tool;
    const struct settings *s;
    qnt_ctx *ctx;
    qnt_model *start;
    struct file_list files; /* of calibration; none: a data set's */
    struct calib_input *in;
    size_t n_in, n;    /* inputs of the model; images of calibration */
    qnt_ptq *ptq;      /* has seen these */
    qnt_dataset *test; /* NULL: none */
    uint32_t threads;  /* of sessions whose time does not matter */
    struct env_cpus cpus;
};

/* -1, or the exit code to end with. */
int options_parse(struct settings *s, int argc, char **argv, struct opt_tool *tool);

/* Finds the files of --calib; none: it is a data set. An exit code, told, as are all that follow. */
int calib_find(struct run *r);
/* Fills `in` from these. */
int calib_load(struct run *r);
void calib_free(struct run *r);

/* Lines of a file to r->ptq. */
int plan_read(struct run *r, const char *path);
/* What r->ptq does, as a file that plan_read takes. */
int plan_write(const struct run *r, const char *path);
/* Its lines, and the same as JSON. */
qnt_status plan_print(const struct run *r, FILE *f);
json_t *plan_json(const struct run *r);
/* As in a plan: "8", "ternary", "float". */
const char *width_word(uint32_t bits);

/* What a model gives for images of calibration: [images][n], all outputs one after the other as real numbers; the first
 * has `first` of the n. */
struct outputs {
    float *value;
    size_t images, n, first;
};
int outputs_of(const struct run *r, qnt_model *model, size_t images, struct outputs *out);
/* How like the outputs b are to a: accuracy is left alone. */
struct likeness {
    double sqnr, cosine, kl, accuracy; /* dB; of the first output's softmax */
    double noise;                      /* power of the difference, as a share of a's */
};
int likeness_of(const struct run *r, const struct outputs *a, const struct outputs *b, struct likeness *l);
/* null for what is no finite number. */
json_t *real_json(double value);
/* The share of test images that a model gets right. */
int accuracy_of(const struct run *r, qnt_model *model, double *value);

/* Writes the model, and what else is asked for; each file must hold what gives the same values. */
int write_model(const struct run *r, qnt_model *model);

/* The table of --sensitivity on stdout, and its chart. */
struct layer_row {
    const char *name;
    struct likeness alone, up_to; /* quantized alone, and with all before it */
};
int sensitivity_run(struct run *r);
int plot_layers(const struct run *r, const struct layer_row *row, size_t n, double accuracy);
#endif
