/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * crc32c - see crc32c.h.
 *
 * Four bits at a time from a table of 16: short enough to be read, and fast enough for metadata.
 */
#include "crc32c.h"

/* The remainders of i * x^28 modulo the polynomial 0x1edc6f41, bits reversed. */
static const uint32_t table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c(const void *buf, size_t len)
{
	uint32_t crc = UINT32_MAX;
	for (const uint8_t *p = buf; len > 0; p++, len--) {
		crc ^= *p;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}
