/* Who is let in: by what the system says of the process at the other end. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/serve/server.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
enum { GROUPS = 4096 };

static bool has(const uint32_t *list, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == id)
            return true;
    return false;
}

/* Its own group is not among those that the system lists; where it lists none, or too many, that one counts alone. */
static bool in_groups(const qnt_server_config *c, int socket, gid_t own)
{
    gid_t group[GROUPS];
    socklen_t bytes = sizeof group;
    if (!c->n_gids)
        return false;
    if (has(c->gids, c->n_gids, own))
        return true;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, group, &bytes))
        return false;
    for (size_t i = 0; i < bytes / sizeof *group; i++)
        if (has(c->gids, c->n_gids, group[i]))
            return true;
    return false;
}

qnt_status qnt_server_admits(const struct qnt_server *s, int socket, pid_t *pid)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    *pid = 0;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
        return qnt_fail(QNT_ERR_SYSTEM, "it is not known who you are: %s", strerror(errno));
    *pid = peer.pid;
    if (peer.uid == 0 || peer.uid == geteuid() || has(s->config.uids, s->config.n_uids, peer.uid) ||
        in_groups(&s->config, socket, peer.gid))
        return QNT_OK;
    return qnt_fail(QNT_ERR_SYSTEM, "user %u with group %u is not let in", peer.uid, peer.gid);
}
