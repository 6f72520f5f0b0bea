/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forget-frees - how much room forgetting would free: what all restore points use, less what they
 * use without some, by the reckoning of prune.
 */
#include "lunette/forget.h"
#include "prune-private.h"

static int used_without(struct repo *repo, const struct marks *marks, const struct id_set *going,
			uint64_t *ret, struct error *err)
{
	const struct prune_options options = { .dry_run = true };
	CLEANUP(usage_free_cleanup) struct usage *usage = NULL;
	int rc = usage_new(repo, marks, going, &options, &usage, err);
	if (rc < 0)
		return rc;
	*ret = 0;
	for (uint32_t i = 0; i < usage->n; i++)
		*ret += usage->packs[i].live;
	return 0;
}

int forget_frees(struct repo *repo, const struct id_set *going, uint64_t *ret, struct error *err)
{
	CLEANUP(marks_free_cleanup) struct marks *marks = NULL;
	uint64_t all = 0, rest = 0;
	int rc = marks_load(repo, &marks, err);
	if (rc == 0)
		rc = used_without(repo, marks, NULL, &all, err);
	if (rc == 0)
		rc = used_without(repo, marks, going, &rest, err);
	if (rc < 0)
		return rc;
	*ret = all - MIN(rest, all); /* a restore point may have come in between */
	return 0;
}
