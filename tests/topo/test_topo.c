/* Usable cores on recorded machines, by both back ends: NAME.tree holds the kernel's files, NAME.xml what hwloc 2.9
 * makes of them (lstopo -i FOLDER --if fsroot --no-io --disallowed --of xml; in hybrid.xml the kinds are added, which
 * hwloc asks the CPU for). Control groups are files beside either. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/run/topo.h"
#include "tests/topo/tree.h"

#define V2 "proc/self/mountinfo 30 1 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"
#define V1_CPU "proc/self/mountinfo 32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
#define V1_SET "proc/self/mountinfo 34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"

struct sample {
    const char *machine, *affinity, *files[8];
    const char *usable; /* CPUs of the usable cores, in their order */
    const char *uses; /* a letter a row: Used, not Allowed, not Bound, sLower, siBling (t: second thread), over Quota */
    uint32_t cores, cpus, nodes, quota_milli;
    const char *quota_file;
};
static const char letters[] = "UABLTQ";

static const struct sample samples[] = {
    {.machine = "one_core", .usable = "0", .uses = "U", .cores = 1, .cpus = 1, .nodes = 1},
    {.machine = "smt", .usable = "0,1,2,3", .uses = "UTUTUTUT", .cores = 4, .cpus = 8, .nodes = 1},
    {.machine = "smt", .affinity = "4-7", .usable = "4,5,6,7", .uses = "BUBUBUBU", .cores = 4, .cpus = 8, .nodes = 1},
    {.machine = "smt", .affinity = "1,5,6", .usable = "1,6", .uses = "BBUTBUBB", .cores = 4, .cpus = 8, .nodes = 1},
    {.machine = "numa", .usable = "0,2,4,6,1,3,5,7", .uses = "UUUUUUUU", .cores = 8, .cpus = 8, .nodes = 2},
    {.machine = "numa", .affinity = "4-99", .usable = "4,6,5,7", .uses = "BBUUBBUU", .cores = 8, .cpus = 8, .nodes = 2},
    /* two bins of the fast cores, 1002 and 1024, are one kind */
    {.machine = "big_little", .usable = "4,5,6,7", .uses = "LLLLUUUU", .cores = 8, .cpus = 8, .nodes = 1},
    {.machine = "big_little",
     .affinity = "0-2",
     .usable = "0,1,2",
     .uses = "UUUBBBBB",
     .cores = 8,
     .cpus = 8,
     .nodes = 1},
    {.machine = "big_little",
     .affinity = "2,3,6",
     .usable = "6",
     .uses = "BBLLBBUB",
     .cores = 8,
     .cpus = 8,
     .nodes = 1},
    {.machine = "hybrid", .usable = "0,2", .uses = "UTUTLLLL", .cores = 6, .cpus = 8, .nodes = 1},
    {.machine = "hybrid", .affinity = "4,7", .usable = "4,7", .uses = "BBBBUBBU", .cores = 6, .cpus = 8, .nodes = 1},
    {.machine = "cpuset", .usable = "2,3", .uses = "AAAAUTU", .cores = 4, .cpus = 7, .nodes = 1},
    {.machine = "cpuset", .affinity = "0-1,3-6", .usable = "6,3", .uses = "AAAABUU", .cores = 4, .cpus = 7, .nodes = 1},
    /* version 2: the group itself is free, one above it is not */
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup 0::/a/b/c", "sys/fs/cgroup/a/b/c/cpu.max max 100000",
               "sys/fs/cgroup/a/b/cpu.max 150000 100000", "sys/fs/cgroup/a/cpu.max 400000 100000",
               "sys/fs/cgroup/cpuset.cpus.effective 0-7"},
     .usable = "0",
     .uses = "UTQTQTQT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 1500,
     .quota_file = "/sys/fs/cgroup/a/b/cpu.max"},
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup 0::/", "sys/fs/cgroup/cpu.max 40000 100000"},
     .usable = "0",
     .uses = "UTQTQTQT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 400,
     .quota_file = "/sys/fs/cgroup/cpu.max"},
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup 0::/a", "sys/fs/cgroup/a/cpu.max 500000 250000",
               "sys/fs/cgroup/a/cpuset.cpus.effective 4-7"},
     .usable = "4,5",
     .uses = "AUAUAQAQ",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 2000,
     .quota_file = "/sys/fs/cgroup/a/cpu.max"},
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup 0::/a", "sys/fs/cgroup/a/cpu.max 900000 100000"},
     .usable = "0,1,2,3",
     .uses = "UTUTUTUT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 9000,
     .quota_file = "/sys/fs/cgroup/a/cpu.max"},
    /* version 1, the tightest above; other controllers do not count */
    {.machine = "numa",
     .files = {V1_SET, V1_CPU, "proc/self/cgroup 7:memory:/x", "proc/self/cgroup 4:cpuacct,cpu:/x/y",
               "sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us -1",
               "sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us 100000",
               "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us 75000",
               "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us 25000"},
     .usable = "0,2,4",
     .uses = "UUUQQQQQ",
     .cores = 8,
     .cpus = 8,
     .nodes = 2,
     .quota_milli = 3000,
     .quota_file = "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us"},
    {.machine = "numa",
     .files = {V1_SET, "proc/self/cgroup 3:cpuset:/x/y", "sys/fs/cgroup/cpuset/x/cpuset.effective_cpus 1,2"},
     .usable = "2,1",
     .uses = "AUAAUAAA",
     .cores = 8,
     .cpus = 8,
     .nodes = 2},
    /* a container that sees its part of the hierarchy, under the host's name; then one that sees another part only */
    {.machine = "smt",
     .files = {"proc/self/mountinfo 30 1 0:26 /box/7 /cg rw - cgroup2 cgroup2 rw", "proc/self/cgroup 0::/box/7/job",
               "cg/job/cpu.max 200000 100000", "cg/cpu.max 300000 100000", "cg/box/7/job/cpu.max 100000 100000"},
     .usable = "0,1",
     .uses = "UTUTQTQT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 2000,
     .quota_file = "/cg/job/cpu.max"},
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup 0::/../other", "sys/fs/cgroup/cpu.max 300000 100000"},
     .usable = "0,1,2",
     .uses = "UTUTUTQT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1,
     .quota_milli = 3000,
     .quota_file = "/sys/fs/cgroup/cpu.max"},
    /* what cannot be read limits nothing */
    {.machine = "smt",
     .files = {V2, "proc/self/cgroup nonsense", "proc/self/cgroup 0::/a", "sys/fs/cgroup/a/cpu.max 0 100000",
               "sys/fs/cgroup/cpu.max 100000 0", "sys/fs/cgroup/a/cpuset.cpus.effective 3-1"},
     .usable = "0,1,2,3",
     .uses = "UTUTUTUT",
     .cores = 4,
     .cpus = 8,
     .nodes = 1},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static const struct {
    const char *machine;
    uint64_t l1d, l2, l3;
} caches[] = {{"one_core", 32, 512, 4096},
              {"smt", 32, 1024, 8192},
              {"numa", 48, 2048, 32768},
              {"big_little", 64, 512, 3072},
              {"hybrid", 48, 1280, 12288}};

