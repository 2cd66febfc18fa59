/* Checkpoint files, little-endian: header (magic, version, bytes of the file, xxh3 of all behind the header), the
 * fields that must match, the place, then group ranges, weights, running averages and momentum (of Adam both) as
 * float32. Random state is no more than seed and place. Written under a temporary name, then renamed. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "lib/train/trainer.h"
#include "simd/fpenv.h"

enum { VERSION = 3, FIELDS = 22 };
static const char magic[8] = {'Q', 'N', 'T', 'T', 'R', 'A', 'I', 'N'};
static const size_t max_bytes = (size_t)1 << 34;

struct header {
    char magic[8];
    uint32_t version, fields;
    uint64_t bytes, digest;
};
struct place {
    uint64_t epoch, step, seen, correct;
    double loss;
};
struct field {
    const char *name;
    uint64_t value;
    bool real; /* value holds the bits of a float */
};

static struct field whole(const char *name, uint64_t value)
{
    return (struct field){name, value, false};
}

static struct field real(const char *name, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (struct field){name, bits, true};
}

/* Names, kinds and shapes of the nodes. */
static uint64_t model_digest(const struct qnt_model *m)
{
    uint64_t h = 0;
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        h = XXH3_64bits_withSeed(n->name, strlen(n->name), h);
        h = XXH3_64bits_withSeed(n->op->name, strlen(n->op->name), h);
        for (uint32_t k = 0; k < n->n_in; k++) {
            const struct qnt_tensor *t = &m->tensor[n->in[k]];
            h = XXH3_64bits_withSeed(t->name, strlen(t->name), h);
            h = XXH3_64bits_withSeed(t->dim, t->rank * sizeof *t->dim, h);
        }
    }
    return h;
}

static uint64_t weights_digest(const struct qnt_model *m)
{
    uint64_t h = model_digest(m);
    for (size_t i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].constant && m->tensor[i].data)
            h = XXH3_64bits_withSeed(m->tensor[i].data, qnt_tensor_bytes(&m->tensor[i]), h);
    return h;
}

static uint64_t data_digest(const qnt_dataset *d)
{
    return XXH3_64bits_withSeed(d->labels, d->n, XXH3_64bits(d->images, d->n * QNT_IMAGE_BYTES));
}

static uint64_t input_digest(const struct qnt_input_map *m)
{
    return XXH3_64bits(m, sizeof *m);
}

/* All that decides what the next step does, but the state itself. */
static void list_fields(const struct qnt_train *t, struct field f[FIELDS])
{
    const qnt_train_config *c = &t->config;
    const char *layers = c->layer_bits ? c->layer_bits : "";
    struct field all[FIELDS] = {
        whole("epochs", c->epochs),
        whole("batch", c->batch),
        real("lr", c->lr),
        real("momentum", c->momentum),
        real("weight_decay", c->weight_decay),
        whole("optimizer", (uint64_t)c->optimizer),
        whole("schedule", (uint64_t)c->schedule),
        whole("warmup_steps", c->warmup_steps),
        whole("augment", c->augment),
        whole("weight_bits", c->weight_bits),
        whole("layer_bits (digest)", XXH3_64bits(layers, strlen(layers))),
        whole("activation_bits", c->activation_bits),
        real("ema", c->ema),
        whole("freeze_ranges_epoch", c->freeze_ranges_epoch),
        real("kl", c->kl),
        whole("kl_minus", c->kl_minus != 0),
        real("batchnorm_momentum", c->batchnorm_momentum),
        whole("seed", c->seed),
        whole("model (digest)", model_digest(t->master)),
        whole("teacher (digest)", t->teacher ? weights_digest(t->teacher->source) : 0),
        whole("data (digest)", data_digest(t->data)),
        whole("normalisation (digest)", input_digest(&t->input)),
    };
    memcpy(f, all, sizeof all);
}

static size_t groups(const struct qnt_train *t)
{
    return t->quantizer ? t->quantizer->n_groups : 0;
}

