/* The ops that move elements on every type, with and without a scale; recode; what takes none of these types says so.
 */
#include "random_moves.h"

/* Of every type, with and without a scale where a type can have one. */
static const struct type_setting {
    qnt_dtype type;
    float scale; /* 0: none */
    float value; /* of pad */
} type_table[] = {{QNT_U8, 0.02f, 0.5f},     {QNT_U8, 0.0f, 200.0f},     {QNT_S8, 0.0f, -7.0f},
                  {QNT_S16, 0.01f, -1.25f},  {QNT_S16, 0.0f, 300.0f},    {QNT_U16, 0.001f, 9.0f},
                  {QNT_U16, 0.0f, 65535.0f}, {QNT_S32, 0.0f, -70000.0f}, {QNT_S64, 0.0f, -3e9f},
                  {QNT_S64, 0.0f, -1.0f},    {QNT_BOOL, 0.0f, 1.0f}};
struct typed {
    const struct type_setting *type;
    int number;
};

static int typed_input(struct qnt_model *m, const struct type_setting *type, uint32_t rank, const size_t *dim)
{
    float scale = type->scale;
    int id;
    struct qnt_tensor t = {.name = "x",
                           .type = type->type,
                           .bits = 8 * (uint32_t)qnt_dtype_size(type->type),
                           .rank = rank,
                           .scales = scale > 0.0f,
                           .scale = &scale,
                           .zero = scale > 0.0f ? 3 : 0};
    memcpy(t.dim, dim, rank * sizeof *dim);
    OK(qnt_model_append_input(m, &t, &id));
    return id;
}

/* All of them one after another; two parts of the last joined. */
static void build_typed(struct qnt_model *m, const void *arg)
{
    const struct typed *t = arg;
    size_t dim[QNT_MAX_RANK];
    for (int i = 0; i < 89 * t->number; i++)
        unit_random();
    uint32_t rank = random_shape(dim);
    int x = typed_input(m, t->type, rank, dim), in[2];
    qnt_node_attr a = random_axes(rank);
    x = add_node(m, "transpose", "turn", &a, &x, 1, NULL);
    a = random_slice(rank, m->tensor[x].dim);
    x = add_node(m, "slice", "cut", &a, &x, 1, NULL);
    a = random_pad(rank, m->tensor[x].dim);
    a.value = t->type->value;
    in[0] = x = add_node(m, "pad", "pad", &a, &x, 1, NULL);
    a = ATTR(.groups = 1);
    in[1] = add_node(m, "slice", "all", &a, &x, 1, NULL);
    a = ATTR(.axis = {(uint32_t)below(rank)});
    x = add_node(m, "concat", "join", &a, in, 2, NULL);
    a = random_regroup(rank, m->tensor[x].dim);
    x = add_node(m, "reshape", "regroup", &a, &x, 1, NULL);
    x = add_node(m, "flatten", "flat", NULL, &x, 1, NULL);
    ck_assert(m->tensor[x].type == t->type->type && m->tensor[x].scales == (t->type->scale > 0.0f));
    OK(qnt_model_set_output(m, x));
}

START_TEST(moves_of_every_type)
{
    const int types = sizeof type_table / sizeof *type_table;
    const struct typed t = {&type_table[_i % types], _i / types};
    if (fewer(_i / types, 3))
        return;
    check_model(build_typed, &t, 1.0f);
}
END_TEST

static struct qnt_model *model;
static int float_x;

#define REFUSE(op, status, text, ...) refuse_node(model, op, (qnt_node_attr){__VA_ARGS__}, &float_x, 1, status, text)

/* From bytes of u8, with a scale and without, to codes and back. */
static void build_recode(struct qnt_model *m, const void *arg)
{
    const struct type_setting type = {QNT_U8, *(const bool *)arg ? 0.02f : 0.0f, 0.0f};
    int x = typed_input(m, &type, 2, (size_t[]){7, 37});
    x = add_node(m, "recode", "codes", NULL, &x, 1, NULL);
    const struct qnt_tensor *t = &m->tensor[x];
    ck_assert(t->type == QNT_S8 && t->zero == (t->scales ? 3 : 0) - 128);
    x = add_node(m, "recode", "bytes", NULL, &x, 1, NULL);
    t = &m->tensor[x];
    ck_assert(t->type == QNT_U8 && t->zero == (t->scales ? 3 : 0) && t->scales == *(const bool *)arg);
    OK(qnt_model_set_output(m, x));
}

START_TEST(recodes_are_their_definition)
{
    const bool scaled = _i;
    check_model(build_recode, &scaled, 1.0f);
}
END_TEST

/* Bytes without a scale: what computes says no, and so does pad to a constant that is none of them. */
START_TEST(other_types_are_refused)
{
    static const struct type_setting plain = {QNT_U8, 0.0f, 0.0f};
    qnt_ctx *ctx;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &model));
    float_x = typed_input(model, &plain, 3, (size_t[]){4, 5, 6});
    REFUSE("relu", QNT_ERR_TYPE, "input 'x' is u8, expected f32 or s8", .lo = 0);
    REFUSE("maxpool", QNT_ERR_TYPE, "input 'x' is u8, expected f32 or s8", .lo = 0);
    REFUSE("resize", QNT_ERR_TYPE, "input 'x' is u8, expected f32 or s8", .dim = {8, 10});
    REFUSE("dequantize", QNT_ERR_TYPE, "input 'x' is u8, expected f32 or s8", .lo = 0);
    struct qnt_tensor wrong = {.type = QNT_U8, .bits = 8};
    int made;
    ck_assert_int_eq(qnt_model_append_node(model, qnt_op_find("recode"), "bad", NULL, &float_x, 1, NULL, &wrong, &made),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "output is u8, expected s8"));
    wrong.type = QNT_S8;
    ck_assert_int_eq(qnt_model_append_node(model, qnt_op_find("recode"), "bad", NULL, &float_x, 1, NULL, &wrong, &made),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "zero point 0, expected"));
    REFUSE("pad", QNT_ERR_ARG, "the constant is 0.5, expected a whole number of u8, 0 to 255", .value = 0.5f);
    REFUSE("pad", QNT_ERR_ARG, "the constant is 256, expected", .value = 256.0f);
    REFUSE("pad", QNT_ERR_ARG, "the constant is -1, expected", .value = -1.0f);
    float scale = 0.1f;
    struct qnt_tensor q = quant(&scale, 3);
    int id;
    ck_assert_int_eq(qnt_model_append_node(model, qnt_op_find("flatten"), "bad", NULL, &float_x, 1, NULL, &q, &id),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "output is s8, expected u8"));
    q = (struct qnt_tensor){.type = QNT_U8, .bits = 8, .scales = 1, .scale = &scale};
    ck_assert_int_eq(qnt_model_append_node(model, qnt_op_find("flatten"), "bad", NULL, &float_x, 1, NULL, &q, &id),
                     QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "passes codes on"));
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_types");
    TCase *tc = tcase_create("op_types");
    tcase_add_loop_test(tc, moves_of_every_type, 0, 4 * sizeof type_table / sizeof *type_table);
    tcase_add_loop_test(tc, recodes_are_their_definition, 0, 2);
    tcase_add_test(tc, other_types_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
