/* A plugin for qemu-user that counts guest instructions between two markers: hints that every ARM64 CPU takes for NOP.
 * Writes a line with the count for each pair to FILE (-plugin plugin.so,out=FILE). For one thread: the counter is
 * shared.
 *
 * A block is counted whole when it is entered, by a callback, which every version of the interface has; a marker inside
 * of a block then takes off what of it lies on the other side. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if __has_include(<qemu-plugin.h>)
#include <qemu-plugin.h>
#else /* not every system has the header: what is used here, as of version 1 */
#define QEMU_PLUGIN_EXPORT __attribute__((visibility("default")))
#define QEMU_PLUGIN_VERSION 1
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*entered)(unsigned cpu, void *user),
                                          enum qemu_plugin_cb_flags flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*before)(unsigned cpu, void *user),
                                            enum qemu_plugin_cb_flags flags, void *user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#endif

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Instruction words; cases.c holds the same numbers. */
#define HINT(n) (0xd503201fu + ((n) << 5))
static const uint32_t begin_marker = HINT(112u), end_marker = HINT(113u);

static uint64_t count, start;
static FILE *out;

static uint32_t word(const struct qemu_plugin_insn *insn)
{
    uint32_t w = 0;
#if QEMU_PLUGIN_VERSION >= 3
    qemu_plugin_insn_data(insn, &w, sizeof w);
#else
    memcpy(&w, qemu_plugin_insn_data(insn), sizeof w);
#endif
    return w;
}

/* user: instructions of the block. */
static void enter(unsigned cpu, void *user)
{
    (void)cpu;
    count += (uintptr_t)user;
}

/* user: instructions of the block behind the marker. */
static void begin(unsigned cpu, void *user)
{
    (void)cpu;
    start = count - (uintptr_t)user;
}

/* user: the same and the marker. */
static void end(unsigned cpu, void *user)
{
    (void)cpu;
    fprintf(out, "%llu\n", (unsigned long long)(count - (uintptr_t)user - start));
    fflush(out);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, enter, QEMU_PLUGIN_CB_NO_REGS, (void *)n);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint32_t w = word(insn);
        if (w == begin_marker)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, QEMU_PLUGIN_CB_NO_REGS, (void *)(n - i - 1));
        else if (w == end_marker)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, end, QEMU_PLUGIN_CB_NO_REGS, (void *)(n - i));
    }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) || !(out = fopen(argv[0] + 4, "w"))) {
        fprintf(stderr, "insn plugin: expected out=FILE, a file that can be written\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
