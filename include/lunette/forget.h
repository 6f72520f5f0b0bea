/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forget - removes the restore points that a policy does not keep, each name judged by itself. */
#ifndef LUNETTE_FORGET_H
#define LUNETTE_FORGET_H

#include "lunette/id-set.h"
#include "lunette/repo.h"
#include "lunette/retention.h"

/**
 * struct forget_verdict - what becomes of a restore point
 * @keep: it stays
 * @aside: no rule has looked at it, since it is of the future, or of a time that is none
 * @damaged: a check has found that it is, so that it takes no whole one's place
 * @why: for people: the rules that keep it, "pinned", or "no rule keeps it"
 */
struct forget_verdict {
	const char *id, *name, *time;
	bool keep;
	bool aside;
	bool damaged;
	const char *why;
};

/**
 * struct forget_request - what is to be done
 * @name: of the restore points; NULL: all names
 * @policy: not an empty one
 * @made: id of the one that was made just now, and stays whatever the clock says; may be NULL
 * @dry_run: only say it
 * @each: told of each restore point, before it is removed; oldest first, name by name
 * @warn: told in a sentence, of each name that has any, which ones no rule has looked at; and of
 *        each that cannot be brought back, for want of room
 * @damaged: told of each that cannot be read, which stays; may be NULL
 */
struct forget_request {
	const char *name;
	const struct retention_policy *policy;
	const char *made;
	bool dry_run;
	int (*each)(void *ctx, const struct forget_verdict *verdict, struct error *err);
	void (*warn)(void *ctx, const char *sentence);
	void (*damaged)(void *ctx, const struct error *why);
	void *ctx;
};

/**
 * forget_run() - do it
 *
 * Return: 0; -ENOENT when there are no restore points of this name; -EINVAL for a policy without
 * rules; what the repository said.
 */
int forget_run(struct repo *repo, const struct forget_request *request, struct error *err);

/**
 * forget_frees() - how many bytes a prune would free if some restore points were forgotten
 * @going: their ids
 * @ret: of chunks and nodes that none of the others refers to, as they lie in packs; forgotten ones
 *	 are no others
 *
 * Goes through all chunk maps, in bounded memory, as prune does. Prune may leave some of it, as it
 * tolerates.
 *
 * Return: 0; -EUCLEAN when something is damaged, so that it is not known what is needed; ...
 */
int forget_frees(struct repo *repo, const struct id_set *going, uint64_t *ret, struct error *err);

#endif
