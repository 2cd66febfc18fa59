/* The libFuzzer target. Its seeds: fuzz_seeds DIR. */
#include "lib/core/rng.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= FUZZ_MOST)
        fuzz_one(data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (qnt_mix64(seed) % 4)
        return fuzz_mutate(data, size, most, seed);
    size = LLVMFuzzerMutate(data, size, most);
    qnt_bytes_rehash((struct qnt_bytes){data, size});
    return size;
}
