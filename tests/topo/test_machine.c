/* What is told of the machine through the public interface, and of recorded huge pages; lists of CPUs. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "lib/run/pages.h"
#include "lib/run/sysfile.h"
#include "lib/run/topo.h"
#include "tests/topo/tree.h"

START_TEST(cpu_lists)
{
    static const struct {
        const char *text;
        int count;
    } lists[] = {{"0", 1},    {"0-3,8", 5}, {"", 0},     {"1022-5000", 2}, {"7,7", 1}, {"0-3,", 4}, {"-1", -1},
                 {"3-1", -1}, {"1-", -1},   {"1-x", -1}, {"0x3", -1},      {" 1", -1}, {",1", -1}};
    cpu_set_t set;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        int count = qnt_cpus_parse(lists[i].text, &set) ? CPU_COUNT(&set) : -1;
        ck_assert_msg(count == lists[i].count, "'%s': %d", lists[i].text, count);
    }
    ck_assert(qnt_cpus_parse("9,5", &set) && qnt_cpus_first(&set) == 5);
    ck_assert(qnt_cpus_parse("", &set) && qnt_cpus_first(&set) == -1);
}
END_TEST

START_TEST(pages_are_told)
{
    static const char *const files[] = {
        "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 512",
        "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 500",
        "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 2",
        "sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages 1",
        "sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages 3", /* the other number is missing: no row */
        "sys/kernel/mm/transparent_hugepage/enabled always [madvise] never",
        "sys/kernel/mm/transparent_hugepage/hpage_pmd_size 2097152"};
    char *root = tree_new();
    qnt_memory m, none, old = {.size = offsetof(qnt_memory, huge)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        tree_add_line(root, files[i]);
    qnt_pages_read(root, &m);
    ck_assert_uint_eq(m.huge_sizes, 2);
    ck_assert(m.huge[0].bytes == 2 << 20 && m.huge[0].total == 512 && m.huge[0].free == 500);
    ck_assert(m.huge[1].bytes == 1 << 30 && m.huge[1].total == 2 && m.huge[1].free == 1);
    ck_assert_str_eq(m.transparent, "madvise");
    ck_assert_uint_eq(m.transparent_bytes, 2 << 20);
    tree_remove(root);
    root = tree_new();
    qnt_pages_read(root, &none);
    ck_assert(none.huge_sizes == 0 && !*none.transparent && none.page_bytes == (uint64_t)sysconf(_SC_PAGESIZE));
    tree_remove(root);
    struct rlimit limit;
    m.size = sizeof m;
    ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 12345 ? limit.rlim_max : 12345;
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    ck_assert_int_eq(qnt_memory_get(&m), QNT_OK);
    ck_assert(m.size == sizeof m && m.memlock_bytes == limit.rlim_cur);
    memset(old.huge, 0x55, sizeof old.huge);
    ck_assert_int_eq(qnt_memory_get(&old), QNT_OK);
    ck_assert(old.memlock_bytes == limit.rlim_cur && old.huge[0].bytes == UINT64_C(0x5555555555555555));
    old.size = 4;
    ck_assert_int_eq(qnt_memory_get(&old), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "qnt_memory_get: size is 4"));
    ck_assert_int_eq(qnt_memory_get(NULL), QNT_ERR_ARG);
}
END_TEST

/* The public interface, on this machine. */
START_TEST(machine_is_told)
{
    static qnt_cpu_row rows[QNT_MAX_CORES];
    qnt_machine m = {.size = sizeof m}, old = {.size = offsetof(qnt_machine, numa_nodes)};
    uint32_t cpu, used = 0;
    size_t count;
    ck_assert_int_eq(qnt_machine_get(&m), QNT_OK);
    ck_assert(m.usable_cores >= 1 && m.cores >= m.usable_cores && m.cpus >= m.cores && m.numa_nodes >= 1);
    ck_assert_int_eq(qnt_machine_cpus(NULL, 0, &count), QNT_OK);
    ck_assert(count >= 1 && count <= m.cpus);
    ck_assert_int_eq(qnt_machine_cpus(rows, QNT_MAX_CORES, &count), QNT_OK);
    for (size_t i = 0; i < count; i++)
        if (rows[i].use == QNT_CPU_USED) {
            ck_assert_int_eq(qnt_machine_core(used++, &cpu), QNT_OK);
            ck_assert_uint_eq(cpu, rows[i].cpu);
        }
    ck_assert_uint_eq(used, m.usable_cores);
    ck_assert_int_eq(qnt_machine_core(used, &cpu), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_machine_cpus(NULL, 1, &count), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_machine_cpus(rows, 1, NULL), QNT_ERR_ARG);
    old.numa_nodes = 77; /* beyond what the caller of an older header has */
    ck_assert_int_eq(qnt_machine_get(&old), QNT_OK);
    ck_assert(old.usable_cores == m.usable_cores && old.numa_nodes == 77);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine");
    TCase *tc = tcase_create("machine");
    tcase_add_test(tc, cpu_lists);
    tcase_add_test(tc, pages_are_told);
    tcase_add_test(tc, machine_is_told);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
