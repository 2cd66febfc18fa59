/* A process is in one group of version 2 and in one per controller of version 1; both may be mounted. A group's limit
 * holds for all below it, so the way up to the mount point is searched for the tightest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/run/cgroup.h"
#include "lib/run/sysfile.h"

enum { DIR_SIZE = 512, LINE_SIZE = 4096, MILLI = 1000 };

/* A hierarchy of groups: where it is mounted and where the process is in it. */
struct hierarchy {
    const char *type, *controller; /* of the mount; version 2 has no controller here */
    char mount[DIR_SIZE];
    char dir[DIR_SIZE]; /* the process's group, mount included */
};

static FILE *open_list(const char *root, const char *path)
{
    char full[2 * DIR_SIZE];
    int n = snprintf(full, sizeof full, "%s%s", root ? root : "", path);
    return n > 0 && (size_t)n < sizeof full ? fopen(full, "re") : NULL;
}

/* A line without its newline; what is past the buffer is dropped. */
static bool next_line(FILE *f, char line[LINE_SIZE])
{
    if (!fgets(line, LINE_SIZE, f))
        return false;
    size_t n = strcspn(line, "\n");
    if (!line[n])
        for (int c; (c = getc(f)) != EOF && c != '\n';)
            continue;
    line[n] = '\0';
    return true;
}

/* Is `word` in the list "a,b,c"? */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncmp(p, word, n) && (p[n] == '\0' || p[n] == ','))
            return true;
    }
    return false;
}

/* /proc/self/mountinfo: "30 23 0:26 ROOT MOUNT-POINT options... - TYPE source SUPER-OPTIONS". in: ROOT, which part of
 * the hierarchy is mounted. */
static bool find_mount(const char *root, struct hierarchy *h, char in[DIR_SIZE])
{
    char line[LINE_SIZE], type[32], super[512];
    bool found = false;
    FILE *f = open_list(root, "/proc/self/mountinfo");
    while (f && !found && next_line(f, line)) {
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %511s %511s", in, h->mount) != 2 ||
            sscanf(rest, " - %31s %*s %511s", type, super) != 2)
            continue;
        found = !strcmp(type, h->type) && (!h->controller || lists(super, h->controller));
    }
    if (f)
        fclose(f);
    return found;
}

/* /proc/self/cgroup: "4:cpu,cpuacct:/path", version 2: "0::/path". */
static bool find_path(const char *root, const struct hierarchy *h, char path[DIR_SIZE])
{
    char line[LINE_SIZE];
    bool found = false;
    FILE *f = open_list(root, "/proc/self/cgroup");
    while (f && !found && next_line(f, line)) {
        char *list = strchr(line, ':'), *where = list ? strchr(list + 1, ':') : NULL;
        if (!where)
            continue;
        *where++ = '\0';
        found = h->controller ? lists(list + 1, h->controller) : !list[1];
        snprintf(path, DIR_SIZE, "%s", where);
    }
    if (f)
        fclose(f);
    return found;
}

static bool find_hierarchy(const char *root, struct hierarchy *h)
{
    char in[DIR_SIZE], path[DIR_SIZE];
    if (!find_mount(root, h, in) || !find_path(root, h, path))
        return false;
    /* The path is seen from the hierarchy's top (or the namespace's), the mount may show a part of it only. */
    size_t n = strcmp(in, "/") ? strlen(in) : 0;
    const char *below = !strncmp(path, in, n) && (path[n] == '/' || !path[n]) ? path + n : "";
    if (!strcmp(below, "/") || strstr(below, "/.."))
        below = ""; /* outside of what is mounted: its top is all that can be seen */
    int length = snprintf(h->dir, sizeof h->dir, "%s%s", h->mount, below);
    return length > 0 && (size_t)length < sizeof h->dir;
}

/* The group above; false at the mount point. */
static bool go_up(struct hierarchy *h)
{
    char *slash = strrchr(h->dir, '/');
    if (!slash || strlen(h->dir) <= strlen(h->mount))
        return false;
    *slash = '\0';
    return true;
}

static void take_quota(struct qnt_cgroup *out, uint64_t quota, uint64_t period, const char *dir, const char *file)
{
    if (!quota || !period || quota > UINT64_MAX / MILLI)
        return;
    uint64_t milli = quota * MILLI / period;
    milli = milli ? milli : 1;
    if (milli > UINT32_MAX || (out->quota_milli && out->quota_milli <= milli))
        return;
    out->quota_milli = (uint32_t)milli;
    /* A long path loses its end: its beginning tells whose limit this is. */
    snprintf(out->quota_file, sizeof out->quota_file, "%.*s%s", (int)(sizeof out->quota_file - strlen(file) - 1), dir,
             file);
}

static void read_quota_v2(const char *root, struct hierarchy h, struct qnt_cgroup *out)
{
    char text[64];
    uint64_t quota, period;
    do
        if (qnt_sysfile_text(root, text, sizeof text, "%s/cpu.max", h.dir) && text[0] >= '0' && text[0] <= '9' &&
            sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2)
            take_quota(out, quota, period, h.dir, "/cpu.max");
    while (go_up(&h));
}

static void read_quota_v1(const char *root, struct hierarchy h, struct qnt_cgroup *out)
{
    uint64_t quota, period;
    do /* a quota of -1 is no number here */
        if (qnt_sysfile_number(root, &quota, "%s/cpu.cfs_quota_us", h.dir) &&
            qnt_sysfile_number(root, &period, "%s/cpu.cfs_period_us", h.dir))
            take_quota(out, quota, period, h.dir, "/cpu.cfs_quota_us");
    while (go_up(&h));
}

/* The kernel keeps a group's effective set within those above, so the lowest file there is says all. */
static void read_cpuset(const char *root, struct hierarchy h, const char *file, struct qnt_cgroup *out)
{
    cpu_set_t set;
    do
        if (qnt_sysfile_cpus(root, &set, "%s/%s", h.dir, file) && CPU_COUNT(&set) > 0) {
            if (out->has_cpuset)
                CPU_AND(&set, &set, &out->cpuset);
            out->cpuset = set;
            out->has_cpuset = true;
            return;
        }
    while (go_up(&h));
}

void qnt_cgroup_read(const char *root, struct qnt_cgroup *out)
{
    struct hierarchy v2 = {.type = "cgroup2"}, cpu = {.type = "cgroup", .controller = "cpu"},
                     cpuset = {.type = "cgroup", .controller = "cpuset"};
    memset(out, 0, sizeof *out);
    if (find_hierarchy(root, &v2)) {
        read_quota_v2(root, v2, out);
        read_cpuset(root, v2, "cpuset.cpus.effective", out);
    }
    if (find_hierarchy(root, &cpu))
        read_quota_v1(root, cpu, out);
    if (find_hierarchy(root, &cpuset))
        read_cpuset(root, cpuset, "cpuset.effective_cpus", out);
}
