#include "verdict.h"
#include <stdio.h>
#include <string.h>

void make_payload(uint32_t number, struct payload *p)
{
    static const char text[] = "A packet of words, one after the other, as people write them to each other. ";
    uint32_t random = number * 2654435761u + 1;
    p->number = number;
    p->noise = number % 3 == 2;
    for (size_t i = 0; i < sizeof p->content; i++) {
        random = random * 1664525u + 1013904223u;
        p->content[i] = p->noise ? (uint8_t)(random >> 24) : (uint8_t)text[(i + number) % (sizeof text - 1)];
    }
}

void read_features(const uint8_t *content, size_t bytes, float in[FEATURES])
{
    uint32_t count[FEATURES] = {0};
    for (size_t i = 0; i < bytes; i++)
        count[content[i] >> 4]++;
    for (int k = 0; k < FEATURES; k++)
        in[k] = bytes ? (float)count[k] / (float)bytes : 0;
}

/* One layer: what text has its bytes in, from 0x20 to 0x7f, against all else. Twice as much, since a half of noise is
 * there, too. */
static qnt_status make_float_model(qnt_ctx *ctx, qnt_model **out)
{
    static const size_t width[] = {FEATURES}, shape[] = {SCORES, FEATURES};
    float weight[SCORES][FEATURES] = {{0}};
    int id[2], scores;
    for (int k = 0; k < FEATURES; k++)
        weight[k < 2 || k > 7][k] = k < 2 || k > 7 ? 4 : 1;
    qnt_status status = qnt_model_new(ctx, out);
    if (status)
        return status;
    if ((status = qnt_model_add_input(*out, "shares", 1, width, &id[0])) ||
        (status = qnt_model_add_const(*out, "weights", 2, shape, weight[0], &id[1])) ||
        (status = qnt_model_add_node(*out, "fully_connected", "scores", NULL, id, 2, &scores)) ||
        (status = qnt_model_set_output(*out, scores)))
        qnt_model_free(*out);
    return status;
}

/* The same in codes of 8 bits, by some of the packets. */
qnt_status make_model(qnt_ctx *ctx, qnt_model **out)
{
    qnt_model *m;
    qnt_ptq *p = NULL;
    qnt_status status = make_float_model(ctx, &m);
    if (status)
        return status;
    status = qnt_ptq_create(m, NULL, &p);
    for (uint32_t i = 0; i < 32 && !status; i++) {
        struct payload packet;
        float in[FEATURES];
        make_payload(i, &packet);
        read_features(packet.content, sizeof packet.content, in);
        status = qnt_ptq_observe(p, in, 1);
    }
    if (!status)
        status = qnt_ptq_model(p, out);
    qnt_ptq_free(p);
    qnt_model_free(m);
    return status;
}

void count_verdict(struct tally *t, const struct payload *p, const float out[SCORES])
{
    const bool noise = is_noise(out);
    t->passed += !noise;
    t->dropped += noise;
    t->wrong += noise != (p->noise == 1);
    if (t->told < TOLD) {
        t->first[t->told] = *p;
        t->verdict[t->told++] = noise;
    }
}

void tell(const struct tally *t)
{
    for (uint32_t i = 0; i < t->told; i++) {
        char text[25] = "";
        for (size_t k = 0; k + 1 < sizeof text; k++) {
            const uint8_t c = t->first[i].content[k];
            text[k] = c >= ' ' && c < 127 ? (char)c : '.';
        }
        printf("packet %u: \"%s...\": %s\n", t->first[i].number, text, t->verdict[i] ? "noise, drop" : "text, pass");
    }
    printf("%u packets: %u passed, %u dropped, %u of these verdicts wrong; %u others\n", t->passed + t->dropped,
           t->passed, t->dropped, t->wrong, t->others);
}
