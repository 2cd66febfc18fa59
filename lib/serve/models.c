/* What a server's models are, as a file: a head, a row for each model, a row for each of their inputs and outputs, then
 * texts and scales. Places are offsets from the beginning. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/engine/engine.h"
#include "lib/serve/wire.h"

enum { TEXTS = 8, NAME = 16 };

struct file_model {
    uint64_t name;
    uint32_t first, inputs, outputs, reserved; /* the tensors: inputs from `first` on, then outputs */
};
struct file_tensor {
    uint64_t name, scale; /* `scales` floats */
    uint64_t dim[QNT_MAX_RANK];
    uint32_t type, bits, rank, scales;
    int32_t zero_point;
    uint32_t reserved;
};
struct file_head {
    uint64_t bytes;
    uint32_t models, tensors;
    struct file_model model[];
};

/* The file as it is written: sizes are counted first, then filled by the same walk. */
struct writer {
    struct file_head *head; /* NULL: only counting */
    size_t texts;           /* where the next text or scale goes */
};

static uint64_t put(struct writer *w, const void *data, size_t bytes)
{
    const uint64_t at = w->texts;
    if (w->head)
        memcpy((uint8_t *)w->head + at, data, bytes);
    w->texts += qnt_round_up(bytes, TEXTS);
    return at;
}

static struct file_tensor *tensors_of(const struct file_head *h)
{
    return (struct file_tensor *)(uintptr_t)(h->model + h->models);
}

static void put_tensor(struct writer *w, const qnt_tensor_info *t, size_t k)
{
    struct file_tensor f = {
        .type = (uint32_t)t->type, .bits = t->bits, .rank = t->rank, .scales = t->scales, .zero_point = t->zero_point};
    for (uint32_t i = 0; i < t->rank; i++)
        f.dim[i] = t->dim[i];
    f.name = put(w, t->name, strlen(t->name) + 1);
    f.scale = t->scales ? put(w, t->scale, t->scales * sizeof *t->scale) : 0;
    if (w->head)
        tensors_of(w->head)[k] = f;
}

static qnt_status walk(struct writer *w, const qnt_engine *e, const char *const *names, size_t tensors)
{
    size_t k = 0;
    w->texts =
        sizeof(struct file_head) + e->n_models * sizeof(struct file_model) + tensors * sizeof(struct file_tensor);
    for (uint32_t i = 0; i < e->n_models; i++) {
        const struct qnt_model *m = e->model[i].node->plan->model;
        char number[NAME];
        snprintf(number, sizeof number, "%u", i);
        const char *name = names ? names[i] : number;
        const struct file_model f = {.name = put(w, name, strlen(name) + 1),
                                     .first = (uint32_t)k,
                                     .inputs = (uint32_t)m->inputs.n,
                                     .outputs = (uint32_t)m->outputs.n};
        if (w->head)
            w->head->model[i] = f;
        for (size_t at = 0; at < m->inputs.n + m->outputs.n; at++) {
            qnt_tensor_info t;
            qnt_status status =
                at < m->inputs.n ? qnt_engine_input(e, i, at, &t) : qnt_engine_output(e, i, at - m->inputs.n, &t);
            if (status)
                return status;
            put_tensor(w, &t, k++);
        }
    }
    return QNT_OK;
}

