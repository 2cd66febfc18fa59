/* The training loop: steps, progress, interruption. */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "qtrain.h"

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

/* The first signal asks the loop to stop, a second one ends the program. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static FILE *progress_to(const struct run *r)
{
    return r->s->json ? stderr : stdout;
}

/* The line that is rewritten in place on a terminal. */
static void show_step(const struct run *r, const qnt_train_progress *p, uint64_t *last)
{
    FILE *to = progress_to(r);
    if (!isatty(fileno(to)) || env_ns() - *last < 100000000u)
        return;
    *last = env_ns();
    unsigned left = p->seconds_left > 0 ? (unsigned)(p->seconds_left + 0.5) : 0;
    fprintf(to, "\repoch %u/%u  step %u/%u  loss %.4f  accuracy %5.2f %%  %.0f images/s  %u:%02u left \033[K",
            p->epoch + 1, p->epochs, p->step, p->steps, p->loss, p->accuracy * 100, p->images_per_second, left / 60,
            left % 60);
    fflush(to);
}

int loop_evaluate(const struct run *r, qnt_model *model, const qnt_dataset *data, struct eval_result *out)
{
    struct source source;
    struct eval_config config = {.batch = 32, .repeat = 1};
    config.threads = env_cpus_default(&config.cpus, r->s->config.threads);
    source_data(&source, data, model);
    return eval_run(r->tool, model, &source, &config, out);
}

static int end_epoch(struct run *r, const qnt_train_progress *p)
{
    FILE *to = progress_to(r);
    struct eval_result held;
    qnt_model *model = NULL;
    json_t *row = json_pack("{si,sf,sf,sf}", "epoch", (int)p->epoch + 1, "loss", p->loss, "accuracy", p->accuracy,
                            "images_per_second", p->images_per_second);
    unsigned left = p->seconds_left > 0 ? (unsigned)(p->seconds_left + 0.5) : 0;
    fprintf(to, "%sepoch %u/%u  loss %.4f  accuracy %5.2f %%  %.0f images/s  %u:%02u left",
            isatty(fileno(to)) ? "\r\033[K" : "", p->epoch + 1, p->epochs, p->loss, p->accuracy * 100,
            p->images_per_second, left / 60, left % 60);
    int code = EXIT_OK;
    if (r->held_out) {
        code = opt_fail(r->tool, qnt_train_model(r->train, &model));
        if (code == EXIT_OK)
            code = loop_evaluate(r, model, r->held_out, &held);
        qnt_model_free(model);
        if (code == EXIT_OK) {
            fprintf(to, "  held out %5.2f %%", held.accuracy * 100);
            json_object_set_new(row, "held_out_accuracy", json_real(held.accuracy));
        }
    }
    fprintf(to, "\n");
    fflush(to);
    json_array_append_new(r->epochs, row);
    if (code == EXIT_OK && r->s->checkpoint)
        code = opt_fail(r->tool, qnt_train_checkpoint(r->train, r->s->checkpoint));
    return code;
}

static int interrupted(struct run *r, const qnt_train_progress *p)
{
    char path[4096];
    int n = r->s->checkpoint ? snprintf(path, sizeof path, "%s", r->s->checkpoint)
                             : snprintf(path, sizeof path, "%s.ckpt", r->s->out);
    if (n < 0 || (size_t)n >= sizeof path)
        return opt_error(r->tool, EXIT_FAILED, "interrupted; the checkpoint's name is too long");
    if (isatty(fileno(progress_to(r))))
        fputc('\n', progress_to(r));
    int code = opt_fail(r->tool, qnt_train_checkpoint(r->train, path));
    if (code != EXIT_OK)
        return code;
    return opt_error(r->tool, EXIT_INTERRUPTED,
                     "interrupted in epoch %u at step %u of %u; go on with the same options and --resume %s",
                     p->epoch + 1, p->step, p->steps, path);
}

int loop_run(struct run *r)
{
    qnt_train_progress p;
    int finished = 0, code = EXIT_OK;
    uint64_t last = 0;
    catch_signals();
    while (!finished && code == EXIT_OK) {
        memset(&p, 0, sizeof p);
        if ((code = opt_fail(r->tool, qnt_train_step(r->train, &p, &finished))) != EXIT_OK)
            break;
        show_step(r, &p, &last);
        if (p.step == p.steps)
            code = end_epoch(r, &p);
        if (stop_signal && !finished && code == EXIT_OK)
            code = interrupted(r, &p);
    }
    return code;
}
