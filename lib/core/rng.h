#ifndef CORE_RNG_H
#define CORE_RNG_H
/* Random numbers as a pure function of a key: SplitMix64 (Steele et al. 2014). A stream is keyed by what it is for
 * (seed, purpose or epoch, index), never by which thread draws, so results do not depend on scheduling. Same on every
 * machine. */
#include <stdint.h>

struct qnt_rng {
    uint64_t state;
};

static inline uint64_t qnt_mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline struct qnt_rng qnt_rng_key(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t k = qnt_mix64(seed + 0x9e3779b97f4a7c15u);
    k = qnt_mix64((k ^ stream) + 0x9e3779b97f4a7c15u);
    k = qnt_mix64((k ^ index) + 0x9e3779b97f4a7c15u);
    return (struct qnt_rng){k};
}

static inline uint64_t qnt_rng_next(struct qnt_rng *r)
{
    return qnt_mix64(r->state += 0x9e3779b97f4a7c15u);
}

/* Uniform in [0, n), 0 < n <= 2^32; the bias is below n / 2^32. */
static inline uint32_t qnt_rng_below(struct qnt_rng *r, uint64_t n)
{
    return (uint32_t)((qnt_rng_next(r) >> 32) * n >> 32);
}

/* Uniform in [lo, hi]. */
static inline int32_t qnt_rng_between(struct qnt_rng *r, int32_t lo, int32_t hi)
{
    return lo + (int32_t)qnt_rng_below(r, (uint64_t)((int64_t)hi - lo + 1));
}
#endif
