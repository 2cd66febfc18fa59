/* Reading .qnt files: an image becomes the model, whose nodes are inferred anew so that every shape in the file is
 * proved against the ops. */
#include <string.h>
#include <sys/mman.h>
#include "lib/graph/qnt_file.h"
#include "lib/op/op.h"

_Static_assert(sizeof(qnt_node_attr) == 304, "no padding: attributes are compared as bytes");

/* Tensor i without data; scale lies in the image. */
static void describe(const struct qnt_image *f, size_t i, struct qnt_tensor *t)
{
    struct qnt_file_tensor *r = &f->tensor[i];
    *t = (struct qnt_tensor){.name = f->names + r->name,
                             .type = (qnt_dtype)r->type,
                             .bits = r->bits,
                             .rank = r->rank,
                             .constant = r->constant,
                             .scales = r->scales,
                             .scale = r->scales ? f->scale + r->first_scale : NULL,
                             .zero = r->zero_point};
    for (uint32_t d = 0; d < r->rank; d++)
        t->dim[d] = *qnt_file_dim(r, d);
}

static qnt_status add_constant(struct qnt_model *m, const struct qnt_source *s, const struct qnt_image *f, size_t i)
{
    const struct qnt_file_tensor *r = &f->tensor[i];
    const uint8_t *data = s->base + s->section[QNT_FILE_DATA - 1].offset + r->offset;
    uint64_t at = (uint64_t)(data - s->base);
    struct qnt_tensor t;
    qnt_status status;
    int id;
    describe(f, i, &t);
    if ((status = qnt_file_check_hash("data", t.name, data, r->bytes, r->hash)) ||
        (status = qnt_file_check_padding(s, "the data", t.name, at + r->bytes, qnt_file_align(at + r->bytes))))
        return status;
    size_t count = qnt_tensor_count(&t);
    const bool packed = t.bits < 8 && !qnt_tensor_packed(&t); /* here, and not in memory */
    if (s->alias && !packed)
        t.data = (void *)(uintptr_t)data; /* read only: constants are never written in place */
    else {
        if (!(t.data = qnt_alloc(m->ctx, qnt_tensor_bytes(&t), t.name)))
            return QNT_ERR_NOMEM;
        t.owns_data = true;
        if (!packed)
            memcpy(t.data, data, r->bytes);
        else if (!qnt_codes_unpack(data, count, t.bits, t.data))
            status = qnt_fail(QNT_ERR_FORMAT, "data: '%s': spare bits of the last byte are set", t.name);
        else if (t.type == QNT_TERNARY && (at = qnt_codes_not_ternary(t.data, count)) < count)
            status = qnt_fail(QNT_ERR_FORMAT, "data: '%s': code %llu is -2, expected -1 to 1", t.name,
                              (unsigned long long)at);
    }
    if (t.type == QNT_BOOL && (at = qnt_codes_not_bool(t.data, count)) < count)
        status = qnt_fail(QNT_ERR_FORMAT, "data: '%s': code %llu is %u, expected 0 or 1", t.name,
                          (unsigned long long)at, ((const uint8_t *)t.data)[at]);
    if (!status)
        status = qnt_model_append_tensor(m, &t, &id);
    if (status && t.owns_data)
        qnt_release(m->ctx, t.data);
    return status;
}

/* What the op made of its inputs must be what the file says. */
static qnt_status compare_output(const struct qnt_tensor *made, const struct qnt_tensor *said)
{
    if (made->type != said->type || made->bits != said->bits)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is %s of %u bits, but the file says %s of %u",
                        said->name, qnt_dtype_name(made->type), made->bits, qnt_dtype_name(said->type), said->bits);
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    bool same = made->rank == said->rank;
    for (uint32_t d = 0; same && d < made->rank; d++)
        same = made->dim[d] == said->dim[d];
    if (!same)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is %s, but the file says %s", said->name,
                        qnt_shape_text(made, one), qnt_shape_text(said, other));
    if (made->scales != said->scales || made->zero != said->zero ||
        (made->scales && memcmp(made->scale, said->scale, made->scales * sizeof *made->scale)))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': scale or zero point of the output differ from the file's",
                        said->name);
    return QNT_OK;
}

