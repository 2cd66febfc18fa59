#include "model.h"
#include <stdlib.h>
#include <string.h>

const char *model_dim_parse(void *target, const char *value)
{
    struct model_options *o = target;
    const char *equals = strrchr(value, '=');
    size_t n = equals ? (size_t)(equals - value) : 0;
    if (n == 0 || n >= MODEL_MAX_NAME || strspn(equals + 1, "0123456789") != strlen(equals + 1) ||
        strlen(equals + 1) > 9 || strtoul(equals + 1, NULL, 10) == 0)
        return "expected NAME=N with a number above 0";
    if (o->n_dim == MODEL_MAX_DIMS)
        return "too many dimensions";
    memcpy(o->name[o->n_dim], value, n);
    o->name[o->n_dim][n] = '\0';
    o->dim[o->n_dim] = (qnt_import_dim){o->name[o->n_dim], strtoul(equals + 1, NULL, 10)};
    o->n_dim++;
    return NULL;
}

qnt_status model_open(qnt_ctx *ctx, const char *path, const struct model_options *o, qnt_model **out)
{
    const qnt_import_config config = {.size = sizeof config,
                                      .batch = o->fixed_batch,
                                      .dim = o->dim,
                                      .n_dim = o->n_dim,
                                      .channels_last = o->channels_last,
                                      .external_data = o->external_data};
    return qnt_model_import(ctx, path, &config, out);
}
