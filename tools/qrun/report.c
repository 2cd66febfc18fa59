/* What a run gave, and what the prepared model is made of. */
#include <string.h>
#include "tools/common/json.h"
#include "qrun.h"

int report_layers(const struct run *r)
{
    qnt_session_config config = {.size = sizeof config,
                                 .max_batch = r->a->batch,
                                 .quantized_io = r->a->quantized,
                                 .small_weights = r->a->small_weights};
    qnt_session *session;
    qnt_step_info step;
    qnt_status status = qnt_session_create(r->model, &config, &session);
    if (status)
        return opt_fail(r->tool, status);
    json_t *rows = json_array();
    if (!r->a->json)
        printf("%-3s %-20s %-16s %-28s %12s  %s\n", "", "step", "op", "kernel", "MACs/image", "writes");
    for (size_t i = 0; i < qnt_session_step_count(session) && qnt_session_step(session, i, &step) == QNT_OK; i++) {
        if (!r->a->json)
            printf("%-3zu %-20s %-16s %-28s %12llu  %s\n", i, step.name, step.op, *step.variant ? step.variant : "-",
                   (unsigned long long)step.macs, step.output);
        json_array_append_new(rows, json_pack("{ss,ss,ss,sI,ss}", "name", step.name, "op", step.op, "variant",
                                              step.variant, "macs", (json_int_t)step.macs, "output", step.output));
    }
    qnt_session_free(session);
    if (r->a->json)
        return json_out(rows, 0);
    printf("\n");
    json_decref(rows);
    return EXIT_OK;
}

static int print_json(const struct run *r, const struct eval_config *c, const struct eval_result *e,
                      struct classes *names)
{
    char digest[17];
    json_t *cpus = json_array();
    for (uint32_t i = 0; i < c->cpus.count && i < c->threads; i++)
        json_array_append_new(cpus, json_integer((json_int_t)c->cpus.cpu[i]));
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)e->digest);
    json_t *all = json_pack("{ss,sI,sI,si,si,so,sf,sf,sf,ss,sI,sI}", "model", r->path, "weight_bytes",
                            (json_int_t)qnt_model_weight_bytes(r->model), "images", (json_int_t)e->images, "threads",
                            (int)c->threads, "batch", (int)c->batch, "cpus", cpus, "latency_median_us", e->median_us,
                            "latency_p99_us", e->p99_us, "images_per_second", e->images_per_second, "digest", digest,
                            "arena_bytes", (json_int_t)e->arena_bytes, "packed_bytes", (json_int_t)e->packed_bytes);
    if (all && e->labelled)
        json_object_set_new(all, "accuracy", json_real(e->accuracy));
    if (all && names->rows)
        json_object_set(all, "predictions", names->rows);
    return json_out(all, 0);
}

static void print_text(const struct run *r, const struct eval_config *c, const struct eval_result *e)
{
    printf("model:      %s, %llu bytes of weights, %zu as the kernels take them, arena %zu bytes\n", r->path,
           (unsigned long long)qnt_model_weight_bytes(r->model), e->packed_bytes, e->arena_bytes);
    printf("ran:        %zu images, batch %u, %u thread%s", e->images, c->batch, c->threads,
           c->threads == 1 ? "" : "s");
    for (uint32_t i = 0; i < c->cpus.count && i < c->threads; i++)
        printf("%s%u", i ? "," : c->threads == 1 ? " on CPU " : " on CPUs ", c->cpus.cpu[i]);
    printf("\n");
    if (e->labelled)
        printf("accuracy:   %.2f %% (%zu of %zu)\n", e->accuracy * 100, e->correct, e->labelled);
    printf("latency:    median %.1f us, p99 %.1f us a call of %u\n", e->median_us, e->p99_us, c->batch);
    printf("throughput: %.0f inferences/s\n", e->images_per_second);
    printf("digest:     %016llx\n", (unsigned long long)e->digest);
}

int report_run(const struct run *r, const struct eval_config *c, const struct eval_result *e, struct classes *names)
{
    if (r->a->json)
        return print_json(r, c, e, names);
    if (r->a->hash)
        printf("%016llx\n", (unsigned long long)e->digest);
    else
        print_text(r, c, e);
    return EXIT_OK;
}
