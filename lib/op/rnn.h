#ifndef OP_RNN_H
#define OP_RNN_H
/* rnn, gru and lstm of f32 (x [t][n][i], w [d][g h][i], r [d][g h][h], then those of: bias [d][2 g h] (of w, then of
 * r), first h [d][n][h], first c [d][n][h] (lstm), peepholes [d][3 h] (lstm: i, o, f), lengths [n] (s32, 0 to t)) as
 * attr.mode says, in this order; all but x and the first states are constants. g: 1; gru 3 (z, r, h); lstm 4 (i, o, f,
 * c). d: 1, or 2 when both directions run. The result is one dimension: y [t][d][n][h], h [d][n][h] after the last step
 * and, of an lstm, c [d][n][h]. Past its length a sequence has y = 0; backwards it begins with its last element.
 *
 * A gate's sum is one chain of fma: bias (w's + r's, rounded), then x w in order of i, then h r in order of h.
 *   rnn   h = tanh(sum)
 *   gru   z, r = sigmoid; c = tanh(bias + x w + (r * h) rh); QNT_RNN_LINEAR: c = tanh((w's bias + x w) + r * (r's + h
 * rh)); h = (1 - z) * c + z * h lstm  i, f = sigmoid(sum + p * c); c = f * c + i * tanh(sum); o = sigmoid(sum + p * c);
 * h = o * tanh(c) each operation rounded by itself; sigmoid and tanh are those of simd/kernels.h. */
#include "op.h"

enum { QNT_RNN_STATES = 2 };
/* A matrix [n][k] of a direction, packed: its product with rows of k. */
struct qnt_rnn_piece {
    size_t n, k;
    const float *packed;
};
struct qnt_rnn_direction {
    struct qnt_rnn_piece w, r, last; /* last: gru's of h, which then r lacks */
    const float *bias, *last_bias;   /* [g h]; [h] */
    const float *peepholes;          /* NULL: none */
};
struct qnt_rnn {
    const struct qnt_gemm *g;
    qnt_sigmoid_f32_fn *sigmoid;
    qnt_tanh_f32_fn *tanh;
    size_t t, n, i, h, gates, directions;
    bool lstm, gru, linear, backwards; /* backwards: the first direction is */
    int first[QNT_RNN_STATES];         /* which input is the first h, c; -1: zeros */
    const int32_t *lengths;            /* NULL: t */
    struct qnt_rnn_direction direction[2];
    size_t block;                     /* sequences at a time */
    size_t at_x, at_h, at_c, at_more; /* in scratch, floats; gates lie first */
    float *memory;
};

qnt_status qnt_rnn_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_rnn_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_rnn_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_rnn_release(const qnt_ctx *ctx, struct qnt_step *s);
#endif
