/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bits - runs of ones in an array of 64-bit words, bit n of the array being bit n % 64 of word n
 * / 64. */
#ifndef LUNETTE_BITS_H
#define LUNETTE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/util.h"

#define BITS_WORDS(n) (((n) + 63) / 64)

/* Sets or clears bits from @from to before @to. */
static inline void bits_put(uint64_t *words, size_t from, size_t to, bool value)
{
	while (from < to) {
		size_t n = MIN(to - from, 64 - from % 64);
		uint64_t mask = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << (from % 64);
		if (value)
			words[from / 64] |= mask;
		else
			words[from / 64] &= ~mask;
		from += n;
	}
}

/* The first bit from @from to before @to that has @value, or @to. */
static inline size_t bits_find(const uint64_t *words, size_t from, size_t to, bool value)
{
	while (from < to) {
		uint64_t word = value ? words[from / 64] : ~words[from / 64];
		word >>= from % 64;
		if (word)
			return MIN(to, from + (size_t)__builtin_ctzll(word));
		from += 64 - from % 64;
	}
	return to;
}

/* How many bits from @from to before @to are set. */
static inline size_t bits_count(const uint64_t *words, size_t from, size_t to)
{
	size_t count = 0;
	for (size_t end; (from = bits_find(words, from, to, true)) < to; from = end) {
		end = bits_find(words, from, to, false);
		count += end - from;
	}
	return count;
}

#endif
