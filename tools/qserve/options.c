/* Values of options: models, users, groups, ways to wait. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include "tools/qserve/qserve.h"

const char *qserve_model_parse(void *target, const char *value)
{
    struct qserve *q = target;
    const char *equals = strchr(value, '='), *file = equals ? equals + 1 : value;
    const char *slash = strrchr(file, '/'), *begin = equals ? value : slash ? slash + 1 : file;
    const char *dot = equals ? NULL : strrchr(begin, '.');
    const size_t n = equals ? (size_t)(equals - value) : dot && dot > begin ? (size_t)(dot - begin) : strlen(begin);
    if (!n || n >= QSERVE_NAME || !*file)
        return "expected FILE or NAME=FILE";
    if (q->models == QSERVE_MODELS)
        return "too many models";
    struct served *m = &q->model[q->models];
    m->file = file;
    memcpy(m->name, begin, n);
    m->name[n] = '\0';
    for (uint32_t i = 0; i < q->models; i++)
        if (!strcmp(q->model[i].name, m->name))
            return "two models of one name: give NAME=FILE";
    q->models++;
    return NULL;
}

static int find_user(const char *name, uint32_t *id)
{
    const struct passwd *p = getpwnam(name);
    *id = p ? (uint32_t)p->pw_uid : 0;
    return p != NULL;
}

static int find_group(const char *name, uint32_t *id)
{
    const struct group *g = getgrnam(name);
    *id = g ? (uint32_t)g->gr_gid : 0;
    return g != NULL;
}

static int parse_id(const char *text, int (*find)(const char *name, uint32_t *id), uint32_t *id)
{
    if (strspn(text, "0123456789") != strlen(text))
        return find(text, id);
    const unsigned long long n = strtoull(text, NULL, 10);
    *id = (uint32_t)n;
    return *text && strlen(text) <= 10 && n < UINT32_MAX; /* the last one means none */
}

static const char *parse_ids(struct ids *ids, const char *value, int (*find)(const char *name, uint32_t *id))
{
    for (;;) {
        char one[QSERVE_NAME];
        const size_t n = strcspn(value, ",");
        if (n >= sizeof one || ids->n == QSERVE_IDS)
            return "too long";
        memcpy(one, value, n);
        one[n] = '\0';
        if (!parse_id(one, find, &ids->id[ids->n]))
            return "expected names or numbers that there are, separated by commas";
        ids->n++;
        if (!value[n])
            return NULL;
        value += n + 1;
    }
}

const char *qserve_uids_parse(void *target, const char *value)
{
    return parse_ids(target, value, find_user);
}

const char *qserve_gids_parse(void *target, const char *value)
{
    return parse_ids(target, value, find_group);
}

const char *qserve_idle_parse(void *target, const char *value)
{
    static const char *const names[] = {[QNT_IDLE_SLEEP] = "sleep", [QNT_IDLE_POLL] = "poll", [QNT_IDLE_WAIT] = "wait"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            *(uint32_t *)target = i;
            return NULL;
        }
    return "expected sleep, poll or wait";
}
