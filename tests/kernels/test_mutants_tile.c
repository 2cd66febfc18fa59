/* The checkers of the tiles: descriptors broken on purpose must fail. Mistakes are made around the reference's tile. */
#include <math.h>
#include <string.h>
#include "mutants.h"
#include "mutants_f32.h"
#include "run.h"

static const struct qnt_gemm *real;

/* ---- bounds, lanes, state: around any tile ---- */
enum kind {
    CLEAN,
    READ_PAST_W,
    READ_BEFORE_A,
    WRITE_COLUMN,
    WRITE_ROW,
    CHANGE_W,
    DROP_LAST,
    FLIP_BIT,
    KEEP_UPPER,
    CHANGE_CONTROL,
    ILLEGAL,
    KINDS
};
static const char *const kinds[KINDS][2] = {
    [CLEAN] = {"clean", NULL},
    [READ_PAST_W] = {"reads past W", "SIGSEGV"},
    [READ_BEFORE_A] = {"reads before A", "SIGSEGV"},
    [WRITE_COLUMN] = {"stores a column more", "outside"},
    [WRITE_ROW] = {"stores a row more", "SIGSEGV|outside"},
    [CHANGE_W] = {"changes W", "wrote to input"},
    [DROP_LAST] = {"does not store the last element", ""},
    [FLIP_BIT] = {"last place of the first element", ""},
    [KEEP_UPPER] = {"no vzeroupper", "upper"},
    [CHANGE_CONTROL] = {"flushes denormals", "control register"},
    [ILLEGAL] = {"illegal instruction", "SIGILL"},
};
static enum kind kind;

static size_t out_size(const struct qnt_tile *t)
{
    return t->e->kind == QNT_EPI_S8 || t->e->kind == QNT_EPI_BITS ? 1 : 4;
}

static uint8_t *out(const struct qnt_tile *t, size_t row, size_t col)
{
    if (t->e->kind == QNT_EPI_BITS) /* the byte that holds it, or that follows the row */
        return (uint8_t *)t->c + row * t->ldc + (col + 7 * (col == t->n)) / 8;
    return (uint8_t *)t->c + (row * t->ldc + col) * out_size(t);
}

static void before(const void *a, const void *w, size_t w_bytes, const struct qnt_tile *t, uint8_t kept[4])
{
    if (kind == READ_PAST_W)
        (void)((const volatile uint8_t *)w)[w_bytes];
    if (kind == READ_BEFORE_A)
        (void)((const volatile uint8_t *)a)[-1];
    if (kind == ILLEGAL)
        ck_state_illegal();
    memcpy(kept, out(t, t->m - 1, t->n - 1), out_size(t));
}

static void after(const void *w, const struct qnt_tile *t, const uint8_t kept[4])
{
    if (kind == WRITE_COLUMN && t->ldc > t->n && t->m > 1 && t->e->kind != QNT_EPI_BITS)
        *out(t, 0, t->n) ^= 1;
    if (kind == WRITE_ROW)
        *out(t, t->m, 0) ^= 1;
    if (kind == CHANGE_W)
        *(uint8_t *)(uintptr_t)w ^= 1;
    if (kind == DROP_LAST)
        memcpy(out(t, t->m - 1, t->n - 1), kept, out_size(t));
    if (kind == FLIP_BIT)
        *out(t, 0, 0) ^= 1;
    if (kind == KEEP_UPPER)
        ck_state_dirty();
    if (kind == CHANGE_CONTROL)
        ck_state_flush_denormals();
}

static void run_s8(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    uint8_t kept[4];
    before(a, w, qnt_panel_w_bytes(real, k), t, kept);
    real->run(k, a, w, t);
    after(w, t, kept);
}

static void run_rows(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    uint8_t kept[4];
    before(o->a, o->w, o->runs * o->run * real->nr, t, kept); /* s8, whatever it was packed from */
    real->run_rows(o, t);
    after(o->w, t, kept);
}

