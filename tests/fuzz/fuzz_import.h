#ifndef FUZZ_FUZZ_IMPORT_H
#define FUZZ_FUZZ_IMPORT_H
/* Fuzzing of the ONNX importer: what is done with a file (run_onnx.c), how one is changed (mutate_onnx.c), good ones to
 * start from (seeds_onnx.c). fuzz_onnx.c gives them to libFuzzer, replay_onnx.c to every other build. */
#include "tests/fuzz/fuzz.h"

enum { FUZZ_ONNX_MOST = 1 << 19 /* bytes of a file */ };

/* Imports the bytes, with a configuration that is taken from them, some of their inputs bound; a model that comes out
 * is written as a .qnt file and given to fuzz_one. Aborts with a text when something is promised and not so. */
enum fuzz_depth fuzz_onnx_one(const uint8_t *data, size_t size);

/* A file close to the one in data[0, size), written over it; at most `most` bytes. Lengths are right again where the
 * file was well-formed. The same seed makes the same change. Returns its size. */
size_t fuzz_onnx_mutate(uint8_t *data, size_t size, size_t most, uint64_t seed);

/* File i into *data, from malloc; 0 past the last: small models of our own, then those in the folder that
 * QNT_CONFORMANCE names, if any, of at most `most` bytes. */
size_t fuzz_onnx_seed(size_t i, size_t most, uint8_t **data);
#endif
