/* Models with several inputs and outputs: an input may be an output, and a tensor may be an output twice. */
#include <stdlib.h>
#include <unistd.h>
#include <qnt/profile.h>
#include "lib/graph/qnt_format.h"
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "op_util.h"

enum { BATCH = 5, INPUTS = 2, OUTPUTS = 4, VALUES = 6 * 6 * 3 };
static qnt_ctx *ctx;
static qnt_model *m;
static float image[INPUTS][BATCH * VALUES];
static const void *const in[INPUTS] = {image[0], image[1]};
static uint8_t room[OUTPUTS][BATCH * VALUES * sizeof(float)];
static void *const out[OUTPUTS] = {room[0], room[1], room[2], room[3]};

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    unit_seed();
    for (size_t i = 0; i < INPUTS * BATCH * VALUES; i++)
        image[i / (BATCH * VALUES)][i % (BATCH * VALUES)] = unit_random_float() * 3.0f;
}

static void teardown(void)
{
    qnt_model_free(m);
    m = NULL;
    qnt_ctx_free(ctx);
}

/* What was run on the first `batch` images is what the oracle says of the plan's outputs. */
static void same_as_oracle(const qnt_session *s, const struct oracle *o, size_t batch)
{
    for (size_t i = 0; i < qnt_model_output_count(m); i++) {
        qnt_tensor_info t;
        OK(qnt_session_output_at(s, i, &t));
        const int id = qnt_model_find(m, t.name);
        ck_assert_int_ge(id, 0);
        ck_assert_msg(!memcmp(out[i], o->value[id], batch * oracle_bytes(&m->tensor[id])), "output %zu, '%s'", i,
                      t.name);
    }
}

START_TEST(all_go_in_and_out)
{
    static uint64_t ticks[16];
    OK(test_model_borders(ctx, _i, &m));
    for (uint32_t kind = 0; kind < 6; kind++) {
        qnt_session_config c = {
            .size = sizeof c, .max_batch = BATCH, .threads = 1 + kind % 3, .keep_tensors = kind / 3};
        qnt_session *s;
        OK(qnt_session_create(m, &c, &s));
        for (size_t batch = 1; batch <= BATCH; batch++) {
            struct oracle o = oracle_run_io(m, in, batch);
            memset(room, 0x55, sizeof room);
            OK(qnt_session_run_io(s, in, out, batch));
            same_as_oracle(s, &o, batch);
            memset(room, 0x55, sizeof room);
            OK(qnt_session_profile_io(s, in, out, batch, ticks, qnt_session_step_count(s) + 2));
            same_as_oracle(s, &o, batch);
            oracle_free(&o);
        }
        qnt_session_free(s);
    }
}
END_TEST

START_TEST(each_border_is_quantized_where_it_can_be)
{
    static const qnt_dtype in_types[] = {QNT_S8, QNT_F32}, out_types[] = {QNT_S8, QNT_S8, QNT_F32, QNT_S8};
    qnt_session_config c = {.size = sizeof c, .max_batch = BATCH, .quantized_io = 1};
    qnt_session *s;
    qnt_tensor_info t;
    OK(test_model_borders(ctx, true, &m));
    OK(qnt_session_create(m, &c, &s));
    for (size_t i = 0; i < INPUTS; i++) { /* the second input is an output, too: floats */
        OK(qnt_session_input_at(s, i, &t));
        ck_assert_int_eq(t.type, in_types[i]);
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        OK(qnt_session_output_at(s, i, &t));
        ck_assert_int_eq(t.type, out_types[i]);
    }
    struct oracle o = oracle_run_io(m, in, BATCH);
    OK(qnt_session_run_io(s, (const void *[]){o.value[qnt_model_find(m, "image.q")], image[1]}, out, BATCH));
    same_as_oracle(s, &o, BATCH);
    oracle_free(&o);
    qnt_session_free(s);
    qnt_model_free(m);
    OK(test_model_borders(ctx, false, &m));
    ck_assert_int_eq(qnt_session_create(m, &c, &s), QNT_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "input 'image' is f32"));
}
END_TEST

START_TEST(a_file_holds_them)
{
    char path[TEST_PATH], other[TEST_PATH];
    qnt_model *loaded;
    OK(test_model_borders(ctx, _i, &m));
    test_temp_file(path);
    test_temp_file(other);
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &loaded));
    ck_assert(loaded->inputs.n == INPUTS && loaded->outputs.n == OUTPUTS);
    ck_assert_mem_eq(loaded->inputs.id, m->inputs.id, INPUTS * sizeof(int));
    ck_assert_mem_eq(loaded->outputs.id, m->outputs.id, OUTPUTS * sizeof(int));
    OK(qnt_model_save(loaded, other));
    struct qnt_bytes a = qnt_bytes_read(path), b = qnt_bytes_read(other);
    ck_assert_uint_eq(a.n, b.n);
    ck_assert_mem_eq(a.data, b.data, a.n);
    ck_assert_uint_eq(qnt_bytes_sections(a), QNT_FILE_BORDERS);
    ck_assert_uint_eq(qnt_bytes_section(a, QNT_FILE_BORDERS).bytes, 8 * (INPUTS + OUTPUTS));
    free(a.data);
    free(b.data);
    qnt_session *s;
    OK(qnt_session_create(loaded, NULL, &s));
    OK(qnt_session_run_io(s, in, out, 1));
    struct oracle o = oracle_run_io(m, in, 1);
    same_as_oracle(s, &o, 1);
    oracle_free(&o);
    qnt_session_free(s);
    qnt_model_free(loaded);
    unlink(path);
    unlink(other);
}
END_TEST

