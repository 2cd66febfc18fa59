#ifndef EXAMPLES_VERDICT_H
#define EXAMPLES_VERDICT_H
/* What both examples judge packets by: whether a payload is text or noise, told by a small quantized network of the
 * shares of its bytes' upper halves. A real program has features and a model of its own; the loop around is the same.
 */
#include <stdbool.h>
#include <qnt/qnt.h>

enum { FEATURES = 16, SCORES = 2, LINE = 64 };
/* Inputs and outputs of an operation, from a line of their own. */
struct judged {
    _Alignas(LINE) float in[FEATURES];
    _Alignas(LINE) float out[SCORES];
};
/* The payload that the examples send: a head, then text or noise. */
struct payload {
    uint32_t number;
    uint32_t noise; /* 1, or 0: what is to be found out */
    uint8_t content[128];
};

void make_payload(uint32_t number, struct payload *p);
void read_features(const uint8_t *content, size_t bytes, float in[FEATURES]);
static inline bool is_noise(const float out[SCORES])
{
    return out[1] > out[0];
}
qnt_status make_model(qnt_ctx *ctx, qnt_model **out);

/* Counts of packets, and the first few of them to be told. */
enum { TOLD = 4 };
struct tally {
    uint32_t passed, dropped, wrong, others, told;
    struct payload first[TOLD];
    bool verdict[TOLD];
};
void count_verdict(struct tally *t, const struct payload *p, const float out[SCORES]);
void tell(const struct tally *t);
#endif
