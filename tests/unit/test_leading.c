/* Dimensions in front of those that an op works on are images: against the definitions, and a model whose input has one
 * more dimension gives the bytes that as many images more give. */
#include <qnt/profile.h>
#include "op_util.h"

enum kind { FLOATS, CODES, SIGNS, KINDS };
enum { H = 7, W = 6, C = 5, MID = 16, CLASSES = 4 };

/* images: dimensions in front, 0 none. */
struct setting {
    enum kind kind;
    size_t images;
};

struct draft {
    struct qnt_model *m;
    const struct setting *t;
    int x;
};

static void add(struct draft *d, const char *op, const char *name, const qnt_node_attr *attr, int w, int b)
{
    float scale = 0.04f;
    struct qnt_tensor q = quant(&scale, 5);
    const int in[3] = {d->x, w, b};
    const bool keeps = !strcmp(op, "maxpool") || !strcmp(op, "relu") || !strcmp(op, "reshape");
    d->x = add_node(d->m, op, name, attr, in, w < 0 ? 1 : b < 0 ? 2 : 3, d->t->kind == CODES && !keeps ? &q : NULL);
}

static int weights(const struct draft *d, const char *name, uint32_t rank, const size_t *dim)
{
    return d->t->kind == FLOATS ? add_floats(d->m, name, rank, dim, 0.5f)
                                : add_weights(d->m, name, d->t->kind == SIGNS ? 1 : 8, rank, dim, dim[0], RANDOM);
}

static void layers(struct draft *d)
{
    const char *conv = d->t->kind == SIGNS ? "binary_conv2d" : "conv2d";
    qnt_node_attr same = ATTR(.pad = {1, 1, 1, 1}), half = ATTR(.kernel = {2, 2}, .stride = {2, 2}),
                  grow = ATTR(.dim = {5, 6}, .mode = QNT_RESIZE_LINEAR), near = ATTR(.dim = {4, 9}),
                  around = ATTR(.kernel = {3, 3}, .pad = {1, 0, 1, 0});
    const size_t first[] = {MID, 3, 3, C}, second[] = {MID, 3, 3, MID}, each[] = {MID, 3, 3, 1}, bias[] = {MID};
    int b = d->t->kind == CODES ? add_bias(d->m, "b1", MID, 900) : add_floats(d->m, "b1", 1, bias, 1.0f);
    add(d, conv, "conv1", &same, weights(d, "w1", 4, first), b);
    add(d, conv, "conv2", &same, weights(d, "w2", 4, second), -1);
    add(d, "relu", "relu", NULL, -1, -1);
    add(d, "maxpool", "max", &half, -1, -1);
    add(d, "resize", "grow", &grow, -1, -1);
    add(d, "avgpool", "mean", &around, -1, -1);
    if (d->t->kind != SIGNS) {
        same.groups = MID;
        add(d, conv, "depthwise", &same, weights(d, "w3", 4, each), -1);
    }
    if (d->t->kind == FLOATS)
        add(d, "resize", "near", &near, -1, -1);
}

/* Convolutions, pools and resizes, and behind a pool of all, a layer over the channels. */
static void build(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    struct draft d = {m, t, -1};
    const size_t dim[] = {t->images, H, W, C}, full[] = {CLASSES, MID};
    qnt_node_attr flat = ATTR(.dim = {t->images ? t->images : MID, t->images ? MID : 0});
    d.x = add_input(m, t->images ? 4 : 3, t->images ? dim : dim + 1);
    if (t->kind == CODES)
        add(&d, "quantize", "q", NULL, -1, -1);
    layers(&d);
    add(&d, t->kind == SIGNS ? "global_maxpool" : "global_avgpool", "top", NULL, -1, -1);
    add(&d, "reshape", "flat", &flat, -1, -1);
    add(&d, t->kind == SIGNS ? "binary_fully_connected" : "fully_connected", "fc", NULL, weights(&d, "w4", 2, full),
        -1);
    if (t->kind == CODES)
        d.x = add_node(m, "dequantize", "result", NULL, &d.x, 1, NULL);
    OK(qnt_model_set_output(m, d.x));
}

