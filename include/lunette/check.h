/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check - is all of a repository whole, and if not, what does the damage hurt?
 *
 * Each object is looked at once, however many restore points refer to it: indexes page by page,
 * packs by their tables and, if asked for, by their data, and of the chunk maps every subtree that
 * was not met before. What cannot be read is a loss only where a restore point refers to it, and
 * then it is followed up to disks, volumes and files (hurt.h).
 */
#ifndef LUNETTE_CHECK_H
#define LUNETTE_CHECK_H

#include <stdatomic.h>

#include <jansson.h>

#include "lunette/repo.h"

/* So many problems, and restore points that they hurt, are described; the rest is counted. */
#define CHECK_PROBLEMS_MAX 10000
#define CHECK_POINTS_MAX   256

/* So many restore points with unreadable bytes are described: most of them lack the same. */
#define CHECK_UNREADABLE_MAX 16

/* Into more parts than this the packs are not divided. */
#define CHECK_PARTS_MAX 100000u

/**
 * struct check_portion - of which packs the data is read
 * @percent: of the packs, 0 to 100; fewer than 100: other ones each time. Counts when @parts is 0
 * @part: 1 to @parts: a pack is in the same part for ever. 0: the one behind that of the check
 *	  before, which who asks for a check has to know; check_run() wants a part
 */
struct check_portion {
	double percent;
	uint32_t part, parts;
};

#define CHECK_PORTION_ALL ((struct check_portion){ .percent = 100 })

/**
 * check_portion_parse() - "5%", "5", "3/30" or "next/30"
 *
 * Return: 0; -EINVAL: the message says what is possible, and begins with the text.
 */
int check_portion_parse(const char *text, struct check_portion *ret, struct error *err);

/* Is it of any pack? */
bool check_portion_any(const struct check_portion *portion);

/**
 * struct check_options
 * @threads: for reading data
 * @stop: when it becomes true the check ends with -EINTR
 * @n_named, @named: ids of the restore points that are checked, newest first, and nothing but what
 *		    they refer to; 0: all, and all of the repository
 * @unnoted: the repository is not to remember what was found
 * @progress: told how many of how many bytes of data have been read; may be NULL
 */
struct check_options {
	unsigned int threads;
	size_t n_named;
	const char (*named)[65];
	bool unnoted;
	struct check_portion portion;
	const atomic_bool *stop;
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

/**
 * struct check_result - what was found
 * @problems: an array of {"object", "what", "damaged"}; damaged: its bytes are wrong. It is false
 *            for what could not be read, or is of a newer version
 * @hurt: an array of what hurt_point() makes, newest restore point first
 * @whole, @not_whole: ids of restore points, all that were looked at
 * @not_noted: why that was not noted in the repository; its code is 0 when it was
 * @unreadable: the same, of those that lack what could not be read when they were made
 * @n_problems: all of them
 * @out_of_reach: those of them that say nothing of the object: we may not read it, or the store
 *		  could not be reached
 * @n_hurt: all restore points that are hurt
 * @n_unreadable: all restore points that lack something from the beginning: that is no problem
 * @n_remembered: of @whole, those that an earlier check found damaged when it read data, when not
 *		  all data was read now
 * @lost: places of hurt restore points' disks where a chunk cannot be read, each chunk counted once
 * @unknown: those of them that no index knows in a pack that is there
 * @packs: that were looked at; of those that are checked alone only the packs that hold what they
 *	   refer to, and then @indexes, @orphans, @missing, @leases and @marks are 0
 * @chunks: that indexes know; of those that are checked alone: that they refer to
 * @packs_read: those whose data was read, so far as it could be
 * @data_read: bytes of chunks in them, as they are stored
 * @orphans: packs that no index knows
 * @missing: packs that an index knows and that are not there; only a problem where needed
 * @leases: of running writers, and marks of prunes
 */
struct check_result {
	json_t *problems;
	json_t *hurt;
	json_t *whole;
	json_t *not_whole;
	struct error not_noted;
	json_t *unreadable;
	uint64_t n_problems;
	uint64_t out_of_reach;
	uint64_t n_hurt;
	uint64_t n_unreadable;
	uint64_t n_remembered;
	uint64_t lost;
	uint64_t unknown;
	uint64_t points;
	uint64_t indexes;
	uint64_t packs;
	uint64_t chunks;
	uint64_t bytes;
	uint64_t packs_read;
	uint64_t data_read;
	uint64_t orphans;
	uint64_t orphan_bytes;
	uint64_t missing;
	uint64_t leases;
	uint64_t marks;
};

/**
 * check_run() - check a repository, or some restore points of it
 * @ret: to be freed with check_result_free(), also on failure
 *
 * Return: 0, also when there is damage: then there are problems; -EINTR when it was stopped; what
 * listing the repository said.
 */
int check_run(struct repo *repo, const struct check_options *opts, struct check_result *ret,
	      struct error *err);
void check_result_free(struct check_result *result); /* fits CLEANUP() */

/**
 * check_judge() - what it means
 * @data: data was read, too
 *
 * Return: 0: there is no damage; -EUCLEAN: there is, and the message says what helps; -EIO: that is
 * not known, since something could not be read that may be well.
 */
int check_judge(const struct check_result *result, bool data, struct error *err);

#endif
