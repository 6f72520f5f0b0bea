/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-raid - RAID-4, 5 and 6: rows of data chunks with one or two parities, read without them.
 *
 * Parity is only touched when a leg is missing or fails: then the same bytes of all other legs of
 * the row give back what is lost. The arithmetic of that is in raid-parity.c; here is where things
 * lie.
 *
 * Source: Linux, drivers/md/raid5.c, raid5_compute_sector(); the DDF layouts there too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map-kind.h"
#include "raid-parity.h"

/* Reconstruction holds this many bytes of every leg at once. */
#define RECONSTRUCT_MAX (64u << 10)

/**
 * struct row - who does what in one row
 * @p: leg of the parity P
 * @q: leg of the parity Q; -1 when there is none
 * @first: leg of data chunk 0; the others follow it
 * @wrap: data goes round over this many legs; P and Q are jumped over where they are met
 * @ddf: Q counts legs from leg 0, parities included, not data chunks from behind Q on
 */
struct row {
	int p, q;
	int first;
	int wrap;
	bool ddf;
};

static unsigned int parities(const struct map_segment *seg)
{
	return seg->kind == MAP_RAID6 ? 2 : 1;
}

static uint64_t n_data(const struct map_segment *seg)
{
	return seg->n_legs - parities(seg);
}

static struct row raid5_row(unsigned int layout, int n, uint64_t number)
{
	int turn = (int)(number % (uint64_t)n);
	switch (layout) {
	case MAP_LEFT_ASYMMETRIC:
		return (struct row){ .p = n - 1 - turn, .q = -1, .first = 0, .wrap = n };
	case MAP_RIGHT_ASYMMETRIC:
		return (struct row){ .p = turn, .q = -1, .first = 0, .wrap = n };
	case MAP_LEFT_SYMMETRIC:
		return (struct row){ .p = n - 1 - turn, .q = -1, .first = n - turn, .wrap = n };
	case MAP_RIGHT_SYMMETRIC:
		return (struct row){ .p = turn, .q = -1, .first = turn + 1, .wrap = n };
	case MAP_PARITY_FIRST:
		return (struct row){ .p = 0, .q = -1, .first = 1, .wrap = n };
	default: /* MAP_PARITY_LAST */
		return (struct row){ .p = n - 1, .q = -1, .first = 0, .wrap = n };
	}
}

static struct row raid6_row(unsigned int layout, int n, uint64_t number)
{
	int turn = (int)(number % (uint64_t)n);
	switch (layout) {
	case MAP_LEFT_ASYMMETRIC:
	case MAP_LEFT_SYMMETRIC: {
		int p = n - 1 - turn;
		int first = layout == MAP_LEFT_SYMMETRIC ? p + 2 : 0;
		return (struct row){ .p = p, .q = (p + 1) % n, .first = first, .wrap = n };
	}
	case MAP_RIGHT_ASYMMETRIC:
	case MAP_RIGHT_SYMMETRIC:
	case MAP_ROTATING_ZERO_RESTART: {
		int first = layout == MAP_RIGHT_SYMMETRIC ? turn + 2 : 0;
		return (struct row){ .p = turn,
				     .q = (turn + 1) % n,
				     .first = first,
				     .wrap = n,
				     .ddf = layout == MAP_ROTATING_ZERO_RESTART };
	}
	case MAP_PARITY_FIRST:
		return (struct row){ .p = 0, .q = 1, .first = 2, .wrap = n };
	case MAP_PARITY_LAST:
		return (struct row){ .p = n - 2, .q = n - 1, .first = 0, .wrap = n };
	case MAP_ROTATING_N_RESTART: {
		int p = n - 1 - (int)((number + 1) % (uint64_t)n);
		return (struct row){ .p = p, .q = (p + 1) % n, .first = 0, .wrap = n, .ddf = true };
	}
	case MAP_ROTATING_N_CONTINUE: {
		int p = n - 1 - turn;
		return (struct row){
			.p = p, .q = (p + n - 1) % n, .first = p + 1, .wrap = n, .ddf = true
		};
	}
	default: { /* the _6 layouts: a RAID-5 of all legs but the last, which is Q's */
		struct row row = raid5_row(layout - MAP_LEFT_ASYMMETRIC_6, n - 1, number);
		row.q = n - 1;
		return row;
	}
	}
}

