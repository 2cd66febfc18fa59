/* qbench conv: layers of known networks, each with weights of several widths and in floats, in the same rounds. */
#include <string.h>
#include "tools/qbench/layer.h"

static const struct {
    const char *name;
    struct qb_layer layer;
} layers[] = {
#define QB_LAYER(name, height, width, channels, outputs, k, s, p, g)                                                   \
    {name,                                                                                                             \
     {.h = height,                                                                                                     \
      .w = width,                                                                                                      \
      .c = channels,                                                                                                   \
      .oc = outputs,                                                                                                   \
      .kernel = k,                                                                                                     \
      .stride = s,                                                                                                     \
      .pad = p,                                                                                                        \
      .groups = g,                                                                                                     \
      .batch = 1}},
#include "tools/qbench/layers.def"
#undef QB_LAYER
};
static const struct {
    const char *name;
    uint32_t bits;
    bool depthwise; /* also of these: there, few bits are bytes */
} types[] = {{"s8", 8, true}, {"s8, 4-bit weights", 4, false}, {"s8, 2-bit weights", 2, false}, {"f32", 32, true}};
enum { LAYERS = sizeof layers / sizeof *layers, TYPES = sizeof types / sizeof *types };

static int run_layer(struct qbench *q, size_t i)
{
    struct qb_case cases[TYPES] = {0};
    size_t n = 0;
    for (size_t k = 0; k < TYPES; k++) {
        struct qb_layer l = layers[i].layer;
        struct qb_case *c = &cases[n];
        if (l.groups > 1 && !types[k].depthwise)
            continue;
        l.bits = types[k].bits;
        snprintf(c->name, sizeof c->name, "%s", layers[i].name);
        snprintf(c->type, sizeof c->type, "%s", types[k].name);
        int code = qb_layer_case(q, &l, c);
        if (code)
            return qb_drop(q, code);
        n++;
    }
    return qb_group(q, cases, n);
}

int qb_conv(struct qbench *q)
{
    size_t done = 0;
    for (size_t i = 0; i < LAYERS; i++) {
        if (!qb_wanted(q, layers[i].name))
            continue;
        int code = run_layer(q, i);
        if (code)
            return code;
        done++;
    }
    return done ? EXIT_OK : opt_usage(q->tool, "--sizes: no layer has '%s' in its name", q->sizes);
}
