#ifndef CORE_COSTS_H
#define CORE_COSTS_H
/* Costs of tiles that were measured on a kind of CPU, in place of what the descriptors say: another choice at prepare,
 * the same bytes. They are a text file, which `qbench tune` writes:
 *
 *     libqnt costs 1
 *     version 0.1.0
 *     cpu GenuineIntel-6-207-2
 *     levels ref avx2
 *     gemm_s8 4x4_ref 10000000 5000000 0 0 1
 *     ...
 *     end
 *
 * with a line for each tile of the levels that the CPU and the build have, in the order of kernels.def: step, tile,
 * unpack and row of struct qnt_tile_cost in thousandths, and least. A file with anything else in it is not used. */
#include "lib/core/core.h"

/* Takes the costs of the file that the configuration or the environment names into ctx->dsp; sets ctx->costs_file,
 * costs_reason and machine. What is wrong with the file goes to the log: this cannot fail. Once, after qnt_dsp_init. */
void qnt_costs_init(struct qnt_ctx *ctx, const struct qnt_cpu_words *words);
/* The text of a file with the costs of d; a tile that is not in d's lists has what its descriptor says. Returns the
 * length, also when it does not fit. */
size_t qnt_costs_text(const struct qnt_ctx *ctx, struct qnt_dsp *d, char *text, size_t size);

/* Which kind of CPU it is: "GenuineIntel-6-207-2" (family, model, stepping), "arm-41-3-d0c-1" (implementer, variant,
 * part, revision; in hexadecimal), "arm" where that is not told. Letters, digits, '-' and '_'. */
void qnt_costs_machine(const struct qnt_cpu_words *w, char *text, size_t size);
/* The file of this machine in the cache folder. 0, or -1 where there is no such folder or its name is too long. */
int qnt_costs_default(const struct qnt_ctx *ctx, char *path, size_t size);
#endif
