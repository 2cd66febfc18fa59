/* What the records of a .qnt file must be. Everything that later code uses as a size, index or pointer is proved here.
 */
#include <math.h>
#include <string.h>
#include "lib/graph/qnt_file.h"
#include "lib/op/op.h"

_Static_assert((int)QNT_FILE_MAX_ATTRIBUTE == (int)QNT_MAX_ATTRIBUTE && QNT_FILE_MAX_ELEMENTS == QNT_MAX_ELEMENTS,
               "a file holds every model that can be built");

/* The name at `offset`, which must be *next; *next moves past it. */
static qnt_status check_name(const struct qnt_image *f, const char *section, size_t i, const char *what,
                             uint32_t offset, size_t *next)
{
    if (offset != *next)
        return qnt_fail(QNT_ERR_FORMAT, "%s: %zu: %s at offset %u of the names, expected %zu", section, i, what, offset,
                        *next);
    size_t room = f->names_bytes - *next;
    const char *text = f->names + *next;
    size_t n = strnlen(text, room < QNT_FILE_MAX_NAME + 1 ? room : QNT_FILE_MAX_NAME + 1);
    if (n == room || n > QNT_FILE_MAX_NAME)
        return qnt_fail(QNT_ERR_FORMAT, "names: %s of %s %zu has no end within %d bytes", what, section, i,
                        QNT_FILE_MAX_NAME);
    if (n == 0)
        return qnt_fail(QNT_ERR_FORMAT, "names: %s of %s %zu is empty", what, section, i);
    for (size_t k = 0; k < n; k++)
        if ((unsigned char)text[k] < 0x20 || text[k] == 0x7f)
            return qnt_fail(QNT_ERR_FORMAT, "names: %s of %s %zu holds the control character 0x%02x", what, section, i,
                            (unsigned char)text[k]);
    *next += n + 1;
    return QNT_OK;
}

static qnt_status check_names(const struct qnt_image *f)
{
    size_t next = 0;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < f->n_tensors && !status; i++)
        status = check_name(f, "tensors", i, "name", f->tensor[i].name, &next);
    for (size_t i = 0; i < f->n_nodes && !status; i++)
        if (!(status = check_name(f, "nodes", i, "name", f->node[i].name, &next)))
            status = check_name(f, "nodes", i, "op", f->node[i].op, &next);
    if (!status && next != f->names_bytes)
        return qnt_fail(QNT_ERR_FORMAT, "names: %zu bytes, but %zu are used", f->names_bytes, next);
    return status;
}

static qnt_status check_type(const struct qnt_file_tensor *t, const char *name)
{
    int64_t first = 0, last = 0; /* zero point */
    if (t->type < QNT_F32 || t->type > QNT_BOOL)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': type %u, expected 1 to %d", name, t->type, QNT_BOOL);
    const uint32_t hi = t->type == QNT_TERNARY ? 2 : 8 * (uint32_t)qnt_dtype_size((qnt_dtype)t->type); /* bits */
    const uint32_t lo = t->type == QNT_S8 ? 1 : hi;
    if ((t->bits < lo || t->bits > hi) && !(t->type == QNT_U8 && t->bits == 4 && t->constant))
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %u bits, expected %u to %u", name, t->bits, lo, hi);
    if (t->constant > 1)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': constant is %u, expected 0 or 1", name, t->constant);
    if (t->type == QNT_TERNARY && !t->constant)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': ternary, expected a constant", name);
    if (t->type == QNT_S8 && t->bits > 1) {
        first = -(1 << (t->bits - 1));
        last = -first - 1;
    } else if (t->type == QNT_U8 || t->type == QNT_U16 || t->type == QNT_S16)
        qnt_dtype_range((qnt_dtype)t->type, &first, &last);
    if (t->zero_point < first || t->zero_point > last)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': zero point %d, expected %lld to %lld", name, t->zero_point,
                        (long long)first, (long long)last);
    return QNT_OK;
}

