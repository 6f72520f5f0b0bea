/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-name - names as bytes, and back.
 *
 * A name on NTFS is up to 255 units of 16 bits, any units: its driver on Windows refuses some, its
 * format none. As bytes they are UTF-8; half of a surrogate pair that stands alone is written as
 * UTF-8 would write a character of its number, as ntfs-3g does. So each name has bytes of its own,
 * and no other bytes mean it. The library's functions end at a NUL, which is a unit like others.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

static bool is_high(uint32_t c)
{
	return c >= 0xd800 && c < 0xdc00;
}

static bool is_low(uint32_t c)
{
	return c >= 0xdc00 && c < 0xe000;
}

/* Writes a character. Returns how many bytes it took. */
static size_t put(uint32_t c, uint8_t *out)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(leads[n] | c);
	return n;
}

size_t fs_ntfs_name(const ntfschar *units, size_t n_units, char *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < n_units; i++) {
		uint32_t c = le16_to_cpu(units[i]);
		uint32_t next = i + 1 < n_units ? le16_to_cpu(units[i + 1]) : 0;
		if (is_high(c) && is_low(next)) {
			c = 0x10000 + ((c - 0xd800) << 10 | (next - 0xdc00));
			i++;
		}
		n += put(c, (uint8_t *)ret + n);
	}
	return n;
}

/* Reads a character. Returns how many bytes it has, 0 if they are none, or not the shortest. */
static size_t get(const uint8_t *in, size_t len, uint32_t *ret)
{
	size_t n = in[0] < 0x80 ? 1 : in[0] < 0xc0 ? 0 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? in[0] : in[0] & (0x7fu >> n);
	uint8_t again[4];
	if (n == 0 || n > len || in[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (in[i] & 0x3f);
	if (c > 0x10ffff || put(c, again) != n || memcmp(in, again, n) != 0)
		return 0;
	*ret = c;
	return n;
}

size_t fs_ntfs_units(const char *name, size_t len, ntfschar *ret)
{
	size_t n = 0;
	bool high = false; /* one that stands alone was the last */
	for (size_t at = 0; at < len;) {
		uint32_t c;
		size_t took = get((const uint8_t *)name + at, len - at, &c);
		if (took == 0 || (high && is_low(c)))
			return 0;
		at += took;
		high = is_high(c);
		if (c >= 0x10000) {
			ret[n++] = cpu_to_le16((uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			c = 0xdc00 + (c & 0x3ff);
		}
		ret[n++] = cpu_to_le16((uint16_t)c);
	}
	return n;
}
