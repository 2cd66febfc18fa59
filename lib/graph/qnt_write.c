/* Writing .qnt files: the records are made and checked first; then constants go to a temporary file one by one, and the
 * front of the file, which holds their checksums, last. */
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>
#include "lib/graph/qnt_file.h"
#include "lib/op/op.h"

static uint32_t add_name(struct qnt_image *f, const char *text)
{
    size_t offset = f->names_bytes, n = strlen(text) + 1;
    memcpy(f->names + offset, text, n);
    f->names_bytes += n;
    return (uint32_t)offset;
}

static void fill_tensor(struct qnt_image *f, const struct qnt_tensor *t, struct qnt_file_tensor *r)
{
    *r = (struct qnt_file_tensor){.name = add_name(f, t->name),
                                  .type = (uint8_t)t->type,
                                  .bits = (uint8_t)t->bits,
                                  .rank = (uint8_t)t->rank,
                                  .constant = t->constant,
                                  .zero_point = t->zero,
                                  .scales = t->scales,
                                  .first_scale = (uint32_t)f->n_scales};
    for (uint32_t d = 0; d < t->rank; d++)
        *qnt_file_dim(r, d) = t->dim[d];
    if (t->scales)
        memcpy(f->scale + f->n_scales, t->scale, t->scales * sizeof *t->scale);
    f->n_scales += t->scales;
    if (t->constant) {
        r->offset = f->data_bytes;
        r->bytes = qnt_stored_bytes(t->bits, qnt_tensor_count(t));
        f->data_bytes = qnt_file_align(f->data_bytes + r->bytes);
    }
}

static void fill_node(struct qnt_image *f, const struct qnt_node *n, struct qnt_file_node *r)
{
    const qnt_node_attr *a = &n->attr;
    uint32_t name = add_name(f, n->name);
    *r = (struct qnt_file_node){.name = name,
                                .op = add_name(f, n->op->name),
                                .inputs = n->n_in,
                                .out = (uint32_t)n->out,
                                .kernel = {a->kernel[0], a->kernel[1]},
                                .stride = {a->stride[0], a->stride[1]},
                                .dilation = {a->dilation[0], a->dilation[1]},
                                .pad = {a->pad[0], a->pad[1], a->pad[2], a->pad[3]},
                                .groups = a->groups,
                                .lo = a->lo,
                                .hi = a->hi,
                                .epsilon = a->epsilon,
                                .scale = {a->scale[0], a->scale[1]},
                                .value = a->value,
                                .mode = a->mode,
                                .position = a->position,
                                .rounding = a->rounding};
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        const struct qnt_file_elements to = qnt_file_elements(r, d);
        *to.begin = a->begin[d];
        *to.end = a->end[d];
        *to.step = a->step[d];
        *to.dim = a->dim[d];
        *to.axis = a->axis[d];
    }
    for (uint32_t k = 0; k < n->n_in; k++)
        *qnt_file_input(r, k) = (uint32_t)n->in[k];
}

