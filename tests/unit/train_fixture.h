#ifndef UNIT_TRAIN_FIXTURE_H
#define UNIT_TRAIN_FIXTURE_H
/* What the trainer's tests start from: a small network, a teacher, images, a folder for checkpoints. */
#include "tests/common/temp.h"
#include "train_util.h"

enum { IMAGES = 100, BATCH = 40 }; /* shards of 16, 16, 8 and, at the epoch's end, of 16 and 4 */

static qnt_ctx *ctx;
static qnt_dataset *data;
static qnt_model *start, *teacher;
static char folder[TEST_PATH];

static inline void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
    start = net_make(ctx, small_net, 1, SIZE_MAX, 0, 0.0f);
    teacher = net_make(ctx, small_net, 2, SIZE_MAX, 0, 0.0f);
    test_temp_folder(folder);
}

static inline const char *file(void)
{
    static char path[TEST_PATH_IN];
    snprintf(path, sizeof path, "%s/ckpt", folder);
    return path;
}

static inline void teardown(void)
{
    remove(file());
    ck_assert_int_eq(remove(folder), 0);
    qnt_model_free(start);
    qnt_model_free(teacher);
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}

/* 0: float, 1: 8 bits, 2: low bits with a teacher, 3: 8 bits, tasks of two shards, 4: 1 bit with
 * Adam. */
static inline qnt_train_config config(int kind)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    c.epochs = kind == 3 ? 9 : 3;
    c.batch = kind == 3 ? 40 * 16 : BATCH;
    c.lr = kind == 4 ? 0.003f : 0.05f;
    c.momentum = kind == 4 ? 0.0f : 0.9f;
    c.weight_decay = 5e-4f;
    c.schedule = QNT_LR_COSINE;
    c.warmup_steps = 2;
    c.augment = 1;
    c.weight_bits = kind == 0 ? 0 : kind == 2 ? 3 : kind == 4 ? 1 : 8;
    c.optimizer = kind == 4 ? QNT_ADAM : QNT_SGD;
    c.layer_bits = kind == 2 ? "conv2d0=8,fully_connected7=2" : NULL;
    c.kl = kind == 2 ? 0.5f : 0.0f;
    c.ema = 0.1f;
    c.threads = 1;
    return c;
}

static inline qnt_train *make(const qnt_train_config *c)
{
    qnt_train *t;
    OK(qnt_train_create(start, c->kl > 0.0f ? teacher : NULL, data, c, &t));
    return t;
}

static inline qnt_train_progress steps(qnt_train *t, int n)
{
    qnt_train_progress p = {0};
    int done = 0;
    for (int i = 0; i < n && !done; i++)
        OK(qnt_train_step(t, &p, &done));
    return p;
}

static inline void assert_same(const qnt_train *a, const qnt_train *b, const char *what)
{
    qnt_model *ma, *mb;
    OK(qnt_train_float_model(a, &ma));
    OK(qnt_train_float_model(b, &mb));
    ck_assert_msg(same_model(ma, mb), "%s: models differ", what);
    qnt_model_free(ma);
    qnt_model_free(mb);
    OK(qnt_train_model(a, &ma));
    OK(qnt_train_model(b, &mb));
    ck_assert_msg(same_model(ma, mb), "%s: models differ", what);
    qnt_model_free(ma);
    qnt_model_free(mb);
}
#endif
