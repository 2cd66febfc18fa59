/* ONNX files; without protobuf-c there are none. */
#include "lib/export/export.h"

#if QNT_HAVE_ONNX
#include "lib/export/onnx/write.h"

const struct qnt_exporter qnt_exporter_onnx = {"onnx", qnt_onnx_save};
#else
static qnt_status save(const qnt_model *model, const char *path, const qnt_export_config *config)
{
    (void)model, (void)path, (void)config;
    return qnt_fail(QNT_ERR_UNSUPPORTED,
                    "an ONNX model, which this build of libqnt does not write: it has no protobuf-c");
}

const struct qnt_exporter qnt_exporter_onnx = {"onnx", save};
#endif
