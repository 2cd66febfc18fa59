/* qserve: models for other processes of this machine, by pinned workers that poll their queues. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "tools/qserve/qserve.h"

static int open_models(const struct opt_tool *tool, qnt_ctx *ctx, const struct qserve *q, qnt_model **model)
{
    int code = EXIT_OK;
    for (uint32_t i = 0; i < q->models && code == EXIT_OK; i++)
        code = opt_fail(tool, model_open(ctx, q->model[i].file, &q->model_options, &model[i]));
    return code;
}

static qnt_status start(const struct qserve *q, qnt_model **model, qnt_engine **engine, qnt_server **server)
{
    const char *names[QSERVE_MODELS];
    const qnt_engine_config ec = {.size = sizeof ec,
                                  .cores = q->cpus,
                                  .workers = q->workers,
                                  .max_batch = q->batch,
                                  .idle = q->idle,
                                  .spin_us = q->spin,
                                  .mode = q->intra ? QNT_ENGINE_INTRA : QNT_ENGINE_INTER,
                                  .depth = 1, /* its own queues are not used */
                                  .quantized_io = (uint32_t)q->quantized,
                                  .small_weights = (uint32_t)q->small_weights};
    const qnt_server_config sc = {.size = sizeof sc,
                                  .path = q->socket,
                                  .names = names,
                                  .uids = q->uids.id,
                                  .gids = q->gids.id,
                                  .n_uids = q->uids.n,
                                  .n_gids = q->gids.n,
                                  .max_clients = q->max_clients,
                                  .depth = q->depth,
                                  .bytes = q->bytes};
    for (uint32_t i = 0; i < q->models; i++)
        names[i] = q->model[i].name;
    qnt_status status = qnt_engine_create(model, q->models, &ec, engine);
    return status ? status : qnt_server_create(*engine, &sc, server);
}

static void tell(const struct qserve *q, const qnt_engine *engine)
{
    qnt_engine_stats stats = {.size = sizeof stats};
    qnt_engine_worker w = {.size = sizeof w};
    qnt_engine_stats_get(engine, &stats);
    printf("%s:", q->socket);
    for (uint32_t i = 0; i < q->models; i++)
        printf("%s %s", i ? "," : "", q->model[i].name);
    printf("; %u worker%s", stats.workers, stats.workers == 1 ? "" : "s");
    for (uint32_t i = 0; i < stats.workers && qnt_engine_worker_get(engine, i, &w) == QNT_OK; i++)
        if (w.pinned)
            printf("%s%u", i ? "," : stats.workers == 1 ? " on CPU " : " on CPUs ", w.cpu);
    printf("\n");
    fflush(stdout); /* whoever started it waits for this line */
}

/* Until somebody says that it shall end. `ends` is blocked in all threads. */
static void wait_for(const sigset_t *ends)
{
    int signal;
    while (sigwait(ends, &signal))
        continue;
}

static int serve(const struct opt_tool *tool, const struct qserve *q)
{
    qnt_ctx *ctx = NULL;
    qnt_engine *engine = NULL;
    qnt_server *server = NULL;
    qnt_model *model[QSERVE_MODELS] = {NULL};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    int code = opt_fail(tool, env_context(tool, &ctx));
    if (code == EXIT_OK)
        code = open_models(tool, ctx, q, model);
    if (code == EXIT_OK)
        code = opt_fail(tool, start(q, model, &engine, &server));
    if (code == EXIT_OK) {
        tell(q, engine);
        wait_for(&ends);
    }
    qnt_server_destroy(server);
    qnt_engine_destroy(engine);
    for (uint32_t i = 0; i < q->models; i++)
        qnt_model_free(model[i]);
    qnt_ctx_free(ctx);
    return code;
}

int main(int argc, char **argv)
{
    static struct qserve q;
    const struct opt options[] = {
        {"model", 'm', "FILE", "a model, .qnt or ONNX, named as FILE or by NAME=FILE (may be repeated)", OPT_CALL, &q,
         0, 0, qserve_model_parse},
        {"socket", 's', "PATH", "the socket that clients connect to", OPT_STRING, &q.socket, 0, 0, NULL},
        {"cpus", 'c', "LIST", "CPUs of the workers, such as 1,3 or 0@4,1@6 (default: the usable cores but the first)",
         OPT_STRING, &q.cpus, 0, 0, NULL},
        {"workers", 'w', "N", "workers (default: one for each CPU of LIST)", OPT_U32, &q.workers, 1, 1024, NULL},
        {"intra", 0, NULL, "all workers on one operation (default: each on its own)", OPT_FLAG, &q.intra, 0, 0, NULL},
        {"batch", 'b', "N", "images of an operation at most (default 1)", OPT_U32, &q.batch, 1, 65536, NULL},
        {"quantized", 'q', NULL, "take and give the quantized bytes", OPT_FLAG, &q.quantized, 0, 0, NULL},
        {"small-weights", 0, NULL,
         "weights in about the bytes of their codes: 3 x 3 layers are slower, results the same", OPT_FLAG,
         &q.small_weights, 0, 0, NULL},
        {"idle", 0, "HOW", "workers without work: sleep after a while (default), poll, or wait at rest", OPT_CALL,
         &q.idle, 0, 0, qserve_idle_parse},
        {"spin", 0, "US", "microseconds until a worker sleeps (default 100)", OPT_U32, &q.spin, 1, 1000000, NULL},
        {"uid", 0, "LIST", "users that are let in, names or numbers (default: this user and root)", OPT_CALL, &q.uids,
         0, 0, qserve_uids_parse},
        {"gid", 0, "LIST", "groups whose users are let in", OPT_CALL, &q.gids, 0, 0, qserve_gids_parse},
        {"max-clients", 0, "N", "clients at once (default 64)", OPT_U32, &q.max_clients, 1, 4096, NULL},
        {"depth", 0, "N", "operations under way of a client at most, a power of two (default 256)", OPT_U32, &q.depth,
         1, 65536, NULL},
        {"bytes", 0, "N", "bytes of a client's data area at most (default 4194304)", OPT_U64, &q.bytes, 0, 0, NULL},
        {"stats", 0, NULL, "tell of the server that runs at PATH, and end", OPT_FLAG, &q.stats, 0, 0, NULL},
        {"json", 'j', NULL, "with --stats: print JSON", OPT_FLAG, &q.json, 0, 0, NULL},
        MODEL_OPTIONS(q.model_options),
        {.name = NULL},
    };
    const struct opt_tool tool = {.name = "qserve",
                                  .summary = "runs models for other processes, which need no system call for it",
                                  .operands = "",
                                  .text =
                                      "Clients (qnt/client.h) share memory with it, which its workers poll. It runs "
                                      "until SIGTERM, SIGINT or SIGHUP, and prints a line when clients can connect.",
                                  .options = options};
    int n = 0, code = opt_parse(&tool, argc, argv, &n);
    if (code >= 0)
        return code;
    if (!q.socket)
        return opt_usage(&tool, "--socket is missing");
    if (q.stats)
        return q.models ? opt_usage(&tool, "--stats tells of a server that runs: without --model")
                        : qserve_stats(&tool, &q);
    if (q.json)
        return opt_usage(&tool, "--json prints what --stats tells");
    if (!q.models)
        return opt_usage(&tool, "--model is missing");
    return serve(&tool, &q);
}
