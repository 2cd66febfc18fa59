#ifndef TOOLS_MODEL_H
#define TOOLS_MODEL_H
/* A model file of any format, and the options that say how it is imported and what its images are. */
#include <qnt/qnt.h>
#include "tools/common/opt.h"

enum { MODEL_MAX_DIMS = 8, MODEL_MAX_NAME = 128 };
/* A number for each channel, or one for all; n 0: not given. */
struct channels {
    uint32_t n;
    float value[4];
};
struct model_options {
    int external_data, ort_x86; /* of qnt_import_config, as are the next */
    uint32_t fixed_batch;
    int channels_last;               /* of the inputs */
    struct channels mean, deviation; /* instead of the model's */
    int resize;                      /* images of another size than the model's are made fit */
    size_t n_dim;
    qnt_import_dim dim[MODEL_MAX_DIMS];
    char name[MODEL_MAX_DIMS][MODEL_MAX_NAME]; /* of the dimensions */
};
/* For struct opt: "NAME=N" into *target (struct model_options). */
const char *model_dim_parse(void *target, const char *value);
/* The same: "0.5,0.4,0.3" into struct channels; "linear" into int. */
const char *model_channels_parse(void *target, const char *value);
const char *model_resize_parse(void *target, const char *value);
/* Rows of a tool's option table. */
#define MODEL_OPTIONS(o)                                                                                               \
    {"external-data",                                                                                                  \
     0,                                                                                                                \
     NULL,                                                                                                             \
     "MODEL's constants may lie in other files of its folder (ONNX)",                                                  \
     OPT_FLAG,                                                                                                         \
     &(o).external_data,                                                                                               \
     0,                                                                                                                \
     0,                                                                                                                \
     NULL},                                                                                                            \
        {"ort-x86",                                                                                                    \
         0,                                                                                                            \
         NULL,                                                                                                         \
         "give MODEL the numbers that ONNX Runtime has on x86-64, where int8 layers may run in floats (ONNX)",         \
         OPT_FLAG,                                                                                                     \
         &(o).ort_x86,                                                                                                 \
         0,                                                                                                            \
         0,                                                                                                            \
         NULL},                                                                                                        \
        {"fixed-batch",                                                                                                \
         0,                                                                                                            \
         "N",                                                                                                          \
         "MODEL's inputs hold N images where it leaves that open (ONNX)",                                              \
         OPT_U32,                                                                                                      \
         &(o).fixed_batch,                                                                                             \
         1,                                                                                                            \
         65536,                                                                                                        \
         NULL},                                                                                                        \
    {                                                                                                                  \
        "dim", 0, "NAME=N", "what a dimension is that MODEL only names (ONNX; may be repeated)", OPT_CALL, &(o), 0, 0, \
            model_dim_parse                                                                                            \
    }
/* Rows of a tool that feeds images. */
#define IMAGE_OPTIONS(o)                                                                                               \
    {"channels-last",                                                                                                  \
     0,                                                                                                                \
     NULL,                                                                                                             \
     "an ONNX model's inputs are given, and stay, as height, width, channels (always with images)",                    \
     OPT_FLAG,                                                                                                         \
     &(o).channels_last,                                                                                               \
     0,                                                                                                                \
     0,                                                                                                                \
     NULL},                                                                                                            \
        {"mean",                                                                                                       \
         0,                                                                                                            \
         "X,..",                                                                                                       \
         "images' mean by channel: an input is (byte / 255 - mean) / deviation (default: the model file's)",           \
         OPT_CALL,                                                                                                     \
         &(o).mean,                                                                                                    \
         0,                                                                                                            \
         0,                                                                                                            \
         model_channels_parse},                                                                                        \
        {"deviation",                                                                                                  \
         0,                                                                                                            \
         "X,..",                                                                                                       \
         "and their deviation; 0.00392156863 leaves bytes as they are",                                                \
         OPT_CALL,                                                                                                     \
         &(o).deviation,                                                                                               \
         0,                                                                                                            \
         0,                                                                                                            \
         model_channels_parse},                                                                                        \
    {                                                                                                                  \
        "resize", 0, "HOW",                                                                                            \
            "PNG images of another size than MODEL's: linear (default: they are refused); the whole image, "           \
            "interpolated linearly where it grows, averaged with weights that fall linearly where it shrinks",         \
            OPT_CALL, &(o).resize, 0, 0, model_resize_parse                                                            \
    }
/* Opens the model, with the mean and deviation given. */
qnt_status model_open(qnt_ctx *ctx, const char *path, const struct model_options *o, qnt_model **out);
#endif
