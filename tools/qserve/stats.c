/* What a running server tells of itself. */
#include <jansson.h>
#include "tools/common/json.h"
#include "tools/qserve/qserve.h"

static const char *const memories[] = {[QNT_ENGINE_BEST] = "?",
                                       [QNT_ENGINE_HUGETLB] = "hugetlb",
                                       [QNT_ENGINE_COLLAPSED] = "collapsed",
                                       [QNT_ENGINE_TRANSPARENT] = "transparent",
                                       [QNT_ENGINE_SMALL] = "small"};
static const char *const idles[] = {[QNT_IDLE_SLEEP] = "sleep", [QNT_IDLE_POLL] = "poll", [QNT_IDLE_WAIT] = "wait"};

static const char *name_in(const char *const *names, size_t n, uint32_t i)
{
    return i < n ? names[i] : "?";
}
#define NAME(names, i) name_in(names, sizeof(names) / sizeof *(names), i)

static void print_server(const struct qserve *q, const qnt_server_stats *s)
{
    printf("server:     %s, up %.1f s, %u model%s, %u worker%s\n", q->socket, (double)s->ns * 1e-9, s->models,
           s->models == 1 ? "" : "s", s->workers, s->workers == 1 ? "" : "s");
    printf("clients:    %u of %u, %llu bytes; %llu connected, %llu died, %llu refused\n", s->clients, s->max_clients,
           (unsigned long long)s->bytes, (unsigned long long)s->connected, (unsigned long long)s->died,
           (unsigned long long)s->refused);
    printf("operations: %llu done, %llu errors, %llu past their deadline; %llu wakes\n", (unsigned long long)s->done,
           (unsigned long long)s->errors, (unsigned long long)s->missed, (unsigned long long)s->wakes);
    printf("\n%-6s %-5s %-7s %-12s %-6s %12s %8s %7s %10s %10s %10s\n", "worker", "CPU", "pinned", "memory", "idle",
           "done", "errors", "busy", "median us", "99 % us", "most us");
}

static void print_worker(uint32_t i, const qnt_engine_worker *w)
{
    char cpu[16] = "-";
    if (w->cpu != UINT32_MAX)
        snprintf(cpu, sizeof cpu, "%u", w->cpu);
    printf("%-6u %-5s %-7s %-12s %-6s %12llu %8llu %5.1f %% %10.2f %10.2f %10.2f\n", i, cpu, w->pinned ? "yes" : "no",
           NAME(memories, w->memory), NAME(idles, w->idle), (unsigned long long)w->done, (unsigned long long)w->errors,
           100 * w->busy, (double)w->latency_ns[0] * 1e-3, (double)w->latency_ns[2] * 1e-3,
           (double)w->latency_ns[4] * 1e-3);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *server_json(const struct qserve *q, const qnt_server_stats *s, json_t *workers)
{
    return json_pack("{ss,sf,so,so,so,so,so,so,so,so,so,so,so,so}", "socket", q->socket, "seconds",
                     (double)s->ns * 1e-9, "models", number(s->models), "clients", number(s->clients), "max_clients",
                     number(s->max_clients), "client_bytes", number(s->bytes), "connected", number(s->connected),
                     "died", number(s->died), "refused", number(s->refused), "wakes", number(s->wakes), "done",
                     number(s->done), "errors", number(s->errors), "missed", number(s->missed), "workers", workers);
}

static json_t *worker_json(const qnt_engine_worker *w)
{
    json_t *latency = json_array();
    for (size_t i = 0; i < sizeof w->latency_ns / sizeof *w->latency_ns; i++)
        json_array_append_new(latency, number(w->latency_ns[i]));
    return json_pack("{so,so,sb,sb,sb,ss,ss,so,so,so,so,so,so,sf,so}", "cpu",
                     w->cpu == UINT32_MAX ? json_null() : number(w->cpu), "node", number(w->node), "pinned", w->pinned,
                     "locked", w->locked, "fifo", w->policy == QNT_POLICY_FIFO, "memory", NAME(memories, w->memory),
                     "idle", NAME(idles, w->idle), "done", number(w->done), "errors", number(w->errors), "missed",
                     number(w->missed), "polls", number(w->polls), "empty", number(w->empty), "sleeps",
                     number(w->sleeps), "busy", w->busy, "latency_ns", latency);
}

int qserve_stats(const struct opt_tool *tool, const struct qserve *q)
{
    qnt_server_stats s = {.size = sizeof s};
    qnt_engine_worker w = {.size = sizeof w};
    json_t *workers = json_array();
    qnt_status status = qnt_server_ask(q->socket, &s);
    if (!status && !q->json)
        print_server(q, &s);
    for (uint32_t i = 0; !status && i < s.workers; i++) {
        if ((status = qnt_server_ask_worker(q->socket, i, &w)))
            break;
        if (q->json)
            json_array_append_new(workers, worker_json(&w));
        else
            print_worker(i, &w);
    }
    int code = opt_fail(tool, status);
    if (code == EXIT_OK && q->json)
        code = json_out(server_json(q, &s, json_incref(workers)), 0);
    json_decref(workers);
    return code;
}