static qnt_status check_shape(struct qnt_file_tensor *t, const char *name, uint64_t *elements)
{
    uint64_t count = 1;
    if (t->rank < 1 || t->rank > QNT_MAX_RANK)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': rank %u, expected 1 to %d", name, t->rank, QNT_MAX_RANK);
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        uint64_t dim = *qnt_file_dim(t, d);
        if (d >= t->rank && dim)
            return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': dimension %u past the rank is %llu, expected 0", name, d,
                            (unsigned long long)dim);
        if (d < t->rank && (dim < 1 || dim > QNT_FILE_MAX_ELEMENTS / count))
            return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': dimension %u is %llu, expected 1 to %llu", name, d,
                            (unsigned long long)dim, (unsigned long long)(QNT_FILE_MAX_ELEMENTS / count));
        count *= d < t->rank ? dim : 1;
    }
    *elements = count;
    if (t->type == QNT_U8 && t->bits == 4 && count % 2)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %llu codes of 4 bits, expected whole bytes", name,
                        (unsigned long long)count);
    return QNT_OK;
}

static qnt_status check_scales(const struct qnt_image *f, const struct qnt_file_tensor *t, const char *name,
                               size_t *next)
{
    if (t->first_scale != *next)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': first scale %u, expected %zu", name, t->first_scale, *next);
    if (t->scales > 1 && !(t->constant && t->scales == t->dim[0]))
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %u scales, expected 0, 1%s", name, t->scales,
                        t->constant ? " or one per channel" : "");
    if (t->scales && (t->type == QNT_F32 || t->type == QNT_S64 || t->type == QNT_BOOL))
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %u scales of a tensor of %s, expected 0", name, t->scales,
                        qnt_dtype_name((qnt_dtype)t->type));
    if (t->scales > f->n_scales - *next)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %u scales, but only %zu are left", name, t->scales,
                        f->n_scales - *next);
    for (size_t i = *next; i < *next + t->scales; i++)
        if (!(f->scale[i] > 0.0f) || isinf(f->scale[i]))
            return qnt_fail(QNT_ERR_FORMAT, "scales: '%s': scale %zu is %g, expected finite and > 0", name, i - *next,
                            (double)f->scale[i]);
    *next += t->scales;
    return QNT_OK;
}

static qnt_status check_data(const struct qnt_image *f, const struct qnt_file_tensor *t, const char *name,
                             uint64_t elements, uint64_t *next)
{
    uint64_t offset = t->constant ? *next : 0;
    uint64_t bytes = t->constant ? qnt_stored_bytes(t->bits, elements) : 0;
    if (t->offset != offset || t->bytes != bytes)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %llu bytes at offset %llu of the data, expected %llu at %llu",
                        name, (unsigned long long)t->bytes, (unsigned long long)t->offset, (unsigned long long)bytes,
                        (unsigned long long)offset);
    if (bytes > f->data_bytes - offset)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': %llu bytes of data, but only %llu are left", name,
                        (unsigned long long)bytes, (unsigned long long)(f->data_bytes - offset));
    if (!t->constant && t->hash)
        return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': a checksum without data", name);
    if (t->constant) /* data_bytes is a multiple of the alignment */
        *next = qnt_file_align(offset + bytes);
    return QNT_OK;
}

static qnt_status check_tensors(const struct qnt_image *f)
{
    size_t scale = 0;
    uint64_t data = 0, elements = 0;
    for (size_t i = 0; i < f->n_tensors; i++) {
        struct qnt_file_tensor *t = &f->tensor[i];
        const char *name = qnt_image_name(f, t->name);
        qnt_status status;
        if (t->zero)
            return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': a reserved field is set", name);
        if ((status = check_type(t, name)) || (status = check_shape(t, name, &elements)) ||
            (status = check_scales(f, t, name, &scale)) || (status = check_data(f, t, name, elements, &data)))
            return status;
    }
    if (scale != f->n_scales)
        return qnt_fail(QNT_ERR_FORMAT, "scales: %zu, but %zu are used", f->n_scales, scale);
    if (data != f->data_bytes)
        return qnt_fail(QNT_ERR_FORMAT, "data: %zu bytes, but %llu are used", f->data_bytes, (unsigned long long)data);
    return QNT_OK;
}

