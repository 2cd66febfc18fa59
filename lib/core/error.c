/* Error text: one buffer per thread, written on failure only. */
#include <stdio.h>
#include <string.h>
#include "lib/core/core.h"

static _Thread_local char error_text[512];

const char *qnt_last_error(void)
{
    return error_text;
}

const char *qnt_version(void)
{
    return QNT_VERSION_STRING;
}

const char *qnt_status_string(qnt_status status)
{
    switch (status) {
    case QNT_OK: return "ok";
    case QNT_ERR_ARG: return "invalid argument";
    case QNT_ERR_NOMEM: return "out of memory";
    case QNT_ERR_IO: return "input/output error";
    case QNT_ERR_FORMAT: return "format error";
    case QNT_ERR_SHAPE: return "shape error";
    case QNT_ERR_TYPE: return "type error";
    case QNT_ERR_UNSUPPORTED: return "unsupported";
    case QNT_ERR_RANGE: return "out of range";
    case QNT_ERR_STATE: return "wrong state";
    case QNT_ERR_SYSTEM: return "system error";
    case QNT_ERR_INTERRUPTED: return "interrupted";
    case QNT_ERR_DEADLINE: return "deadline missed";
    }
    return "unknown status";
}

qnt_status qnt_fail(qnt_status status, const char *format, ...)
{
    char text[sizeof error_text]; /* arguments may point into the old text */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(error_text, text, sizeof text);
    return status;
}

qnt_status qnt_fail_in(qnt_status status, const char *format, ...)
{
    char text[sizeof error_text];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t room = used >= 0 && (size_t)used + 3 < sizeof text ? sizeof text - (size_t)used - 3 : 0;
    if (room) { /* a text that is too long loses its end */
        size_t n = strnlen(error_text, room);
        memcpy(text + used, ": ", 2);
        memcpy(text + used + 2, error_text, n);
        text[(size_t)used + 2 + n] = '\0';
    }
    memcpy(error_text, text, sizeof text);
    return status;
}

void qnt_log(const qnt_ctx *ctx, int level, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!ctx->config.log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ctx->config.log(ctx->config.user, level, text);
}