static size_t file_bytes(const struct qnt_train *t)
{
    return sizeof(struct header) + FIELDS * sizeof(uint64_t) + sizeof(struct place) +
           groups(t) * sizeof(struct qnt_range) + (t->n_values + qnt_train_moments(t) * t->n_weights) * sizeof(float);
}

static uint8_t *put(uint8_t *at, const void *data, size_t bytes)
{
    memcpy(at, data, bytes);
    return at + bytes;
}

static const uint8_t *get(const uint8_t *at, void *data, size_t bytes)
{
    memcpy(data, at, bytes);
    return at + bytes;
}

static void fill(const struct qnt_train *t, uint8_t *file, size_t bytes)
{
    struct field f[FIELDS];
    struct place place = {t->epoch, t->step, t->seen, t->sum.correct, t->sum.loss};
    struct header h = {.version = VERSION, .fields = FIELDS, .bytes = bytes};
    uint8_t *at = file + sizeof h;
    list_fields(t, f);
    for (int i = 0; i < FIELDS; i++)
        at = put(at, &f[i].value, sizeof f[i].value);
    at = put(at, &place, sizeof place);
    for (size_t i = 0; i < groups(t); i++)
        at = put(at, &t->quantizer->group[i].range, sizeof(struct qnt_range));
    at = put(at, t->weights, t->n_values * sizeof(float));
    put(at, t->velocity, qnt_train_moments(t) * t->n_weights * sizeof(float));
    memcpy(h.magic, magic, sizeof magic);
    h.digest = XXH3_64bits(file + sizeof h, bytes - sizeof h);
    memcpy(file, &h, sizeof h);
}

struct bytes {
    const uint8_t *data;
    size_t n;
};

static qnt_status write_bytes(int fd, void *user)
{
    const struct bytes *b = user;
    return qnt_write_at(fd, b->data, b->n, 0);
}

qnt_status qnt_train_checkpoint(const qnt_train *t, const char *path)
{
    if (!t || !path)
        return qnt_fail(QNT_ERR_ARG, "checkpoint: a pointer is NULL");
    size_t bytes = file_bytes(t);
    uint8_t *file = qnt_alloc(t->ctx, bytes, "a checkpoint");
    if (!file)
        return QNT_ERR_NOMEM;
    fill(t, file, bytes);
    struct bytes all = {file, bytes};
    qnt_status status = qnt_replace_file(t->ctx, path, write_bytes, &all);
    qnt_release(t->ctx, file);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}

static qnt_status read_file(const qnt_ctx *ctx, const char *path, uint8_t **data, size_t *bytes)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    qnt_status status = QNT_OK;
    if (!f)
        return qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode))
        status = qnt_fail(QNT_ERR_IO, "%s: not a regular file", path);
    else if ((size_t)st.st_size < sizeof(struct header) || (size_t)st.st_size > max_bytes)
        status = qnt_fail(QNT_ERR_FORMAT, "%s: %lld bytes are no checkpoint", path, (long long)st.st_size);
    else if (!(*data = qnt_alloc(ctx, *bytes = (size_t)st.st_size, "a checkpoint")))
        status = QNT_ERR_NOMEM;
    else if (fread(*data, 1, *bytes, f) != *bytes)
        status = qnt_fail(QNT_ERR_IO, "%s: cannot read %zu bytes", path, *bytes);
    fclose(f);
    return status;
}

static qnt_status check_header(const char *path, const uint8_t *file, size_t bytes)
{
    struct header h;
    memcpy(&h, file, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic))
        return qnt_fail(QNT_ERR_FORMAT, "%s: not a checkpoint (magic)", path);
    if (h.version != VERSION)
        return qnt_fail(QNT_ERR_FORMAT, "%s: version is %u, expected %d", path, h.version, VERSION);
    if (h.bytes != bytes)
        return qnt_fail(QNT_ERR_FORMAT, "%s: %zu bytes, the header says %llu", path, bytes,
                        (unsigned long long)h.bytes);
    uint64_t digest = XXH3_64bits(file + sizeof h, bytes - sizeof h);
    if (h.digest != digest)
        return qnt_fail(QNT_ERR_FORMAT, "%s: checksum is %016llx, expected %016llx", path, (unsigned long long)digest,
                        (unsigned long long)h.digest);
    if (h.fields != FIELDS || bytes < sizeof h + FIELDS * sizeof(uint64_t) + sizeof(struct place))
        return qnt_fail(QNT_ERR_FORMAT, "%s: %u fields in %zu bytes, expected %d fields", path, h.fields, bytes,
                        FIELDS);
    return QNT_OK;
}

