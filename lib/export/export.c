/* Finds the exporter by its name. */
#include <string.h>
#include "lib/export/export.h"
#include "lib/graph/graph.h"

static const struct qnt_exporter *const exporters[] = {
#define QNT_EXPORTER(name) &qnt_exporter_##name,
#include "lib/export/exporters.def"
#undef QNT_EXPORTER
};
enum { EXPORTERS = sizeof exporters / sizeof *exporters };
#define NAMES "onnx"

static qnt_status find(const char *format, const struct qnt_exporter **out)
{
    for (size_t i = 0; i < EXPORTERS; i++)
        if (!format || !strcmp(format, exporters[i]->name)) {
            *out = exporters[i];
            return QNT_OK;
        }
    return qnt_fail(QNT_ERR_ARG, "export config: format '%s' is not known, expected one of " NAMES, format);
}

static qnt_status check_config(const qnt_export_config *c)
{
    if (c->channels_last > (QNT_CHANNELS_LAST_INPUTS | QNT_CHANNELS_LAST_OUTPUTS))
        return qnt_fail(QNT_ERR_ARG, "export config: channels_last is %u, expected flags up to 3", c->channels_last);
    if (c->int4 > 1 || c->reserved)
        return qnt_fail(QNT_ERR_ARG, "export config: int4 is %u and reserved %u, expected 0 or 1, and 0", c->int4,
                        c->reserved);
    return QNT_OK;
}

qnt_status qnt_model_export(const qnt_model *model, const char *path, const qnt_export_config *config)
{
    qnt_export_config c;
    const struct qnt_exporter *exporter = NULL;
    if (!model || !path)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_export: a pointer is NULL");
    qnt_status status = qnt_config_copy(&c, sizeof c, config, "export config");
    if (status || (status = check_config(&c)) || (status = find(c.format, &exporter)))
        return status;
    if (!(status = qnt_model_check_borders(model)))
        status = exporter->save(model, path, &c);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}
