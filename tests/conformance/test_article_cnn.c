/* The article's network with weights trained elsewhere: logits against PyTorch's for 256 images, and the same bytes at
 * every ISA level of this machine. QNT_CONFORMANCE names the folder that holds article-cnn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qnt/qnt.h>
#include "tests/conformance/onnx_weights.h"

enum { IMAGES = 256, SIDE = 32, CHANNELS = 3, PIXELS = SIDE * SIDE, CLASSES = 10, BATCH = 32, SKIP = 77 };
struct blob {
    uint8_t *data;
    size_t bytes;
};

static int failed(const char *what)
{
    fprintf(stderr, "article-cnn: %s: %s\n", what, qnt_last_error());
    return 1;
}

/* data == NULL when it cannot be read. */
static struct blob read_blob(const char *folder, const char *name)
{
    char path[4096];
    struct blob b = {NULL, 0};
    snprintf(path, sizeof path, "%s/article-cnn/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return b;
    if (!fseek(f, 0, SEEK_END)) {
        long bytes = ftell(f);
        rewind(f);
        if (bytes > 0 && (b.data = malloc((size_t)bytes)))
            b.bytes = fread(b.data, 1, (size_t)bytes, f);
    }
    fclose(f);
    return b;
}

/* The floats of an .npy file of version 1 with exactly `count` of them; NULL otherwise. Caller frees. */
static float *npy_floats(struct blob b, const char *shape, size_t count)
{
    if (b.bytes < 10 || memcmp(b.data, "\x93NUMPY\x01", 7))
        return NULL;
    size_t head = 10 + (size_t)(b.data[8] | b.data[9] << 8);
    if (head > b.bytes || b.bytes - head != count * sizeof(float))
        return NULL;
    char text[128] = "";
    memcpy(text, b.data + 10, head - 10 < sizeof text - 1 ? head - 10 : sizeof text - 1);
    if (!strstr(text, "'<f4'") || !strstr(text, "'fortran_order': False") || !strstr(text, shape))
        return NULL;
    float *out = malloc(count * sizeof *out);
    if (out)
        memcpy(out, b.data + head, count * sizeof *out);
    return out;
}

/* [outer][channels][inner] to [outer][inner][channels]. */
static float *channels_last(const float *src, size_t outer, size_t channels, size_t inner)
{
    float *dst = malloc(outer * channels * inner * sizeof *dst);
    for (size_t o = 0; dst && o < outer; o++)
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < inner; i++)
                dst[(o * inner + i) * channels + c] = src[(o * channels + c) * inner + i];
    return dst;
}

/* Initializer `name` as a constant of shape dim: rows of [channels][inner] become [inner][channels]. */
static int add_weight(qnt_model *m, struct blob onnx, const char *name, uint32_t rank, const size_t *dim,
                      size_t channels, int *id)
{
    struct onnx_weight w;
    size_t count = 1;
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    if (onnx_find_weight(onnx.data, onnx.bytes, name, &w) || w.count != count || w.dim[0] != dim[0]) {
        fprintf(stderr, "article-cnn: no float initializer '%s' of %zu elements\n", name, count);
        return 1;
    }
    float *src = malloc(count * sizeof *src);
    if (!src)
        return 1;
    memcpy(src, w.data, count * sizeof *src);
    float *dst = channels_last(src, dim[0], channels, count / dim[0] / channels);
    free(src);
    int bad = !dst || qnt_model_add_const(m, name, rank, dim, dst, id);
    free(dst);
    return bad ? failed(name) : 0;
}

static int add_layer(qnt_model *m, struct blob onnx, const char *op, const char *name, uint32_t rank, const size_t *dim,
                     size_t channels, int *x)
{
    qnt_node_attr attr = {.size = sizeof attr, .kernel = {3, 3}, .pad = {1, 1, 1, 1}};
    char text[64];
    int in[3] = {*x};
    snprintf(text, sizeof text, "%s.weight", name);
    if (add_weight(m, onnx, text, rank, dim, channels, &in[1]))
        return 1;
    snprintf(text, sizeof text, "%s.bias", name);
    if (add_weight(m, onnx, text, 1, dim, 1, &in[2]))
        return 1;
    return qnt_model_add_node(m, op, name, rank == 4 ? &attr : NULL, in, 3, x) ? failed(name) : 0;
}

static int add_plain(qnt_model *m, const char *op, const char *name, int *x)
{
    qnt_node_attr pool = {.size = sizeof pool, .kernel = {2, 2}, .stride = {2, 2}};
    int in = *x;
    return qnt_model_add_node(m, op, name, strcmp(op, "maxpool") ? NULL : &pool, &in, 1, x) ? failed(name) : 0;
}

