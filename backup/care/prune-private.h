/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prune-private - what the modules of prune know of each other. Grouped by file. */
#ifndef PRUNE_PRIVATE_H
#define PRUNE_PRIVATE_H

#include "lunette/id-set.h"
#include "lunette/lease.h"
#include "lunette/marks.h"
#include "lunette/prune.h"
#include "lunette/repo-parts.h"

int prune_stopped(const struct prune_options *options, struct error *err);

/* ---- prune-usage.c: what is used of each pack ---- */

/**
 * struct usage_pack - a pack that an index knows
 * @live: bytes of chunks that are referred to, and for which this is the place that counts
 * @there: it is in the store
 * @modified: when it was written, if it is there; on the store's clock
 * @marked: by an earlier run
 */
struct usage_pack {
	struct index_pack pack;
	uint32_t n_live;
	uint32_t live;
	int64_t modified;
	bool there;
	bool marked;
	enum { USAGE_KEEP, USAGE_REWRITE, USAGE_GOES } fate;
};

/* A pack in the store that no index knows. */
struct usage_loose {
	struct index_pack pack;
	int64_t modified;
};

/**
 * struct usage - what restore points refer to
 * @points: ids of those that were looked at
 * @n: packs, sorted by id
 * @indexes: that were read, in the order of the merge; the order of @live is theirs
 * @live: a bit a chunk, in the order in which a merge of @indexes gives them
 * @unindexed: packs in the store that no index knows, sorted by id; @n_unindexed
 * @missing: chunks that are referred to and in no pack that is there
 */
struct usage {
	struct id_set *points;
	uint64_t n_points;
	uint32_t n;
	struct usage_pack *packs;
	size_t n_indexes;
	struct index **indexes;
	uint64_t chunks;
	uint64_t live_chunks;
	uint64_t *live;
	size_t n_unindexed;
	struct usage_loose *unindexed;
	uint64_t missing;
};

/**
 * usage_new() - find out what is used
 * @marks: their packs count as a chunk's place only when there is no other
 * @known: ids of restore points that are left out; may be NULL
 *
 * Return: 0; -EUCLEAN when something is damaged that must be known; -ENOENT when an index has been
 * put into another one meanwhile: then it is worth trying again; ...
 */
int usage_new(struct repo *repo, const struct marks *marks, const struct id_set *known,
	      const struct prune_options *options, struct usage **ret, struct error *err);
void usage_free(struct usage *usage);
DEFINE_CLEANUP(struct usage *, usage_free)

/**
 * usage_is_outdated() - has somebody put indexes into another one since?
 *
 * Of a chunk that lies in two packs the other place may have been kept, so that a pack of which
 * nothing was used is needed by now.
 */
int usage_is_outdated(struct repo *repo, const struct usage *usage, bool *ret, struct error *err);

/* NULL: no index knows it. */
struct usage_pack *usage_find(const struct usage *usage, const struct chunk_id *id);

/* A pack that was in the store when it was listed, known to an index or not; NULL: it was not. */
const struct index_pack *usage_there(const struct usage *usage, const struct chunk_id *id);

/* The place that counts, among those of a live chunk; NULL when none is there. */
const struct index_entry *usage_place(const struct usage *usage, const struct index_entry *places,
				      size_t n);

/* ---- prune-forgotten.c: what was forgotten becomes final ---- */

/**
 * prune_forgotten() - remove the restore points that can be brought back; or count them, on a dry
 * run
 * @own: the lease of this prune; NULL: it has none
 * @counted: ids of restore points that were listed before, and whose chunks stay
 */
int prune_forgotten(struct repo *repo, struct lease *own, const struct id_set *counted,
		    const struct prune_options *options, struct prune_result *result,
		    struct error *err);

/* Does so before there is a lease, for which there is no room: none has to be written for that. */
int prune_forgotten_first(struct repo *repo, const struct prune_options *options,
			  struct prune_result *result, struct error *err);

/* ---- prune-rewrite.c: live chunks of packs that are hardly used go to new packs ---- */

/**
 * prune_rewrite() - copy what is live of the next packs whose fate is USAGE_REWRITE
 *
 * Takes as many as memory allows; the fate of those that were copied is USAGE_GOES then, of those
 * that cannot be read USAGE_KEEP.
 *
 * Return: 1 when some were taken; 0 when there are none left; -ENOSPC when none fits into the room
 * that there is; ...
 */
int prune_rewrite(struct repo *repo, struct usage *usage, const struct marks *marks,
		  const struct prune_options *options, struct prune_result *result,
		  struct error *err);

/* ---- prune-remove.c: marks are set, and acted on ---- */

/**
 * prune_mark() - mark all packs that are to go and are not marked yet
 * @ret_marked: how many were; not all of them when the store is full, but some
 */
int prune_mark(struct repo *repo, const struct index_pack *packs, size_t n, size_t *ret_marked,
	       struct error *err);

/**
 * prune_ready() - which marks may be acted on: those that everybody heeds who holds a lease
 * @own: the lease of this prune
 * @ret: names; a new reference
 */
int prune_ready(struct repo *repo, const struct lease *own, const struct marks *marks,
		struct prune_result *result, json_t **ret, struct error *err);

/**
 * prune_remove() - remove the packs of marks that are ready, unless they are used
 * @usage: from before @ready was asked for; restore points that it does not know are looked at
 * first
 * @ready: names of marks, from prune_ready()
 * @gone: packs that this prune has removed already; what is removed now is added
 *
 * Writes nothing, so that it needs no room.
 *
 * Return: 1, and nothing is removed, when @usage is outdated; ...
 */
int prune_remove(struct repo *repo, struct lease *own, const struct usage *usage, json_t *ready,
		 struct id_set *gone, const struct prune_options *options,
		 struct prune_result *result, struct error *err);

/**
 * prune_settle() - have no index speak of the packs that are gone, and remove the marks
 *
 * On a full store the marks stay: then a later prune settles it, and nobody relies on what the
 * indexes say.
 */
int prune_settle(struct repo *repo, struct lease *own, json_t *ready, const struct id_set *gone,
		 struct prune_result *result, struct error *err);

#endif
