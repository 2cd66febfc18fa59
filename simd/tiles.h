#ifndef SIMD_TILES_H
#define SIMD_TILES_H
/* The tiles of an op that a context may use, and what each costs. */
#include <stdint.h>

struct qnt_gemm;
/* In one unit for all tiles of a list, of which only the relations count; of a product of m x n x k by panels of mr rows
 * and nr columns, kr steps at a time. */
struct qnt_tile_cost {
    float step;   /* a kr step of a full tile; of one of fewer rows, max(rows, least) / mr of it, all where least is 0 */
    float tile;   /* starting and storing a tile */
    float unpack; /* making a kr step of a panel of W, once for all rows */
    float row;    /* packing a kr step of a row of A, once for all columns */
    uint32_t least;
};
enum { QNT_GEMM_MAX = 24 };
struct qnt_gemm_list {
    uint32_t count;
    const struct qnt_gemm *v[QNT_GEMM_MAX];  /* slow to fast */
    struct qnt_tile_cost cost[QNT_GEMM_MAX]; /* of v[i]: by its descriptor, or measured on this machine */
};
/* What the descriptor says. */
struct qnt_tile_cost qnt_tile_cost_of(const struct qnt_gemm *g);
/* One more, at the cost that its descriptor says, where there is room. */
void qnt_gemm_list_add(struct qnt_gemm_list *list, const struct qnt_gemm *g);
#endif
