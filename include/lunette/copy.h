/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy - restore points go from one repository into another, where they are restore points like any
 * other. Keys and chunk sizes may differ: chunks are opened here and cut, identified and sealed
 * anew.
 *
 * What need not travel does not: chunks that the other repository knows, and whatever is the same
 * as in the restore point of that name which was copied before, by the chunk maps of the two.
 */
#ifndef LUNETTE_COPY_H
#define LUNETTE_COPY_H

#include <stdatomic.h>

#include "lunette/repo.h"

/**
 * struct copy_stats - bytes, of all disks of all restore points that were copied
 * @copied: restore points
 * @present: restore points that were there already
 * @total: of the disks that are to be copied
 * @done: of those, gone through
 * @read: from the first repository
 * @zero: not stored in it
 * @known: to the other one already
 * @added: new to it
 * @stored: that new chunks and chunk maps take in its packs
 */
struct copy_stats {
	size_t copied, present;
	uint64_t total, done;
	uint64_t read, zero, known, added, stored;
};

/**
 * struct copy_request - what is to be done
 * @wanted: @n_wanted names and POINTs; none: all restore points
 * @level: of compression
 * @threads: that open and seal
 * @stop: set by anybody, and it ends with -EINTR, with what was copied before
 * @copied: told of each restore point that is in the other repository now; may be NULL
 * @damaged: told of each that cannot be read; may be NULL
 * @future: told of a search that has met a restore point of the future; may be NULL
 * @progress: told how far it has come; may be NULL
 */
struct copy_request {
	char *const *wanted;
	size_t n_wanted;
	int level;
	unsigned int threads;
	const atomic_bool *stop;
	void (*copied)(void *ctx, const json_t *point, const char *from_id, const char *to_id);
	void (*damaged)(void *ctx, const struct error *why);
	void (*future)(void *ctx, const struct repo_point_search *search);
	void (*progress)(void *ctx, const struct copy_stats *stats);
	void *ctx;
};

/**
 * copy_points() - do it, name by name, the oldest first
 * @stats: added to while it goes on
 *
 * Return: 0; -ENOENT and others of repo_point_search() for what is @wanted; -EINVAL when both are
 * the same repository; -EINTR; ...
 */
int copy_points(struct repo *from, struct repo *to, const struct copy_request *request,
		struct copy_stats *stats, struct error *err);

/* ---- copy-disk.c ---- */

struct copier;

/**
 * copier_new() - buffers and tools, for one disk after the other
 * @from: and all others must outlive the copier
 */
int copier_new(struct repo *from, struct repo *to, struct repo_writer *writer,
	       const struct copy_request *request, struct copy_stats *stats, struct copier **ret,
	       struct error *err);
void copier_free(struct copier *copier); /* may be NULL */
DEFINE_CLEANUP(struct copier *, copier_free)

/**
 * struct copy_base - a disk that was copied before and is like this one for the most part
 * @from: what it was, in the first repository
 * @to: what it is, in the other
 */
struct copy_base {
	struct repo_disk from, to;
};

/**
 * copier_disk() - copy one disk
 * @disk: in the first repository
 * @base: may be NULL
 * @ret_root: of its chunk map in the other one
 */
int copier_disk(struct copier *copier, const struct repo_disk *disk, const struct copy_base *base,
		struct chunk_id *ret_root, struct error *err);

#endif