static qnt_status check_attributes(const struct qnt_file_node *n, const char *name)
{
    const struct {
        const char *name;
        uint32_t value;
    } row[] = {
        {"kernel height", n->kernel[0]},
        {"kernel width", n->kernel[1]},
        {"vertical stride", n->stride[0]},
        {"horizontal stride", n->stride[1]},
        {"vertical dilation", n->dilation[0]},
        {"horizontal dilation", n->dilation[1]},
        {"top pad", n->pad[0]},
        {"left pad", n->pad[1]},
        {"bottom pad", n->pad[2]},
        {"right pad", n->pad[3]},
        {"groups", n->groups},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].value > QNT_FILE_MAX_ATTRIBUTE)
            return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': %s is %u, expected at most %d", name, row[i].name,
                            row[i].value, QNT_FILE_MAX_ATTRIBUTE);
    if (isnan(n->value) || !isfinite(n->scale[0]) || !isfinite(n->scale[1]))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': value %g, scales %g and %g, expected numbers", name,
                        (double)n->value, (double)n->scale[0], (double)n->scale[1]);
    if (isnan(n->lo) || isnan(n->hi) || !isfinite(n->epsilon))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': bounds %g and %g, epsilon %g, expected numbers", name,
                        (double)n->lo, (double)n->hi, (double)n->epsilon);
    return QNT_OK;
}

static qnt_status check_node(const struct qnt_image *f, struct qnt_file_node *n)
{
    const char *name = qnt_image_name(f, n->name), *op = qnt_image_name(f, n->op);
    const struct qnt_op_def *def = qnt_op_find(op);
    if (!def)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "nodes: '%s': the op '%s' is unknown", name, op);
    if (n->inputs < def->min_in || n->inputs > def->max_in || n->inputs > QNT_MAX_INPUTS)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': %u inputs, expected %u to %u for %s", name, n->inputs,
                        def->min_in, def->max_in, op);
    if (n->out >= f->n_tensors || f->tensor[n->out].constant)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is tensor %u, expected an activation below %zu", name,
                        n->out, f->n_tensors);
    for (uint32_t k = 0; k < QNT_MAX_INPUTS; k++) {
        uint32_t in = *qnt_file_input(n, k);
        if (k < n->inputs && in >= n->out)
            return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': input %u is tensor %u, expected one before the output, %u",
                            name, k, in, n->out);
        if (k >= n->inputs && in)
            return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': unused input %u is %u, expected 0", name, k, in);
    }
    return check_attributes(n, name);
}

/* Tensor i is input number *next, which then moves on: inputs rise. */
static bool next_input(const struct qnt_image *f, size_t *next, size_t i)
{
    const bool is = f->n_borders ? *next < f->n_borders && !f->border[*next].output && f->border[*next].tensor == i
                                 : f->model.input == i;
    *next += is;
    return is;
}

/* Each tensor is a constant, the output of exactly one node, or an input; outputs rise with the node. */
static qnt_status check_graph(const struct qnt_image *f)
{
    size_t node = 0, input = 0;
    for (size_t i = 0; i < f->n_nodes; i++) {
        qnt_status status = check_node(f, &f->node[i]);
        if (status)
            return status;
        if (i && f->node[i].out <= f->node[i - 1].out)
            return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is tensor %u, expected one after %u",
                            qnt_image_name(f, f->node[i].name), f->node[i].out, f->node[i - 1].out);
    }
    for (size_t i = 0; i < f->n_tensors; i++) {
        const bool is_input = next_input(f, &input, i), is_made = node < f->n_nodes && f->node[node].out == i;
        const char *name = qnt_image_name(f, f->tensor[i].name);
        if (is_made)
            node++;
        if (is_made && is_input)
            return qnt_fail(QNT_ERR_FORMAT, "model: the input, tensor %zu, is made by node %zu", i, node - 1);
        if (!is_made && !is_input && !f->tensor[i].constant)
            return qnt_fail(QNT_ERR_FORMAT, "tensors: '%s': neither a constant, nor an input, nor made by a node",
                            name);
        if (f->tensor[i].constant && is_input)
            return qnt_fail(QNT_ERR_FORMAT, "model: the input, '%s', is a constant", name);
    }
    return QNT_OK;
}