static void run_f32(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    uint8_t kept[4];
    size_t past = o->run ? (o->run - 1) * (size_t)o->w_k + real->nr : 0;
    before(o->a, o->w, (past + (o->runs - 1) * (size_t)o->w_jump) * 4, t, kept);
    real->run_f32(o, t);
    after(o->w, t, kept);
}

/* ---- what the tile is told and does not heed ---- */
enum ignored {
    BIAS_COLUMN,
    FIRST,
    LAST,
    ROW_TERM,
    ROW_TERM_ROW,
    W_ZERO_COLUMN,
    SCALE_COLUMN,
    OUT_XOR,
    CLAMP,
    ZERO,
    ROW_BIAS,
    ROW_BIAS_ROW,
    BIAS_F32,
    RUNS,
    JUMP,
    COPY_FLIP,
    COPY_LINE,
    COLUMNS_OF_A,
    PLACE,
    OUTSIDE,
    FUSION,
    IGNORED
};
static const char *const ignored_names[IGNORED] = {
    [BIAS_COLUMN] = "bias from column 0",
    [FIRST] = "every k block is the first",
    [LAST] = "every k block is the last",
    [ROW_TERM] = "no row term",
    [ROW_TERM_ROW] = "row term from row 0",
    [W_ZERO_COLUMN] = "w_zero from column 0",
    [SCALE_COLUMN] = "scale from column 0",
    [OUT_XOR] = "no out_xor",
    [CLAMP] = "no clamp",
    [ZERO] = "no output zero point",
    [ROW_BIAS] = "no row bias",
    [ROW_BIAS_ROW] = "row bias from row 0",
    [BIAS_F32] = "no float bias",
    [RUNS] = "one run of k",
    [JUMP] = "runs side by side",
    [COPY_FLIP] = "copies bytes as they are",
    [COPY_LINE] = "copies a line less",
    [COLUMNS_OF_A] = "A by rows only",
    [PLACE] = "A from the begin of its line",
    [OUTSIDE] = "adds products outside of a line",
    [FUSION] = "multiplies, then adds",
};
static enum ignored ignored;

static void forget(struct qnt_tile *t, struct qnt_epilogue *e)
{
    t->e = e;
    switch (ignored) {
    case BIAS_COLUMN:
        e->bias = e->bias ? e->bias - t->col : NULL;
        e->bias_f32 = e->bias_f32 ? e->bias_f32 - t->col : NULL;
        break;
    case FIRST:
        t->first = 1;
        break;
    case LAST:
        t->last = 1;
        break;
    case ROW_TERM:
        e->has_row_term = 0;
        break;
    case ROW_TERM_ROW:
        e->row_term = e->has_row_term ? e->row_term - t->row : NULL;
        break;
    case W_ZERO_COLUMN:
        e->w_zero = e->has_row_term ? e->w_zero - t->col : NULL;
        break;
    case SCALE_COLUMN:
        e->rq.scale = e->rq.per_channel ? e->rq.scale - t->col : e->rq.scale;
        break;
    case OUT_XOR:
        e->rq.out_xor = 0;
        break;
    case CLAMP:
        e->rq.lo = -128;
        e->rq.hi = 127;
        e->lo = -INFINITY;
        e->hi = INFINITY;
        break;
    case ZERO:
        e->rq.zero = 0;
        break;
    case ROW_BIAS:
        e->row_bias = NULL;
        break;
    case ROW_BIAS_ROW:
        e->row_bias = e->row_bias ? e->row_bias - t->row : NULL;
        break;
    case BIAS_F32:
        e->bias_f32 = NULL;
        break;
    default:
        break;
    }
}

static void forgetful_s8(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    struct qnt_tile tile = *t;
    struct qnt_epilogue e = *t->e;
    forget(&tile, &e);
    real->run(k, a, w, &tile);
}

