/* The dispatch table and the rows for tests, bench and qinfo: everything here is expanded from kernels.def. */
#include <string.h>
#include "kernels.h"

struct qnt_tile_cost qnt_tile_cost_of(const struct qnt_gemm *g)
{
    return (struct qnt_tile_cost){.step = g->cost_step,
                                  .tile = g->cost_tile,
                                  .unpack = g->cost_unpack,
                                  .row = g->cost_row,
                                  .least = g->m_least};
}

void qnt_gemm_list_add(struct qnt_gemm_list *list, const struct qnt_gemm *g)
{
    if (list->count == QNT_GEMM_MAX)
        return;
    list->cost[list->count] = qnt_tile_cost_of(g);
    list->v[list->count++] = g;
}

void qnt_dsp_init(struct qnt_dsp *d, qnt_isa_set isas)
{
    memset(d, 0, sizeof *d);
    isas |= QNT_ISA_FLAG(ref);
    d->isas = isas;
    struct qnt_gemm_list *list = NULL;
#define QNT_OP(op) d->op = qnt_##op##_ref;
#define QNT_K(op, isa)                                                                                                 \
    QNT_ON(                                                                                                            \
        isa, if (isas & QNT_ISA_FLAG(isa)) d->op = qnt_##op##_##isa;)
#define QNT_GEMM(op) list = &d->op;
#define QNT_GK(op, tile, isa)                                                                                          \
    QNT_ON(                                                                                                            \
        isa, if (isas & QNT_ISA_FLAG(isa)) qnt_gemm_list_add(list, &qnt_##op##_##tile##_##isa);)
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
    (void)list;
}

struct qnt_gemm_list *qnt_dsp_tiles(struct qnt_dsp *d, const char *op)
{
#define QNT_OP(op)
#define QNT_K(op, isa)
#define QNT_GEMM(name)                                                                                                 \
    if (!strcmp(op, #name))                                                                                            \
        return &d->name;
#define QNT_GK(op, tile, isa)
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
    return NULL;
}

const struct qnt_kernel_row qnt_kernel_rows[] = {
#define QNT_OP(op) {#op, "ref", QNT_ISA_ref, (qnt_any_fn *)qnt_##op##_ref, NULL},
#define QNT_K(op, isa) QNT_ON(isa, {#op, #isa, QNT_ISA_##isa, (qnt_any_fn *)qnt_##op##_##isa, NULL}, )
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa)                                                                                          \
    QNT_ON(isa, {#op, #tile "_" #isa, QNT_ISA_##isa, NULL, &qnt_##op##_##tile##_##isa}, )
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
    {NULL, NULL, QNT_ISA_ref, NULL, NULL},
};

const struct qnt_kernel_name qnt_kernel_names[] = {
#define QNT_OP(op) {#op, "ref", QNT_ISA_ref, 0},
#define QNT_K(op, isa) {#op, #isa, QNT_ISA_##isa, 0},
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa) {#op, #tile "_" #isa, QNT_ISA_##isa, 1},
#include "kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
    {NULL, NULL, QNT_ISA_ref, 0},
};
