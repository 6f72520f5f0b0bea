/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parent - the restore point before this one, and which of its chunks are those of this backup too,
 * so that they need not be read.
 *
 * A chunk holds what was on the disk, with zeros where nothing was in use. So it is the same now if
 * two things are: no byte of it has changed, as the storage's list says, and the same granules are
 * in use. The list cannot say the second thing, for a cluster may be allocated, freed or excluded
 * without a change of its bytes. It is worked out: the parent's disks are opened, and planned by
 * the same code that planned them then. A backup with a list thus makes the very chunk map that a
 * backup without one makes, and leaves nothing in it that was deleted.
 *
 * Disks of which that cannot be said are read in full, and a warning of the layout says why: those
 * among them of which it is not certain which of the parent's disks they were.
 */
#ifndef LUNETTE_PARENT_H
#define LUNETTE_PARENT_H

#include "lunette/repo.h"
#include "lunette/plan.h"
#include "lunette/source.h"

#define PARENT_CHUNKS (PLAN_WINDOW / REPO_CHUNK_MIN)

/**
 * struct parent_request - what is known of the parent
 * @point: which restore point: a POINT
 * @changed: path of the list of changes since then: see changed.h
 * @verify: percent of the unchanged chunks that are read all the same, and compared; 0 to 100
 * @seed: which of them
 * @stop: looked at now and then; gives -EINTR
 * @sources: this backup's disks
 * @in_order: they are the parent's disks in the parent's order, as the caller knows for certain;
 *            else each is looked for among them by what it is told by, never by its place
 */
struct parent_request {
	const char *point;
	const char *changed;
	double verify;
	uint64_t seed;
	const atomic_bool *stop;
	struct source *const *sources;
	bool in_order;
};

/**
 * struct parent_window - one window of a disk
 * @same: chunks, counted from the window's start, that must be as the parent has them
 * @verify: those of them that are read all the same
 * @spared: bytes of the others that would have to be read without a parent
 */
struct parent_window {
	uint64_t same[BITS_WORDS(PARENT_CHUNKS)];
	uint64_t verify[BITS_WORDS(PARENT_CHUNKS)];
	uint64_t spared;
};

struct parent;

/**
 * parent_new() - open the parent and read the list
 *
 * Where something is to be verified, all windows are worked out once here, as a fair sample can
 * only be drawn of a number that is known.
 * @layout: that of @plan, which takes the warnings; both must outlive the parent
 * @ret: to be freed with parent_free()
 *
 * Return: 0; -ENOENT and others of repo_point_search(); -EINVAL when the list is not one for this
 * backup; ...
 */
int parent_new(struct repo *repo, const struct plan *plan, struct layout *layout,
	       const struct parent_request *request, struct parent **ret, struct error *err);
void parent_free(struct parent *parent); /* may be NULL */
DEFINE_CLEANUP(struct parent *, parent_free)

const char *parent_id(const struct parent *parent);

/* How many chunks are read only to verify the list. */
uint64_t parent_n_verify(const struct parent *parent);

/**
 * parent_window() - which chunks of a window are the parent's
 * @disk: number in the plan's layout
 * @window: as plan_window() gave it
 *
 * All windows of all disks in their order, and each once: that makes the random choice a fair one.
 */
int parent_window(struct parent *parent, size_t disk, const struct plan_window *window,
		  struct parent_window *ret, struct error *err);

/**
 * parent_chunk() - what the parent has at a place. Any thread.
 * @n: number of a chunk that is the same
 */
int parent_chunk(struct parent *parent, size_t disk, uint64_t n, struct chunk_id *ret,
		 struct error *err);

#endif
