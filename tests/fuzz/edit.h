#ifndef FUZZ_EDIT_H
#define FUZZ_EDIT_H
/* A model that is built again with changes, and the chance they are drawn by. */
#include <math.h>
#include "lib/core/rng.h"
#include "lib/graph/graph.h"

enum { MOST_TENSORS = 48 };

struct edit {
    const struct qnt_model *from;
    struct qnt_model *to;
    struct qnt_rng rng;
    uint32_t rare;           /* one thing in so many changes */
    int place[MOST_TENSORS]; /* of a tensor of `from` in `to`; -1: not there */
    int made;                /* for names */
};

static inline uint32_t below(struct edit *e, uint32_t n)
{
    return qnt_rng_below(&e->rng, n);
}

static inline bool chance(struct edit *e, uint32_t one_in)
{
    return !below(e, one_in);
}

static inline bool chosen(struct edit *e)
{
    return chance(e, e->rare);
}

static inline size_t some_size(struct edit *e)
{
    static const size_t sizes[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65};
    return sizes[below(e, sizeof sizes / sizeof *sizes)];
}

static inline float some_float(struct edit *e)
{
    static const float odd[] = {0.0f,    -0.0f,    1.0f,     -1.0f,     6.0f, 1e-40f,
                                3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN,  0.5f};
    if (chance(e, 2))
        return odd[below(e, sizeof odd / sizeof *odd)];
    return ldexpf((float)qnt_rng_between(&e->rng, -1000, 1000), qnt_rng_between(&e->rng, -20, 10));
}

static inline float some_scale(struct edit *e)
{
    static const float odd[] = {1e-45f, 1.2e-38f, 1e-30f, 1e-6f, 0.01f, 1.0f, 127.0f, 1e6f, 1e30f, 3.4e38f};
    if (chance(e, 4))
        return odd[below(e, sizeof odd / sizeof *odd)];
    return ldexpf((float)qnt_rng_between(&e->rng, 1, 1000), qnt_rng_between(&e->rng, -20, -2));
}

static inline uint32_t some_number(struct edit *e)
{
    static const uint32_t odd[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 255, 1 << 16, 1 << 20};
    return chance(e, 8) ? odd[below(e, sizeof odd / sizeof *odd)] : below(e, 4);
}
#endif
