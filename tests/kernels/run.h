#ifndef TESTS_KERNELS_RUN_H
#define TESTS_KERNELS_RUN_H
/* Between the parts of the harness; checkers need ck.h only. */
#include <setjmp.h>
#include "ck.h"

/* ---- state_<arch>.c: what a kernel must leave as it was ---- */
struct ck_state {
    uint64_t control; /* MXCSR or FPCR without the sticky flags */
    uint32_t upper;   /* vector upper halves in use, as far as the machine tells */
};
/* Learns which upper halves this machine reports reliably; call under ck_guarded. Returns a text for the report. */
const char *ck_state_calibrate(qnt_isa_set found);
void ck_state_clean(void); /* clears the upper halves */
void ck_state_read(struct ck_state *s);
void ck_state_set(uint64_t control);
/* What a wrong kernel does; false where it cannot be done or seen. */
bool ck_state_dirty(void);           /* leaves upper halves in use */
bool ck_state_flush_denormals(void); /* changes the control register */
void ck_state_illegal(void);         /* an illegal instruction */

/* ---- guard.c: slots ---- */
void ck_slots_forget(struct ck *c);
/* Snapshot; check inputs; keep the reference's outputs and restore; compare. */
void ck_slots_save(struct ck *c);
void ck_slots_check_inputs(struct ck *c);
void ck_slots_keep_outputs(struct ck *c);
void ck_slots_compare(struct ck *c, bool with_kept);
/* Says where an address lies relative to the slots ("3 bytes past slot 1"). */
void ck_slots_locate(const void *address, char *text, size_t size);
void ck_slots_free(void);

/* ---- ck.c ---- */
/* Checks one variant; c is filled but for the random state. False: it failed, c->first says how. */
bool ck_run(struct ck *c, ck_checker *check);
bool ck_wants_quick(void); /* CHECKKERN_QUICK is set, and not to 0 */

/* ---- fault.c ---- */
enum ck_leave { CK_LEAVE_FAULT = 1, CK_LEAVE_FAILED };
void ck_faults_install(void);
/* Runs fn(arg); false when it faulted or was left by ck_leave. `c` is told of a fault unless NULL. */
bool ck_guarded(struct ck *c, void (*fn)(void *), void *arg);
_Noreturn void ck_leave(struct ck *c);

/* ---- bench.c ---- */
struct ck_result {
    char label[40];
    enum ck_unit unit;
    double rate, spread; /* units per second, median; (p90 - p10) / median */
};
enum { CK_RESULTS = 16 };
struct ck_results {
    unsigned count;
    struct ck_result v[CK_RESULTS];
};
/* Where ck_bench_begin puts its measurements. */
void ck_bench_into(struct ck_results *r, double seconds);
#endif
