/* add, sub, mul, div, min and max of integers as they are. */
#include "pair.h"

/* Sums and products keep the low bits, as ONNX's types do: computed without a sign, where nothing overflows. */
#define ROW(T, U)                                                                                                      \
    do {                                                                                                               \
        const T *x = a, *z = b;                                                                                        \
        T *y = dst;                                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const T u = x[i * p->a_step], v = z[i * p->b_step];                                                        \
            if (op == &qnt_op_add)                                                                                     \
                y[i] = (T)((U)u + (U)v);                                                                               \
            else if (op == &qnt_op_sub)                                                                                \
                y[i] = (T)((U)u - (U)v);                                                                               \
            else if (op == &qnt_op_mul)                                                                                \
                y[i] = (T)((U)u * (U)v);                                                                               \
            else if (op == &qnt_op_min)                                                                                \
                y[i] = u < v ? u : v;                                                                                  \
            else if (op == &qnt_op_max)                                                                                \
                y[i] = u > v ? u : v;                                                                                  \
            else                                                                                                       \
                y[i] = v == 0 ? 0 : v == (T)-1 && (T)-1 < 0 ? (T)(0 - (U)u) : (T)(u / v);                              \
        }                                                                                                              \
    } while (0)

bool qnt_pair_takes(qnt_dtype type)
{
    return type == QNT_S8 || type == QNT_U8 || type == QNT_S16 || type == QNT_U16 || type == QNT_S32 || type == QNT_S64;
}

void qnt_pair_integers_row(const struct qnt_op_def *op, qnt_dtype type, const void *a, const void *b, void *dst,
                           size_t n, const struct qnt_pair *p)
{
    switch (type) {
    case QNT_S8:
        ROW(int8_t, uint32_t);
        break;
    case QNT_U8:
        ROW(uint8_t, uint32_t);
        break;
    case QNT_S16:
        ROW(int16_t, uint32_t);
        break;
    case QNT_U16:
        ROW(uint16_t, uint32_t);
        break;
    case QNT_S64:
        ROW(int64_t, uint64_t);
        break;
    default:
        ROW(int32_t, uint32_t);
    }
}
