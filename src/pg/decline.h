/* The reasons for which PostgreSQL keeps a statement, by their places in declines.def. */
#ifndef TQP_PG_DECLINE_H
#define TQP_PG_DECLINE_H

#include "postgres.h"

typedef enum TqpDecline {
#define TQP_DECLINE(id, reason, why, example) TQP_DECLINE_##id,
#include "pg/declines.def"
#undef TQP_DECLINE
    TQP_DECLINE_COUNT
} TqpDecline;

/* The reason's text with strings in the places of %s: static without such, else palloc'd. */
extern const char *tqp_decline(TqpDecline id, ...);
extern const char *tqp_decline_va(TqpDecline id, va_list args);

#endif