static qnt_status fill_borders(const struct qnt_model *m, struct qnt_image *f)
{
    const size_t n = m->inputs.n + m->outputs.n;
    f->model.input = (uint32_t)m->inputs.id[0];
    f->model.output = (uint32_t)m->outputs.id[0];
    if (n == 2)
        return QNT_OK;
    if (n > QNT_FILE_MAX_BORDERS)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%zu inputs and outputs, a file holds %d", n, QNT_FILE_MAX_BORDERS);
    if (!(f->border = qnt_alloc_array(f->ctx, n, sizeof *f->border, "the borders of a .qnt file")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < m->inputs.n; i++)
        f->border[f->n_borders++].tensor = (uint32_t)m->inputs.id[i];
    for (size_t i = 0; i < m->outputs.n; i++)
        f->border[f->n_borders++] = (struct qnt_file_border){(uint32_t)m->outputs.id[i], 1};
    return QNT_OK;
}

static qnt_status make_image(const struct qnt_model *m, struct qnt_image *f)
{
    size_t names = 0, scales = 0;
    for (size_t i = 0; i < m->n_tensors; i++) {
        names += strlen(m->tensor[i].name) + 1;
        scales += m->tensor[i].scales;
    }
    for (size_t i = 0; i < m->n_nodes; i++)
        names += strlen(m->node[i].name) + strlen(m->node[i].op->name) + 2;
    qnt_status status = qnt_model_check_borders(m);
    if (status)
        return status;
    if (m->n_tensors > QNT_FILE_MAX_TENSORS || m->n_nodes > QNT_FILE_MAX_NODES || names > UINT32_MAX ||
        scales > UINT32_MAX)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%zu tensors and %zu nodes, a file holds %d and %d", m->n_tensors,
                        m->n_nodes, QNT_FILE_MAX_TENSORS, QNT_FILE_MAX_NODES);
    if (!(f->tensor = qnt_alloc_array(f->ctx, m->n_tensors, sizeof *f->tensor, "the records of a .qnt file")) ||
        !(f->node = qnt_alloc_array(f->ctx, m->n_nodes, sizeof *f->node, "the records of a .qnt file")) ||
        !(f->scale = qnt_alloc_array(f->ctx, scales, sizeof *f->scale, "the scales of a .qnt file")) ||
        !(f->names = qnt_alloc(f->ctx, names, "the names of a .qnt file")))
        return QNT_ERR_NOMEM;
    if ((status = fill_borders(m, f)))
        return status;
    memcpy(f->model.mean, m->mean, sizeof m->mean);
    memcpy(f->model.deviation, m->deviation, sizeof m->deviation);
    for (; f->n_tensors < m->n_tensors; f->n_tensors++)
        fill_tensor(f, &m->tensor[f->n_tensors], &f->tensor[f->n_tensors]);
    for (; f->n_nodes < m->n_nodes; f->n_nodes++)
        fill_node(f, &m->node[f->n_nodes], &f->node[f->n_nodes]);
    if (qnt_image_check(f)) /* the texts speak of sections; the model cannot be put into them */
        return qnt_fail_in(QNT_ERR_UNSUPPORTED, "the model cannot be stored");
    return QNT_OK;
}

static uint32_t sections_of(const struct qnt_image *f)
{
    return f->n_borders ? QNT_FILE_KINDS : QNT_FILE_LEAST_KINDS;
}

/* Where the sections lie; no checksums yet. Returns the size of the file. */
static uint64_t lay_out(const struct qnt_image *f, struct qnt_file_section *table)
{
    const struct {
        size_t entry, bytes;
    } part[QNT_FILE_KINDS] = {
        {sizeof f->model, sizeof f->model},
        {sizeof *f->tensor, f->n_tensors * sizeof *f->tensor},
        {sizeof *f->node, f->n_nodes * sizeof *f->node},
        {1, f->names_bytes},
        {sizeof *f->scale, f->n_scales * sizeof *f->scale},
        {1, f->data_bytes},
        {sizeof *f->border, f->n_borders * sizeof *f->border},
    };
    const uint32_t sections = sections_of(f);
    uint64_t offset = qnt_file_align(sizeof(struct qnt_file_header) + sections * sizeof *table);
    for (uint32_t i = 0; i < sections; i++) {
        table[i] = (struct qnt_file_section){
            .kind = i + 1, .entry_bytes = (uint32_t)part[i].entry, .offset = offset, .bytes = part[i].bytes};
        offset = qnt_file_align(offset + part[i].bytes);
    }
    return offset;
}

/* Header, table and all sections before the data, with their checksums, into `front`; the borders' are in the table. */
static void fill_front(const struct qnt_image *f, struct qnt_file_section *table, uint64_t file_bytes, uint8_t *front)
{
    const void *part[] = {&f->model, f->tensor, f->node, f->names, f->scale};
    size_t table_bytes = sections_of(f) * sizeof *table;
    struct qnt_file_header h = {
        .major = QNT_FILE_MAJOR, .minor = QNT_FILE_MINOR, .sections = sections_of(f), .file_bytes = file_bytes};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        memcpy(front + table[i].offset, part[i], table[i].bytes);
        table[i].hash = XXH3_64bits(part[i], table[i].bytes);
    }
    memcpy(h.magic, QNT_FILE_MAGIC, sizeof h.magic);
    memcpy(front, &h, sizeof h);
    memcpy(front + sizeof h, table, table_bytes);
    h.hash = XXH3_64bits(front, sizeof h + table_bytes);
    memcpy(front, &h, sizeof h);
}

