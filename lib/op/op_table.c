/* The list of ops.def as a table. */
#include <string.h>
#include "op.h"

const struct qnt_op_def *const qnt_op_table[] = {
#define QNT_OP_DEF(id) &qnt_op_##id,
#include "ops.def"
#undef QNT_OP_DEF
    NULL,
};

const struct qnt_op_def *qnt_op_find(const char *name)
{
    for (size_t i = 0; qnt_op_table[i]; i++)
        if (!strcmp(qnt_op_table[i]->name, name))
            return qnt_op_table[i];
    return NULL;
}
