#ifndef TESTS_KERNELS_CK_H
#define TESTS_KERNELS_CK_H
/* What a checker of one op works with. A checker is `void check_<op>(struct ck *c)`, linked because kernels.def names
 * the op; it is called once for every variant this machine can run. One case of it:
 *
 *     CK_GRID(c, CK_S8, g) {                                   sizes x fills x places
 *         const int8_t *src = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
 *         int8_t *dst = ck_out(c, 1, CK_S8, g.n, g.place);
 *         CK_BOTH(c, clamp_s8, src, dst, g.n, -50, 77);        reference, then variant: everything is compared
 *     }
 *
 * Buffers lie in numbered slots between guard pages, inside a pattern. Checked around each call: results, bytes outside
 * the output, inputs unchanged, float control register, clean upper vector halves, faults. A checker holds no
 * resources: it is left by a jump when it fails. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "simd/kernels.h"

enum ck_type { CK_S8, CK_U8, CK_S32, CK_F32 };

/* Contents of an input. All types know the first group, floats all of them. */
enum ck_fill {
    CK_NOISE,  /* whole range of an integer; floats within +-c->range */
    CK_MIN,    /* all lowest: -128, 0, INT32_MIN, -FLT_MAX */
    CK_MAX,    /* all highest */
    CK_ALT,    /* lowest and highest in turn */
    CK_ONEHOT, /* one highest among zeros */
    CK_ZERO,   /* floats: both zeros */
    CK_INT_FILLS,
    CK_TIES = CK_INT_FILLS, /* (k + 1/2) * c->unit and its neighbours */
    CK_DENORM,              /* denormals, smallest normals, zeros */
    CK_BITS,                /* random bit patterns: every exponent, NaNs */
    CK_SPECIAL,             /* NaN of all kinds and signs, infinities, extremes between ordinary numbers */
    CK_FLOAT_FILLS
};

/* Where a buffer lies between its guard pages. */
enum ck_place {
    CK_END,    /* its last byte is the last before the guard page */
    CK_START,  /* its first byte is the first after the guard page */
    CK_INSIDE, /* between patterns, misaligned by 1..63 elements, differently in each slot */
    CK_PLACES
};

enum { CK_SLOTS = 16, CK_TEXT = 160 };

struct ck {
    /* The variant at hand. */
    const char *op, *variant;
    enum qnt_isa isa;
    qnt_any_fn *ref, *fn;            /* plain ops; fn == ref when the reference itself is checked */
    const struct qnt_gemm *gemm_ref; /* tiles: the op's first descriptor */
    const struct qnt_gemm *gemm;     /* tiles: the one at hand */
    /* What the run asks for. */
    uint64_t seed;
    bool quick; /* fewer and smaller sizes (emulators) */
    bool bench; /* CK_BENCH measures */
    /* Set by a checker where it matters. */
    float range, unit; /* of float fills: default 4 and 1 */
    /* The harness's own. */
    uint64_t rng, cases;
    unsigned errors;
    bool between;                       /* a reference result waits for comparison */
    char where[CK_TEXT], base[CK_TEXT]; /* description of the case at hand */
    char first[CK_TEXT];                /* the first failure */
    bool silent;                        /* failures are expected: kept in `first` only */
};
typedef void ck_checker(struct ck *c);

/* ---- random numbers: reset for every variant from seed and op, so one op alone repeats with the same data ---- */
uint64_t ck_rand(struct ck *c);
size_t ck_below(struct ck *c, size_t n); /* [0, n), n > 0 */
float ck_uniform(struct ck *c, float lo, float hi);

/* ---- cases ---- */
struct ck_point {
    size_t n;
    enum ck_fill fill;
    enum ck_place place;
    size_t size; /* private: position in the list of sizes */
    bool begun;
};
/* Steps over sizes (0, 1, lanes +-1, primes, past the caches) x fills of the type x places; large sizes take part of
 * it. Starts the case and describes it. */
bool ck_grid(struct ck *c, enum ck_type type, struct ck_point *p);
#define CK_GRID(c, type, point) for (struct ck_point point = {.n = 0}; ck_grid(c, type, &point);)
/* Starts a case of other dimensions, or a further one within a grid point: forgets the slots; the text is added to the
 * grid point's. Without a grid, ck_plain first drops that part. */