/* The value as the configuration would show it. */
static const char *show(const struct field *f, uint64_t value, char text[32])
{
    float x;
    uint32_t bits = (uint32_t)value;
    memcpy(&x, &bits, sizeof x);
    if (f->real)
        snprintf(text, 32, "%.7g", (double)x);
    else
        snprintf(text, 32, strstr(f->name, "digest") ? "%016llx" : "%llu", (unsigned long long)value);
    return text;
}

static qnt_status check_fields(const struct qnt_train *t, const char *path, const uint8_t *at)
{
    struct field f[FIELDS];
    char found[32], own[32];
    list_fields(t, f);
    for (int i = 0; i < FIELDS; i++) {
        uint64_t value;
        at = get(at, &value, sizeof value);
        if (value == f[i].value)
            continue;
        return qnt_fail(QNT_ERR_STATE, "%s: %s is %s, this trainer's %s", path, f[i].name, show(&f[i], value, found),
                        show(&f[i], f[i].value, own));
    }
    return QNT_OK;
}

static qnt_status take(struct qnt_train *t, const char *path, const uint8_t *at)
{
    struct place place;
    at = get(at, &place, sizeof place);
    if (place.epoch > t->config.epochs || place.step >= t->steps || place.seen > t->data->n ||
        place.correct > place.seen)
        return qnt_fail(QNT_ERR_FORMAT, "%s: the place (epoch %llu, step %llu, %llu images) is not in this training",
                        path, (unsigned long long)place.epoch, (unsigned long long)place.step,
                        (unsigned long long)place.seen);
    for (size_t i = 0; i < groups(t); i++) {
        struct qnt_range r;
        get(at + i * sizeof r, &r, sizeof r);
        if (!(r.lo <= 0.0f && r.hi >= 0.0f && r.lo > -INFINITY && r.hi < INFINITY))
            return qnt_fail(QNT_ERR_FORMAT, "%s: range %zu is %g to %g", path, i, (double)r.lo, (double)r.hi);
    }
    t->epoch = (uint32_t)place.epoch;
    t->step = (uint32_t)place.step;
    t->seen = (size_t)place.seen;
    t->sum = (struct qnt_loss_sum){.loss = place.loss, .correct = (size_t)place.correct};
    for (size_t i = 0; i < groups(t); i++)
        at = get(at, &t->quantizer->group[i].range, sizeof(struct qnt_range));
    at = get(at, t->weights, t->n_values * sizeof(float));
    qnt_train_thaw(t);
    get(at, t->velocity, qnt_train_moments(t) * t->n_weights * sizeof(float));
    qnt_fpenv saved = qnt_fpenv_enter();
    qnt_status status = qnt_train_refresh(t);
    qnt_fpenv_leave(saved);
    return status;
}

qnt_status qnt_train_restore(qnt_train *t, const char *path)
{
    uint8_t *file = NULL;
    size_t bytes = 0, head = sizeof(struct header);
    if (!t || !path)
        return qnt_fail(QNT_ERR_ARG, "restore: a pointer is NULL");
    qnt_status status = read_file(t->ctx, path, &file, &bytes);
    if (!status)
        status = check_header(path, file, bytes);
    if (!status)
        status = check_fields(t, path, file + head);
    if (!status && bytes != file_bytes(t))
        status = qnt_fail(QNT_ERR_FORMAT, "%s: %zu bytes, expected %zu", path, bytes, file_bytes(t));
    if (!status)
        status = take(t, path, file + head + FIELDS * sizeof(uint64_t));
    qnt_release(t->ctx, file);
    return status;
}