START_TEST(images_in_front_are_the_definition)
{
    const struct setting t = {(enum kind)(_i / 2), _i % 2 ? 3 : 1};
    check_model(build, &t, 2.0f);
}
END_TEST

/* Products of rows: two dimensions in front. */
static void build_rows(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    struct draft d = {m, t, add_input(m, 3, (size_t[]){3, 5, C})};
    if (t->kind == CODES)
        add(&d, "quantize", "q", NULL, -1, -1);
    add(&d, t->kind == SIGNS ? "binary_fully_connected" : "fully_connected", "rows", NULL,
        weights(&d, "w", 2, (size_t[]){MID, C}), -1);
    const struct qnt_tensor *y = &m->tensor[d.x];
    ck_assert(y->rank == 3 && y->dim[0] == 3 && y->dim[1] == 5 && y->dim[2] == MID);
    OK(qnt_model_set_output(m, d.x));
}

START_TEST(rows_in_front_are_the_definition)
{
    const struct setting t = {(enum kind)_i, 0};
    check_model(build_rows, &t, 2.0f);
}
END_TEST

static void run(qnt_ctx *ctx, const struct setting *t, size_t batch, uint32_t threads, const float *in, float *out)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = (uint32_t)batch, .threads = threads};
    qnt_step_work w = {.size = sizeof w};
    struct qnt_model *m;
    qnt_session *s;
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, t);
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_run(s, in, out, batch));
    for (size_t i = 0; i < qnt_session_step_count(s); i++) {
        OK(qnt_session_step_work(s, i, &w));
        ck_assert_uint_eq(w.macs, w.rows * w.columns * w.depth * w.groups);
        ck_assert_uint_eq(w.rank, t->images && w.rank == 4 ? 4 : t->images ? 2 : w.rank);
    }
    qnt_session_free(s);
    qnt_model_free(m);
}

START_TEST(images_in_front_are_images)
{
    enum { FRONT = 3, BATCH = 2 };
    static float in[FRONT * BATCH * H * W * C], want[FRONT * BATCH * CLASSES], found[FRONT * BATCH * CLASSES];
    const struct setting none = {(enum kind)_i, 0}, front = {(enum kind)_i, FRONT};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    unit_seed();
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        in[i] = unit_random_float() * 2.0f;
    run(ctx, &none, FRONT * BATCH, 1, in, want);
    for (uint32_t threads = 1; threads < 4; threads++) {
        memset(found, 0x55, sizeof found);
        run(ctx, &front, BATCH, threads, in, found);
        ck_assert_mem_eq(found, want, sizeof want);
    }
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(fewer_dimensions_are_refused)
{
    static const char *const ops[] = {"maxpool", "avgpool", "global_avgpool", "global_maxpool", "resize"};
    qnt_ctx *ctx;
    struct qnt_model *m;
    int id;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    int x = add_input(m, 2, (size_t[]){6, 5});
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        ck_assert_int_eq(qnt_model_add_node(m, ops[i], "n", NULL, &x, 1, &id), QNT_ERR_SHAPE);
        ck_assert_ptr_nonnull(strstr(qnt_last_error(), "input 'x' is 6 x 5, expected height x width x channels"));
    }
    ck_assert(m->tensor[x].rank == 2 && m->tensor[x].dim[0] == 6);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leading");
    TCase *tc = tcase_create("leading");
    unit_add_cases(tc, images_in_front_are_the_definition, 2 * KINDS);
    tcase_add_loop_test(tc, rows_in_front_are_the_definition, 0, KINDS);
    tcase_add_loop_test(tc, images_in_front_are_images, 0, KINDS);
    tcase_add_test(tc, fewer_dimensions_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
