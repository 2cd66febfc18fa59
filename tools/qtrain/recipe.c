/* The presets. */
#include <string.h>
#include "qtrain.h"

static const struct recipe {
    const char *name;
    uint32_t epochs, batch;
    float lr, momentum, weight_decay;
    qnt_schedule schedule;
    uint32_t warmup_steps, augment, normalise;
    qnt_optimizer optimizer;
} recipes[] = {
    /* The article's: plain SGD on inputs 0..1. */
    {"article", 10, 64, 0.01f, 0.0f, 0.0f, QNT_LR_CONSTANT, 0, 0, 0, QNT_SGD},
    /* What this network can do in 20 epochs. */
    {"improved", 20, 128, 0.05f, 0.9f, 5e-4f, QNT_LR_COSINE, 200, 1, 1, QNT_SGD},
    /* From a trained float model to a quantized one. */
    {"finetune", 2, 128, 0.005f, 0.9f, 5e-4f, QNT_LR_COSINE, 0, 1, 1, QNT_SGD},
    /* The same to one bit, which is too coarse to overfit: without augmentation 2.7 points more. */
    {"binary", 5, 128, 0.001f, 0.0f, 0.0f, QNT_LR_COSINE, 0, 0, 1, QNT_ADAM},
    /* Models with binary layers, from scratch. Decay would pull weights to where their signs turn. */
    {"signs", 20, 128, 0.005f, 0.0f, 0.0f, QNT_LR_COSINE, 100, 1, 1, QNT_ADAM},
};

int recipe_apply(const char *name, struct settings *s)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const struct recipe *r = &recipes[i];
        if (strcmp(r->name, name) != 0)
            continue;
        s->config.epochs = r->epochs;
        s->config.batch = r->batch;
        s->config.lr = r->lr;
        s->config.momentum = r->momentum;
        s->config.weight_decay = r->weight_decay;
        s->config.schedule = r->schedule;
        s->config.warmup_steps = r->warmup_steps;
        s->config.augment = r->augment;
        s->config.optimizer = r->optimizer;
        s->normalise = r->normalise;
        return 1;
    }
    return 0;
}
