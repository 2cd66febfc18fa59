/* Formats are told from the content; what is none that is read is named; a .qnt file comes out as qnt_model_load gives
 * it. */
#include <string.h>
#include <qnt/qnt.h>
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static qnt_ctx *ctx;
static qnt_model *model;
static char path[TEST_PATH];
static struct qnt_bytes file;

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(test_model_float(ctx, &model));
    test_temp_file(path);
    OK(qnt_model_save(model, path));
    file = qnt_bytes_read(path);
}

static void teardown(void)
{
    free(file.data);
    unlink(path);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}

static void refused(const void *data, size_t bytes, const qnt_import_config *c, qnt_status expected, const char *text)
{
    qnt_model *m = model;
    qnt_status status = qnt_model_import_memory(ctx, data, bytes, c, &m);
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, qnt_last_error(), (int)expected, text);
    ck_assert_ptr_eq(m, model);
}

START_TEST(qnt_files_are_read_as_by_load)
{
    qnt_model *m[2];
    char again[TEST_PATH];
    test_temp_file(again);
    for (int named = 0; named < 2; named++) {
        const qnt_import_config c = {.size = sizeof c, .format = named ? "qnt" : NULL};
        OK(qnt_model_import(ctx, path, &c, &m[0]));
        OK(qnt_model_import_memory(ctx, file.data, file.n, &c, &m[1]));
        for (int i = 0; i < 2; i++) {
            OK(qnt_model_save(m[i], again));
            struct qnt_bytes b = qnt_bytes_read(again);
            ck_assert(b.n == file.n && !memcmp(b.data, file.data, b.n));
            free(b.data);
            qnt_model_free(m[i]);
        }
    }
    unlink(again);
}
END_TEST

/* In one list, format after format; past it is an error that says how many there are. */
START_TEST(operations_are_listed)
{
    qnt_import_operation_info o, before = {.format = "qnt"};
    size_t n = 0, full = 0;
    for (; qnt_import_operation(n, &o) == QNT_OK; n++) {
        ck_assert(*o.name && o.domain && o.attributes && (o.activations || o.constants));
        ck_assert(strcmp(o.format, before.format) >= 0 || !strcmp(before.format, "qnt"));
        full += !strcmp(o.format, "qnt") && !strcmp(o.name, "fully_connected") && o.required == 3 && o.inputs == 4;
        before = o;
    }
    ck_assert_uint_eq(full, 1);
    ck_assert_int_eq(qnt_import_operation(n + 1, &o), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "there are"));
    ck_assert_int_eq(qnt_import_operation(0, NULL), QNT_ERR_ARG);
}
END_TEST

START_TEST(what_a_file_is_instead_is_said)
{
    static const struct {
        const char *bytes, *text;
        size_t n;
        qnt_status status;
    } rows[] = {
        {"\34\0\0\0TFL3\0\0", "memory: a TensorFlow Lite model, expected", 10, QNT_ERR_UNSUPPORTED},
        {"GGUF\3\0\0\0", "a GGUF model", 8, QNT_ERR_UNSUPPORTED},
        {"PK\3\4\24\0", "a zip archive", 6, QNT_ERR_UNSUPPORTED},
        {"\x89HDF\r\n\x1a\n", "an HDF5 file", 8, QNT_ERR_UNSUPPORTED},
        {"\x93NUMPY\1\0", "a NumPy array", 8, QNT_ERR_UNSUPPORTED},
        {"\20\0\0\0\0\0\0\0{\"a\":", "a safetensors file", 13, QNT_ERR_UNSUPPORTED},
        {"\x80\2}q", "a Python pickle", 4, QNT_ERR_UNSUPPORTED},
        {"text", "memory: 4 bytes, beginning with 74 65 78 74, expected a model of one of these formats: qnt, onnx", 4,
         QNT_ERR_FORMAT},
        {"", "memory: 0 bytes, beginning with none", 0, QNT_ERR_FORMAT},
        /* ModelProto's fields may begin a text, but do not go on in it */
        {"\10", "1 bytes, beginning with 08", 1, QNT_ERR_FORMAT},
        {"\10\0", "2 bytes", 2, QNT_ERR_FORMAT},
        {"\"a quoted text\"", "15 bytes", 15, QNT_ERR_FORMAT},
        {"\22\377\377\377\377\377\377\377\377\377\1", "11 bytes", 11, QNT_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(rows[i].bytes, rows[i].n, NULL, rows[i].status, rows[i].text);
}
END_TEST

START_TEST(files_are_named)
{
    qnt_model *m = model;
    ck_assert_int_eq(qnt_model_import(ctx, "/nowhere/at.all", NULL, &m), QNT_ERR_IO);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "/nowhere/at.all: No such file"));
    FILE *f = fopen(path, "wb");
    ck_assert_int_eq(qnt_model_import(ctx, path, NULL, &m), QNT_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), path));
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "0 bytes"));
    file.data[file.n / 2] ^= 1;
    fwrite(file.data, 1, file.n, f);
    fclose(f);
    ck_assert_int_eq(qnt_model_import(ctx, path, NULL, &m), QNT_ERR_FORMAT);
    ck_assert(!strncmp(qnt_last_error(), path, strlen(path)));
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "checksum"));
    ck_assert_ptr_eq(m, model);
    ck_assert_int_eq(qnt_model_import(ctx, NULL, NULL, &m), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_model_import_memory(ctx, NULL, 0, NULL, &m), QNT_ERR_ARG);
}
END_TEST

START_TEST(fields_without_a_use_are_refused)
{
    const qnt_import_dim dim = {"n", 1}, none = {"n", 0};
    const qnt_import_bind bind = {.name = "x"}, lost = {.name = "x", .bytes = 4}, odd = {.name = "x", .zero = 1};
    const struct {
        qnt_import_config c;
        const char *text;
    } rows[] = {
        {{.batch = 1}, "batch is set, which a .qnt file"},
        {{.bind = &bind, .n_bind = 1}, "bind is set"},
        {{.dim = &dim, .n_dim = 1}, "dim is set"},
        {{.external_data = 1}, "memory has no folder"},
        {{.ort_x86 = 1}, "ort_x86 is set"},
        {{.external_data = 2}, "external_data is 2 and ort_x86 0, expected 0 or 1"},
        {{.ort_x86 = -1}, "ort_x86 -1, expected 0 or 1"},
        {{.reserved = 1}, "reserved is 1"},
        {{.format = "caffe"}, "format 'caffe' is not known, expected one of qnt, onnx"},
        {{.n_bind = 1}, "bind is NULL"},
        {{.n_dim = 1}, "dim is NULL"},
        {{.dim = &none, .n_dim = 1}, "dim 0 ('n')"},
        {{.bind = &lost, .n_bind = 1}, "bind 0 ('x')"},
        {{.bind = &odd, .n_bind = 1}, "bind 0 ('x')"},
        {{.channels_last = 4}, "channels_last is 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qnt_import_config c = rows[i].c;
        c.size = sizeof c;
        refused(file.data, file.n, &c, QNT_ERR_ARG, rows[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tc = tcase_create("import");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, operations_are_listed);
    tcase_add_test(tc, qnt_files_are_read_as_by_load);
    tcase_add_test(tc, what_a_file_is_instead_is_said);
    tcase_add_test(tc, files_are_named);
    tcase_add_test(tc, fields_without_a_use_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
