/* Windows of the engine as another process has it: a server on the engine, a client that connects to it, and operations
 * whose data lie in the memory that the two have in common. */
#include <errno.h>
#include <qnt/client.h>
#include <qnt/server.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/qbench/engine.h"

enum { PATH = 96 }; /* of a socket: the system takes 107 */

const char *qe_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

/* The data as they lie in the program's own memory, in the client's. */
static qnt_status connect_client(struct qe *e, const char *path, qnt_client **out)
{
    const qnt_client_config config = {.size = sizeof config, .bytes = e->data_bytes, .depth = QE_DEPTH};
    qnt_client_info info = {.size = sizeof info};
    qnt_status status = qnt_client_connect(e->q->ctx, path, &config, out);
    if (status)
        return status;
    if ((status = qnt_client_get(*out, &info))) {
        qnt_client_close(*out);
        return status;
    }
    uint8_t *data = info.data;
    memcpy(data, e->data, e->data_bytes);
    e->in = data + (e->in - e->data);
    e->out = data + (e->out - e->data);
    return QNT_OK;
}

/* The child, which has nothing of the engine but what the client has. It ends with its parent. */
static _Noreturn void be_client(struct qe *e, const struct qe_case *c, const char *path, pid_t parent)
{
    qnt_client *client;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    const int code = opt_fail(e->q->tool, connect_client(e, path, &client));
    if (code)
        _exit(code);
    qe_pump_client(e, client, c->n);
    qnt_client_close(client);
    _exit(EXIT_OK);
}

static int run_client(struct qe *e, const struct qe_case *c, const char *path)
{
    const pid_t self = getpid(), child = fork();
    int how = 0;
    if (child < 0)
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: fork: %s", strerror(errno));
    if (child == 0)
        be_client(e, c, path, self);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(how))
        return WEXITSTATUS(how);
    return opt_error(e->q->tool, EXIT_FAILED, "engine: signal %d ended the other process", WTERMSIG(how));
}

static int serve(struct qe *e, const struct qe_case *c, const char *path)
{
    const qnt_server_config config = {
        .size = sizeof config, .path = path, .max_clients = 1, .depth = QE_DEPTH, .bytes = e->data_bytes};
    qnt_server *server;
    qnt_status status = qnt_engine_resume(e->engine);
    if (status || (status = qnt_server_create(e->engine, &config, &server)))
        return opt_fail(e->q->tool, status);
    const int code = run_client(e, c, path);
    qnt_server_destroy(server);
    status = qnt_engine_pause(e->engine);
    return code ? code : opt_fail(e->q->tool, status);
}

int qe_process(struct qe *e, const struct qe_case *c)
{
    char folder[PATH], path[PATH + sizeof "/socket"];
    const int n = snprintf(folder, sizeof folder, "%s/qbench-XXXXXX", qe_folder());
    if (n >= (int)sizeof folder || !mkdtemp(folder))
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: no folder for a socket in %s: %s", qe_folder(),
                         strerror(n < (int)sizeof folder ? errno : ENAMETOOLONG));
    snprintf(path, sizeof path, "%s/socket", folder);
    const int code = serve(e, c, path);
    rmdir(folder);
    return code;
}
