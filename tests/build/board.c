/* A program as on a board, of the public interface alone: the kernels agree with the reference, a model runs on two
 * threads. Prints what must not depend on how the library was built. */
#include <qnt/qnt.h>
#include <stdio.h>

enum { INPUTS = 640, OUTPUTS = 640 };

static int fail(void)
{
    fprintf(stderr, "%s\n", qnt_last_error());
    return 1;
}

int main(void)
{
    static float in[INPUTS], out[OUTPUTS];
    qnt_session_config config = {.size = sizeof config, .threads = 2};
    qnt_machine machine = {.size = sizeof machine};
    qnt_ctx *ctx;
    qnt_model *model;
    qnt_session *session;
    size_t checked;
    if (qnt_machine_get(&machine) || qnt_ctx_create(NULL, &ctx) || qnt_ctx_selftest(ctx, &checked) ||
        qnt_model_build(ctx, "fc-autoencoder", 1, &model) || qnt_session_create(model, &config, &session))
        return fail();
    for (int i = 0; i < INPUTS; i++)
        in[i] = (float)(i % 17) / 16.0f;
    if (qnt_session_run(session, in, out, 1))
        return fail();
    printf("usable cores: %u\nvariants: %zu\n", machine.usable_cores, checked);
    for (int i = 0; i < OUTPUTS; i += 64)
        printf("%a\n", (double)out[i]);
    qnt_session_free(session);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
    return 0;
}