static void same_borders(const qnt_model *copy)
{
    qnt_tensor_info a, b;
    ck_assert_uint_eq(qnt_model_input_count(copy), INPUTS);
    ck_assert_uint_eq(qnt_model_output_count(copy), OUTPUTS);
    for (size_t i = 0; i < INPUTS; i++) {
        OK(qnt_model_input_at(m, i, &a));
        OK(qnt_model_input_at(copy, i, &b));
        ck_assert_str_eq(a.name, b.name);
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        OK(qnt_model_output_at(m, i, &a));
        OK(qnt_model_output_at(copy, i, &b));
        ck_assert(a.rank == b.rank && a.dim[0] == b.dim[0] && b.type == QNT_F32);
    }
}

START_TEST(copies_have_them)
{
    qnt_model *copy;
    OK(test_model_borders(ctx, true, &m));
    OK(qnt_model_clone(m, &copy));
    same_borders(copy);
    qnt_model_free(copy);
    OK(qnt_model_fold(m, &copy));
    same_borders(copy);
    qnt_model_free(copy);
    OK(qnt_model_dequantize(m, &copy));
    same_borders(copy);
    ck_assert_int_eq(copy->outputs.id[1], copy->outputs.id[3]);
    ck_assert_int_eq(copy->outputs.id[2], copy->inputs.id[1]);
    qnt_model_free(copy);
}
END_TEST

/* An input that is all there is, and one that nobody reads. */
START_TEST(inputs_pass_through)
{
    qnt_session *s;
    int a, b;
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "a", 1, (size_t[]){VALUES}, &a));
    OK(qnt_model_add_input(m, "b", 1, (size_t[]){3}, &b));
    OK(qnt_model_add_output(m, a));
    OK(qnt_model_add_output(m, a));
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run_io(s, in, out, 1));
    ck_assert_mem_eq(out[0], image[0], VALUES * sizeof(float));
    ck_assert_mem_eq(out[1], image[0], VALUES * sizeof(float));
    qnt_session_free(s);
    OK(qnt_model_set_output(m, b)); /* instead of both */
    ck_assert_uint_eq(qnt_model_output_count(m), 1);
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run_io(s, in, out, 1));
    ck_assert_mem_eq(out[0], image[1], 3 * sizeof(float));
    qnt_session_free(s);
}
END_TEST

static void refused(qnt_status found, const char *text)
{
    ck_assert_msg(found == QNT_ERR_ARG && strstr(qnt_last_error(), text), "status %d, '%s'", (int)found,
                  qnt_last_error());
}

START_TEST(wrong_calls_are_refused)
{
    static uint64_t ticks[16];
    qnt_session *s;
    qnt_tensor_info t;
    int id;
    OK(test_model_borders(ctx, false, &m));
    OK(qnt_session_create(m, NULL, &s));
    const size_t phases = qnt_session_step_count(s) + 2;
    refused(qnt_session_run(s, image[0], room[0], 1),
            "2 inputs and 4 outputs, expected one of each; qnt_session_run_io");
    refused(qnt_session_profile(s, image[0], room[0], 1, ticks, phases), "expected one of each");
    refused(qnt_session_profile_io(s, in, out, 1, ticks, phases + 1), "expected");
    refused(qnt_session_run_io(s, (const void *[]){image[0], NULL}, out, 1), "input 1, 'other', is NULL");
    refused(qnt_session_run_io(s, in, (void *[]){room[0], room[1], NULL, room[3]}, 1), "output 2, 'other', is NULL");
    refused(qnt_session_run_io(s, NULL, out, 1), "NULL");
    refused(qnt_session_run_io(s, in, out, 2), "batch is 2");
    refused(qnt_session_input_at(s, 2, &t), "input 2, the model has 2");
    refused(qnt_session_output_at(s, 4, &t), "output 4, the model has 4");
    refused(qnt_model_input_at(m, SIZE_MAX, &t), "the model has 2");
    refused(qnt_model_output_at(NULL, 0, &t), "NULL");
    refused(qnt_model_add_output(m, 99), "tensor 99");
    refused(qnt_model_add_output(NULL, 0), "qnt_model_add_output");
    refused(qnt_model_add_input(m, "image", 1, (size_t[]){1}, &id), "the name is taken");
    ck_assert_uint_eq(qnt_model_input_count(m), INPUTS);
    ck_assert_uint_eq(qnt_model_input_count(NULL) + qnt_model_output_count(NULL), 0);
    qnt_session_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("borders");
    TCase *tc = tcase_create("borders");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, all_go_in_and_out, 0, 2);
    tcase_add_test(tc, each_border_is_quantized_where_it_can_be);
    tcase_add_loop_test(tc, a_file_holds_them, 0, 2);
    tcase_add_test(tc, copies_have_them);
    tcase_add_test(tc, inputs_pass_through);
    tcase_add_test(tc, wrong_calls_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
