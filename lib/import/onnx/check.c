/* What holds for every node before any is mapped: the inputs that its operation cannot do without, and attributes of
 * the kind that their name has in all operations. So a map function reads them without asking. */
#include <string.h>
#include "lib/import/onnx/map.h"

enum { ANY = UINT8_MAX };
/* needed: a bit for each input that must be there; most: inputs and outputs there may be. */
static const struct arity {
    const char *op;
    uint16_t needed;
    uint8_t most_in, most_out;
} arities[] = {
    {"Abs", 1, 1, 1},
    {"Add", 3, 2, 1},
    {"And", 3, 2, 1},
    {"ArgMax", 1, 1, 1},
    {"AveragePool", 1, 1, 1},
    {"BatchNormalization", 31, 5, 5},
    {"Cast", 1, 1, 1},
    {"CastLike", 3, 2, 1},
    {"Ceil", 1, 1, 1},
    {"Clip", 1, 3, 1},
    {"Concat", 1, ANY, 1},
    {"Constant", 0, 0, 1},
    {"ConstantOfShape", 1, 1, 1},
    {"Conv", 3, 3, 1},
    {"ConvInteger", 3, 4, 1},
    {"DequantizeLinear", 3, 3, 1},
    {"Div", 3, 2, 1},
    {"Dropout", 1, 3, 2},
    {"DynamicQuantizeLinear", 1, 1, 3},
    {"Elu", 1, 1, 1},
    {"Equal", 3, 2, 1},
    {"Erf", 1, 1, 1},
    {"Exp", 1, 1, 1},
    {"Expand", 3, 2, 1},
    {"Flatten", 1, 1, 1},
    {"Floor", 1, 1, 1},
    {"GRU", 7, 6, 2},
    {"Gather", 3, 2, 1},
    {"Gelu", 1, 1, 1},
    {"Gemm", 3, 3, 1},
    {"GlobalAveragePool", 1, 1, 1},
    {"GlobalMaxPool", 1, 1, 1},
    {"Greater", 3, 2, 1},
    {"GreaterOrEqual", 3, 2, 1},
    {"HardSigmoid", 1, 1, 1},
    {"HardSwish", 1, 1, 1},
    {"Identity", 1, 1, 1},
    {"LSTM", 7, 8, 3},
    {"LayerNormalization", 3, 3, 3},
    {"LeakyRelu", 1, 1, 1},
    {"Less", 3, 2, 1},
    {"LessOrEqual", 3, 2, 1},
    {"Log", 1, 1, 1},
    {"LogSoftmax", 1, 1, 1},
    {"MatMul", 3, 2, 1},
    {"MatMulInteger", 3, 4, 1},
    {"MatMulNBits", 7, 6, 1},
    {"Max", 1, ANY, 1},
    {"MaxPool", 1, 1, 2},
    {"Min", 1, ANY, 1},
    {"Mod", 3, 2, 1},
    {"Mul", 3, 2, 1},
    {"Neg", 1, 1, 1},
    {"Not", 1, 1, 1},
    {"Or", 3, 2, 1},
    {"PRelu", 3, 2, 1},
    {"Pad", 1, 4, 1},
    {"Pow", 3, 2, 1},
    {"QGemm", 63, 9, 1},
    {"QLinearAdd", 91, 8, 1}, /* A, its scale, B, its scale, C's scale */
    {"QLinearAveragePool", 11, 5, 1},
    {"QLinearConcat", 31, ANY, 1},
    {"QLinearConv", 255, 9, 1},
    {"QLinearGlobalAveragePool", 31, 5, 1},
    {"QLinearLeakyRelu", 11, 5, 1},
    {"QLinearMatMul", 255, 8, 1},
    {"QLinearMul", 91, 8, 1},
    {"QLinearSigmoid", 11, 5, 1},
    {"QuantizeLinear", 3, 3, 1},
    {"RNN", 7, 6, 2},
    {"Range", 7, 3, 1},
    {"Reciprocal", 1, 1, 1},
    {"ReduceMax", 1, 2, 1},
    {"ReduceMean", 1, 2, 1},
    {"ReduceMin", 1, 2, 1},
    {"ReduceProd", 1, 2, 1},
    {"ReduceSum", 1, 2, 1},
    {"Relu", 1, 1, 1},
    {"Reshape", 1, 2, 1}, /* the shape was an attribute once */
    {"Resize", 1, 4, 1},
    {"Round", 1, 1, 1},
    {"Shape", 1, 1, 1},
    {"Sigmoid", 1, 1, 1},
    {"Sign", 1, 1, 1},
    {"Size", 1, 1, 1},
    {"Slice", 1, 5, 1},
    {"Softmax", 1, 1, 1},
    {"Split", 1, 2, ANY},
    {"Sqrt", 1, 1, 1},
    {"Squeeze", 1, 2, 1},
    {"Sub", 3, 2, 1},
    {"Sum", 1, ANY, 1},
    {"Tanh", 1, 1, 1},
    {"Transpose", 1, 1, 1},
    {"Unsqueeze", 1, 2, 1},
    {"Upsample", 1, 2, 1},
    {"Where", 7, 3, 1},
};

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
    size_t k = 0, length = strlen(name);
    if (!strcmp(n->op, "Pad") && !strcmp(name, "value"))
        return 0; /* its first versions' float */
    for (; k < KINDS - 1; k++)
        for (const char *at = kinds[k].names; (at = strstr(at, name)); at += length)
            if (at[-1] == ' ' && at[length] == ' ')
                return k;
    return k;
}

static const struct arity *arity_of(const char *op)
{
    for (size_t i = 0; i < sizeof arities / sizeof *arities; i++)
        if (!strcmp(arities[i].op, op))
            return &arities[i];
    return NULL;
}

static qnt_status check_arity(const struct onnx_node *n, const struct arity *a)
{
    if ((n->n_in > a->most_in && a->most_in != ANY) || (n->n_out > a->most_out && a->most_out != ANY))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%zu inputs and %zu outputs, expected at most %u and %u", n->n_in,
                             n->n_out, a->most_in, a->most_out);
    for (uint32_t k = 0; a->needed >> k; k++)
        if (a->needed >> k & 1 && (k >= n->n_in || !*n->in[k]))
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %u is left out, expected a value", k);
    for (uint32_t k = 0; k < n->n_in && a->most_in == ANY; k++)
        if (!*n->in[k])
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %u is left out, expected a value", k);
    return QNT_OK;
}

bool qnt_onnx_has_arity(const char *op)
{
    return arity_of(op) != NULL;
}

qnt_status qnt_onnx_node_check(const struct onnx_node *n)
{
    const struct arity *a = arity_of(n->op);
    if (!qnt_onnx_op(n->domain, n->op))
        return QNT_OK; /* refused when it is needed */
    if (!a)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "an operation whose inputs are not known");
    for (size_t i = 0; i < n->n_attr; i++) {
        size_t k = kind_of(n, n->attr[i].name);
        if (n->attr[i].kind != kinds[k].kind)
            return qnt_onnx_fail(QNT_ERR_FORMAT, n, "attribute '%s' is not %s, as its name says", n->attr[i].name,
                                 kinds[k].what);
    }
    return check_arity(n, a);
}
