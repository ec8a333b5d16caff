/* CRC-32C of file contents, with the SSE 4.2 instruction where the CPU has it. */
#ifndef TQP_BASE_CHECKSUM_H
#define TQP_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Continue from `crc` (0 to begin). */
uint32_t tqp_checksum_crc32c(uint32_t crc, const void *data, size_t len);

#endif
