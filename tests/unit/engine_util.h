#ifndef UNIT_ENGINE_UTIL_H
#define UNIT_ENGINE_UTIL_H
/* What tests of the engine share: models of the same borders, what a session makes of their inputs, and operations that
 * say which image they are about. */
#include <sched.h>
#include <string.h>
#include <time.h>
#include <qnt/engine.h>
#include <qnt/session.h>
#include "lib/engine/engine.h"
#include "tests/common/models.h"
#include "tests/common/quick.h"
#include "unit.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define UNIT_TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define UNIT_TSAN 1
#endif
#ifndef UNIT_TSAN
#define UNIT_TSAN 0
#endif

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
#define REFUSED(call, status, text)                                                                                    \
    do {                                                                                                               \
        qnt_status got_ = (call);                                                                                      \
        ck_assert_msg(got_ == (status) && strstr(qnt_last_error(), (text)), "%s: status %d, '%s', expected '%s'",      \
                      #call, (int)got_, qnt_last_error(), text);                                                       \
    } while (0)

enum { IMAGES = 8, MODELS = 3, IN = TEST_MODEL_IN, OUT = TEST_MODEL_OUT, PATIENCE_S = 60 };
static qnt_ctx *ctx;
static qnt_model *model[MODELS];
static float image[IMAGES][IN], expected[MODELS][IMAGES][OUT];

static inline void run_session(qnt_model *m, float (*out)[OUT])
{
    qnt_session *s;
    OK(qnt_session_create(m, NULL, &s));
    for (int i = 0; i < IMAGES; i++)
        OK(qnt_session_run(s, image[i], out[i], 1));
    qnt_session_free(s);
}

static inline void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(test_model_quantized(ctx, 8, &model[0]));
    OK(test_model_quantized(ctx, 2, &model[1]));
    OK(test_model_float(ctx, &model[2]));
    test_model_images(image[0], IN);
    for (int i = 1; i < IMAGES; i++)
        for (int k = 0; k < IN; k++)
            image[i][k] = image[i - 1][(k + 17) % IN] * (i % 2 ? -0.75f : 1.25f);
    for (int m = 0; m < MODELS; m++)
        run_session(model[m], expected[m]);
}

static inline void teardown(void)
{
    for (int m = 0; m < MODELS; m++)
        qnt_model_free(model[m]);
    qnt_ctx_free(ctx);
}

static inline qnt_engine *new_engine(const qnt_engine_config *config)
{
    qnt_engine *e = NULL;
    OK(qnt_engine_create(model, MODELS, config, &e));
    return e;
}

static inline qnt_engine_op new_op(uint32_t m, uint64_t number, float *out)
{
    return (qnt_engine_op){.user = number, .in = image[number % IMAGES], .out = out, .model = m};
}

static inline bool is_right(const qnt_engine_op *op)
{
    return op->status == QNT_OK && !memcmp(op->out, expected[op->model][op->user % IMAGES], sizeof expected[0][0]);
}

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* n results of queue pair qp. */
static inline void poll_all(qnt_engine *e, uint32_t qp, qnt_engine_op *ops, uint32_t n)
{
    const double begin = now_s();
    for (uint32_t got = 0; got < n;) {
        const uint32_t more = qnt_engine_poll_burst(e, qp, ops + got, n - got);
        got += more;
        if (!more)
            sched_yield(); /* workers may share this core */
        EACH_MUST(more || now_s() - begin < PATIENCE_S, "%u of %u results", got, n);
    }
}
#endif