static const char *recorded(const char *machine, const char *suffix, char path[1024])
{
    snprintf(path, 1024, "%s/%s.%s", TOPO_DIR, machine, suffix);
    return path;
}

/* One reading with the sample's files below a root of its own. */
static qnt_status read_sample(const struct sample *s, bool sysfs, struct qnt_topo *out)
{
    char path[1024], *root = tree_new();
    struct qnt_topo_source source = {.root = root, .affinity = s->affinity, .sysfs = sysfs};
    if (sysfs)
        tree_add_file(root, recorded(s->machine, "tree", path));
    else
        source.xml = recorded(s->machine, "xml", path);
    for (int i = 0; i < 8 && s->files[i]; i++)
        tree_add_line(root, s->files[i]);
    qnt_status status = qnt_topo_read(&source, out);
    tree_remove(root);
    return status;
}

static void check_sample(const struct sample *s, bool sysfs)
{
    struct qnt_topo t;
    char usable[256] = "", uses[64] = "";
    ck_assert_msg(!read_sample(s, sysfs, &t), "%s: %s", s->machine, qnt_last_error());
    ck_assert_str_eq(t.backend, sysfs ? "sysfs" : "hwloc");
    for (uint32_t i = 0; i < t.usable; i++)
        snprintf(usable + strlen(usable), sizeof usable - strlen(usable), "%s%u", i ? "," : "", t.core_cpu[i]);
    for (uint32_t i = 0; i < t.n && i < sizeof uses - 1; i++)
        uses[i] = letters[t.cpu[i].use];
    ck_assert_msg(!strcmp(usable, s->usable) && !strcmp(uses, s->uses), "%s, affinity %s: %s %s, expected %s %s",
                  s->machine, s->affinity ? s->affinity : "-", usable, uses, s->usable, s->uses);
    ck_assert_uint_eq(t.cores, s->cores);
    ck_assert_uint_eq(t.cpus, s->cpus);
    ck_assert_uint_eq(t.nodes, s->nodes);
    ck_assert_uint_eq(t.quota_milli, s->quota_milli);
    ck_assert_str_eq(t.quota_file, s->quota_file ? s->quota_file : "");
    for (uint32_t i = t.usable; i < t.candidates; i++) { /* what the quota does not pay for can still be pinned to */
        uint32_t k = 0;
        while (k < t.n && t.cpu[k].cpu != t.core_cpu[i])
            k++;
        ck_assert(k < t.n && t.cpu[k].use == QNT_CPU_OVER_QUOTA);
    }
}

START_TEST(usable_cores_by_sysfs)
{
    check_sample(&samples[_i], true);
}
END_TEST

#if QNT_HAVE_HWLOC
START_TEST(usable_cores_by_hwloc)
{
    check_sample(&samples[_i], false);
}
END_TEST