static int build(qnt_ctx *ctx, struct blob onnx, qnt_model **out)
{
    qnt_model *m;
    int x;
    if (qnt_model_new(ctx, &m))
        return failed("new");
    *out = m;
    if (qnt_model_add_input(m, "input", 3, (size_t[]){SIDE, SIDE, CHANNELS}, &x))
        return failed("input");
    if (add_layer(m, onnx, "conv2d", "conv1", 4, (size_t[]){16, 3, 3, 3}, 3, &x) || add_plain(m, "relu", "relu1", &x) ||
        add_plain(m, "maxpool", "pool1", &x) ||
        add_layer(m, onnx, "conv2d", "conv2", 4, (size_t[]){32, 3, 3, 16}, 16, &x) ||
        add_plain(m, "relu", "relu2", &x) || add_plain(m, "maxpool", "pool2", &x) ||
        add_plain(m, "flatten", "flatten", &x) ||
        add_layer(m, onnx, "fully_connected", "fc1", 2, (size_t[]){128, 2048}, 32, &x) ||
        add_plain(m, "relu", "relu3", &x) ||
        add_layer(m, onnx, "fully_connected", "fc2", 2, (size_t[]){CLASSES, 128}, 1, &x))
        return 1;
    return qnt_model_set_output(m, x) ? failed("output") : 0;
}

static int run(const char *isa, struct blob onnx, const float *images, float *logits)
{
    qnt_config config = {.size = sizeof config, .isa = isa};
    qnt_session_config sc = {.size = sizeof sc, .max_batch = BATCH};
    qnt_ctx *ctx = NULL;
    qnt_model *m = NULL;
    qnt_session *s = NULL;
    int bad = qnt_ctx_create(&config, &ctx) ? failed(isa) : build(ctx, onnx, &m);
    if (!bad && qnt_session_create(m, &sc, &s))
        bad = failed("session");
    for (size_t i = 0; i < IMAGES && !bad; i += BATCH)
        if (qnt_session_run(s, images + i * PIXELS * CHANNELS, logits + i * CLASSES, BATCH))
            bad = failed("run");
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
    return bad;
}

static size_t largest(const float *row)
{
    size_t best = 0;
    for (size_t c = 1; c < CLASSES; c++)
        best = row[c] > row[best] ? c : best;
    return best;
}

/* Both sides sum the same products in float32, in another order. A plain loop is 6 units of 2^-24 of the largest logit
 * away from PyTorch, PyTorch 3 from sums in double: 16 are allowed. */
static int compare(const float *logits, const float *golden)
{
    double worst = 0.0, most = 0.0;
    size_t other = 0;
    for (size_t i = 0; i < IMAGES * CLASSES; i++) {
        double difference = fabs((double)logits[i] - (double)golden[i]), size = fabs((double)golden[i]);
        worst = difference <= worst ? worst : difference; /* a NaN stays */
        most = size > most ? size : most;
    }
    for (size_t i = 0; i < IMAGES; i++)
        other += largest(logits + i * CLASSES) != largest(golden + i * CLASSES);
    printf("article-cnn: %d images: largest difference %.3g of logits up to %.3g; %zu other classes\n", IMAGES, worst,
           most, other);
    return !(worst <= 16.0 * ldexp(most, -24)) || other;
}

/* Every usable level against the first, ref, which is compared with PyTorch. */
static int check_levels(struct blob onnx, const float *images, const float *golden, float *logits, float *again)
{
    qnt_ctx *ctx;
    qnt_isa_row row;
    int bad = 0;
    size_t levels = 0;
    if (qnt_ctx_create(NULL, &ctx))
        return failed("context");
    for (size_t i = 0; !bad && !qnt_ctx_isa(ctx, i, &row); i++) {
        if (!row.usable)
            continue;
        bad = run(row.name, onnx, images, levels ? again : logits);
        if (!bad && levels && memcmp(logits, again, IMAGES * CLASSES * sizeof *logits)) {
            fprintf(stderr, "article-cnn: %s gives other bytes than the reference\n", row.name);
            bad = 1;
        }
        if (!bad && !levels)
            bad = compare(logits, golden);
        levels++;
    }
    printf("article-cnn: %zu levels run\n", levels);
    qnt_ctx_free(ctx);
    return bad || levels == 0;
}

int main(void)
{
    const char *folder = getenv("QNT_CONFORMANCE");
    struct blob onnx = {NULL, 0}, x = {NULL, 0}, y = {NULL, 0};
    if (folder) {
        onnx = read_blob(folder, "article_cnn_fp32.onnx");
        x = read_blob(folder, "x256.npy");
        y = read_blob(folder, "logits256.npy");
    }
    if (!onnx.data || !x.data || !y.data) {
        printf("skipped: article-cnn: no files in QNT_CONFORMANCE=%s\n", folder ? folder : "");
        return SKIP;
    }
    float *planes = npy_floats(x, "(256, 3, 32, 32)", (size_t)IMAGES * CHANNELS * PIXELS);
    float *golden = npy_floats(y, "(256, 10)", IMAGES * CLASSES);
    float *images = planes ? channels_last(planes, IMAGES, CHANNELS, PIXELS) : NULL;
    float *logits = calloc(2 * IMAGES * CLASSES, sizeof *logits);
    int bad = 1;
    if (images && golden && logits)
        bad = check_levels(onnx, images, golden, logits, logits + IMAGES * CLASSES);
    else
        fprintf(stderr, "article-cnn: the .npy files are not of the shape expected\n");
    free(logits);
    free(images);
    free(golden);
    free(planes);
    free(onnx.data);
    free(x.data);
    free(y.data);
    return bad;
}