static qnt_status check_output(const struct qnt_image *f, const char *section, uint32_t id)
{
    if (f->tensor[id].constant)
        return qnt_fail(QNT_ERR_FORMAT, "%s: the output, tensor %u, is a constant", section, id);
    return QNT_OK;
}

/* At least one input and one output, and three in all; the first are those of the model's record. */
static qnt_status check_borders(const struct qnt_image *f)
{
    const struct qnt_file_border *b = f->border;
    size_t inputs = 0;
    for (size_t i = 0; i < f->n_borders; i++) {
        if (b[i].tensor >= f->n_tensors || b[i].output > 1 || (i && b[i].output < b[i - 1].output))
            return qnt_fail(QNT_ERR_FORMAT,
                            "borders: %zu: tensor %u, output %u, expected one below %zu and 0 or 1, 0 first", i,
                            b[i].tensor, b[i].output, f->n_tensors);
        inputs += !b[i].output;
        if (i && !b[i].output && b[i].tensor <= b[i - 1].tensor)
            return qnt_fail(QNT_ERR_FORMAT, "borders: %zu: the input is tensor %u, expected one after %u", i,
                            b[i].tensor, b[i - 1].tensor);
        qnt_status status = b[i].output ? check_output(f, "borders", b[i].tensor) : QNT_OK;
        if (status)
            return status;
    }
    if (!f->n_borders)
        return QNT_OK;
    if (!inputs || inputs == f->n_borders || f->n_borders < 3)
        return qnt_fail(QNT_ERR_FORMAT,
                        "borders: %zu inputs and %zu outputs, expected one at least of each, three in all", inputs,
                        f->n_borders - inputs);
    if (b[0].tensor != f->model.input || b[inputs].tensor != f->model.output)
        return qnt_fail(QNT_ERR_FORMAT,
                        "borders: they begin with input %u and output %u, but the model's are %u and %u", b[0].tensor,
                        b[inputs].tensor, f->model.input, f->model.output);
    return QNT_OK;
}

static qnt_status check_model(const struct qnt_image *f)
{
    const struct qnt_file_model *m = &f->model;
    if (m->requantize)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "model: requantize mode %u is unknown", m->requantize);
    if (m->zero)
        return qnt_fail(QNT_ERR_FORMAT, "model: a reserved field is set");
    if (m->input >= f->n_tensors || m->output >= f->n_tensors)
        return qnt_fail(QNT_ERR_FORMAT, "model: input %u and output %u, expected tensors below %zu", m->input,
                        m->output, f->n_tensors);
    qnt_status status = check_output(f, "model", m->output);
    if (status)
        return status;
    for (int c = 0; c < 4; c++)
        if (!isfinite(m->mean[c]) || !isfinite(m->deviation[c]) || !(m->deviation[c] > 0.0f))
            return qnt_fail(QNT_ERR_FORMAT, "model: mean %g and deviation %g of channel %d, expected finite and > 0",
                            (double)m->mean[c], (double)m->deviation[c], c);
    return QNT_OK;
}

qnt_status qnt_image_check(const struct qnt_image *f)
{
    qnt_status status;
    if ((status = check_names(f)) || (status = check_model(f)) || (status = check_borders(f)) ||
        (status = check_tensors(f)))
        return status;
    return check_graph(f);
}

void qnt_image_release(struct qnt_image *f)
{
    qnt_release(f->ctx, f->tensor);
    qnt_release(f->ctx, f->node);
    qnt_release(f->ctx, f->names);
    qnt_release(f->ctx, f->scale);
    qnt_release(f->ctx, f->border);
}
