#include <string.h>
#include <qnt/train.h>
#include "lib/quant/layer_bits.h"
#include "lib/quant/quantizer.h"

/* "1" to "8" or "ternary", n characters; 0: none of them. */
static uint32_t width_of(const char *text, size_t n)
{
    static const char ternary[] = "ternary";
    if (n == sizeof ternary - 1 && !memcmp(text, ternary, n))
        return QNT_BITS_TERNARY;
    return n == 1 && *text >= '1' && *text <= '8' ? (uint32_t)(*text - '0') : 0;
}

uint32_t qnt_layer_bits(const char *text, const char *name, uint32_t others)
{
    size_t length = strlen(name);
    for (const char *p = text; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, length) && p[length] == '=')
            return width_of(p + length + 1, strcspn(p + length + 1, ","));
    return others;
}

qnt_status qnt_layer_bits_check(const struct qnt_model *f, const char *text)
{
    for (const char *p = text; p && *p;) {
        const char *equal = strchr(p, '='), *end = strchr(p, ',');
        size_t i, all = end ? (size_t)(end - p) : strlen(p);
        if (!equal || (end && equal > end))
            return qnt_fail(QNT_ERR_ARG, "layer_bits: '%.*s', expected LAYER=BITS", (int)all, p);
        size_t length = (size_t)(equal - p);
        for (i = 0; i < f->n_nodes; i++)
            if (qnt_has_weights(&f->node[i]) && strlen(f->node[i].name) == length &&
                !strncmp(f->node[i].name, p, length))
                break;
        if (i == f->n_nodes)
            return qnt_fail(QNT_ERR_ARG, "layer_bits: the model has no layer with weights named '%.*s'", (int)length,
                            p);
        if (!width_of(equal + 1, all - length - 1))
            return qnt_fail(QNT_ERR_ARG, "layer_bits: '%.*s', expected 1 to 8 bits or ternary", (int)all, p);
        p = end ? end + 1 : NULL;
    }
    return QNT_OK;
}
