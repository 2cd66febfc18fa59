#ifndef TOOLS_MODEL_H
#define TOOLS_MODEL_H
/* A model file of any format, and the options that say how it is imported. */
#include <qnt/qnt.h>
#include "tools/common/opt.h"

enum { MODEL_MAX_DIMS = 8, MODEL_MAX_NAME = 128 };
struct model_options {
    int external_data; /* of qnt_import_config, as are the next */
    uint32_t fixed_batch;
    uint32_t channels_last;
    size_t n_dim;
    qnt_import_dim dim[MODEL_MAX_DIMS];
    char name[MODEL_MAX_DIMS][MODEL_MAX_NAME]; /* of the dimensions */
};
/* For struct opt: "NAME=N" into *target (struct model_options). */
const char *model_dim_parse(void *target, const char *value);
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
qnt_status model_open(qnt_ctx *ctx, const char *path, const struct model_options *o, qnt_model **out);
#endif