static struct row row_of(const struct map_segment *seg, uint64_t number)
{
	int n = (int)seg->n_legs;
	return seg->kind == MAP_RAID6 ? raid6_row(seg->layout, n, number)
				      : raid5_row(seg->layout, n, number);
}

/* The leg of a data chunk: from the first on, jumping over the parities. */
static unsigned int data_leg(const struct row *row, uint64_t chunk)
{
	int leg = row->first % row->wrap;
	for (uint64_t left = chunk;; leg = (leg + 1) % row->wrap) {
		if (leg == row->p || leg == row->q)
			continue;
		if (left-- == 0)
			return (unsigned int)leg;
	}
}

static int raid_check(const struct map_segment *seg, struct error *err)
{
	bool known = seg->layout <= MAP_PARITY_LAST;
	if (seg->kind == MAP_RAID6)
		known = known ||
			(seg->layout >= MAP_ROTATING_ZERO_RESTART &&
			 seg->layout <= MAP_ROTATING_N_CONTINUE) ||
			(seg->layout >= MAP_LEFT_ASYMMETRIC_6 && seg->layout <= MAP_PARITY_FIRST_6);
	if (!known)
		return error_set(err, -EINVAL, "parity layout %u is not known", seg->layout);
	unsigned int least = seg->kind == MAP_RAID6 ? 4 : 2;
	unsigned int most = seg->kind == MAP_RAID6 ? RAID_PARITY_MAX_LEGS : MAP_MAX_LEGS;
	if (seg->n_legs < least || seg->n_legs > most)
		return error_set(err, -EINVAL, "%u members; there must be from %u to %u",
				 seg->n_legs, least, most);
	return map_check_chunk(seg, err);
}

static uint64_t raid_leg_length(const struct map_segment *seg, unsigned int leg)
{
	(void)leg;
	uint64_t row = seg->chunk * n_data(seg);
	return (seg->length / row + (seg->length % row != 0)) * seg->chunk;
}

static bool raid_readable(const struct map_segment *seg, const bool *missing)
{
	unsigned int n = 0;
	for (unsigned int l = 0; l < seg->n_legs; l++)
		n += missing[l];
	return n <= parities(seg);
}

static void locate(const struct map_segment *seg, struct map_piece *piece)
{
	uint64_t chunk = piece->at / seg->chunk;
	uint64_t number = chunk / n_data(seg);
	struct row row = row_of(seg, number);
	piece->leg = data_leg(&row, chunk % n_data(seg));
	piece->off = number * seg->chunk + piece->at % seg->chunk;
}

/*
 * Names the legs of a row as parity arithmetic wants them: data in the order that Q counts it,
 * then P, then Q. @slots holds n_legs numbers; a slot that Q's count passes over without data gets
 * -1 (DDF counts the parities as well). Returns the number of slots before P.
 */
static unsigned int order_for_parity(const struct map_segment *seg, const struct row *row,
				     int *slots)
{
	int n = (int)seg->n_legs;
	int first = row->ddf || row->q < 0 ? 0 : (row->q + 1) % n;
	unsigned int count = 0;
	for (int i = 0; i < n; i++) {
		int leg = (first + i) % n;
		if (leg != row->p && leg != row->q)
			slots[count++] = leg;
		else if (row->ddf)
			slots[count++] = -1;
	}
	return count;
}

