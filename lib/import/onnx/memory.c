/* Small pieces are cut from blocks, large ones are blocks of their own. */
#include "lib/import/onnx/memory.h"

enum { HEAD = 64, SMALL = 4096, BLOCK = 1 << 16, PIECE = 16 };
struct onnx_block {
    struct onnx_block *next;
};

static uint8_t *add_block(struct onnx_memory *m, size_t bytes, const char *what)
{
    /* A sum that wraps asks for what no allocator has. */
    struct onnx_block *b = qnt_alloc(m->ctx, bytes > SIZE_MAX - HEAD ? SIZE_MAX : HEAD + bytes, what);
    if (!b) {
        m->failed = true;
        return NULL;
    }
    b->next = m->blocks;
    m->blocks = b;
    return (uint8_t *)b + HEAD;
}

void *qnt_onnx_take(struct onnx_memory *m, size_t bytes, const char *what)
{
    if (bytes > SMALL)
        return add_block(m, bytes, what);
    size_t piece = qnt_round_up(bytes ? bytes : 1, PIECE);
    if (m->left < piece) {
        uint8_t *block = add_block(m, BLOCK, what);
        if (!block)
            return NULL;
        m->at = block;
        m->left = BLOCK;
    }
    uint8_t *out = m->at;
    m->at += piece;
    m->left -= piece;
    return out;
}

void *qnt_onnx_take_array(struct onnx_memory *m, size_t count, size_t size, const char *what)
{
    size_t bytes;
    if (!qnt_mul_overflows(count, size, &bytes))
        return qnt_onnx_take(m, bytes, what);
    qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu times %zu bytes for %s", count, size, what);
    m->failed = true;
    return NULL;
}

void qnt_onnx_release(struct onnx_memory *m)
{
    struct onnx_block *next;
    for (struct onnx_block *b = m->blocks; b; b = next) {
        next = b->next;
        qnt_release(m->ctx, b);
    }
    m->blocks = NULL;
    m->left = 0;
}
