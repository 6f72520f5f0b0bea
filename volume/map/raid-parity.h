/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * raid-parity - gives back lost chunks of a RAID row from its parities P and Q.
 *
 * P is the exclusive or of the data; Q is the sum of g^i times data i over GF(2^8) with the
 * polynomial 0x11d and g = 2. Source: H. P. Anvin, "The mathematics of RAID-6".
 */
#ifndef RAID_PARITY_H
#define RAID_PARITY_H

#include <stddef.h>
#include <stdint.h>

#define RAID_PARITY_MAX_LEGS 253 /* g has 255 powers; MD allows no more */

/**
 * struct raid_parity - one row, or the same bytes of each of its chunks
 * @len: bytes of each
 * @n: data chunks, in the order in which Q counts them
 * @data: NULL where Q's count passes a place without data
 * @p: NULL when it is lost
 * @q: NULL when it is lost, or there is none
 * @lost: indexes in @data of what is to be given back; -1 for none. As many as there are parities
 */
struct raid_parity {
	size_t len;
	unsigned int n;
	uint8_t **data;
	const uint8_t *p;
	const uint8_t *q;
	int lost[2];
};

/**
 * raid_parity_recover() - fill in the lost data chunks
 */
void raid_parity_recover(const struct raid_parity *row);

#endif
