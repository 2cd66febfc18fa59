#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H
#include <jansson.h>

/* Prints it on standard output, with a line's end, and frees it. NULL is JSON that could not be made: json_pack refuses
 * names that are not UTF-8. flags: beside JSON_INDENT. An exit code, told. */
int json_out(json_t *all, size_t flags);
#endif