static qnt_status add_node(struct qnt_model *m, const struct qnt_image *f, struct qnt_file_node *r)
{
    const char *name = qnt_image_name(f, r->name);
    struct qnt_tensor said;
    int in[QNT_MAX_INPUTS], id;
    qnt_node_attr attr = {.size = sizeof attr,
                          .kernel = {r->kernel[0], r->kernel[1]},
                          .stride = {r->stride[0], r->stride[1]},
                          .dilation = {r->dilation[0], r->dilation[1]},
                          .pad = {r->pad[0], r->pad[1], r->pad[2], r->pad[3]},
                          .groups = r->groups,
                          .lo = r->lo,
                          .hi = r->hi,
                          .epsilon = r->epsilon,
                          .scale = {r->scale[0], r->scale[1]},
                          .value = r->value,
                          .mode = r->mode,
                          .position = r->position,
                          .rounding = r->rounding};
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        const struct qnt_file_elements from = qnt_file_elements(r, d);
        attr.begin[d] = *from.begin;
        attr.end[d] = *from.end;
        attr.step[d] = *from.step;
        attr.dim[d] = *from.dim;
        attr.axis[d] = *from.axis;
    }
    for (uint32_t k = 0; k < r->inputs; k++)
        in[k] = (int)*qnt_file_input(r, k);
    describe(f, r->out, &said);
    qnt_status status = qnt_model_append_node(m, qnt_op_find(qnt_image_name(f, r->op)), name, &attr, in, r->inputs,
                                              said.name, said.type == QNT_F32 ? NULL : &said, &id);
    if (status)
        return qnt_fail_in(status, "nodes");
    if (memcmp(&m->node[m->n_nodes - 1].attr, &attr, sizeof attr))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': an attribute is 0 where its default belongs", name);
    return compare_output(&m->tensor[id], &said);
}

/* The model's inputs and outputs. */
static qnt_status fill_borders(struct qnt_model *m, const struct qnt_image *f)
{
    const struct qnt_file_border only[2] = {{f->model.input, 0}, {f->model.output, 1}};
    const struct qnt_file_border *border = f->n_borders ? f->border : only;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < (f->n_borders ? f->n_borders : 2) && !status; i++)
        status = qnt_ids_push(m->ctx, border[i].output ? &m->outputs : &m->inputs, (int)border[i].tensor);
    return status;
}

static qnt_status fill_model(struct qnt_model *m, const struct qnt_source *s, const struct qnt_image *f)
{
    qnt_status status = fill_borders(m, f);
    size_t node = 0;
    for (size_t i = 0; i < f->n_tensors && !status; i++) {
        struct qnt_tensor t;
        int id;
        if (f->tensor[i].constant)
            status = add_constant(m, s, f, i);
        else if (node < f->n_nodes && f->node[node].out == i)
            status = add_node(m, f, &f->node[node++]);
        else {
            describe(f, i, &t);
            status = qnt_model_append_tensor(m, &t, &id);
        }
    }
    memcpy(m->mean, f->model.mean, sizeof m->mean);
    memcpy(m->deviation, f->model.deviation, sizeof m->deviation);
    /* Refusals of the graph's own code are a damaged file here. */
    if (status && status != QNT_ERR_NOMEM && status != QNT_ERR_UNSUPPORTED)
        status = QNT_ERR_FORMAT;
    return status;
}

static qnt_status read_model(qnt_ctx *ctx, struct qnt_source *s, struct qnt_model **out)
{
    struct qnt_image f;
    struct qnt_model *m = NULL;
    memset(&f, 0, sizeof f);
    f.ctx = ctx;
    qnt_status status = qnt_image_read(ctx, s, &f);
    if (!status && !(status = qnt_model_new(ctx, &m)))
        status = fill_model(m, s, &f);
    qnt_image_release(&f);
    if (status)
        qnt_model_free(m);
    else
        *out = m;
    return status;
}

qnt_status qnt_model_read(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out)
{
    struct qnt_source s = {.base = data, .bytes = bytes};
    return read_model(ctx, &s, out);
}

qnt_status qnt_model_read_map(qnt_ctx *ctx, void *map, size_t bytes, qnt_model **out)
{
    struct qnt_source s = {.base = map, .bytes = bytes, .alias = true};
    qnt_status status = read_model(ctx, &s, out);
    if (!status) {
        (*out)->map = map;
        (*out)->map_bytes = bytes;
    }
    return status;
}

qnt_status qnt_model_load(qnt_ctx *ctx, const char *path, qnt_model **out)
{
    void *map;
    size_t bytes;
    if (!ctx || !path || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_load: a pointer is NULL");
    qnt_status status = qnt_map_file(path, &map, &bytes);
    if (!status && (status = qnt_model_read_map(ctx, map, bytes, out)) && map)
        munmap(map, bytes);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}

qnt_status qnt_model_load_memory(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out)
{
    if (!ctx || !data || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_load_memory: a pointer is NULL");
    qnt_status status = qnt_model_read(ctx, data, bytes, out);
    return status ? qnt_fail_in(status, "memory") : QNT_OK;
}
