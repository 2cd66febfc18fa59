/* fuzz_seeds FORMAT DIR: writes the good files to start from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_import.h"

static size_t onnx_seed(size_t i, uint8_t **data)
{
#if FUZZ_ONNX
    return fuzz_onnx_seed(i, FUZZ_MOST, data);
#else
    (void)i, (void)data;
    return 0;
#endif
}

int main(int argc, char **argv)
{
    uint8_t *data;
    size_t size;
    if (argc != 3)
        return EXIT_FAILURE;
    size_t (*seed)(size_t i, uint8_t * *data) = strcmp(argv[1], "onnx") ? fuzz_seed : onnx_seed;
    for (size_t i = 0; (size = seed(i, &data)); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/seed-%03zu.%s", argv[2], i, argv[1]);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
            perror(path);
            return EXIT_FAILURE;
        }
        free(data);
    }
    return EXIT_SUCCESS;
}
