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

const char *model_channels_parse(void *target, const char *value)
{
    struct channels *c = target;
    for (c->n = 0; c->n < 4; value++) {
        char *end;
        c->value[c->n++] = strtof(value, &end);
        if (end == value || (*end && *end != ',') || !(c->value[c->n - 1] > -1e30f && c->value[c->n - 1] < 1e30f))
            return "expected a number, or one for each channel, separated by commas";
        if (!*end)
            return NULL;
        value = end;
    }
    return "expected at most 4 numbers";
}

const char *model_resize_parse(void *target, const char *value)
{
    *(int *)target = 1;
    return strcmp(value, "linear") ? "expected linear" : NULL;
}

static void take_channels(float to[4], const struct channels *c)
{
    for (uint32_t i = 0; i < 4 && c->n; i++)
        to[i] = c->value[i < c->n ? i : c->n - 1];
}

static qnt_status set_normalisation(qnt_model *model, const struct model_options *o)
{
    float mean[4], deviation[4];
    qnt_model_normalisation(model, mean, deviation);
    take_channels(mean, &o->mean);
    take_channels(deviation, &o->deviation);
    return qnt_model_set_normalisation(model, mean, deviation);
}

qnt_status model_open(qnt_ctx *ctx, const char *path, const struct model_options *o, qnt_model **out)
{
    const qnt_import_config config = {.size = sizeof config,
                                      .batch = o->fixed_batch,
                                      .dim = o->dim,
                                      .n_dim = o->n_dim,
                                      .channels_last = o->channels_last ? QNT_CHANNELS_LAST_INPUTS : 0,
                                      .external_data = o->external_data,
                                      .ort_x86 = o->ort_x86};
    qnt_model *model;
    qnt_status status = qnt_model_import(ctx, path, &config, &model);
    if (status == QNT_OK && (o->mean.n || o->deviation.n) && (status = set_normalisation(model, o)))
        qnt_model_free(model);
    if (status == QNT_OK)
        *out = model;
    return status;
}
