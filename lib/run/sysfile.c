#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/run/sysfile.h"

enum { PATH_SIZE = 1024 };

static bool read_text(const char *root, char *text, size_t size, const char *path, va_list args)
{
    char full[PATH_SIZE];
    int n = snprintf(full, sizeof full, "%s", root ? root : "");
    if (n < 0 || (size_t)n >= sizeof full)
        return false;
    int more = vsnprintf(full + n, sizeof full - (size_t)n, path, args);
    if (more < 0 || (size_t)more >= sizeof full - (size_t)n)
        return false;
    FILE *f = fopen(full, "re");
    if (!f)
        return false;
    size_t got = fread(text, 1, size - 1, f);
    bool good = !ferror(f);
    fclose(f);
    while (got > 0 && text[got - 1] == '\n')
        got--;
    text[got] = '\0';
    return good;
}

bool qnt_sysfile_text(const char *root, char *text, size_t size, const char *path, ...)
{
    va_list args;
    va_start(args, path);
    bool good = read_text(root, text, size, path, args);
    va_end(args);
    return good;
}

bool qnt_sysfile_number(const char *root, uint64_t *number, const char *path, ...)
{
    static const char units[] = "KMG";
    char text[64], *end;
    va_list args;
    va_start(args, path);
    bool good = read_text(root, text, sizeof text, path, args);
    va_end(args);
    if (!good || text[0] < '0' || text[0] > '9')
        return false;
    *number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        *number <<= 10 * (unit - units + 1);
        end++;
    }
    return *end == '\0';
}

bool qnt_sysfile_cpus(const char *root, cpu_set_t *set, const char *path, ...)
{
    char text[4096];
    va_list args;
    va_start(args, path);
    bool good = read_text(root, text, sizeof text, path, args);
    va_end(args);
    return good && qnt_cpus_parse(text, set);
}

bool qnt_cpus_parse(const char *text, cpu_set_t *set)
{
    CPU_ZERO(set);
    for (const char *p = text; *p;) {
        char *end;
        if (*p < '0' || *p > '9')
            return false;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-') {
            if (end[1] < '0' || end[1] > '9')
                return false;
            last = strtoul(end + 1, &end, 10);
        }
        if (last < first || (*end && *end != ','))
            return false;
        for (unsigned long i = first; i <= last && i < CPU_SETSIZE; i++)
            CPU_SET(i, set);
        p = *end ? end + 1 : end;
    }
    return true;
}

int qnt_cpus_first(const cpu_set_t *set)
{
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set))
            return i;
    return -1;
}
