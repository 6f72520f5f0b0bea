/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bytes - numbers as they lie at any address: in the repository's objects, little-endian, and on
 * wires. */
#ifndef LUNETTE_BYTES_H
#define LUNETTE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void put_le32(uint8_t *p, uint32_t n)
{
	n = htole32(n);
	memcpy(p, &n, sizeof(n));
}

static inline void put_le64(uint8_t *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
}

static inline uint16_t get_le16(const uint8_t *p)
{
	uint16_t n;
	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	uint32_t n;
	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static inline uint64_t get_le64(const uint8_t *p)
{
	uint64_t n;
	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

/* Big-endian, as SCSI and NBD have it; @bytes at most 8. */
static inline uint64_t get_be(const uint8_t *p, size_t bytes)
{
	uint64_t n = 0;
	memcpy((uint8_t *)&n + sizeof(n) - bytes, p, bytes);
	return be64toh(n);
}

#endif
