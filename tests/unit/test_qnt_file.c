/* .qnt files: what is written is read back the same, constants lie in the mapping, and what is no good file is refused
 * with a text that names it. Damage and hostile bytes: test_qnt_hostile.c. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qnt/session.h>
#include "lib/graph/qnt_file.h"
#include "same_model.h"
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "unit.h"

enum { BATCH = 7 };
static qnt_ctx *ctx;
static char folder[TEST_PATH], path[TEST_PATH_IN], other[TEST_PATH_IN];

static void setup(void)
{
    test_temp_folder(folder);
    snprintf(path, sizeof path, "%s/model.qnt", folder);
    snprintf(other, sizeof other, "%s/other.qnt", folder);
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
    unlink(path);
    unlink(other);
    ck_assert_int_eq(rmdir(folder), 0); /* no temporary file stays */
}

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static void refuses(qnt_status got, qnt_status status, const char *text)
{
    ck_assert_msg(got == status && strstr(qnt_last_error(), text), "status %d, '%s'; expected %d, '%s'", (int)got,
                  qnt_last_error(), (int)status, text);
}

/* Weights of 2 bits as ternary ones. */
static void make_ternary(qnt_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        struct qnt_tensor *t = &m->tensor[i];
        if (!t->constant || t->bits != 2)
            continue;
        t->type = QNT_TERNARY;
        for (size_t k = 0; k < qnt_tensor_count(t); k++)
            if (((int8_t *)t->data)[k] == -2)
                ((int8_t *)t->data)[k] = -1;
    }
}

enum { TERNARY = 13, MODELS };
/* 0: float, 1 to 7: quantized with i + 1 bits, 8 and 9: other ops, float and quantized, 10: 1 bit, 11 and 12: moves,
 * 13: ternary */
static qnt_model *model_of(int i)
{
    qnt_model *m = NULL;
    if (i == 8 || i == 9)
        OK(test_model_pools(ctx, i == 9, &m));
    else if (i == 11 || i == 12)
        OK(test_model_moves(ctx, i == 12, &m));
    else if (i == 0)
        OK(test_model_float(ctx, &m));
    else
        OK(test_model_quantized(ctx, i == 10 ? 1 : i == TERNARY ? 2 : (uint32_t)i + 1, &m));
    if (i == TERNARY)
        make_ternary(m);
    return m;
}

static void run(qnt_model *m, float *out)
{
    float in[BATCH * TEST_MODEL_IN];
    memset(out, 0, BATCH * TEST_MODEL_OUT * sizeof *out);
    qnt_session_config config = {.size = sizeof config, .max_batch = BATCH};
    qnt_session *s;
    test_model_images(in, BATCH * TEST_MODEL_IN);
    OK(qnt_session_create(m, &config, &s));
    OK(qnt_session_run(s, in, out, BATCH));
    qnt_session_free(s);
}

static void same_file(const char *a, const char *b)
{
    struct qnt_bytes x = qnt_bytes_read(a), y = qnt_bytes_read(b);
    ck_assert_uint_eq(x.n, y.n);
    ck_assert_mem_eq(x.data, y.data, x.n);
    free(x.data);
    free(y.data);
}

START_TEST(model_comes_back_the_same)
{
    float before[BATCH * TEST_MODEL_OUT], after[BATCH * TEST_MODEL_OUT];
    qnt_model *m = model_of(_i), *mapped, *copied;
    OK(qnt_model_save(m, path));
    run(m, before);
    OK(qnt_model_load(ctx, path, &mapped));
    struct qnt_bytes b = qnt_bytes_read(path);
    memmove(b.data + 1, b.data, b.n); /* any alignment will do; there is one byte more */
    OK(qnt_model_load_memory(ctx, b.data + 1, b.n, &copied));
    free(b.data);
    same_model(m, mapped);
    same_model(m, copied);
    OK(qnt_model_save(copied, other));
    same_file(path, other);
    qnt_model_free(m);
    run(mapped, after);
    ck_assert_mem_eq(before, after, sizeof before);
    run(copied, after);
    ck_assert_mem_eq(before, after, sizeof before);
    qnt_model_free(mapped);
    qnt_model_free(copied);
}
END_TEST