static void forgetful_rows(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    struct qnt_tile tile = *t;
    struct qnt_epilogue e = *t->e;
    struct qnt_s8_operands operands = *o;
    forget(&tile, &e);
    if (ignored == RUNS)
        operands.runs = 1;
    if (ignored == JUMP)
        operands.a_jump = (ptrdiff_t)o->run;
    if (ignored == COPY_FLIP)
        operands.copy_flip = 0;
    if (ignored == COPY_LINE)
        operands.copy_lines -= o->copy_lines > 0;
    real->run_rows(&operands, &tile);
}

static void forgetful_f32(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    struct qnt_tile tile = *t;
    struct qnt_epilogue e = *t->e;
    struct qnt_f32_operands operands = *o;
    forget(&tile, &e);
    if (ignored == RUNS) {
        operands.run *= operands.runs;
        operands.runs = 1;
    }
    if (ignored == JUMP)
        operands.a_jump = (ptrdiff_t)o->run * o->a_k;
    if (ignored == COLUMNS_OF_A && o->a_k != 1) {
        operands.a_row = o->a_k;
        operands.a_k = 1;
    }
    operands.at = ignored == PLACE ? 0 : o->at;
    real->run_f32(&operands, &tile);
}

static void unfused(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    mutant_unfused(real, o, t);
}

static void adds_outside(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    mutant_adds_outside(real, o, t);
}

/* ---- packing ---- */
enum packing { NO_XOR, FROM_START, FIRST_TAP, PACKS_MORE, READS_MORE, PACKINGS };
static const char *const packings[PACKINGS] = {"in_xor ignored", "k0 ignored", "taps ignored", "packs a group too many",
                                               "reads past a row"};
static enum packing packing;

/* group: bytes of one of kr, 0 where rows lie one after the other. */
static void pack(qnt_pack_rows_fn *right, const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                 uint8_t in_xor, void *panel, size_t group)
{
    size_t last = k ? (k0 + k - 1) / tap_k : 0, size = real->w_bits == 32 ? 4 : 1;
    const void *same[4096];
    if (!k) {
        right(rows, tap_k, k0, k, used, in_xor, panel);
        return;
    }
    if (packing == READS_MORE && (k0 + k) % tap_k == 0)
        (void)((const volatile uint8_t *)rows[last * used + used - 1])[tap_k * size];
    if (packing == FIRST_TAP) {
        for (size_t i = 0; i < (last + 1) * used; i++)
            same[i] = rows[i % used];
        rows = same;
    }
    right(rows, tap_k, packing == FROM_START ? 0 : k0, k, used, packing == NO_XOR ? 0 : in_xor, panel);
    size_t groups = (k + real->kr - 1) / real->kr;
    if (packing == PACKS_MORE)
        ((uint8_t *)panel)[group ? groups * group : (used - 1) * qnt_rows_pitch(k) + groups * real->kr] ^= 1;
}

static void pack_a(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    pack(real->pack_a, rows, tap_k, k0, k, used, in_xor, panel,
         real->run_rows ? 0 : (size_t)real->mr * real->kr * real->a_size);
}

static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    pack(real->pack_w, rows, tap_k, k0, k, used, in_xor, panel, qnt_panel_w_bytes(real, real->kr));
}

static void pack_w_cols(const void *const *lines, size_t k, size_t used, void *panel)
{
    real->pack_w_cols(lines, k, used, panel);
    *(uint8_t *)panel ^= k > 0;
}

/* ---- unpacking ---- */
enum unpacking { UNSIGNED_CODES, UNPACKS_LESS, UNPACKS_MORE, READS_PAST_PANEL, UNPACKINGS };
static const char *const unpackings[UNPACKINGS][2] = {
    [UNSIGNED_CODES] = {"codes without sign", ""},
    [UNPACKS_LESS] = {"does not unpack the last code", ""},
    [UNPACKS_MORE] = {"unpacks a code too many", "SIGSEGV|outside"},
    [READS_PAST_PANEL] = {"unpacks from past the panel", "SIGSEGV"},
};
static enum unpacking unpacking;