static qnt_status write_constant(int fd, const qnt_ctx *ctx, const struct qnt_tensor *t, struct qnt_file_tensor *r,
                                 uint64_t at)
{
    if (t->type == QNT_BOOL) {
        const size_t bad = qnt_codes_not_bool(t->data, r->bytes);
        if (bad < r->bytes)
            return qnt_fail(QNT_ERR_RANGE, "'%s': code %zu is %u, expected 0 or 1", t->name, bad,
                            ((const uint8_t *)t->data)[bad]);
    }
    if (t->bits >= 8 || qnt_tensor_packed(t)) {
        r->hash = XXH3_64bits(t->data, r->bytes);
        return qnt_write_at(fd, t->data, r->bytes, at);
    }
    size_t n = qnt_tensor_count(t);
    uint8_t *packed = qnt_alloc(ctx, r->bytes, t->name);
    if (!packed)
        return QNT_ERR_NOMEM;
    size_t good = qnt_codes_pack(t->data, n, t->bits, packed);
    qnt_status status;
    if (t->type == QNT_TERNARY && (good = qnt_codes_not_ternary(t->data, n)) < n)
        status = qnt_fail(QNT_ERR_RANGE, "'%s': code %zu is %d, expected -1 to 1", t->name, good,
                          ((const int8_t *)t->data)[good]);
    else if (good < n)
        status = qnt_fail(QNT_ERR_RANGE, "'%s': code %zu is %d, which is none of %u bits", t->name, good,
                          ((const int8_t *)t->data)[good], t->bits);
    else
        status = qnt_write_at(fd, packed, r->bytes, at);
    r->hash = XXH3_64bits(packed, r->bytes);
    qnt_release(ctx, packed);
    return status;
}

static qnt_status write_file(int fd, const struct qnt_model *m, struct qnt_image *f)
{
    struct qnt_file_section table[QNT_FILE_KINDS];
    uint64_t file_bytes = lay_out(f, table), data = table[QNT_FILE_DATA - 1].offset;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < m->n_tensors && !status; i++)
        if (m->tensor[i].constant)
            status = write_constant(fd, f->ctx, &m->tensor[i], &f->tensor[i], data + f->tensor[i].offset);
    if (status)
        return status;
    if (f->n_borders) {
        struct qnt_file_section *e = &table[QNT_FILE_BORDERS - 1];
        e->hash = XXH3_64bits(f->border, e->bytes);
        if ((status = qnt_write_at(fd, f->border, e->bytes, e->offset)))
            return status;
    }
    uint8_t *front = qnt_alloc(f->ctx, data, "the front of a .qnt file");
    if (!front)
        return QNT_ERR_NOMEM;
    fill_front(f, table, file_bytes, front);
    status = qnt_write_at(fd, front, data, 0);
    qnt_release(f->ctx, front);
    struct stat st; /* zeros follow the last section: a device, which has no size, takes one, too */
    if (!status && !fstat(fd, &st) && (uint64_t)st.st_size < file_bytes)
        status = qnt_write_at(fd, "", 1, file_bytes - 1);
    return status;
}

struct saving {
    const struct qnt_model *m;
    struct qnt_image *f;
};

static qnt_status fill(int fd, void *user)
{
    const struct saving *s = user;
    return write_file(fd, s->m, s->f);
}

qnt_status qnt_model_save(const qnt_model *model, const char *path)
{
    struct qnt_image f;
    if (!model || !path)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_save: a pointer is NULL");
    memset(&f, 0, sizeof f);
    f.ctx = model->ctx;
    struct saving s = {model, &f};
    qnt_status status = make_image(model, &f);
    if (!status)
        status = qnt_replace_file(model->ctx, path, fill, &s);
    qnt_image_release(&f);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}
