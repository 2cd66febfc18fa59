#include <jansson.h>
#include "tools/common/json.h"
#include "tools/qinfo/qinfo.h"

static const char *const uses[] = {
    [QNT_CPU_USED] = "used",     [QNT_CPU_NOT_ALLOWED] = "not_allowed", [QNT_CPU_NOT_BOUND] = "not_bound",
    [QNT_CPU_SLOWER] = "slower", [QNT_CPU_SIBLING] = "sibling",         [QNT_CPU_OVER_QUOTA] = "over_quota",
};

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static void add_cores(const struct qinfo *q, json_t *all)
{
    const qnt_machine *m = &q->machine;
    json_t *usable = json_array(), *cpus = json_array();
    for (size_t i = 0; i < q->cpus; i++) {
        const qnt_cpu_row *c = &q->cpu[i];
        if (c->use == QNT_CPU_USED)
            json_array_append_new(usable, number(c->cpu));
        json_array_append_new(cpus, json_pack("{si,si,si,si,si,ss}", "cpu", (int)c->cpu, "core", (int)c->core,
                                              "package", (int)c->package, "node", (int)c->node, "capacity",
                                              (int)c->capacity, "use", uses[c->use]));
    }
    json_object_set_new(all, "cpu", json_string(m->cpu_name));
    json_object_set_new(all, "topology_by", json_string(m->source));
    json_object_set_new(all, "cores", number(m->cores));
    json_object_set_new(all, "cpus", number(m->cpus));
    json_object_set_new(all, "usable_cores", number(m->usable_cores));
    json_object_set_new(all, "usable_cpus", usable);
    json_object_set_new(all, "hardware_threads", cpus);
    json_object_set_new(all, "quota_cpus", m->quota_milli ? json_real(m->quota_milli / 1000.0) : json_null());
    json_object_set_new(all, "quota_file", m->quota_milli ? json_string(m->quota_file) : json_null());
    json_object_set_new(all, "numa_nodes", number(m->numa_nodes));
    json_object_set_new(all, "l1d_bytes", number(m->l1d_bytes));
    json_object_set_new(all, "l2_bytes", number(m->l2_bytes));
    json_object_set_new(all, "l3_bytes", number(m->l3_bytes));
}

static void add_memory(const qnt_memory *m, json_t *all)
{
    json_t *huge = json_array();
    for (uint32_t i = 0; i < m->huge_sizes; i++)
        json_array_append_new(huge, json_pack("{so,so,so}", "bytes", number(m->huge[i].bytes), "total",
                                              number(m->huge[i].total), "free", number(m->huge[i].free)));
    json_object_set_new(all, "page_bytes", number(m->page_bytes));
    json_object_set_new(all, "huge_pages", huge);
    json_object_set_new(all, "transparent_huge_pages", json_string(m->transparent));
    json_object_set_new(all, "transparent_huge_page_bytes", number(m->transparent_bytes));
    json_object_set_new(all, "memlock_bytes", m->memlock_bytes == UINT64_MAX ? json_null() : number(m->memlock_bytes));
}

static void add_kernels(const qnt_ctx *ctx, json_t *all)
{
    qnt_isa_row isa;
    qnt_kernel_info k;
    json_t *isas = json_array(), *kernels = json_array();
    for (size_t i = 0; qnt_ctx_isa(ctx, i, &isa) == QNT_OK; i++)
        json_array_append_new(isas,
                              json_pack("{ss,ss,sb,sb,sb,ss}", "name", isa.name, "text", isa.text, "found", isa.found,
                                        "built", isa.built, "usable", isa.usable, "reason", isa.reason));
    for (size_t i = 0; qnt_ctx_kernel(ctx, i, &k) == QNT_OK; i++)
        json_array_append_new(kernels, json_pack("{ss,ss,ss,sb,sb,sb,ss}", "op", k.op, "variant", k.variant, "isa",
                                                 k.isa, "usable", k.usable, "preferred", k.preferred, "tile", k.tile,
                                                 "reason", k.reason));
    json_object_set_new(all, "isas", isas);
    json_object_set_new(all, "kernels", kernels);
}

static void add_costs(const qnt_costs_info *c, json_t *all)
{
    json_object_set_new(all, "costs",
                        json_pack("{sb,ss,ss}", "measured", !*c->reason, "file", c->file, "reason", c->reason));
}

int qinfo_json(const struct qinfo *q)
{
    json_t *all = json_pack("{ss}", "version", qnt_version());
    add_cores(q, all);
    add_memory(&q->memory, all);
    add_costs(&q->costs, all);
    add_kernels(q->ctx, all);
    return json_out(all, 0);
}
