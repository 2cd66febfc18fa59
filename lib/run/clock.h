#ifndef RUN_CLOCK_H
#define RUN_CLOCK_H
/* The rate of the processor's counter, measured between two moments. */
#include <stdint.h>
#include <qnt/profile.h>

struct qnt_moment {
    uint64_t ticks;
    int64_t ns;
};
/* Now. */
struct qnt_moment qnt_moment_now(void);
/* Ticks a second since then; sleeps until there is enough time between. QNT_ERR_SYSTEM: the system's clock stands
 * still. */
qnt_status qnt_moment_rate(const struct qnt_moment *since, double *out);
#endif
