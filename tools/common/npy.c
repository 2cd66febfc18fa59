#include "npy.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static const struct {
    const char *descr;
    qnt_dtype type;
} types[] = {{"'<f4'", QNT_F32}, {"'|i1'", QNT_S8},  {"'|u1'", QNT_U8},  {"'<i2'", QNT_S16},
             {"'<u2'", QNT_U16}, {"'<i4'", QNT_S32}, {"'<i8'", QNT_S64}, {"'|b1'", QNT_BOOL}};
/* Longer headers are those of records. MOST_PACKED: deflate's best is 1032 : 1. */
enum { MAX_HEADER = 4096, MOST_PACKED = 1032 };

int npy_is(const unsigned char *bytes, size_t size)
{
    return size >= 6 && !memcmp(bytes, "\x93NUMPY", 6);
}

/* The value of a key of the header, a Python dictionary literal; "" when it is not there. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at || !(at = strchr(at, ':')))
        return "";
    for (at++; isspace((unsigned char)*at); at++)
        ;
    return at;
}

/* "(2, 32, 32, 3)", "(5,)", "()" */
static bool read_shape(const char *at, struct npy *out)
{
    out->rank = 0;
    out->count = 1;
    if (*at++ != '(')
        return false;
    for (;; at++) {
        char *end;
        at += strspn(at, " ");
        if (*at == ')')
            return true;
        if (*at < '0' || *at > '9' || out->rank == NPY_MAX_RANK)
            return false;
        const unsigned long long n = strtoull(at, &end, 10);
        if (n >= SIZE_MAX / 8 || __builtin_mul_overflow(out->count, (size_t)n, &out->count))
            return false;
        out->dim[out->rank++] = (size_t)n;
        at = end + strspn(end, " ");
        if (*at == ')')
            return true;
        if (*at != ',')
            return false;
    }
}

static int read_header(const struct opt_tool *tool, const char *name, const char *header, struct npy *out)
{
    const char *type = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'");
    const int shown = (int)strcspn(header, "\n");
    out->type = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strncmp(type, types[i].descr, strlen(types[i].descr)))
            out->type = types[i].type;
    if (!out->type)
        return opt_error(tool, EXIT_FAILED,
                         "%s: the .npy header is %.*s, expected a 'descr' of '<f4', '|i1', '|u1', '<i2', '<u2', '<i4', "
                         "'<i8' or '|b1'",
                         name, shown, header);
    if (strncmp(order, "False", 5) != 0)
        return opt_error(tool, EXIT_FAILED, "%s: the .npy header is %.*s, expected a 'fortran_order' of False", name,
                         shown, header);
    if (!read_shape(value_of(header, "'shape'"), out))
        return opt_error(tool, EXIT_FAILED, "%s: the .npy header is %.*s, expected a 'shape' of at most %d dimensions",
                         name, shown, header, NPY_MAX_RANK);
    return EXIT_OK;
}

int npy_parse(const struct opt_tool *tool, const char *name, const unsigned char *bytes, size_t size, struct npy *out)
{
    char header[MAX_HEADER];
    size_t length = 0, begin = size > 6 && bytes[6] > 1 ? 12 : 10, whole; /* versions from 2 on have a longer length */
    if (!npy_is(bytes, size))
        return opt_error(tool, EXIT_FAILED, "%s: does not begin as an .npy file does", name);
    for (size_t i = 8; i < begin && size >= begin; i++)
        length |= (size_t)bytes[i] << (8 * (i - 8));
    if (size < begin || length >= sizeof header || size - begin < length)
        return opt_error(tool, EXIT_FAILED,
                         "%s: the .npy header is cut off or too long: %zu bytes, expected less than %d", name, length,
                         MAX_HEADER);
    memcpy(header, bytes + begin, length);
    header[length] = '\0';
    begin += length;
    int code = read_header(tool, name, header, out);
    if (code != EXIT_OK)
        return code;
    if (__builtin_mul_overflow(out->count, qnt_dtype_size(out->type), &whole) || whole != size - begin)
        return opt_error(tool, EXIT_FAILED,
                         "%s: holds %zu bytes of elements, expected %zu elements of %zu by its header", name,
                         size - begin, out->count, qnt_dtype_size(out->type));
    out->data = bytes + begin;
    return EXIT_OK;
}

