/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check-private - what the steps of a check know of each other. Grouped by file. */
#ifndef CHECK_PRIVATE_H
#define CHECK_PRIVATE_H

#include "lunette/check.h"
#include "lunette/id-set.h"
#include "lunette/pack-read.h"

/**
 * struct check_pack - a pack that is in the store
 * @n: entries of indexes that point into it; of those that the named restore points refer to, if
 *     only these are checked
 * @sum: of what they say, to be compared with the pack's table
 * @indexes: that know it
 * @damaged: its table cannot be believed, or is not what indexes say
 * @chosen: its data is to be read
 */
struct check_pack {
	uint8_t id[32];
	uint64_t size;
	uint64_t n;
	uint64_t sum;
	uint32_t indexes;
	bool damaged;
	bool chosen;
};

/**
 * struct check - a check on its way
 * @packs: all that are in the store, sorted by id
 * @bad: chunks that are known to the indexes and cannot be read from any of their places
 * @bad_more: some did not fit in there
 * @elsewhere: some chunks of the named restore points are in no pack of these
 * @clean: nodes of chunk maps below which all is well
 */
struct check {
	struct repo *repo;
	const struct check_options *opts;
	struct check_result *result;
	size_t n_packs;
	struct check_pack *packs;
	struct id_set *bad;
	bool bad_more;
	bool elsewhere;
	struct id_set *clean;
};

/* ---- check-problem.c ---- */

/*
 * Something is not as it should be. @object: its key, or what it is called; @code: -EUCLEAN when
 * its bytes are wrong, anything else when it could not be read, or was not understood.
 */
int check_problem(struct check *check, const char *object, int code, const char *what,
		  struct error *err);

/* Return: 0; -EINTR when the check is to end. */
int check_stopped(const struct check *check, struct error *err);

/* ---- check-packs.c ---- */

/* Finds the packs that are there. */
int check_list_packs(struct check *check, struct error *err);

/* NULL: it is not there. */
struct check_pack *check_find_pack(const struct check *check, const uint8_t id[32]);

/* Proves the indexes, and notes what they say of packs. */
int check_indexes(struct check *check, struct error *err);

/* Has it the size that an index says? */
int check_pack_size(struct check *check, struct check_pack *pack, const struct index_pack *known,
		    struct error *err);

/* Proves the packs' tables, and compares them with what the indexes say. */
int check_tables(struct check *check, struct error *err);

/* ---- check-named.c ---- */

/* The @i-th of those that are named. Return: 0; -ENOENT when it was forgotten meanwhile; ... */
int check_get_named(struct check *check, size_t i, json_t **ret, struct error *err);

/* Finds the packs that hold what the named restore points refer to: @n of the others stays 0. */
int check_find_packs(struct check *check, struct error *err);

/* ---- check-portion.c ---- */

/* Chooses the packs whose data is read, of those that can be. */
int check_choose(struct check *check, struct error *err);

/* ---- check-data.c ---- */

/* Reads the data of packs, and that of damaged ones in any case. */
int check_data(struct check *check, struct error *err);

/* ---- check-bad.c ---- */

/* Notes a restore point that lacks what could not be read. */
int check_bad(struct check *check, const char id[65], const json_t *point, struct error *err);

/* ---- check-points.c ---- */

/* Goes through the restore points, all or those that are named: are they, and all that they refer
 * to, there? */
int check_points(struct check *check, struct error *err);

#endif