void ck_case(struct ck *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ck_plain(struct ck *c);
const char *ck_fill_name(enum ck_fill fill);
const char *ck_place_name(enum ck_place place);
int ck_fills(enum ck_type type); /* fills [0, ck_fills) suit the type */

/* ---- buffers: valid until the next case ---- */
/* rows x cols elements, row stride ld >= cols elements; what lies between rows is pattern. rows == 0 or cols == 0 gives
 * a pointer that may not be read. 2D inputs are read-only to the kernel, outputs hold a pattern. */
void *ck_in_2d(struct ck *c, unsigned slot, enum ck_type type, size_t rows, size_t cols, size_t ld, enum ck_fill fill,
               enum ck_place place);
void *ck_out_2d(struct ck *c, unsigned slot, enum ck_type type, size_t rows, size_t cols, size_t ld,
                enum ck_place place);
void *ck_in(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_fill fill, enum ck_place place);
void *ck_out(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_place place);
/* Read and written in place. */
void *ck_inout(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_fill fill, enum ck_place place);
/* Written in any way within its bounds. */
void *ck_scratch(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_place place);
/* From here on an output is an input (a packed panel). */
void ck_seal(struct ck *c, unsigned slot);
/* Writes a fill to ordinary memory. An input may also be filled (or changed) by hand before the call. */
void ck_fill(struct ck *c, void *to, enum ck_type type, size_t n, enum ck_fill fill);
/* Floats: CK_NEAR of them next to +-edge on both sides; CK_SWEEP bit patterns at even steps through all of float32, a part of
 * `parts`, from a start that the seed chooses. */
enum { CK_NEAR = 64, CK_SWEEP = 4096 };
void ck_fill_near(float *to, float edge);
void ck_fill_sweep(struct ck *c, float *to, uint32_t part, uint32_t parts);

/* ---- calls ---- */
#define CK_BOTH(c, op, ...)                                                                                            \
    do {                                                                                                               \
        ck_begin(c);                                                                                                   \
        ((qnt_##op##_fn *)(c)->ref)(__VA_ARGS__);                                                                      \
        ck_between(c);                                                                                                 \
        ((qnt_##op##_fn *)(c)->fn)(__VA_ARGS__);                                                                       \
        ck_end(c);                                                                                                     \
    } while (0)
#define CK_BOTH_S32(c, op, ...)                                                                                        \
    do {                                                                                                               \
        ck_begin(c);                                                                                                   \
        int32_t ck_want = ((qnt_##op##_fn *)(c)->ref)(__VA_ARGS__);                                                    \
        ck_between(c);                                                                                                 \
        int32_t ck_got = ((qnt_##op##_fn *)(c)->fn)(__VA_ARGS__);                                                      \
        ck_end(c);                                                                                                     \
        ck_same(c, CK_S32, "result", &ck_want, &ck_got, 1);                                                            \
    } while (0)
/* One call of anything (a tile's pack or run): inputs, bounds and state are checked, the results are the checker's. */
#define CK_CALL(c, ...)                                                                                                \
    do {                                                                                                               \
        ck_begin(c);                                                                                                   \
        __VA_ARGS__;                                                                                                   \
        ck_end(c);                                                                                                     \
    } while (0)
void ck_begin(struct ck *c);
void ck_between(struct ck *c);
void ck_end(struct ck *c);
/* Compares n elements bit by bit and tells the first difference. */
bool ck_same(struct ck *c, enum ck_type type, const char *what, const void *want, const void *got, size_t n);
/* Reports a failure of the case at hand. The fourth one ends the variant's check. */
void ck_fail(struct ck *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the check when something the test itself needs failed (memory). */
_Noreturn void ck_die(struct ck *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- speed: after the cases, in the same checker ----
 *     CK_BENCH(c, "n=4096", CK_MACS, 4096, sink = fn(a, b, 4096));
 * Runs only with --bench and when no case failed. Buffers: ck_case, then ck_in / ck_out as above. */
enum ck_unit { CK_ELEMS, CK_MACS, CK_BYTES };
bool ck_bench_begin(struct ck *c, const char *label, enum ck_unit unit, double work);
size_t ck_bench_batch(struct ck *c); /* how many calls next; 0: done */
#define CK_BENCH(c, label, unit, work, ...)                                                                            \
    do {                                                                                                               \
        if (ck_bench_begin(c, label, unit, work))                                                                      \
            for (size_t ck_left; (ck_left = ck_bench_batch(c)) > 0;)                                                   \
                do {                                                                                                   \
                    __VA_ARGS__;                                                                                       \
                } while (--ck_left);                                                                                   \
    } while (0)
#endif
