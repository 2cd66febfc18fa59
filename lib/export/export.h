#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H
/* What a format to write models in is to the library: exporters.def lists them. */
#include <qnt/export.h>
#include "lib/core/core.h"

struct qnt_exporter {
    const char *name;
    /* config is complete. The error text need not name the file. */
    qnt_status (*save)(const qnt_model *model, const char *path, const qnt_export_config *config);
};

#define QNT_EXPORTER(name) extern const struct qnt_exporter qnt_exporter_##name;
#include "lib/export/exporters.def"
#undef QNT_EXPORTER
#endif