START_TEST(constants_lie_in_the_mapping)
{
    qnt_model *m = model_of(_i), *mapped;
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &mapped));
    for (size_t i = 0; i < mapped->n_tensors; i++) {
        const struct qnt_tensor *t = &mapped->tensor[i];
        if (!t->constant)
            continue;
        uintptr_t at = (uintptr_t)t->data - (uintptr_t)mapped->map;
        bool packed = t->bits < 8;
        ck_assert_int_eq(at < mapped->map_bytes, !packed);
        ck_assert_int_eq(t->owns_data, packed);
        ck_assert_uint_eq((uintptr_t)t->data % QNT_FILE_ALIGN, 0);
    }
    qnt_model_free(m);
    qnt_model_free(mapped);
}
END_TEST

START_TEST(weight_bytes_are_those_of_the_file)
{
    qnt_model *m = model_of(_i);
    uint64_t stored = 0, nodes = 0;
    OK(qnt_model_save(m, path));
    struct qnt_bytes b = qnt_bytes_read(path);
    struct qnt_file_section e = qnt_bytes_section(b, QNT_FILE_TENSORS);
    for (uint64_t at = 0; at < e.bytes; at += e.entry_bytes) {
        struct qnt_file_tensor t;
        memcpy(&t, b.data + e.offset + at, sizeof t);
        stored += t.bytes;
    }
    for (size_t i = 0; i < qnt_model_node_count(m); i++) {
        qnt_node_info info;
        OK(qnt_model_node(m, i, &info));
        nodes += info.weight_bytes;
    }
    ck_assert_uint_eq(qnt_model_weight_bytes(m), stored);
    ck_assert_uint_eq(nodes, stored);
    free(b.data);
    qnt_model_free(m);
}
END_TEST

START_TEST(file_keeps_its_layout)
{
    /* A change of these numbers is a change of the format: the version must say so. */
    qnt_model *m = model_of(2);
    OK(qnt_model_save(m, path));
    struct qnt_bytes b = qnt_bytes_read(path);
    static const uint8_t head[] = {0x89, 'Q', 'N', 'T', '\r', '\n', 0x1a, '\n', 1, 0, 2, 0, 6, 0, 0, 0};
    ck_assert_mem_eq(b.data, head, sizeof head);
    uint64_t end = 256;
    for (unsigned k = QNT_FILE_MODEL; k <= QNT_FILE_DATA; k++) {
        struct qnt_file_section e = qnt_bytes_section(b, k);
        ck_assert_uint_eq(e.kind, k);
        ck_assert_uint_eq(e.offset, end);
        end = (e.offset + e.bytes + 63) / 64 * 64;
    }
    ck_assert_uint_eq(end, b.n);
    struct qnt_file_section data = qnt_bytes_section(b, QNT_FILE_DATA);
    /* 3-bit codes of conv.weight begin with -4, 3: 100b, 011b from the low end up. */
    ck_assert_uint_eq(b.data[data.offset] & 0x3f, 0x1c);
    free(b.data);
    qnt_model_free(m);
}
END_TEST

START_TEST(codes_of_every_width)
{
    uint32_t bits = (uint32_t)_i;
    int8_t src[67], back[67];
    uint8_t packed[67];
    int32_t half = 1 << (bits - 1);
    for (size_t n = 0; n <= sizeof src; n++) {
        size_t bytes = (size_t)qnt_stored_bytes(bits, n);
        for (size_t i = 0; i < n; i++)
            src[i] = bits == 1 ? (int8_t)(1 - 2 * (int)((i * 37 + n) / 3 % 2))
                               : (int8_t)((int32_t)((i * 37 + n) % (size_t)(2 * half)) - half);
        memset(packed, 0xee, sizeof packed);
        memset(back, 0x55, sizeof back);
        ck_assert_uint_eq(qnt_codes_pack(src, n, bits, packed), n);
        ck_assert(bytes == sizeof packed || packed[bytes] == 0xee);
        ck_assert(qnt_codes_unpack(packed, n, bits, back));
        ck_assert_mem_eq(src, back, n);
        ck_assert(n == sizeof back || back[n] == 0x55);
        if (n * bits % 8) {
            packed[bytes - 1] |= 0x80;
            ck_assert(!qnt_codes_unpack(packed, n, bits, back));
        }
    }
    src[5] = bits == 1 ? 0 : (int8_t)half;
    ck_assert_uint_eq(qnt_codes_pack(src, 9, bits, packed), 5);
    src[5] = (int8_t)(-half - 1);
    ck_assert_uint_eq(qnt_codes_pack(src, 9, bits, packed), 5);
}
END_TEST