/* Gives back the bytes of a piece whose leg is missing or could not be read. */
static int reconstruct(const struct map_segment *seg, struct map_piece *piece, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *bytes = malloc(piece->len * seg->n_legs);
	CLEANUP(free_cleanup) int *slots = calloc(seg->n_legs, sizeof(*slots));
	CLEANUP(free_cleanup) uint8_t **data = calloc(seg->n_legs, sizeof(*data));
	CLEANUP(free_cleanup) bool *lost = calloc(seg->n_legs, sizeof(*lost));
	if (!bytes || !slots || !data || !lost)
		return error_set(err, -ENOMEM, "reconstruct from %u members: %m", seg->n_legs);

	struct row row = row_of(seg, piece->off / seg->chunk);
	unsigned int n_slots = order_for_parity(seg, &row, slots);
	unsigned int n_lost = 0;
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		uint8_t *to = bytes + l * piece->len;
		lost[l] = l == piece->leg || !seg->legs[l].blk;
		/* Of those that are there the last failure is reported when there are too many. */
		int rc =
			lost[l] ? 0 : map_leg_read(seg, l, to, piece->len, piece->off, &piece->err);
		if (rc < 0) {
			lost[l] = true;
			piece->rc = rc;
		}
		n_lost += lost[l];
		if (n_lost > parities(seg))
			return error_set(err, piece->rc, "%u of %u members cannot be read: %s",
					 n_lost, seg->n_legs, piece->err.msg);
	}

	struct raid_parity parity = {
		.len = piece->len,
		.n = n_slots,
		.data = data,
		.p = lost[row.p] ? NULL : bytes + (size_t)row.p * piece->len,
		.q = row.q < 0 || lost[row.q] ? NULL : bytes + (size_t)row.q * piece->len,
		.lost = { -1, -1 },
	};
	unsigned int wanted = 0;
	for (unsigned int s = 0, i = 0; s < n_slots; s++) {
		if (slots[s] < 0)
			continue;
		data[s] = bytes + (size_t)slots[s] * piece->len;
		if (lost[slots[s]])
			parity.lost[i++] = (int)s;
		if (slots[s] == (int)piece->leg)
			wanted = s;
	}
	raid_parity_recover(&parity);
	memcpy(piece->buf, data[wanted], piece->len);
	return 0;
}

static int raid_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		     struct error *err)
{
	static const struct map_chunks chunks = { locate, reconstruct, RECONSTRUCT_MAX, true };
	return map_read_chunks(seg, &chunks, buf, len, off, err);
}

static int raid_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
		       struct error *err)
{
	struct map_piece piece = { .at = off };
	locate(seg, &piece);
	uint64_t left = seg->chunk - off % seg->chunk;
	*ret = (struct blk_extent){ .length = left };
	if (!seg->legs[piece.leg].blk)
		return 0;
	int rc = map_leg_extent(seg, piece.leg, piece.off, ret, err);
	if (rc == 0)
		ret->length = MIN(ret->length, left);
	return rc;
}

/*
 * Whole rows on every leg: the parities of a row are made of all of it, so a restored disk has
 * correct parity only when all of the row is there.
 */
static int raid_below(const struct map_segment *seg, uint64_t length, uint64_t off,
		      blk_range_fn *fn, void *ctx, struct error *err)
{
	uint64_t row = seg->chunk * n_data(seg);
	uint64_t first = off / row, end = (off + length - 1) / row + 1;
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		int rc = map_leg_below(seg, l, (end - first) * seg->chunk, first * seg->chunk, fn,
				       ctx, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void raid_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	uint64_t row = seg->chunk * n_data(seg);
	uint64_t rows = raid_leg_length(seg, 0) / seg->chunk;
	uint64_t first = MIN(*off / seg->chunk, rows);
	uint64_t end = MIN((*off + *length - 1) / seg->chunk + 1, rows);
	*off = first * row;
	*length = (end - first) * row;
	map_clip(seg, length, off);
}

#define RAID(NAME)                                                                   \
	{                                                                            \
		.name = NAME, .check = raid_check, .leg_length = raid_leg_length,    \
		.readable = raid_readable, .read = raid_read, .extent = raid_extent, \
		.below = raid_below, .cover = raid_cover,                            \
	}

const struct map_kind_ops map_raid4 = RAID("raid4");
const struct map_kind_ops map_raid5 = RAID("raid5");
const struct map_kind_ops map_raid6 = RAID("raid6");
