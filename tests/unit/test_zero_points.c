/* Integer products as other formats have them: weights with zero points, one or one a channel, and sums of s32 as the
 * output; conv2d and fully_connected against their definitions. */
#include "op_util.h"

struct setting {
    size_t h, w, c, oc, k; /* h 0: fully connected, of w rows */
    uint32_t stride, pad, groups, bits;
    bool each;           /* a zero point a channel */
    int32_t least, most; /* of the zero points */
    bool sums;
};
static const struct setting settings[] = {
    {6, 5, 3, 7, 3, 1, 1, 1, 8, true, -128, 127, false},    {6, 5, 3, 7, 3, 1, 1, 1, 8, true, -128, 127, true},
    {9, 8, 16, 33, 3, 2, 1, 1, 8, false, -15, -15, false},  {9, 8, 16, 33, 3, 2, 0, 1, 8, false, -15, -15, true},
    {5, 6, 8, 12, 2, 1, 1, 4, 8, true, -128, 127, false},   {5, 6, 12, 12, 3, 1, 1, 12, 8, true, -128, 127, false},
    {5, 6, 12, 12, 3, 1, 1, 12, 8, true, -128, 127, true},  {5, 6, 12, 12, 3, 1, 1, 12, 4, true, -8, 7, false},
    {6, 6, 9, 20, 3, 1, 2, 1, 4, true, -8, 7, false},       {6, 6, 9, 20, 3, 1, 1, 1, 2, false, 1, 1, true},
    {0, 1, 40, 19, 1, 1, 0, 1, 8, true, -128, 127, false},  {0, 1, 40, 19, 1, 1, 0, 1, 8, true, -128, 127, true},
    {0, 70, 33, 18, 1, 1, 0, 1, 8, false, 127, 127, false}, {0, 70, 33, 18, 1, 1, 0, 1, 8, true, 0, 0, true},
    {0, 70, 33, 18, 1, 1, 0, 1, 8, true, 0, 0, false},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static int add_zeros(struct qnt_model *m, const struct setting *t)
{
    const size_t n = t->each ? t->oc : 1;
    int id = add_bias(m, "z", n, 1);
    for (size_t c = 0; c < n; c++)
        ((int32_t *)m->tensor[id].data)[c] = t->least + (int32_t)(unit_random() % (uint32_t)(t->most - t->least + 1));
    return id;
}

static void build(struct qnt_model *m, const void *arg)
{
    const struct setting *t = arg;
    const size_t image[] = {t->h, t->w, t->c}, w[] = {t->oc, t->k, t->k, t->c / t->groups}, full[] = {t->oc, t->c};
    float sx = 0.05f, sy = 0.9f;
    struct qnt_tensor qx = quant(&sx, -37), qy = quant(&sy, 6), s32 = {.type = QNT_S32, .bits = 32};
    const qnt_node_attr attr =
        ATTR(.stride = {t->stride, t->stride}, .pad = {t->pad, t->pad, t->pad, t->pad}, .groups = t->groups);
    int in[4] = {t->h ? add_input(m, 3, image) : add_input(m, 2, image + 1)};
    in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
    in[1] = t->h ? add_weights(m, "w", t->bits, 4, w, t->oc, RANDOM) : add_weights(m, "w", t->bits, 2, full, 1, RANDOM);
    in[2] = add_bias(m, "b", t->oc, 20000);
    in[3] = add_zeros(m, t);
    OK(qnt_model_set_output(m, add_node(m, t->h ? "conv2d" : "fully_connected", "layer", t->h ? &attr : NULL, in, 4,
                                        t->sums ? &s32 : &qy)));
}

START_TEST(products_are_their_definition)
{
    check_model(build, &settings[_i], 6.0f);
}
END_TEST

/* In floats, the values that the weights stand for. */
START_TEST(zero_points_are_in_the_values)
{
    qnt_ctx *ctx;
    qnt_model *m, *f;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    build(m, &settings[0]);
    OK(qnt_model_dequantize(m, &f));
    const struct qnt_tensor *w = &m->tensor[qnt_model_find(m, "w")], *v = &f->tensor[qnt_model_find(f, "w")];
    const int32_t *z = m->tensor[qnt_model_find(m, "z")].data;
    const size_t row = qnt_tensor_count(w) / w->dim[0];
    for (size_t i = 0; i < qnt_tensor_count(w); i++) {
        const float want = ((float)((const int8_t *)w->data)[i] - (float)z[i / row]) * w->scale[i / row];
        ck_assert(((const float *)v->data)[i] == want);
    }
    ck_assert_int_eq(qnt_model_find(f, "z"), -1);
    ck_assert_uint_eq(f->node[0].n_in, 3);
    qnt_model_free(f);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

static struct qnt_model *model;

static void refuse(const char *op, const int *in, size_t n, const struct qnt_tensor *q, qnt_status wanted,
                   const char *text)
{
    int id;
    const qnt_status status = qnt_model_append_node(model, qnt_op_find(op), "bad", NULL, in, n, NULL, q, &id);
    ck_assert_msg(status == wanted && strstr(qnt_last_error(), text), "status %d, '%s' lacks '%s'", (int)status,
                  qnt_last_error(), text);
}

START_TEST(misfits_are_refused)
{
    float sx = 0.1f;
    struct qnt_tensor qx = quant(&sx, 0), s32 = {.type = QNT_S32, .bits = 32};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &model));
    int x = add_input(model, 1, (size_t[]){5}), f = add_floats(model, "f", 2, (size_t[]){4, 5}, 1.0f);
    int fb = add_floats(model, "fb", 1, (size_t[]){4}, 1.0f), b = add_bias(model, "b", 4, 9);
    int w = add_weights(model, "w", 8, 2, (size_t[]){4, 5}, 1, RANDOM), three = add_bias(model, "three", 3, 9);
    int t = add_weights(model, "t", TERNARY, 2, (size_t[]){4, 5}, 1, RANDOM), far = add_bias(model, "far", 1, 1);
    int q = add_node(model, "quantize", "q", NULL, &x, 1, &qx);
    ((int32_t *)model->tensor[far].data)[0] = 128;
    refuse("fully_connected", (int[]){x, f, fb, b}, 4, NULL, QNT_ERR_TYPE, "zero points of weights 'f', which are f32");
    refuse("fully_connected", (int[]){q, t, b, b}, 4, &qx, QNT_ERR_TYPE,
           "zero points of weights 't', which are ternary");
    refuse("fully_connected", (int[]){q, w, b, three}, 4, &qx, QNT_ERR_SHAPE,
           "zero points 'three' are 3, expected 1 or 4");
    refuse("fully_connected", (int[]){q, w, b, fb}, 4, &qx, QNT_ERR_TYPE, "zero points 'fb' is f32, expected s32");
    refuse("fully_connected", (int[]){q, w, b, far}, 4, &qx, QNT_ERR_RANGE, "zero point 0 of 'far' is 128");
    refuse("fully_connected", (int[]){x, f}, 2, &s32, QNT_ERR_TYPE, "output is s32, expected f32");
    s32.scales = 1;
    s32.scale = &sx;
    refuse("fully_connected", (int[]){q, w}, 2, &s32, QNT_ERR_TYPE, "output is s32 of 32 bits, 1 scales");
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zero_points");
    TCase *tc = tcase_create("zero_points");
    tcase_add_loop_test(tc, products_are_their_definition, 0, SETTINGS);
    tcase_add_test(tc, zero_points_are_in_the_values);
    tcase_add_test(tc, misfits_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
