#include "json.h"
#include <errno.h>
#include "opt.h"

int json_out(json_t *all, size_t flags)
{
    const int bad = all && (json_dumpf(all, stdout, JSON_INDENT(2) | flags) || putchar('\n') == EOF);
    if (!all)
        fprintf(stderr, "%s: a name is not UTF-8, as JSON has them, or memory is out\n", program_invocation_short_name);
    json_decref(all);
    return bad || !all ? EXIT_FAILED : EXIT_OK; /* what cannot be written is told at the end */
}