/* Rows in full, and what stands beside them: the two back ends say the same of a machine. */
START_TEST(back_ends_agree)
{
    struct qnt_topo a, b;
    ck_assert_int_eq(read_sample(&samples[_i], true, &a), QNT_OK);
    ck_assert_int_eq(read_sample(&samples[_i], false, &b), QNT_OK);
    ck_assert_uint_eq(a.n, b.n);
    ck_assert_uint_eq(a.candidates, b.candidates);
    for (uint32_t i = 0; i < a.n; i++) {
        const struct qnt_topo_cpu *x = &a.cpu[i], *y = &b.cpu[i];
        ck_assert_msg(
            x->cpu == y->cpu && x->core == y->core && x->package == y->package && x->node == y->node &&
                x->capacity == y->capacity && x->use == y->use,
            "%s: row %u: CPU %u core %u package %u node %u capacity %u, by hwloc CPU %u core %u package %u node %u "
            "capacity %u",
            samples[_i].machine, i, x->cpu, x->core, x->package, x->node, x->capacity, y->cpu, y->core, y->package,
            y->node, y->capacity);
    }
    ck_assert_str_eq(a.cpu_name, b.cpu_name);
    ck_assert(a.l1d == b.l1d && a.l2 == b.l2 && a.l3 == b.l3);
}
END_TEST

START_TEST(back_ends_agree_on_this_machine)
{
    struct qnt_topo_source sysfs = {.sysfs = true};
    struct qnt_topo a, b;
    qnt_status status = qnt_topo_read(&sysfs, &a);
    if (status) {
        printf("1 skipped: this machine by sysfs: %s\n", qnt_last_error());
        return;
    }
    ck_assert_int_eq(qnt_topo_read(NULL, &b), QNT_OK);
    ck_assert_uint_eq(a.usable, b.usable);
    ck_assert_mem_eq(a.core_cpu, b.core_cpu, a.usable * sizeof *a.core_cpu);
}
END_TEST
#endif

START_TEST(caches_are_those_of_the_first_usable_core)
{
    for (int sysfs = !QNT_HAVE_HWLOC; sysfs < 2; sysfs++)
        for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
            struct sample s = {.machine = caches[i].machine};
            struct qnt_topo t;
            ck_assert_int_eq(read_sample(&s, sysfs, &t), QNT_OK);
            ck_assert_msg(t.l1d == caches[i].l1d << 10 && t.l2 == caches[i].l2 << 10 && t.l3 == caches[i].l3 << 10,
                          "%s: %llu %llu %llu", s.machine, (unsigned long long)t.l1d, (unsigned long long)t.l2,
                          (unsigned long long)t.l3);
        }
}
END_TEST

static void refuse(struct qnt_topo_source source, qnt_status wanted, const char *text)
{
    struct qnt_topo t;
    qnt_status got = qnt_topo_read(&source, &t);
    ck_assert_msg(got == wanted && strstr(qnt_last_error(), text), "%d '%s', expected %d '%s'", (int)got,
                  qnt_last_error(), (int)wanted, text);
}

START_TEST(what_cannot_be_read_is_told)
{
    char xml[1024], *empty = tree_new(), *smt = tree_new();
    recorded("smt", "xml", xml);
    tree_add_file(smt, recorded("smt", "tree", (char[1024]){0}));
    refuse((struct qnt_topo_source){.root = empty, .sysfs = true}, QNT_ERR_SYSTEM, "/sys/devices/system/cpu/online");
    refuse((struct qnt_topo_source){.xml = xml, .sysfs = true}, QNT_ERR_UNSUPPORTED, "need hwloc");
    refuse((struct qnt_topo_source){.root = smt, .sysfs = true, .affinity = "8-"}, QNT_ERR_ARG, "'8-' is no list");
    refuse((struct qnt_topo_source){.root = smt, .sysfs = true, .affinity = "63"}, QNT_ERR_SYSTEM, "no usable core");
#if QNT_HAVE_HWLOC
    refuse((struct qnt_topo_source){.xml = xml, .affinity = "63"}, QNT_ERR_SYSTEM, "no usable core");
    refuse((struct qnt_topo_source){.root = smt}, QNT_ERR_UNSUPPORTED, "not another root");
    refuse((struct qnt_topo_source){.xml = "/no/such.xml"}, QNT_ERR_IO, "/no/such.xml");
    refuse((struct qnt_topo_source){.xml = recorded("smt", "tree", xml)}, QNT_ERR_FORMAT, "not a topology");
#endif
    tree_remove(empty);
    tree_remove(smt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topo");
    TCase *tc = tcase_create("topo");
    tcase_add_loop_test(tc, usable_cores_by_sysfs, 0, SAMPLES);
#if QNT_HAVE_HWLOC
    tcase_add_loop_test(tc, usable_cores_by_hwloc, 0, SAMPLES);
    tcase_add_loop_test(tc, back_ends_agree, 0, SAMPLES);
    tcase_add_test(tc, back_ends_agree_on_this_machine);
#else
    printf("1 skipped: recorded machines by hwloc, this build has none\n");
#endif
    tcase_add_test(tc, caches_are_those_of_the_first_usable_core);
    tcase_add_test(tc, what_cannot_be_read_is_told);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
