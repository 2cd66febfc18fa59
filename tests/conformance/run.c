/* A model on one set: imported with what the importer wants to know of the inputs, run, compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/common/temp.h"
#include "tests/conformance/conformance.h"

static enum outcome told(qnt_status status, const char *what, char *text)
{
    snprintf(text, TEXT, "%s: %s: %s", what, qnt_status_string(status), qnt_last_error());
    return status == QNT_ERR_UNSUPPORTED ? REFUSED : FAILED;
}

static enum outcome differs(char *text, const char *what, size_t i, const char *name, const char *why)
{
    snprintf(text, TEXT, "%s %zu ('%s'): %s", what, i, name, why);
    return FAILED;
}

/* The input that a refusal asks to bind ("… 'W' are an input of the model, … (bind it)"), or n_inputs. */
static size_t asked_for(const struct onnx_graph *g, const char *text)
{
    const char *end = strstr(text, "(bind it)") ? strstr(text, "an input of the model") : NULL;
    while (end && end > text && end[-1] != '\'')
        end--;
    for (size_t i = 0; end && i < g->n_inputs; i++) {
        size_t n = strlen(g->input[i].name);
        if ((size_t)(end - text) >= n + 2 && end[-2 - (long)n] == '\'' && !memcmp(end - 1 - n, g->input[i].name, n))
            return i;
    }
    return g->n_inputs;
}

/* Dimension 0 of an input, where the file leaves it open. */
static size_t open_batch(const struct onnx_graph *g, const struct set *s)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (g->input[i].has_shape && g->input[i].rank && g->input[i].dim[0] < 0 && s->in[i].rank)
            return s->in[i].dim[0];
    return 0;
}

/* Dimensions after the first that the file names, with what they are in the data. */
static size_t named_dims(const struct onnx_graph *g, const struct set *s, qnt_import_dim *dim, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_inputs; i++)
        for (uint32_t d = 1; d < g->input[i].rank && g->input[i].rank == s->in[i].rank; d++) {
            size_t k = 0;
            while (g->input[i].param[d] && k < n && strcmp(dim[k].name, g->input[i].param[d]) != 0)
                k++;
            if (g->input[i].param[d] && k == n && n < most)
                dim[n++] = (qnt_import_dim){g->input[i].param[d], s->in[i].dim[d]};
        }
    return n;
}

static qnt_status import_once(struct model *m, const struct set *s)
{
    qnt_import_bind bind[MOST_VALUES];
    qnt_import_dim dim[MOST_VALUES];
    qnt_import_config c = {.size = sizeof c, .batch = m->batch, .bind = bind, .dim = dim, .ort_x86 = m->ort_x86};
    c.n_dim = named_dims(m->graph, s, dim, MOST_VALUES);
    for (size_t i = 0; i < m->graph->n_inputs; i++) {
        const struct value *v = &s->in[i];
        if (m->bound[i])
            bind[c.n_bind++] =
                (qnt_import_bind){m->graph->input[i].name, v->stored, v->stored_bytes, v->dim, v->rank, 0};
    }
    return qnt_model_import(m->ctx, m->path, &c, &m->imported);
}

/* Asks again with each input that the importer wants to know, and with the batch. */
static qnt_status import(struct model *m, const struct set *s)
{
    qnt_status status = import_once(m, s);
    while (status == QNT_ERR_UNSUPPORTED) {
        size_t i = asked_for(m->graph, qnt_last_error()), batch = open_batch(m->graph, s);
        if (i < m->graph->n_inputs && !m->bound[i])
            m->bound[i] = true;
        else if (!m->batch && batch && strstr(qnt_last_error(), "config.batch"))
            m->batch = batch;
        else
            break;
        status = import_once(m, s);
    }
    return status;
}

/* The model comes back out of a file that the library writes. */
static qnt_status rewrite(struct model *m)
{
    char path[TEST_PATH];
    qnt_model *again = NULL;
    test_temp_file(path);
    qnt_status status = qnt_model_export(m->imported, path, NULL);
    if (!status && qnt_model_import(m->ctx, path, NULL, &again)) /* no refusal of the model's */
        status = QNT_ERR_FORMAT;
    unlink(path);
    qnt_model_free(m->imported);
    m->imported = again;
    return status;
}

