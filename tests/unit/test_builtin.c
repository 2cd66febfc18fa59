/* The built-in networks: sizes as published, and sessions of them, float and quantized, give the same bytes for every
 * level, thread count and batch. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <qnt/qnt.h>
#include "lib/train/quantizer.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static const struct network {
    const char *name;
    uint64_t macs, weights;
    size_t in, out;
} networks[] = {
    {"resnet-8", 12501632, 77706, 32 * 32 * 3, 10},
    {"mobilenetv1-0.25", 7489664, 0, 96 * 96 * 3, 2},
    {"mobilenetv1-0.25-cifar", 0, 0, 32 * 32 * 3, 10},
    {"ds-cnn", 2656768, 0, 49 * 10, 12},
    {"fc-autoencoder", 264192, 264192 + 8 * 128 + 8 + 640, 640, 640},
};
enum { NETWORKS = sizeof networks / sizeof *networks, IMAGES = 7 };

START_TEST(sizes_are_the_published_ones)
{
    const struct network *net = &networks[_i];
    uint64_t macs = 0, weights = 0;
    qnt_ctx *ctx;
    qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_build(ctx, net->name, 1, &m));
    for (size_t i = 0; i < qnt_model_node_count(m); i++) {
        qnt_node_info n;
        OK(qnt_model_node(m, i, &n));
        macs += n.macs;
        weights += n.weight_bytes / sizeof(float);
    }
    ck_assert_uint_eq(net->macs ? macs : 0, net->macs);
    ck_assert_uint_eq(net->weights ? weights : 0, net->weights);
    ck_assert_uint_eq(qnt_tensor_count(&m->tensor[m->input]), net->in);
    ck_assert_uint_eq(qnt_tensor_count(&m->tensor[m->output]), net->out);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* The quantized twin, ranges from one image. */
static struct qnt_quantizer *quantized(qnt_model *m, const float *in)
{
    struct qnt_quantizer *q;
    struct qnt_plan_options o = {.max_batch = 1, .keep_tensors = true};
    struct qnt_plan *p;
    OK(qnt_quantizer_create(m, 8, NULL, (struct qnt_range){-1.0f, 1.0f}, &q));
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(m->ctx, p->arena_bytes, "arena"),
            *scratch = qnt_alloc(m->ctx, p->scratch_bytes, "scratch");
    struct qnt_exec x = {.arena = arena, .scratch = scratch, .batch = 1, .part = 0, .parts = 1};
    memcpy(arena + p->offset[p->input], in, qnt_tensor_count(&m->tensor[m->input]) * sizeof *in);
    for (size_t i = 0; i < p->n_steps; i++)
        qnt_plan_run_step(p, i, &x);
    for (size_t i = 0; i < q->n_groups; i++) {
        struct qnt_group *g = &q->group[i];
        int id = qnt_model_find(p->model, m->tensor[g->tensor].name);
        const float *v = (const float *)(const void *)(arena + p->offset[id]);
        for (size_t k = 0; !g->fixed && k < qnt_tensor_count(&p->model->tensor[id]); k++) {
            g->range.lo = fminf(g->range.lo, v[k]);
            g->range.hi = fmaxf(g->range.hi, v[k]);
        }
    }
    qnt_release(m->ctx, arena);
    qnt_release(m->ctx, scratch);
    qnt_plan_free(p);
    qnt_quantizer_put_ranges(q, q->model, NULL);
    for (size_t l = 0; l < q->n_layers; l++)
        for (size_t c = 0; c < q->layer[l].channels; c++)
            qnt_quantizer_put_channel(q, l, c, m->tensor[q->layer[l].float_w].data, m->tensor[q->layer[l].float_b].data,
                                      q->model, NULL, NULL);
    return q;
}

static void run(qnt_model *m, const struct network *net, const float *in, uint32_t threads, size_t batch, float *out)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = (uint32_t)batch, .threads = threads};
    qnt_session *s;
    OK(qnt_session_create(m, &c, &s));
    for (size_t i = 0; i < IMAGES; i += batch)
        OK(qnt_session_run(s, in + i * net->in, out + i * net->out, batch));
    qnt_session_free(s);
}

static void check_sessions(qnt_model *m, const struct network *net, const float *in, const char *isa, float *want,
                           bool *first)
{
    static const uint32_t threads[] = {1, 1, 2, 3};
    static const size_t batches[] = {IMAGES, 1, IMAGES, 1};
    float *out = calloc(IMAGES * net->out, sizeof *out);
    for (size_t i = 0; i < 4; i++) {
        run(m, net, in, threads[i], batches[i], out);
        if (*first)
            memcpy(want, out, IMAGES * net->out * sizeof *out);
        *first = false;
        ck_assert_msg(!memcmp(want, out, IMAGES * net->out * sizeof *out), "%s: %s, %u threads, batch %zu: other bytes",
                      net->name, isa, threads[i], batches[i]);
    }
    for (size_t k = 1; k < IMAGES * net->out; k++)
        if (out[k] != out[0]) {
            free(out);
            return;
        }
    ck_abort_msg("%s: every output is %g", net->name, (double)out[0]);
}

START_TEST(sessions_give_the_same_bytes)
{
    const struct network *net = &networks[_i / 2];
    const bool codes = _i % 2;
    bool first = true;
    float *in = malloc(IMAGES * net->in * sizeof *in), *want = malloc(IMAGES * net->out * sizeof *want);
    qnt_ctx *all, *ctx;
    qnt_isa_row row;
    unit_seed();
    for (size_t i = 0; i < IMAGES * net->in; i++)
        in[i] = unit_random_float();
    OK(qnt_ctx_create(NULL, &all));
    for (size_t i = 0; !qnt_ctx_isa(all, i, &row); i++) {
        qnt_config config = {.size = sizeof config, .isa = row.name};
        qnt_model *m;
        if (!row.usable)
            continue;
        OK(qnt_ctx_create(&config, &ctx));
        OK(qnt_model_build(ctx, net->name, 3, &m));
        struct qnt_quantizer *q = codes ? quantized(m, in) : NULL;
        check_sessions(q ? q->model : m, net, in, row.name, want, &first);
        qnt_quantizer_free(q);
        qnt_model_free(m);
        qnt_ctx_free(ctx);
    }
    qnt_ctx_free(all);
    free(in);
    free(want);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("builtin");
    TCase *tc = tcase_create("builtin");
    tcase_add_loop_test(tc, sizes_are_the_published_ones, 0, NETWORKS);
    tcase_add_loop_test(tc, sessions_give_the_same_bytes, 0, 2 * NETWORKS);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
