/* What holds for every node before any is mapped: the inputs that its operation cannot do without, and attributes of
 * the kind that their name has in all operations. So a map function reads them without asking. */
#include <string.h>
#include "lib/import/onnx/map.h"

/* Names separated by spaces, each between two. Others are integers; "value" is the operation's. */
static const struct {
    enum onnx_attr_kind kind;
    const char *what, *names;
} kinds[] = {
    {ONNX_ATTR_FLOAT, "a float",
     " alpha beta clip cubic_coeff_a epsilon extrapolation_value gamma lambd max min momentum ratio value_float "},
    {ONNX_ATTR_STRING, "a string",
     " approximate auto_pad coordinate_transformation_mode direction keep_aspect_ratio_policy mode nearest_mode "
     "round_mode "
     "value_string "},
    {ONNX_ATTR_FLOATS, "floats", " activation_alpha activation_beta scales value_floats "},
    {ONNX_ATTR_INTS, "integers",
     " axes consumed_inputs dilations ends kernel_shape output_padding output_shape paddings pads perm shape split "
     "starts "
     "strides value_ints "},
    {ONNX_ATTR_STRINGS, "strings", " activations value_strings "},
    {ONNX_ATTR_TENSOR, "a tensor", " value "},
    {ONNX_ATTR_INT, "an integer", ""},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(const struct onnx_node *n, const char *name)
{
    size_t k = 0;
    if (!strcmp(n->op, "Pad") && !strcmp(name, "value"))
        return 0; /* its first versions' float */
    while (k < KINDS - 1 && !qnt_onnx_listed(kinds[k].names, name))
        k++;
    return k;
}

static qnt_status check_arity(const struct onnx_node *n, const struct onnx_op *op)
{
    if ((n->n_in > op->most_in && op->most_in != ONNX_ANY) || (n->n_out > op->most_out && op->most_out != ONNX_ANY))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%zu inputs and %zu outputs, expected at most %u and %u", n->n_in,
                             n->n_out, op->most_in, op->most_out);
    for (uint32_t k = 0; op->needed >> k; k++)
        if (op->needed >> k & 1 && (k >= n->n_in || !*n->in[k]))
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %u is left out, expected a value", k);
    for (uint32_t k = 0; k < n->n_in && op->most_in == ONNX_ANY; k++)
        if (!*n->in[k])
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %u is left out, expected a value", k);
    return QNT_OK;
}

qnt_status qnt_onnx_node_check(const struct onnx_node *n)
{
    const struct onnx_op *op = qnt_onnx_op(n->domain, n->op);
    if (!op)
        return QNT_OK; /* refused when it is needed */
    for (size_t i = 0; i < n->n_attr; i++) {
        size_t k = kind_of(n, n->attr[i].name);
        if (n->attr[i].kind != kinds[k].kind)
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "attribute '%s' is not %s, as its name says", n->attr[i].name,
                                 kinds[k].what);
    }
    return check_arity(n, op);
}