START_TEST(what_is_no_model_is_refused)
{
    qnt_model *m = (qnt_model *)&ctx, *untouched = m;
    refuses(qnt_model_load(ctx, path, &m), QNT_ERR_IO, "model.qnt: No such file");
    refuses(qnt_model_load(ctx, folder, &m), QNT_ERR_IO, "not a regular file");
    refuses(qnt_model_load(ctx, "/dev/zero", &m), QNT_ERR_IO, "/dev/zero: not a regular file");
    ck_assert_int_eq(mkfifo(other, 0600), 0);
    refuses(qnt_model_load(ctx, other, &m), QNT_ERR_IO, "not a regular file");
    FILE *f = fopen(path, "wb");
    fclose(f);
    refuses(qnt_model_load(ctx, path, &m), QNT_ERR_FORMAT,
            "model.qnt: header: the file has 0 bytes, expected at least");
    f = fopen(path, "wb");
    for (int i = 0; i < 100; i++)
        fputs("text ", f);
    fclose(f);
    refuses(qnt_model_load(ctx, path, &m), QNT_ERR_FORMAT, "not a .qnt file");
    refuses(qnt_model_load_memory(ctx, "", 0, &m), QNT_ERR_FORMAT, "memory: header: the file has 0 bytes");
    refuses(qnt_model_load_memory(ctx, NULL, 0, &m), QNT_ERR_ARG, "NULL");
    refuses(qnt_model_load(ctx, NULL, &m), QNT_ERR_ARG, "NULL");
    ck_assert_ptr_eq(m, untouched);
}
END_TEST

/* Whether some mapping of this process is of the model file. */
static bool mapped(void)
{
    char line[512];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        found = found || strstr(line, path);
    fclose(f);
    return found;
}

START_TEST(mapping_lives_as_long_as_the_model)
{
    qnt_model *m = model_of(1), *loaded;
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &loaded));
    ck_assert(mapped());
    qnt_session *s;
    OK(qnt_session_create(loaded, NULL, &s));
    qnt_model_free(loaded);
    ck_assert(mapped()); /* the session holds the model */
    qnt_session_free(s);
    ck_assert(!mapped());
    ck_assert_int_eq(truncate(path, 640), 0);
    refuses(qnt_model_load(ctx, path, &loaded), QNT_ERR_FORMAT, "model.qnt: header: the file has 640 bytes, expected");
    ck_assert(!mapped());
    qnt_model_free(m);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
    char nowhere[TEST_PATH_IN];
    qnt_model *m = model_of(3), *empty;
    snprintf(nowhere, sizeof nowhere, "%s/none/model.qnt", folder);
    refuses(qnt_model_save(m, nowhere), QNT_ERR_IO, "none/model.qnt: No such file");
    refuses(qnt_model_save(m, folder), QNT_ERR_IO, "directory");
    refuses(qnt_model_save(m, NULL), QNT_ERR_ARG, "NULL");
    OK(qnt_model_new(ctx, &empty));
    refuses(qnt_model_save(empty, path), QNT_ERR_STATE, "no input");
    qnt_model_free(empty);
    struct qnt_tensor *w = &m->tensor[qnt_model_find(m, "conv.weight")];
    int8_t *code = w->data, kept = code[4];
    code[4] = 8;
    refuses(qnt_model_save(m, path), QNT_ERR_RANGE, "'conv.weight': code 4 is 8, which is none of 4 bits");
    code[4] = kept;
    w->scale[1] = -1.0f;
    refuses(qnt_model_save(m, path), QNT_ERR_UNSUPPORTED, "'conv.weight': scale 1 is -1");
    ck_assert_int_ne(access(path, F_OK), 0);
    qnt_model_free(m);
}
END_TEST

