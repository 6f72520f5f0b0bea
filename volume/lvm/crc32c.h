/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crc32c - the checksum of device-mapper's metadata blocks. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/**
 * crc32c() - CRC-32C that begins with all ones and is not inverted at the end
 */
uint32_t crc32c(const void *buf, size_t len);

#endif
