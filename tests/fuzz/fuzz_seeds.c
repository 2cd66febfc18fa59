/* fuzz_seeds DIR: writes the good files to start from. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/fuzz/fuzz.h"

int main(int argc, char **argv)
{
    uint8_t *data;
    size_t size;
    for (size_t i = 0; argc == 2 && (size = fuzz_seed(i, &data)); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/seed-%02zu.qnt", argv[1], i);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
            perror(path);
            return EXIT_FAILURE;
        }
        free(data);
    }
    return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
