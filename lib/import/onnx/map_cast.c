/* Cast of activations. */
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_cast(struct onnx_mapper *mp, const struct onnx_node *n, int in, int32_t type, int *id)
{
    (void)mp, (void)in, (void)id;
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a cast to %s", onnx_type_name(type));
}

qnt_status qnt_onnx_matmul_activations(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *b;
    return qnt_onnx_constant(mp, n, 1, "the right side", &b);
}
