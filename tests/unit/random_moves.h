#ifndef UNIT_RANDOM_MOVES_H
#define UNIT_RANDOM_MOVES_H
/* Random shapes, and attributes of the ops that move elements. */
#include "op_util.h"
#include "tests/common/quick.h"

/* Where instructions cost, one case of n. */
static inline bool fewer(int number, int n)
{
    return test_quick() && number % n;
}

static inline size_t below(size_t n)
{
    return unit_random() % n;
}

/* Random dimensions, of 4000 elements at most; some are 1, some long enough for whole blocks. */
static inline uint32_t random_shape(size_t dim[QNT_MAX_RANK])
{
    const uint32_t rank = 1 + (uint32_t)below(QNT_MAX_RANK);
    size_t left = 4000;
    for (uint32_t d = 0; d < rank; d++) {
        size_t most = d + 1 < rank && left > 70 ? 70 : left;
        dim[d] = below(5) ? 1 + below(most < 9 ? most : 9) : 1 + below(most < 150 ? most : 150);
        left /= dim[d];
    }
    return rank;
}

/* A part of each dimension, forwards or backwards. */
static inline qnt_node_attr random_slice(uint32_t rank, const size_t *dim)
{
    qnt_node_attr a = ATTR(.groups = 1);
    for (uint32_t d = 0; d < rank; d++) {
        const long long n = (long long)dim[d], first = (long long)below(dim[d]), second = (long long)below(dim[d]);
        const long long low = first < second ? first : second, high = first < second ? second : first;
        a.step[d] = 1 + (long long)below(below(3) ? 2 : 9);
        a.begin[d] = low;
        a.end[d] = high + 1;
        if (below(2)) {
            a.step[d] = -a.step[d];
            a.begin[d] = high;
            a.end[d] = low > 0 && below(2) ? low - 1 : -n - 1 - (long long)below(2) * 1000;
        }
        if (below(3) == 0)
            a.begin[d] -= n;                            /* the same place */
        if (below(2) && a.step[d] < 0 && high == n - 1) /* beyond the end, the outermost is meant */
            a.begin[d] = below(2) ? n + (long long)below(3) : INT64_MAX;
        if (below(2) && a.step[d] > 0 && low == 0)
            a.begin[d] = below(2) ? -n - (long long)below(3) : INT64_MIN;
        if (below(2) && a.step[d] > 0 && high == n - 1)
            a.end[d] = below(2) ? n + (long long)below(3) : INT64_MAX;
        if (below(6) == 0)
            a.step[d] = a.step[d] > 0 ? INT64_MAX : INT64_MIN;
        if (below(6) == 0)
            a.begin[d] = a.end[d] = a.step[d] = 0; /* all of it */
    }
    return a;
}

static inline qnt_node_attr random_pad(uint32_t rank, const size_t *dim)
{
    qnt_node_attr a = ATTR(.mode = (uint32_t)below(3), .value = below(2) ? 0.0f : unit_random_float() * 4.0f);
    for (uint32_t d = 0; d < rank; d++) {
        const size_t most = a.mode == QNT_PAD_REFLECT ? dim[d] : 6;
        a.begin[d] = (int64_t)(below(2) ? below(most < 6 ? most : 6) : 0);
        a.end[d] = (int64_t)(below(2) ? below(most < 6 ? most : 6) : 0);
    }
    return a;
}

/* Random order of the axes; sometimes the default. */
static inline qnt_node_attr random_axes(uint32_t rank)
{
    qnt_node_attr a = ATTR(.groups = 1);
    if (below(8) == 0)
        return a;
    for (uint32_t d = 0; d < rank; d++)
        a.axis[d] = d;
    for (uint32_t d = rank; d > 1; d--) {
        uint32_t other = (uint32_t)below(d), kept = a.axis[d - 1];
        a.axis[d - 1] = a.axis[other];
        a.axis[other] = kept;
    }
    return a;
}

/* Factors of the count, in another grouping. */
static inline qnt_node_attr random_regroup(uint32_t rank, const size_t *dim)
{
    qnt_node_attr a = ATTR(.groups = 1);
    uint32_t d = 0;
    a.dim[0] = 1;
    for (uint32_t k = 0; k < rank; k++) {
        if (k && below(2))
            a.dim[++d] = 1;
        a.dim[d] *= dim[k];
    }
    return a;
}
/* A node of these attributes must be refused with its name and this text. */
static inline void refuse_node(struct qnt_model *m, const char *op, qnt_node_attr a, const int *in, size_t n_in,
                               qnt_status wanted, const char *text)
{
    int id;
    a.size = sizeof a;
    qnt_status status = qnt_model_add_node(m, op, "bad", &a, in, n_in, &id);
    ck_assert_msg(status == wanted, "%s: status %d: '%s'", op, status, qnt_last_error());
    ck_assert_msg(strstr(qnt_last_error(), "'bad'") && strstr(qnt_last_error(), text), "'%s' lacks '%s'",
                  qnt_last_error(), text);
}
#endif
