#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H
/* Fuzzing of .qnt files: what is done with one (run.c), how one is changed (mutate.c, rebuild.c), and good ones to
 * start from (seeds.c). fuzz_qnt.c gives them to libFuzzer, replay.c to every other build. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

enum { FUZZ_MOST = 1 << 16 /* bytes of a file */ };

/* Loads the bytes, after making their checksums right, prepares and runs what comes out, on the reference kernels and
 * on the best ones. Aborts with a text when something is promised and not so: an error without a text or of a wrong
 * kind, a leak, other bytes on other kernels, with another batch or team, a file that is not written back as it was
 * read. Returns how far it came. */
enum fuzz_depth { FUZZ_REFUSED, FUZZ_LOADED, FUZZ_PREPARED, FUZZ_RAN, FUZZ_DEPTHS };
enum fuzz_depth fuzz_one(const uint8_t *data, size_t size);

/* A file close to the one in data[0, size), written over it; at most `most` bytes. The checksums are right where the
 * file's structure is. The same seed makes the same change. Returns its size. */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t most, uint64_t seed);
/* The part of it that changes the model instead of the bytes: constants, attributes, operations, connections; shapes
 * are inferred anew, so that the result is a good file. 0: data is no model, or the result is too long. */
size_t fuzz_rebuild(uint8_t *data, size_t size, size_t most, uint64_t seed);

/* File i into *data, from malloc; 0 past the last. */
size_t fuzz_seed(size_t i, uint8_t **data);

/* A context whose allocations are bounded: past 1/4 GB in one or in all, NULL. isa as in qnt_config. Never freed. */
qnt_ctx *fuzz_context(const char *isa);
/* Bytes allocated from all such contexts. */
size_t fuzz_live(void);
/* Bytes of the model as a file, from malloc, or NULL when it cannot be stored (a text is set). */
uint8_t *fuzz_bytes(const qnt_model *model, size_t *size);
/* Prints and aborts. */
_Noreturn void fuzz_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
