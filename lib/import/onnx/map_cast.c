/* Cast and CastLike of activations: integers of 8 bits and less to floats and back; wider ones by the model's cast. */
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_cast(struct onnx_mapper *mp, const struct onnx_node *n, int in, int32_t type, int *id)
{
    qnt_dtype dtype;
    uint32_t bits;
    if (!qnt_onnx_dtype(type, &dtype, &bits))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a cast to %s", onnx_type_name(type));
    const struct qnt_tensor t = {.type = dtype, .bits = bits};
    return qnt_onnx_emit(mp, n, "cast", NULL, &in, 1, n->out[0], &t, id);
}

qnt_status qnt_onnx_cut(struct onnx_mapper *mp, const struct onnx_node *n, int in, int *id)
{
    int both[2];
    qnt_status status = qnt_onnx_emit(mp, n, "sign", NULL, &in, 1, n->out[0], NULL, &both[0]);
    if (status || (status = qnt_onnx_emit(mp, n, "abs", NULL, &in, 1, n->out[0], NULL, &both[1])) ||
        (status = qnt_onnx_emit(mp, n, "floor", NULL, &both[1], 1, n->out[0], NULL, &both[1])))
        return status;
    return qnt_onnx_emit(mp, n, "mul", NULL, both, 2, n->out[0], NULL, id);
}

/* x - 2^bits * floor((x - least) / 2^bits), exact for what is below 2^24. */
qnt_status qnt_onnx_wrap(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type, int in, int *id)
{
    const struct onnx_shape one = {1, {1}};
    int64_t lo, hi;
    qnt_onnx_int_range(type, &lo, &hi);
    const float size = (float)(hi - lo + 1), number[3] = {(float)-lo, 1.0f / size, -size};
    int c[3], rounds[2] = {in, -1};
    qnt_status status = QNT_OK;
    for (int i = 0; i < 3 && !status; i++)
        status = qnt_onnx_emit_floats(mp, &one, &number[i], n->name, &c[i]);
    static const char *const step[] = {"add", "mul", "mul"};
    for (int i = 0; i < 3 && !status; i++) {
        rounds[1] = c[i];
        status = qnt_onnx_emit(mp, n, step[i], NULL, rounds, 2, n->out[0], NULL, &rounds[0]);
        if (!status && i == 1)
            status = qnt_onnx_emit(mp, n, "floor", NULL, rounds, 1, n->out[0], NULL, &rounds[0]);
    }
    rounds[1] = in;
    return status ? status : qnt_onnx_emit(mp, n, "add", NULL, rounds, 2, n->out[0], NULL, id);
}

/* Types whose numbers are stored alike. */
static bool same_codes(int32_t from, int32_t to)
{
    int64_t lo[2], hi[2];
    const struct onnx_quant a = qnt_onnx_number_quant(from), b = qnt_onnx_number_quant(to);
    qnt_onnx_int_range(from, &lo[0], &hi[0]);
    qnt_onnx_int_range(to, &lo[1], &hi[1]);
    return a.type == b.type && lo[0] >= lo[1] && hi[0] <= hi[1];
}

qnt_status qnt_onnx_map_cast(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const struct onnx_value *like = qnt_onnx_in(mp, n, 1);
    const int32_t type = like ? like->type : (int32_t)qnt_onnx_attr_int(n, "to", 0);
    int id;
    if (type == x->type) {
        qnt_onnx_alias(mp, n, 0, x);
        return QNT_OK;
    }
    if (x->kind == ONNX_CONSTANT)
        return qnt_onnx_fold_as(mp, n, type);
    const bool last = qnt_onnx_is_last(x), small = qnt_onnx_is_small_int(type);
    qnt_status status = QNT_OK;
    if (small && qnt_onnx_is_small_int(x->type) && same_codes(x->type, type)) {
        status = qnt_onnx_as_tensor(mp, n, x, last, &id);
    } else if (small && x->type == ONNX_FLOAT) {
        if (!(status = qnt_onnx_as_tensor(mp, n, x, last, &id)) && !(status = qnt_onnx_cut(mp, n, id, &id)) &&
            !(status = qnt_onnx_wrap(mp, n, type, id, &id)))
            status = qnt_onnx_to_ints(mp, n, type, id, &id);
    } else if (type == ONNX_FLOAT) {
        status = qnt_onnx_numbers(mp, n, x, last, &id);
    } else if (small) {
        status = qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a cast from %s to %s", onnx_type_name(x->type),
                               onnx_type_name(type));
    } else if (!(status = qnt_onnx_as_tensor(mp, n, x, last, &id))) {
        status = qnt_onnx_cast(mp, n, id, type, &id);
    }
    return status ? status : qnt_onnx_result(mp, n, 0, type, &x->shape, last, id);
}
