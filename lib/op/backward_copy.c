/* Reverse mode of transpose and slice: what moved goes back, the rest of the input has no gradient. */
#include <string.h>
#include "lib/op/backward.h"
#include "lib/op/copy.h"

void qnt_copy_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const int in = s->node->in[0];
    float *dx = g->delta[in];
    if (!dx)
        return;
    if (!g->delta_set[in])
        memset(dx, 0, g->batch * qnt_tensor_count(s->in[0]) * sizeof *dx);
    g->delta_set[in] = 1;
    qnt_copy_back(s->state, g->delta[s->node->out], dx, g->batch);
}
