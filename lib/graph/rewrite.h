#ifndef GRAPH_REWRITE_H
#define GRAPH_REWRITE_H
/* Inside the plan: what happens to the graph before steps are made of it. */
#include "plan.h"

/* A node's fate, by node index. */
struct qnt_rewrite {
    bool gone;    /* merged into another node, stripped or never read */
    float lo, hi; /* real bounds on the output: the op's own (relu, clamp) or fused */
};
/* fuse.c. quantized_io: takes off the quantizes behind inputs and the dequantizes before outputs; refuses when no input
 * or no output is then quantized. */
qnt_status qnt_rewrite_io(struct qnt_model *m, struct qnt_rewrite *r);
/* Batch norms into the weights right before them; a constant that changes becomes m's own. */
qnt_status qnt_rewrite_fold(struct qnt_model *m, struct qnt_rewrite *r);
/* relu and clamp into what clamps its output. */
qnt_status qnt_rewrite_fuse(struct qnt_model *m, struct qnt_rewrite *r);
/* Makes values bits that go from one binary layer to another alone. */
qnt_status qnt_rewrite_bits(struct qnt_model *m, const struct qnt_rewrite *r);
/* Marks what no output needs. */
qnt_status qnt_rewrite_sweep(const struct qnt_model *m, struct qnt_rewrite *r);
/* memory.c: offset[] by tensor id and arena_bytes, from the steps. */
qnt_status qnt_plan_place(struct qnt_plan *p, bool share, bool inputs_outside);
#endif