static size_t elements(const qnt_tensor_info *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

/* How the session says a tensor against the data's: type, and shape with `batch` in front or, for a whole one, without.
 * *batch 0: what the counts give. */
static bool fits(const qnt_tensor_info *t, const struct value *v, size_t *batch, char *why)
{
    qnt_dtype type;
    size_t n = elements(t), front = 0;
    if (!value_type(v->type, &type) || type != t->type) {
        snprintf(why, TEXT / 2, "it is of type %d, expected %s", (int)t->type, qnt_onnx_type_name(v->type));
        return false;
    }
    if (!*batch)
        *batch = n && v->count % n == 0 ? v->count / n : 0;
    bool scalar = v->rank == 0 && t->rank == 1 && t->dim[0] == 1; /* the library has none */
    if (t->rank + 1 == v->rank && v->dim[0] == *batch)
        front = 1;
    bool same = *batch && (scalar || (t->rank + front == v->rank && (front || *batch == 1)));
    for (uint32_t d = 0; same && !scalar && d < t->rank; d++)
        same = t->dim[d] == v->dim[d + front];
    if (!same) {
        int at = snprintf(why, TEXT / 2, "its shape is %zu of", *batch);
        for (uint32_t d = 0; d < t->rank; d++)
            at += snprintf(why + at, 32, " %zu", t->dim[d]);
        at += snprintf(why + at, 32, ", expected");
        for (uint32_t d = 0; d < v->rank; d++)
            at += snprintf(why + at, 32, " %zu", v->dim[d]);
    }
    return same;
}

/* Memory for the outputs, which the session says as the data does. */
static enum outcome outputs_fit(const struct model *m, const qnt_session *session, const struct set *s, size_t batch,
                                void **out, char *text)
{
    char why[TEXT / 2] = "out of memory";
    qnt_tensor_info info;
    for (size_t i = 0; i < s->n_out; i++)
        if (qnt_session_output_at(session, i, &info) || !fits(&info, &s->out[i], &batch, why) ||
            !(out[i] = malloc(s->out[i].bytes + 1)))
            return differs(text, "output", i, m->graph->output[i].name, why);
    return PASSED;
}

/* The session's inputs are the graph's that are not bound, in order. */
static enum outcome run_session(const struct model *m, qnt_session *session, const struct set *s, size_t batch,
                                struct tolerance t, char *text)
{
    char why[TEXT / 2];
    const void *in[MOST_VALUES] = {NULL};
    void *out[MOST_VALUES] = {NULL};
    size_t n_in = 0;
    for (size_t i = 0; i < m->graph->n_inputs; i++)
        if (!m->bound[i])
            in[n_in++] = s->in[i].data;
    enum outcome outcome = outputs_fit(m, session, s, batch, out, text);
    qnt_status status = outcome == PASSED ? qnt_session_run_io(session, in, out, batch) : QNT_OK;
    if (status)
        outcome = told(status, "run", text);
    for (size_t i = 0; i < s->n_out && outcome == PASSED; i++)
        if (!value_same(&s->out[i], out[i], t, why, sizeof why))
            outcome = differs(text, "output", i, m->graph->output[i].name, why);
    for (size_t i = 0; i < s->n_out; i++)
        free(out[i]);
    return outcome;
}

/* The batch that all inputs together say. */
static enum outcome inputs_fit(const struct model *m, const struct set *s, size_t *batch, char *text)
{
    char why[TEXT / 2] = "it is none of the model's";
    qnt_tensor_info info;
    size_t k = 0;
    *batch = 0;
    for (size_t i = 0; i < m->graph->n_inputs; i++)
        if (!m->bound[i] && (qnt_model_input_at(m->imported, k++, &info) || !fits(&info, &s->in[i], batch, why)))
            return differs(text, "input", i, m->graph->input[i].name, why);
    if (k == qnt_model_input_count(m->imported) && s->n_out == qnt_model_output_count(m->imported))
        return PASSED;
    snprintf(text, TEXT, "%zu inputs and %zu outputs, expected %zu and %zu", qnt_model_input_count(m->imported),
             qnt_model_output_count(m->imported), k, s->n_out);
    return FAILED;
}

enum outcome model_run(struct model *m, const struct set *s, struct tolerance t, char text[TEXT])
{
    qnt_session *session;
    qnt_session_config config = {.size = sizeof config};
    size_t batch;
    bool any = false;
    for (size_t i = 0; i < MOST_VALUES; i++)
        any |= m->bound[i];
    if (any)
        model_free(m); /* it has the values of another set */
    const bool first = !m->imported;
    qnt_status status = first ? import(m, s) : QNT_OK;
    if (status)
        return told(status, "import", text);
    if (first && m->rewrite && (status = rewrite(m)))
        return told(status, "written and read again", text);
    enum outcome outcome = inputs_fit(m, s, &batch, text);
    if (outcome != PASSED)
        return outcome;
    config.max_batch = (uint32_t)batch;
    if ((status = qnt_session_create(m->imported, &config, &session)))
        return told(status, "session", text);
    outcome = run_session(m, session, s, batch, t, text);
    qnt_session_free(session);
    return outcome;
}

void model_free(struct model *m)
{
    qnt_model_free(m->imported);
    m->imported = NULL;
}
