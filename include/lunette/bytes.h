/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bytes - numbers as they lie in the repository's objects: little-endian, at any address. */
#ifndef LUNETTE_BYTES_H
#define LUNETTE_BYTES_H

#include <endian.h>
#include <stdbool.h>
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

/* What a version leaves unused is zero, so that damage shows and a later version may use it. */
static inline bool bytes_are_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

#endif
