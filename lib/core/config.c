/* Structs that start with their size. Configurations: what the caller's header did not know is zero, what this library
 * does not know must be. Results: the other way round. */
#include <string.h>
#include "lib/core/core.h"

qnt_status qnt_config_copy(void *dst, size_t known, const void *src, const char *what)
{
    size_t size;
    memset(dst, 0, known);
    if (src) {
        memcpy(&size, src, sizeof size);
        /* No struct of ours has another size; a field cannot be cut in two. */
        if (size < sizeof size || size % sizeof size)
            return qnt_fail(QNT_ERR_ARG, "%s: size is %zu, expected the struct's, %zu here", what, size, known);
        memcpy(dst, src, size < known ? size : known);
        for (size_t i = known; i < size; i++)
            if (((const unsigned char *)src)[i])
                return qnt_fail(QNT_ERR_ARG, "%s: byte %zu is set, but this library (%s) knows %zu bytes", what, i,
                                QNT_VERSION_STRING, known);
    }
    memcpy(dst, &known, sizeof known);
    return QNT_OK;
}

qnt_status qnt_result_copy(void *dst, const void *src, size_t known, const char *what)
{
    size_t size = 0;
    if (dst)
        memcpy(&size, dst, sizeof size);
    if (size < sizeof size)
        return qnt_fail(QNT_ERR_ARG, "%s: size is %zu, expected the struct's, %zu here", what, size, known);
    memset(dst, 0, size);
    memcpy(dst, src, size < known ? size : known);
    memcpy(dst, &size, sizeof size);
    return QNT_OK;
}
