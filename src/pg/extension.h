/* Installation state of the extension in this database, and what CREATE and DROP EXTENSION do. */
#ifndef TQP_PG_EXTENSION_H
#define TQP_PG_EXTENSION_H

/* Called once by _PG_init. */
extern void tqp_extension_init(void);

#endif
