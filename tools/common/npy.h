#ifndef TOOLS_NPY_H
#define TOOLS_NPY_H
/* NumPy's arrays in files: .npy, and .npz, a zip archive of them. What is wrong is told with the file's name. */
#include <qnt/model.h>
#include "tools/common/opt.h"

enum { NPY_MAX_RANK = 8 };
/* In C order, little-endian; f4, i1, u1, i2, u2, i4, i8 and b1. */
struct npy {
    qnt_dtype type;
    uint32_t rank;
    size_t dim[NPY_MAX_RANK];
    size_t count;              /* of elements */
    const unsigned char *data; /* of the bytes it was read from; any alignment */
};
int npy_is(const unsigned char *bytes, size_t size);
/* `name` is the file for texts. An exit code. */
int npy_parse(const struct opt_tool *tool, const char *name, const unsigned char *bytes, size_t size, struct npy *out);

struct npz {
    const struct opt_tool *tool;
    const char *path;
    struct zip *zip;
    size_t count; /* of arrays, > 0 */
};
int npz_is(const unsigned char *bytes, size_t size);
/* `bytes` are used until npz_close. An exit code. */
int npz_open(const struct opt_tool *tool, const char *path, const unsigned char *bytes, size_t size, struct npz *out);
/* Array i: its name without ".npy", at most `size` - 1 characters of it. */
void npz_name(const struct npz *z, size_t i, char *name, size_t size);
/* Its elements; *bytes, which they lie in, is the caller's to free. An exit code. */
int npz_read(const struct npz *z, size_t i, struct npy *out, unsigned char **bytes);
void npz_close(struct npz *z);
#endif
