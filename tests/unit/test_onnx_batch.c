/* Recurrent layers whose batch is open, as frameworks write them: an image is one sequence, and gives the bytes that it
 * gives among others in a batch that is fixed. */
#include "onnx_graphs.h"

enum { SEQUENCES = 3, T = 4, I = 3, H = 5, MOST_GATES = 4 };

static const struct pick {
    const char *op;
    size_t gates;
    bool both, batch_first, states;
} picks[] = {
    {"RNN", 1, false, false, false}, {"GRU", 3, false, false, true}, {"LSTM", 4, false, false, false},
    {"LSTM", 4, true, false, false}, {"GRU", 3, true, false, false}, {"LSTM", 4, false, true, false},
    {"LSTM", 4, false, false, true},
};

static float w[2 * MOST_GATES * H * I], r[2 * MOST_GATES * H * H], state[2 * SEQUENCES * H];

/* Time first and back, directions side by side; or, with layout 1, as the cell has it. */
static void results(struct graph *b, const struct pick *p)
{
    static const int64_t swap[] = {1, 0, 2}, inner[] = {0, 2, 1, 3}, side[] = {0, 0, 2 * H};
    if (p->batch_first) {
        output(b, "all");
        output(b, "last");
        return;
    }
    if (p->both) {
        node(b, "Transpose", "all", "beside");
        attr_ints(b, "perm", inner, 4);
        constant(b, "side", ONNX_INT64, 1, (size_t[]){3}, side);
        node(b, "Reshape", "beside side", "flat");
    } else {
        static const int64_t one = 1, zero = 0;
        constant(b, "one", ONNX_INT64, 1, (size_t[]){1}, &one);
        constant(b, "zero", ONNX_INT64, 1, (size_t[]){1}, &zero);
        node(b, "Squeeze", "all one", "flat");
        node(b, "Squeeze", "last zero", "h");
        output(b, "h");
    }
    node(b, "Transpose", "flat", "y");
    attr_ints(b, "perm", swap, 3);
    output(b, "y");
}

static void cell(struct graph *b, const struct pick *p, int64_t sequences)
{
    static const int64_t swap[] = {1, 0, 2};
    const size_t d = p->both ? 2 : 1, states = sequences < 0 ? 1 : (size_t)sequences;
    begin(b, 14);
    input(b, "x", ONNX_FLOAT, 3, (const int64_t[]){sequences, T, I});
    constant(b, "w", ONNX_FLOAT, 3, (size_t[]){d, p->gates * H, I}, w);
    constant(b, "r", ONNX_FLOAT, 3, (size_t[]){d, p->gates * H, H}, r);
    constant(b, "h0", ONNX_FLOAT, 3, (size_t[]){d, states, H}, state);
    if (!p->batch_first) {
        node(b, "Transpose", "x", "x.t");
        attr_ints(b, "perm", swap, 3);
    }
    node(b, p->op, p->batch_first ? "x w r" : p->states ? "x.t w r - - h0" : "x.t w r", "all last");
    attr_int(b, "hidden_size", H);
    if (p->batch_first)
        attr_int(b, "layout", 1);
    if (p->both) {
        struct onnx_attr *a = attr(b, "direction");
        a->kind = ONNX_ATTR_STRING;
        a->s = "bidirectional";
        a->s_len = strlen(a->s);
    }
    results(b, p);
}

static void fill(void)
{
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = unit_random_float();
    for (size_t i = 0; i < sizeof r / sizeof *r; i++)
        r[i] = unit_random_float();
}

/* Both outputs, one after another in y. */
static size_t run_all(qnt_model *m, const float *x, size_t batch, float *y, size_t room)
{
    qnt_session *s;
    const qnt_session_config config = {.size = sizeof config, .max_batch = (uint32_t)batch};
    void *out[2] = {y, NULL};
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < qnt_model_output_count(m); i++) {
        qnt_tensor_info t;
        OK(qnt_model_output_at(m, i, &t));
        count[i] = batch;
        for (uint32_t d = 0; d < t.rank; d++)
            count[i] *= t.dim[d];
    }
    ck_assert_uint_le(count[0] + count[1], room);
    out[1] = y + count[0];
    OK(qnt_session_create(m, &config, &s));
    OK(qnt_session_run_io(s, (const void *const[]){x}, out, batch));
    qnt_session_free(s);
    return count[0] + count[1];
}

