/* Texts of the reasons in declines.def. */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "pg/decline.h"

static const char *const reasons[TQP_DECLINE_COUNT] = {
#define TQP_DECLINE(id, reason, why, example) reason,
#include "pg/declines.def"
#undef TQP_DECLINE
};

const char *tqp_decline_va(TqpDecline id, va_list args) {
    const char *text = reasons[id];
    StringInfoData buf;
    if (strchr(text, '%') == NULL)
        return text;
    initStringInfo(&buf);
    for (const char *end; (end = strstr(text, "%s")) != NULL; text = end + 2) {
        appendBinaryStringInfo(&buf, text, (int)(end - text));
        appendStringInfoString(&buf, va_arg(args, const char *));
    }
    appendStringInfoString(&buf, text);
    return buf.data;
}

const char *tqp_decline(TqpDecline id, ...) {
    va_list args;
    va_start(args, id);
    const char *text = tqp_decline_va(id, args);
    va_end(args);
    return text;
}
