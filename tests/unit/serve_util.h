#ifndef UNIT_SERVE_UTIL_H
#define UNIT_SERVE_UTIL_H
/* What tests of servers share: a server at a path of its own, clients of it, and operations in their data areas. */
#include <qnt/client.h>
#include <qnt/server.h>
#include "engine_util.h"
#include "lib/serve/wire.h"
#include "tests/common/temp.h"

enum { SLOT = (sizeof(float) * (IN + OUT) + 63) & ~63, SLOTS = 16 };

static char path[TEST_PATH];

static inline qnt_server *new_server(qnt_engine *e, const qnt_server_config *config)
{
    qnt_server_config c = config ? *config : (qnt_server_config){.depth = SLOTS, .bytes = SLOTS * SLOT};
    qnt_server *s = NULL;
    c.size = sizeof c;
    c.path = path;
    OK(qnt_server_create(e, &c, &s));
    return s;
}

/* An unused name. */
static inline void new_path(void)
{
    test_temp_file(path);
    unlink(path);
}

/* A fixture: setup, and such a name. */
static inline void setup_serving(void)
{
    setup();
    new_path();
}

static inline uint8_t *data_of(const qnt_client *c)
{
    qnt_client_info info = {.size = sizeof info};
    return qnt_client_get(c, &info) ? NULL : info.data;
}

/* Operation `number` in the slot of that number: its image, and an output of other bytes. */
static inline qnt_engine_op slot_op(uint8_t *data, uint32_t m, uint64_t number)
{
    uint8_t *at = data + number % SLOTS * SLOT;
    memcpy(at, image[number % IMAGES], sizeof image[0]);
    memset(at + sizeof image[0], 0x55, sizeof expected[0][0]);
    return (qnt_engine_op){.user = number, .in = at, .out = at + sizeof image[0], .model = m};
}

/* Numbers from `first` on, models in turn, SLOTS under way: how many came back wrong or did not come. */
static inline uint32_t run_ops(qnt_client *c, uint64_t first, uint32_t n)
{
    uint8_t *data = data_of(c);
    uint32_t sent = 0, got = 0, bad = 0;
    const double begin = now_s();
    while (got < n) {
        qnt_engine_op op;
        if (sent < n && sent - got < SLOTS) {
            op = slot_op(data, sent % MODELS, first + sent);
            sent += qnt_client_submit_burst(c, &op, 1);
        }
        if (qnt_client_poll_burst(c, &op, 1)) {
            bad += op.user != first + got || op.model != got % MODELS || !is_right(&op);
            got++;
        } else if (now_s() - begin > PATIENCE_S) {
            return bad + n - got;
        } else if (sent == n || sent - got == SLOTS) {
            sched_yield();
        }
    }
    return bad;
}

/* Until the server has so many clients; false: it had not in time. */
static inline bool comes_to(const qnt_server *s, uint32_t clients)
{
    qnt_server_stats stats = {.size = sizeof stats};
    for (const double begin = now_s(); now_s() - begin < PATIENCE_S; sched_yield()) {
        OK(qnt_server_stats_get(s, &stats));
        if (stats.clients == clients && (clients || !stats.bytes))
            return true;
    }
    return false;
}
#endif
