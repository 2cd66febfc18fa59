#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H
/* What the control groups of this process allow it, version 1 or 2. Only the groups that can be seen count: in a
 * container these are its own, whose limits are the container's. */
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct qnt_cgroup {
    uint32_t quota_milli; /* CPU time, in thousandths of a CPU, rounded down, of the tightest group; 0: no limit */
    char quota_file[128]; /* the file that says so, "" without a limit */
    bool has_cpuset;      /* cpuset holds the CPUs allowed */
    cpu_set_t cpuset;
};
/* root: see sysfile.h. Cannot fail: what cannot be read limits nothing. */
void qnt_cgroup_read(const char *root, struct qnt_cgroup *out);
#endif
