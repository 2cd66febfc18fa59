#ifndef UNIT_ONNX_GRAPHS_H
#define UNIT_ONNX_GRAPHS_H
/* ONNX graphs made by hand, as the reader would give them, and models of them. */
#include <string.h>
#include <qnt/session.h>
#include "lib/import/onnx/map.h"
#include "tests/common/oom.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

enum { MOST = 16 };
struct graph {
    struct onnx_graph g;
    struct onnx_node node[MOST];
    struct onnx_attr attr[MOST][8];
    const char *names[MOST][2][10];
    struct onnx_tensor init[MOST];
    struct onnx_value_info in[4], out[4];
};

static qnt_ctx *ctx;

static inline void begin(struct graph *b, int64_t opset)
{
    memset(b, 0, sizeof *b);
    b->g = (struct onnx_graph){.name = "test",
                               .opset = opset,
                               .opset_ms = 1,
                               .node = b->node,
                               .init = b->init,
                               .input = b->in,
                               .output = b->out};
}

/* dim -1: open, named "N". */
static inline void input(struct graph *b, const char *name, int32_t type, uint32_t rank, const int64_t *dim)
{
    struct onnx_value_info *v = &b->in[b->g.n_inputs++];
    *v = (struct onnx_value_info){.name = name, .type = type, .has_shape = true, .rank = rank};
    for (uint32_t d = 0; d < rank; d++) {
        v->dim[d] = dim[d];
        v->param[d] = dim[d] < 0 ? "N" : NULL;
    }
}

static inline void output(struct graph *b, const char *name)
{
    b->out[b->g.n_outputs++] = (struct onnx_value_info){.name = name};
}

static inline void constant(struct graph *b, const char *name, int32_t type, uint32_t rank, const size_t *dim,
                            const void *data)
{
    struct onnx_tensor *t = &b->init[b->g.n_init++];
    *t = (struct onnx_tensor){.name = name, .type = type, .rank = rank, .count = 1, .data = data};
    for (uint32_t d = 0; d < rank; d++)
        t->count *= t->dim[d] = dim[d];
    t->bytes = (t->count * qnt_onnx_type_bits(type) + 7) / 8;
}

/* Names of inputs and outputs, a blank between them; "-": left out. */
static inline struct onnx_node *node(struct graph *b, const char *op, const char *in, const char *out)
{
    static char text[MOST * 2][160];
    const size_t i = b->g.n_nodes++;
    struct onnx_node *n = &b->node[i];
    *n = (struct onnx_node){
        .name = op, .op = op, .domain = "", .in = b->names[i][0], .out = b->names[i][1], .attr = b->attr[i]};
    for (int side = 0; side < 2; side++) {
        snprintf(text[2 * i + side], sizeof *text, "%s", side ? out : in);
        char *rest = text[2 * i + side], *word;
        size_t *count = side ? &n->n_out : &n->n_in;
        while ((word = strtok_r(rest, " ", &rest)))
            b->names[i][side][(*count)++] = strcmp(word, "-") ? word : "";
    }
    return n;
}

static inline struct onnx_attr *attr(struct graph *b, const char *name)
{
    const size_t i = b->g.n_nodes - 1;
    struct onnx_attr *a = &b->attr[i][b->node[i].n_attr++];
    *a = (struct onnx_attr){.name = name};
    return a;
}

static inline void attr_int(struct graph *b, const char *name, int64_t x)
{
    struct onnx_attr *a = attr(b, name);
    a->kind = ONNX_ATTR_INT;
    a->i = x;
}

static inline void attr_ints(struct graph *b, const char *name, const int64_t *x, size_t n)
{
    struct onnx_attr *a = attr(b, name);
    a->kind = ONNX_ATTR_INTS;
    a->ints = x;
    a->n = n;
}

static inline qnt_status map_with(struct graph *b, const qnt_import_config *config, qnt_model **m)
{
    static const qnt_import_config none = {.size = sizeof none};
    return qnt_onnx_map(ctx, &b->g, config ? config : &none, m);
}

/* The mapper refuses the graph with this text. */
static inline void refused(struct graph *b, qnt_status expected, const char *text)
{
    qnt_model *m = NULL;
    qnt_status status = map_with(b, NULL, &m);
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, status ? qnt_last_error() : "", (int)expected, text);
    ck_assert_ptr_null(m);
}

static inline qnt_model *mapped(struct graph *b)
{
    qnt_model *m = NULL;
    OK(map_with(b, NULL, &m));
    return m;
}

/* Nodes of the model with this op. */
static inline size_t count_op(const qnt_model *m, const char *op)
{
    size_t n = 0;
    qnt_node_info info;
    for (size_t i = 0; i < qnt_model_node_count(m); i++) {
        OK(qnt_model_node(m, i, &info));
        n += !strcmp(info.op, op);
    }
    return n;
}

/* One input, one output. */
static inline void run(qnt_model *m, const void *in, void *out, size_t batch)
{
    qnt_session *s;
    const qnt_session_config config = {.size = sizeof config, .max_batch = (uint32_t)batch};
    OK(qnt_session_create(m, &config, &s));
    OK(qnt_session_run(s, in, out, batch));
    qnt_session_free(s);
}

static inline void setup(void)
{
    unit_seed();
    OK(qnt_ctx_create(&oom_config, &ctx));
}

static inline void teardown(void)
{
    qnt_ctx_free(ctx);
}
#endif
