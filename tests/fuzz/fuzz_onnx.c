/* The libFuzzer target of the ONNX importer. Its seeds: fuzz_seeds --onnx DIR. */
#include "lib/core/rng.h"
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= FUZZ_ONNX_MOST)
        fuzz_onnx_one(data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return qnt_mix64(seed) % 4 ? fuzz_onnx_mutate(data, size, most, seed) : LLVMFuzzerMutate(data, size, most);
}