static qnt_status fill_and_seal(int fd, struct writer *w, const qnt_engine *e, const char *const *names, size_t tensors)
{
    const size_t bytes = w->texts;
    if (ftruncate(fd, (off_t)bytes))
        return qnt_fail(QNT_ERR_SYSTEM, "a memory file of %zu bytes: %s", bytes, strerror(errno));
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: mapping %zu bytes: %s", bytes, strerror(errno));
    w->head = map;
    w->head->bytes = bytes;
    w->head->models = (uint32_t)e->n_models;
    w->head->tensors = (uint32_t)tensors;
    qnt_status status = walk(w, e, names, tensors);
    munmap(map, bytes);
    if (!status && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        return qnt_fail(QNT_ERR_SYSTEM, "sealing a memory file: %s", strerror(errno));
    return status;
}

qnt_status qnt_wire_models_write(const qnt_engine *e, const char *const *names, int *fd, size_t *bytes)
{
    struct writer w = {.head = NULL};
    size_t tensors = 0;
    for (size_t i = 0; i < e->n_models; i++)
        tensors += e->model[i].node->plan->model->inputs.n + e->model[i].node->plan->model->outputs.n;
    qnt_status status = walk(&w, e, names, tensors);
    if (status)
        return status;
    *bytes = w.texts;
    if ((*fd = memfd_create("qnt-models", MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
        return qnt_fail(QNT_ERR_SYSTEM, "a memory file: %s", strerror(errno));
    if ((status = fill_and_seal(*fd, &w, e, names, tensors))) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

static bool is_text(const struct file_head *h, size_t bytes, uint64_t at)
{
    return at < bytes && memchr((const char *)h + at, 0, bytes - at);
}

static bool is_tensor(const struct file_head *h, size_t bytes, const struct file_tensor *t)
{
    return is_text(h, bytes, t->name) && t->rank <= QNT_MAX_RANK &&
           (!t->scales ||
            (t->scale % sizeof(float) == 0 && t->scale <= bytes && t->scales <= (bytes - t->scale) / sizeof(float)));
}

/* The file can no longer be changed: once is enough. */
static bool is_sound(const struct file_head *h, size_t bytes)
{
    if (bytes < sizeof *h || h->bytes != bytes || h->models > bytes / sizeof(struct file_model) ||
        h->tensors > bytes / sizeof(struct file_tensor) ||
        sizeof *h + h->models * sizeof(struct file_model) + h->tensors * sizeof(struct file_tensor) > bytes)
        return false;
    for (uint32_t i = 0; i < h->models; i++) {
        const struct file_model *m = &h->model[i];
        if (!is_text(h, bytes, m->name) || (uint64_t)m->first + m->inputs + m->outputs > h->tensors)
            return false;
    }
    for (uint32_t k = 0; k < h->tensors; k++)
        if (!is_tensor(h, bytes, &tensors_of(h)[k]))
            return false;
    return true;
}

qnt_status qnt_wire_models_map(int fd, size_t bytes, struct qnt_wire_models *out)
{
    struct stat st;
    if (!qnt_wire_has_seals(fd, F_SEAL_SHRINK | F_SEAL_WRITE) || fstat(fd, &st) || (uint64_t)st.st_size < bytes ||
        !bytes)
        return qnt_fail(QNT_ERR_FORMAT, "what the server's models are: not a sealed file of %zu bytes", bytes);
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: mapping %zu bytes: %s", bytes, strerror(errno));
    if (!is_sound(map, bytes)) {
        munmap(map, bytes);
        return qnt_fail(QNT_ERR_FORMAT, "what the server's models are: the file is damaged");
    }
    *out = (struct qnt_wire_models){.map = map, .bytes = bytes, .n = ((const struct file_head *)map)->models};
    return QNT_OK;
}

void qnt_wire_models_unmap(struct qnt_wire_models *m)
{
    if (m->map)
        munmap(m->map, m->bytes);
    *m = (struct qnt_wire_models){.map = NULL};
}

const char *qnt_wire_model_name(const struct qnt_wire_models *m, uint32_t i)
{
    const struct file_head *h = m->map;
    return (const char *)h + h->model[i].name;
}

uint32_t qnt_wire_model_count(const struct qnt_wire_models *m, uint32_t i, bool inputs)
{
    const struct file_head *h = m->map;
    return inputs ? h->model[i].inputs : h->model[i].outputs;
}

void qnt_wire_model_tensor(const struct qnt_wire_models *m, uint32_t i, bool inputs, size_t k, qnt_tensor_info *out)
{
    const struct file_head *h = m->map;
    const struct file_model *f = &h->model[i];
    const struct file_tensor *t = &tensors_of(h)[f->first + (inputs ? 0 : f->inputs) + k];
    *out = (qnt_tensor_info){.name = (const char *)h + t->name,
                             .type = (qnt_dtype)t->type,
                             .bits = t->bits,
                             .rank = t->rank,
                             .scales = t->scales,
                             .scale = t->scales ? (const float *)(const void *)((const char *)h + t->scale) : NULL,
                             .zero_point = t->zero_point};
    for (uint32_t d = 0; d < t->rank; d++)
        out->dim[d] = (size_t)t->dim[d];
}
