#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H
/* What a format of model files is to the library: importers.def lists them. */
#include <qnt/import.h>
#include "lib/core/core.h"

struct qnt_import_source {
    const uint8_t *data;
    size_t bytes;
    const char *path; /* NULL: memory */
    void *map;        /* the mapped file that data is, NULL: memory. A model that keeps it sets it to NULL. */
};

struct qnt_importer {
    const char *name;
    /* Whether bytes are of this format, also when they are cut off or damaged further in. */
    bool (*probe)(const uint8_t *data, size_t bytes);
    /* config is complete. The error text need not name the file. *out is untouched on failure. */
    qnt_status (*load)(qnt_ctx *ctx, struct qnt_import_source *source, const qnt_import_config *config,
                       qnt_model **out);
    /* Operation i that its models may have; all but out->format. false: there are not so many. */
    bool (*operation)(size_t i, qnt_import_operation_info *out);
};

#define QNT_IMPORTER(name) extern const struct qnt_importer qnt_importer_##name;
#include "lib/import/importers.def"
#undef QNT_IMPORTER
#endif
