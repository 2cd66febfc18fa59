/* The operations that models may have, by format. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "tools/common/json.h"
#include "tools/qinfo/qinfo.h"

enum { TEXT = 64 };

static uint32_t needed(const qnt_import_operation_info *o)
{
    return (uint32_t)__builtin_popcount(o->required);
}

/* "2", "2 to 3", "1 or more" */
static void count_text(uint32_t least, uint32_t most, char text[TEXT])
{
    if (most == QNT_IMPORT_ANY)
        snprintf(text, TEXT, "%" PRIu32 " or more", least);
    else if (least == most)
        snprintf(text, TEXT, "%" PRIu32, most);
    else
        snprintf(text, TEXT, "%" PRIu32 " to %" PRIu32, least, most);
}

static void print_operation(const qnt_import_operation_info *o)
{
    char name[TEXT], inputs[TEXT], outputs[TEXT];
    const char *when = !o->constants ? "run" : o->activations ? "import, run" : "import";
    snprintf(name, sizeof name, "%s%s%s", o->domain, *o->domain ? "." : "", o->name);
    count_text(needed(o), o->inputs, inputs);
    count_text(1, o->outputs, outputs);
    printf("%-42s %-10s %-10s %-12s %s\n", name, inputs, outputs, when, o->attributes);
}

static void print_text(void)
{
    qnt_import_operation_info o;
    const char *format = "";
    printf("computed: run: in a session; import: when the model is read, of constants alone\n");
    for (size_t i = 0; qnt_import_operation(i, &o) == QNT_OK; i++) {
        if (strcmp(format, o.format))
            printf("\n%-42s %-10s %-10s %-12s %s\n", o.format, "inputs", "outputs", "computed",
                   *o.attributes ? "attributes" : "");
        format = o.format;
        print_operation(&o);
    }
}

static json_t *words(const char *text)
{
    json_t *all = json_array();
    for (const char *at = text; *at; at += strspn(at, " ")) {
        const size_t n = strcspn(at, " ");
        json_array_append_new(all, json_stringn(at, n));
        at += n;
    }
    return all;
}

/* Any number is null. */
static json_t *most(uint32_t n)
{
    return n == QNT_IMPORT_ANY ? json_null() : json_integer((json_int_t)n);
}

static json_t *operation_json(const qnt_import_operation_info *o)
{
    json_t *required = json_array();
    for (int i = 0; i < 32; i++)
        if (o->required >> i & 1)
            json_array_append_new(required, json_integer(i));
    return json_pack("{ss,ss,ss,so,so,so,sb,sb,so}", "format", o->format, "domain", o->domain, "name", o->name,
                     "required_inputs", required, "inputs", most(o->inputs), "outputs", most(o->outputs), "import",
                     o->constants, "run", o->activations, "attributes", words(o->attributes));
}

static int print_json(void)
{
    json_t *all = json_array();
    qnt_import_operation_info o;
    for (size_t i = 0; qnt_import_operation(i, &o) == QNT_OK; i++)
        json_array_append_new(all, operation_json(&o));
    return json_out(all, 0);
}

int qinfo_ops(int json)
{
    if (json)
        return print_json();
    print_text();
    return ferror(stdout) ? EXIT_FAILED : EXIT_OK;
}
