#include "eval.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* What one evaluation owns. */
struct eval {
    const struct source *s;
    const struct eval_config *config;
    qnt_session *session;
    struct feed feed;
    float *score; /* of one image */
    int *label;
    uint64_t *ns; /* of every full call */
    size_t calls;
    XXH3_state_t *hash;
};

static void judge(struct eval *e, size_t first, size_t count, struct eval_result *r)
{
    const size_t n = e->feed.out->elements;
    for (size_t i = 0; i < count; i++) {
        size_t best = 0;
        for (size_t k = 0; k < n; k++) {
            e->score[k] = feed_value(&e->feed, 0, i * n + k);
            best = e->score[k] > e->score[best] ? k : best;
        }
        r->images++;
        r->labelled += e->label[i] >= 0;
        r->correct += e->label[i] == (int)best;
        if (e->config->each)
            e->config->each(e->config->user, first + i, e->score, n);
    }
}

/* Image after image, so that it is the same for any batch. */
static void keep(struct eval *e, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < e->feed.n_out; k++) {
            const size_t bytes = e->feed.out[k].bytes;
            const char *at = (const char *)e->feed.out_data[k] + i * bytes;
            XXH3_64bits_update(e->hash, at, bytes);
            if (e->config->raw_out)
                fwrite(at, 1, bytes, e->config->raw_out); /* its owner asks ferror */
        }
}

static qnt_status call(struct eval *e, size_t first, size_t count)
{
    const qnt_status status = feed_fill(&e->feed, first, count, e->label);
    if (status)
        return status;
    const uint64_t start = env_ns();
    const qnt_status ran =
        qnt_session_run_io(e->session, (const void *const *)e->feed.in_data, e->feed.out_data, count);
    e->ns[e->calls] = env_ns() - start;
    return ran;
}

static qnt_status pass(struct eval *e, int first_pass, struct eval_result *r)
{
    qnt_status status;
    for (size_t i = 0; i < e->s->count; i += e->config->batch) {
        size_t n = e->s->count - i < e->config->batch ? e->s->count - i : e->config->batch;
        if ((status = call(e, i, n)))
            return status;
        e->calls++;
        if (!first_pass)
            continue;
        keep(e, n);
        judge(e, i, n, r);
    }
    return QNT_OK;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void finish(struct eval *e, struct eval_result *r)
{
    double total = 0;
    for (size_t i = 0; i < e->calls; i++)
        total += (double)e->ns[i];
    qsort(e->ns, e->calls, sizeof *e->ns, by_value);
    r->median_us = (double)e->ns[e->calls / 2] / 1e3;
    r->p99_us = (double)e->ns[(e->calls * 99 + 99) / 100 - 1] / 1e3;
    r->images_per_second = total > 0 ? (double)r->images * e->config->repeat * 1e9 / total : 0;
    r->accuracy = r->labelled ? (double)r->correct / (double)r->labelled : 0;
    r->digest = XXH3_64bits_digest(e->hash);
    r->arena_bytes = qnt_session_arena_bytes(e->session);
    r->packed_bytes = qnt_session_packed_bytes(e->session);
}

qnt_status eval_session(qnt_model *model, const struct eval_config *c, qnt_session **out)
{
    qnt_session_config config = {.size = sizeof config,
                                 .max_batch = c->batch,
                                 .threads = c->threads,
                                 .cpus = c->cpus.count ? c->cpus.cpu : NULL,
                                 .n_cpus = c->cpus.count,
                                 .quantized_io = c->quantized,
                                 .small_weights = c->small_weights};
    return qnt_session_create(model, &config, out);
}

static int allocate(struct eval *e)
{
    size_t batch = e->config->batch, calls = (e->s->count + batch - 1) / batch;
    e->score = calloc(e->feed.out->elements, sizeof *e->score);
    e->label = calloc(batch, sizeof *e->label);
    e->ns = calloc(calls, e->config->repeat * sizeof *e->ns);
    e->hash = XXH3_createState();
    if (!e->score || !e->label || !e->ns || !e->hash)
        return 0;
    XXH3_64bits_reset(e->hash);
    return 1;
}

static qnt_status measure(struct eval *e, struct eval_result *out)
{
    /* One untimed call: first touches of the caches and of the page tables. */
    qnt_status status = call(e, 0, 1);
    for (uint32_t i = 0; i < e->config->repeat && status == QNT_OK; i++)
        status = pass(e, i == 0, out);
    if (status == QNT_OK)
        finish(e, out);
    return status;
}

int eval_run(const struct opt_tool *tool, qnt_model *model, const struct source *s, const struct eval_config *config,
             struct eval_result *out)
{
    struct eval e = {.s = s, .config = config};
    cpu_set_t old;
    memset(out, 0, sizeof *out);
    int code = opt_fail(tool, eval_session(model, config, &e.session));
    if (code == EXIT_OK)
        code = feed_create(tool, e.session, s, config->batch, &e.feed);
    if (code == EXIT_OK && !allocate(&e))
        code = opt_error(tool, EXIT_RESOURCE, "out of memory: times and scores of %zu images", s->count);
    if (code == EXIT_OK) {
        env_pin(tool, &config->cpus, &old);
        code = opt_fail(tool, measure(&e, out));
        env_unpin(&old);
    }
    XXH3_freeState(e.hash);
    free(e.ns);
    free(e.label);
    free(e.score);
    feed_free(&e.feed);
    qnt_session_free(e.session);
    return code;
}
