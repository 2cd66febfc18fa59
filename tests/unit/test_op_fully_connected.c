/* fully_connected against its definition: f32 in bits, s8 in bytes. */
#include "op_util.h"

struct shape {
    size_t in, out;
    uint32_t bits, scales; /* scales: 0: by channel */
    bool bias;
    int32_t zero;
    int fill;
};
static const struct shape shapes[] = {
    {1, 1, 8, 0, false, 0, RANDOM},     {7, 3, 8, 0, true, -128, RANDOM},   {64, 64, 4, 0, true, 127, RANDOM},
    {129, 17, 3, 1, false, 5, RANDOM},  {300, 10, 2, 0, true, -9, RANDOM},  {2048, 33, 8, 0, true, -30, RANDOM},
    {1000, 16, 8, 1, false, 127, -128}, {1000, 16, 8, 1, false, -128, 127},
};

static void build(struct qnt_model *m, const void *arg)
{
    const struct shape *s = arg;
    float sx = 0.04f, sy = 0.07f;
    struct qnt_tensor qx = quant(&sx, s->zero), qy = quant(&sy, -s->zero / 2);
    const size_t wdim[] = {s->out, s->in};
    int in[3] = {add_input(m, 1, &s->in)};
    if (s->bits) {
        in[0] = add_node(m, "quantize", "q", NULL, in, 1, &qx);
        in[1] = add_weights(m, "w", s->bits, 2, wdim, s->scales ? 1 : s->out, s->fill);
    } else {
        in[1] = add_floats(m, "w", 2, wdim, 0.5f);
    }
    if (s->bias)
        in[2] = s->bits ? add_bias(m, "b", s->out, 30000) : add_floats(m, "b", 1, &s->out, 1.0f);
    OK(qnt_model_set_output(m, add_node(m, "fully_connected", "fc", NULL, in, s->bias ? 3 : 2, s->bits ? &qy : NULL)));
}

START_TEST(s8_is_the_definition)
{
    check_model(build, &shapes[_i], 6.0f);
}
END_TEST

START_TEST(f32_is_the_definition)
{
    struct shape s = shapes[_i];
    s.bits = 0;
    check_model(build, &s, 1.0f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_fully_connected");
    TCase *tc = tcase_create("op_fully_connected");
    const int n = sizeof shapes / sizeof *shapes;
    tcase_add_loop_test(tc, s8_is_the_definition, 0, n);
    tcase_add_loop_test(tc, f32_is_the_definition, 0, n);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