static void unpack(const void *panel, size_t k, int8_t *out)
{
    const size_t n = k * real->nr;
    real->unpack(panel, k, out);
    for (size_t i = 0; unpacking == UNSIGNED_CODES && i < n; i++)
        out[i] &= (int8_t)((1 << real->w_bits) - 1);
    if (unpacking == UNPACKS_LESS && n)
        out[n - 1] = 0;
    if (unpacking == UNPACKS_MORE)
        out[n] ^= 1;
    if (unpacking == READS_PAST_PANEL)
        (void)((const volatile uint8_t *)panel)[qnt_panel_w_bytes(real, k)];
}

static void check_op(const char *op, ck_checker *check, bool upper)
{
    struct qnt_gemm g = *real;
    const struct ck c = {.op = op, .gemm_ref = real, .gemm = &g};
    g.run = real->run ? run_s8 : NULL;
    g.run_rows = real->run_rows ? run_rows : NULL;
    g.run_f32 = real->run_f32 ? run_f32 : NULL;
    for (int k = 0; k < KINDS; k++) {
        kind = (enum kind)k;
        if (kind == KEEP_UPPER && !upper)
            expect_skip();
        else
            expect(&c, check, kinds[k][0], kinds[k][1]);
    }
    g.run = real->run ? forgetful_s8 : NULL;
    g.run_rows = real->run_rows ? forgetful_rows : NULL;
    for (int i = 0; i < IGNORED; i++) {
        bool f32 = i <= LAST || i == CLAMP || i == RUNS || i == JUMP || i >= COLUMNS_OF_A;
        bool s8 = i <= ZERO || (real->run_rows && i >= RUNS && i <= COPY_LINE);
        if (real->binary)
            s8 = i < RUNS && i != ROW_TERM && i != ROW_TERM_ROW && i != W_ZERO_COLUMN;
        ignored = (enum ignored)i;
        g.run_f32 = !real->run_f32 ? NULL : i == FUSION ? unfused : i == OUTSIDE ? adds_outside : forgetful_f32;
        if (real->run_f32 ? f32 : s8)
            expect(&c, check, ignored_names[i], "");
    }
    for (int p = 0; p < PACKINGS; p++) {
        packing = (enum packing)p;
        g = *real;
        g.pack_w = pack_w;
        if (real->binary && p == NO_XOR)
            continue;
        /* The driver packs an integer W from whole rows, few bits are never u8, and f32 has no codes. */
        if (real->run_f32 ? p != NO_XOR : p != FROM_START && p != FIRST_TAP && (p != NO_XOR || real->w_bits == 8))
            expect(&c, check, packings[p], p == PACKS_MORE ? "SIGSEGV|outside" : p == READS_MORE ? "SIGSEGV" : "");
        g = *real;
        g.pack_a = real->pack_a ? pack_a : NULL;
        if (real->pack_a)
            expect(&c, check, packings[p], p == PACKS_MORE ? "SIGSEGV|outside" : p == READS_MORE ? "SIGSEGV" : "");
    }
    g = *real;
    g.pack_w_cols = pack_w_cols;
    if (real->pack_w_cols)
        expect(&c, check, "packs columns wrongly", "");
    g = *real;
    g.unpack = unpack;
    for (int u = 0; real->unpack && u < UNPACKINGS; u++) {
        unpacking = (enum unpacking)u;
        expect(&c, check, unpackings[u][0], unpackings[u][1]);
    }
}

int main(void)
{
    bool upper = expect_begin();
    struct qnt_dsp dsp;
    qnt_dsp_init(&dsp, QNT_ISA_FLAG(ref));
#define QNT_OP(op)
#define QNT_K(op, isa)
#define QNT_GEMM(op)                                                                                                   \
    for (uint32_t v = 0; v < dsp.op.count; v++) {                                                                      \
        real = dsp.op.v[v];                                                                                            \
        check_op(#op, check_##op, upper);                                                                              \
    }
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
    return expect_end();
}