START_TEST(sequences_are_images)
{
    const struct pick *p = &picks[_i];
    float x[SEQUENCES * T * I], y[2][512];
    struct graph b;
    qnt_model *m;
    fill();
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = unit_random_float();
    if (p->states) /* of an open batch it would have to be the same for any number of sequences */
        cell(&b, p, SEQUENCES);
    else
        cell(&b, p, -1);
    if (p->states) {
        b.in[0].dim[0] = -1;
        b.in[0].param[0] = "N";
        refused(&b, QNT_ERR_UNSUPPORTED, "(config.batch fixes it)");
        return;
    }
    m = mapped(&b);
    const size_t n = run_all(m, x, SEQUENCES, y[0], 512);
    qnt_model_free(m);
    cell(&b, p, SEQUENCES);
    m = mapped(&b);
    ck_assert_uint_eq(run_all(m, x, 1, y[1], 512), n);
    ck_assert_mem_eq(y[0], y[1], n * sizeof **y);
    qnt_model_free(m);
}
END_TEST

/* First states of zeros, as many as there are sequences: none are needed. */
START_TEST(states_of_zeros_for_any_batch)
{
    static const int64_t zero = 0, one = 1, h = H, swap[] = {1, 0, 2};
    float x[SEQUENCES * T * I], y[2][SEQUENCES * T * H];
    fill();
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = unit_random_float();
    for (int with = 0; with < 2; with++) {
        struct graph b;
        begin(&b, 14);
        input(&b, "x", ONNX_FLOAT, 3, (const int64_t[]){-1, T, I});
        constant(&b, "w", ONNX_FLOAT, 3, (size_t[]){1, 3 * H, I}, w);
        constant(&b, "r", ONNX_FLOAT, 3, (size_t[]){1, 3 * H, H}, r);
        constant(&b, "0", ONNX_INT64, 1, (size_t[]){1}, &zero);
        constant(&b, "1", ONNX_INT64, 1, (size_t[]){1}, &one);
        constant(&b, "h", ONNX_INT64, 1, (size_t[]){1}, &h);
        node(&b, "Shape", "x", "shape");
        node(&b, "Slice", "shape 0 1", "n");
        node(&b, "Concat", "1 n h", "states");
        attr_int(&b, "axis", 0);
        node(&b, "ConstantOfShape", "states", "h0");
        node(&b, "Transpose", "x", "x.t");
        attr_ints(&b, "perm", swap, 3);
        node(&b, "GRU", with ? "x.t w r - - h0" : "x.t w r", "all");
        attr_int(&b, "hidden_size", H);
        node(&b, "Squeeze", "all 1", "flat");
        node(&b, "Transpose", "flat", "y");
        attr_ints(&b, "perm", swap, 3);
        output(&b, "y");
        qnt_model *m = mapped(&b);
        run(m, x, y[with], SEQUENCES);
        qnt_model_free(m);
    }
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
}
END_TEST

/* What knows nothing of another batch dimension refuses it, also where it would be an output. */
START_TEST(others_refuse_it)
{
    static const int64_t swap[] = {1, 0, 2};
    for (int i = 0; i < 3; i++) {
        struct graph b;
        begin(&b, 14);
        input(&b, "x", ONNX_FLOAT, 3, (const int64_t[]){-1, T, I});
        node(&b, "Transpose", "x", i < 2 ? "t" : "y");
        attr_ints(&b, "perm", swap, 3);
        if (i < 2)
            node(&b, i ? "Softmax" : "Tanh", "t", "y");
        output(&b, "y");
        refused(&b, QNT_ERR_UNSUPPORTED, i < 2 ? "(config.batch fixes it)" : "output 'y' has no batch in dimension 0");
    }
}
END_TEST

/* A size that is given to a name which no input has is a misspelt one. */
START_TEST(sizes_are_of_names)
{
    for (int known = 0; known < 2; known++) {
        const qnt_import_dim dim = {known ? "N" : "M", 2};
        const qnt_import_config c = {.size = sizeof c, .dim = &dim, .n_dim = 1};
        struct graph b;
        qnt_model *m = NULL;
        begin(&b, 14);
        input(&b, "x", ONNX_FLOAT, 2, (const int64_t[]){-1, 3});
        node(&b, "Relu", "x", "y");
        output(&b, "y");
        ck_assert_int_eq(map_with(&b, &c, &m), known ? QNT_OK : QNT_ERR_ARG);
        ck_assert(known || strstr(qnt_last_error(), "dimension 'M' is given a size, but no input has it"));
        float mean[4] = {5.0f}, deviation[4] = {5.0f};
        qnt_model_normalisation(m, NULL, deviation);
        qnt_model_normalisation(m, mean, NULL);
        ck_assert((mean[0] == 0.0f) == known && (deviation[0] == 1.0f) == known); /* NULL: left out */
        qnt_model_free(m);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_batch");
    TCase *tc = tcase_create("batch");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, sequences_are_images, 0, sizeof picks / sizeof *picks);
    tcase_add_test(tc, states_of_zeros_for_any_batch);
    tcase_add_test(tc, others_refuse_it);
    tcase_add_test(tc, sizes_are_of_names);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