START_TEST(ternary_codes_are_checked)
{
    qnt_model *m = model_of(TERNARY), *loaded = NULL;
    int8_t *code = m->tensor[qnt_model_find(m, "fc.weight")].data, kept = code[5];
    code[5] = -2;
    refuses(qnt_model_save(m, path), QNT_ERR_RANGE, "'fc.weight': code 5 is -2, expected -1 to 1");
    code[5] = kept;
    OK(qnt_model_save(m, path));
    struct qnt_bytes b = qnt_bytes_read(path);
    b.data[qnt_bytes_section(b, QNT_FILE_DATA).offset] = 0x61; /* 1, 0, -2, 1 */
    qnt_bytes_rehash(b);
    refuses(qnt_model_load_memory(ctx, b.data, b.n, &loaded), QNT_ERR_FORMAT,
            "data: 'conv.weight': code 2 is -2, expected -1 to 1");
    free(b.data);
    qnt_model_free(m);
}
END_TEST

/* An input, a constant and what a reshape makes, of every type that may be all of these. */
START_TEST(every_type_comes_back)
{
    const qnt_dtype type = (qnt_dtype)_i;
    const qnt_node_attr flat = {.size = sizeof flat, .dim = {6}};
    float scale = 0.5f;
    qnt_model *m, *loaded;
    int id;
    if (type == QNT_TERNARY)
        return;
    const bool codes = type != QNT_F32 && type != QNT_S64 && type != QNT_BOOL;
    struct qnt_tensor t = {.name = "x",
                           .type = type,
                           .bits = 8 * (uint32_t)qnt_dtype_size(type),
                           .rank = 2,
                           .dim = {2, 3},
                           .scales = codes,
                           .scale = &scale};
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_append_input(m, &t, &id));
    OK(qnt_model_add_node(m, "reshape", "y", &flat, &id, 1, &id));
    OK(qnt_model_set_output(m, id));
    t.name = "c";
    t.constant = t.owns_data = true;
    uint8_t *data = t.data = qnt_alloc(ctx, 6 * qnt_dtype_size(type), "c");
    for (size_t i = 0; i < 6 * qnt_dtype_size(type); i++)
        data[i] = type == QNT_BOOL ? i % 2 : (uint8_t)(37 * i);
    OK(qnt_model_append_tensor(m, &t, &id));
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &loaded));
    same_model(m, loaded);
    qnt_model_free(loaded);
    if (type == QNT_BOOL) {
        data[3] = 2;
        refuses(qnt_model_save(m, path), QNT_ERR_RANGE, "'c': code 3 is 2, expected 0 or 1");
    }
    qnt_model_free(m);
}
END_TEST

START_TEST(saving_replaces_the_file_whole)
{
    qnt_model *m = model_of(0), *mapped, *again;
    OK(qnt_model_save(m, path));
    OK(qnt_model_load(ctx, path, &mapped));
    OK(qnt_model_save(mapped, path)); /* over the file that it maps */
    same_model(m, mapped);
    OK(qnt_model_load(ctx, path, &again));
    same_model(m, again);
    qnt_model_free(m);
    qnt_model_free(mapped);
    qnt_model_free(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("qnt_file");
    TCase *tc = tcase_create("qnt_file");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, model_comes_back_the_same, 0, MODELS);
    tcase_add_loop_test(tc, constants_lie_in_the_mapping, 0, MODELS);
    tcase_add_loop_test(tc, weight_bytes_are_those_of_the_file, 0, MODELS);
    tcase_add_test(tc, file_keeps_its_layout);
    tcase_add_loop_test(tc, codes_of_every_width, 1, 8);
    tcase_add_test(tc, what_is_no_model_is_refused);
    tcase_add_test(tc, mapping_lives_as_long_as_the_model);
    tcase_add_test(tc, what_cannot_be_written_is_refused);
    tcase_add_test(tc, ternary_codes_are_checked);
    tcase_add_loop_test(tc, every_type_comes_back, QNT_F32, QNT_BOOL + 1);
    tcase_add_test(tc, saving_replaces_the_file_whole);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
