/* The topology lists cores one after another that share caches and a NUMA node: taking them in order takes those of one
 * node first. */
#include <stdlib.h>
#include <string.h>
#include "lib/core/core.h"
#include "lib/engine/cores.h"

/* A number below QNT_MAX_CORES at *text, which moves on. */
static bool take_number(const char **text, uint32_t *out)
{
    const char *at = *text;
    uint32_t n = 0;
    while (*at >= '0' && *at <= '9' && n < QNT_MAX_CORES)
        n = n * 10 + (uint32_t)(*at++ - '0');
    if (at == *text || n >= QNT_MAX_CORES)
        return false;
    *text = at;
    *out = n;
    return true;
}

static qnt_status bad_list(const char *text, const char *at)
{
    return qnt_fail(
        QNT_ERR_ARG,
        "engine config: cores \"%s\": at \"%s\", expected a list such as \"2-5,7\" or \"0@2,1@4\" of CPUs below %d",
        text, at, QNT_MAX_CORES);
}

static qnt_status add(struct qnt_cores *c, const char *text, uint32_t cpu)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->cpu[i] == cpu)
            return qnt_fail(QNT_ERR_ARG, "engine config: cores \"%s\": CPU %u twice (two workers on it: \"0@%u,1@%u\")",
                            text, cpu, cpu, cpu);
    c->cpu[c->n++] = cpu;
    return QNT_OK;
}

static qnt_status parse_plain(const char *text, struct qnt_cores *out)
{
    for (const char *at = text;; at++) {
        uint32_t first, last;
        const char *item = at;
        if (!take_number(&at, &first))
            return bad_list(text, item);
        last = first;
        if (*at == '-' && (at++, !take_number(&at, &last) || last < first))
            return bad_list(text, item);
        for (uint32_t cpu = first; cpu <= last; cpu++) {
            qnt_status status = add(out, text, cpu);
            if (status)
                return status;
        }
        if (!*at)
            return QNT_OK;
        if (*at != ',')
            return bad_list(text, item);
    }
}

static qnt_status parse_placed(const char *text, struct qnt_cores *out)
{
    for (uint32_t i = 0; i < QNT_MAX_CORES; i++)
        out->cpu[i] = UINT32_MAX;
    for (const char *at = text;; at++) {
        uint32_t worker, cpu;
        const char *item = at;
        if (!take_number(&at, &worker) || *at++ != '@' || !take_number(&at, &cpu) || (*at && *at != ','))
            return bad_list(text, item);
        if (out->cpu[worker] != UINT32_MAX)
            return qnt_fail(QNT_ERR_ARG, "engine config: cores \"%s\": worker %u twice", text, worker);
        out->cpu[worker] = cpu;
        out->n++;
        if (!*at)
            break;
    }
    for (uint32_t i = 0; i < out->n; i++)
        if (out->cpu[i] == UINT32_MAX)
            return qnt_fail(QNT_ERR_ARG, "engine config: cores \"%s\": %u workers, but no worker %u", text, out->n, i);
    return QNT_OK;
}

qnt_status qnt_cores_parse(const char *text, struct qnt_cores *out)
{
    memset(out, 0, sizeof *out);
    return strchr(text, '@') ? parse_placed(text, out) : parse_plain(text, out);
}

/* The cores but the first, which is the program's; and that one last, should all be asked for. */
static void take_usable(const struct qnt_topo *t, uint32_t workers, struct qnt_cores *out)
{
    out->n = workers ? workers : t && t->usable > 1 ? t->usable - 1 : 1;
    for (uint32_t i = 0; i < out->n; i++)
        out->cpu[i] = t && i < t->candidates ? t->core_cpu[(i + 1) % t->candidates] : UINT32_MAX;
    out->crowded = !t || out->n > t->usable;
}

static void find_nodes(const struct qnt_topo *t, struct qnt_cores *out)
{
    for (uint32_t i = 0; i < out->n; i++) {
        uint32_t os = 0, k = 0;
        for (uint32_t r = 0; t && r < t->n; r++)
            if (t->cpu[r].cpu == out->cpu[i])
                os = t->cpu[r].node;
        while (k < out->nodes && out->os_node[k] != os)
            k++;
        if (k == out->nodes)
            out->os_node[out->nodes++] = os;
        out->node[i] = k;
    }
}

qnt_status qnt_cores_choose(const qnt_engine_config *c, const struct qnt_topo *topo, struct qnt_cores *out)
{
    if (c->workers > QNT_MAX_CORES)
        return qnt_fail(QNT_ERR_ARG, "engine config: workers: %u, expected up to %d", c->workers, QNT_MAX_CORES);
    if (c->cores && *c->cores) {
        qnt_status status = qnt_cores_parse(c->cores, out);
        if (status)
            return status;
        if (c->workers > out->n)
            return qnt_fail(QNT_ERR_ARG, "engine config: cores \"%s\" are %u, workers %u", c->cores, out->n,
                            c->workers);
        out->n = c->workers ? c->workers : out->n;
        for (uint32_t i = 0; i < out->n; i++)
            for (uint32_t k = 0; k < i; k++)
                out->crowded = out->crowded || out->cpu[i] == out->cpu[k];
        out->crowded = out->crowded || (topo && topo->quota_milli && topo->quota_milli < out->n * 1000);
    } else {
        memset(out, 0, sizeof *out);
        take_usable(topo, c->workers, out);
    }
    find_nodes(topo, out);
    return QNT_OK;
}
