/* SPDX-License-Identifier: GPL-3.0-or-later */
/* raid-parity - see raid-parity.h. A degraded array is read rarely: simple rather than fast. */
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "raid-parity.h"

static uint8_t power[255];       /* g^i */
static unsigned int log_of[256]; /* the i of g^i; 0 has none */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	unsigned int n = 1;
	for (unsigned int i = 0; i < 255; i++) {
		power[i] = (uint8_t)n;
		log_of[n] = i;
		n <<= 1;
		if (n & 0x100)
			n ^= 0x11d;
	}
}

static uint8_t multiply(uint8_t a, unsigned int exponent)
{
	return a ? power[(log_of[a] + exponent) % 255] : 0;
}

static void xor_into(uint8_t *to, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= from[i];
}

/* to += g^exponent * from */
static void add_power(uint8_t *to, const uint8_t *from, size_t len, unsigned int exponent)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= multiply(from[i], exponent);
}

/* Leaves in @to what P (or Q) says of the lost chunks alone: the known ones are taken out. */
static void known_out_of_p(const struct raid_parity *row, uint8_t *to)
{
	memcpy(to, row->p, row->len);
	for (unsigned int i = 0; i < row->n; i++)
		if (row->data[i] && (int)i != row->lost[0] && (int)i != row->lost[1])
			xor_into(to, row->data[i], row->len);
}

static void known_out_of_q(const struct raid_parity *row, uint8_t *to)
{
	memcpy(to, row->q, row->len);
	for (unsigned int i = 0; i < row->n; i++)
		if (row->data[i] && (int)i != row->lost[0] && (int)i != row->lost[1])
			add_power(to, row->data[i], row->len, i % 255);
}

/* Two data chunks x and y: P gives x + y = a, Q gives g^x x + g^y y = b; so y = (b + g^x a) / (g^x
 * + g^y). */
static void recover_two(const struct raid_parity *row)
{
	unsigned int x = (unsigned int)row->lost[0], y = (unsigned int)row->lost[1];
	uint8_t *a = row->data[x], *b = row->data[y];
	known_out_of_p(row, a);
	known_out_of_q(row, b);
	unsigned int inverse = 255 - log_of[power[x % 255] ^ power[y % 255]];
	for (size_t i = 0; i < row->len; i++) {
		b[i] = multiply(b[i] ^ multiply(a[i], x % 255), inverse);
		a[i] ^= b[i];
	}
}

void raid_parity_recover(const struct raid_parity *row)
{
	pthread_once(&once, make_tables);
	if (row->lost[0] < 0)
		return;
	if (row->lost[1] >= 0) {
		assert(row->p && row->q);
		recover_two(row);
		return;
	}
	uint8_t *to = row->data[row->lost[0]];
	if (row->p) {
		known_out_of_p(row, to);
		return;
	}
	assert(row->q);
	known_out_of_q(row, to);
	unsigned int inverse = 255 - (unsigned int)row->lost[0] % 255;
	for (size_t i = 0; i < row->len; i++)
		to[i] = multiply(to[i], inverse);
}