int npz_is(const unsigned char *bytes, size_t size)
{
    return size >= 4 && (!memcmp(bytes, "PK\3\4", 4) || !memcmp(bytes, "PK\5\6", 4));
}

static int told(const struct npz *z, const char *what, const char *why)
{
    return opt_error(z->tool, EXIT_FAILED, "%s: %s: %s", z->path, what, why);
}

int npz_open(const struct opt_tool *tool, const char *path, const unsigned char *bytes, size_t size, struct npz *out)
{
    zip_error_t error;
    *out = (struct npz){.tool = tool, .path = path};
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    if (!source || !(out->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error))) {
        int code = told(out, "cannot be read as an .npz archive", zip_error_strerror(&error));
        zip_source_free(source);
        zip_error_fini(&error);
        return code;
    }
    zip_error_fini(&error);
    const zip_int64_t n = zip_get_num_entries(out->zip, 0);
    if (n > 0) {
        out->count = (size_t)n;
        return EXIT_OK;
    }
    npz_close(out);
    return told(out, "an .npz archive", "expected arrays, found none");
}

void npz_close(struct npz *z)
{
    if (z->zip)
        zip_discard(z->zip);
    z->zip = NULL;
}

void npz_name(const struct npz *z, size_t i, char *name, size_t size)
{
    const char *full = zip_get_name(z->zip, i, 0);
    size_t n = snprintf(name, size, "%s", full ? full : "") < 0 ? 0 : strlen(name);
    if (n > 4 && !strcmp(name + n - 4, ".npy"))
        name[n - 4] = '\0';
}

/* `size` bytes of entry i, no less and no more; the checksum is libzip's matter, which compares it at the end. */
static int unpack(const struct npz *z, size_t i, const char *name, unsigned char *to, size_t size)
{
    unsigned char more;
    zip_file_t *file = zip_fopen_index(z->zip, i, 0);
    if (!file)
        return told(z, name, zip_strerror(z->zip));
    const zip_int64_t got = zip_fread(file, to, size);
    const zip_int64_t rest = got == (zip_int64_t)size ? zip_fread(file, &more, 1) : -1;
    const int code = rest == 0 ? EXIT_OK
                     : got < 0 || (rest < 0 && got == (zip_int64_t)size)
                         ? told(z, name, zip_file_strerror(file))
                         : opt_error(z->tool, EXIT_FAILED, "%s: %s: expected %zu bytes by the archive, found %s",
                                     z->path, name, size, rest > 0 ? "more" : "less");
    zip_fclose(file);
    return code;
}

int npz_read(const struct npz *z, size_t i, struct npy *out, unsigned char **bytes)
{
    char name[256], full[1024];
    zip_stat_t st;
    *bytes = NULL;
    npz_name(z, i, name, sizeof name);
    if (zip_stat_index(z->zip, i, 0, &st))
        return told(z, name, zip_strerror(z->zip));
    const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if ((st.valid & needed) != needed || st.size / MOST_PACKED > st.comp_size || st.size >= SIZE_MAX / 2)
        return opt_error(z->tool, EXIT_FAILED,
                         "%s: %s: says that %llu bytes are packed in %llu, expected at most %d times as many", z->path,
                         name, (unsigned long long)st.size, (unsigned long long)st.comp_size, MOST_PACKED);
    if (!(*bytes = malloc((size_t)st.size + 1)))
        return opt_error(z->tool, EXIT_RESOURCE, "%s: %s: out of memory: %llu bytes", z->path, name,
                         (unsigned long long)st.size);
    int code = unpack(z, i, name, *bytes, (size_t)st.size);
    snprintf(full, sizeof full, "%s: %s", z->path, name);
    if (code == EXIT_OK)
        code = npy_parse(z->tool, full, *bytes, (size_t)st.size, out);
    if (code != EXIT_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return code;
}
