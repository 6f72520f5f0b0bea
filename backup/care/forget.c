/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forget - see forget.h. All is judged before anything is removed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/forget.h"
#include "lunette/moment.h"

/* @order: its place in the list, which is by time, to the nanosecond where that is known */
struct forget_point {
	size_t order;
	char id[65];
	char time[32];
	char *name;
};

/**
 * struct all - the restore points there are
 * @judged: of one name, @n at most
 */
struct all {
	const struct forget_request *request;
	size_t n, room;
	struct forget_point *members;
	struct retention_point *judged;
};

static void all_cleanup(struct all *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->members[i].name);
	free(all->members);
	free(all->judged);
}

static int collect(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	struct all *all = ctx;
	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct forget_point *grown = reallocarray(all->members, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list the restore points: %m");
		all->members = grown;
		all->room = room;
	}
	struct forget_point *member = &all->members[all->n];
	member->name = strdup(repo_point_name(point));
	if (!member->name)
		return error_set(err, -ENOMEM, "list the restore points: %m");
	memcpy(member->id, id, sizeof(member->id));
	snprintf(member->time, sizeof(member->time), "%s", repo_point_time(point));
	member->order = all->n++;
	return 0;
}

static void damaged(void *ctx, const struct error *why)
{
	const struct forget_request *request = ((struct all *)ctx)->request;
	if (request->damaged)
		request->damaged(request->ctx, why);
}

static int by_name(const void *a, const void *b)
{
	const struct forget_point *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int tell(struct repo *repo, const struct forget_request *request,
		const struct forget_point *member, const struct retention_point *judged,
		bool *ret_keep, struct error *err)
{
	char why[256] = "no rule keeps it";
	bool pinned;
	int rc = repo_is_pinned(repo, member->id, &pinned, err);
	if (rc < 0)
		return rc;
	if (judged->reasons)
		retention_why(request->policy, judged, why, sizeof(why));
	else if (pinned)
		snprintf(why, sizeof(why), "pinned");
	*ret_keep = pinned || judged->reasons;
	const struct forget_verdict verdict = {
		.id = member->id,
		.name = member->name,
		.time = member->time,
		.keep = *ret_keep,
		.why = why,
	};
	return request->each(request->ctx, &verdict, err);
}

/* One name: judged as a whole before any of it is removed. */
static int forget_group(struct repo *repo, struct all *all, size_t first, size_t n,
			struct error *err)
{
	const struct forget_request *request = all->request;
	int64_t when;
	for (size_t i = 0; i < n; i++)
		all->judged[i].time = moment_parse(all->members[first + i].time, &when) ? when : 0;
	retention_judge(request->policy, all->judged, n);
	for (size_t i = 0; i < n; i++) {
		bool keep;
		const struct forget_point *member = &all->members[first + i];
		int rc = tell(repo, request, member, &all->judged[i], &keep, err);
		if (rc == 0 && !keep && !request->dry_run)
			rc = repo_forget(repo, member->id, err);
		/* Whoever has pinned it meanwhile is right. */
		if (rc < 0 && rc != -EPERM)
			return rc;
	}
	return 0;
}

int forget_run(struct repo *repo, const struct forget_request *request, struct error *err)
{
	if (retention_is_empty(request->policy))
		return error_set(err, -EINVAL,
				 "a policy without rules keeps nothing: say what to keep");
	CLEANUP(all_cleanup) struct all all = { .request = request };
	int rc = repo_points(repo, request->name, collect, &all, damaged, err);
	if (rc < 0)
		return rc;
	if (all.n == 0 && request->name)
		return error_mark(err,
				  error_set(err, -ENOENT, "there are no restore points called '%s'",
					    request->name),
				  ERROR_KIND_NOT_FOUND);
	if (all.n == 0)
		return 0;
	all.judged = calloc(all.n, sizeof(*all.judged));
	if (!all.judged)
		return error_set(err, -ENOMEM, "judge the restore points: %m");
	qsort(all.members, all.n, sizeof(*all.members), by_name);
	for (size_t i = 0, end; i < all.n; i = end) {
		for (end = i + 1; end < all.n; end++)
			if (strcmp(all.members[i].name, all.members[end].name) != 0)
				break;
		rc = forget_group(repo, &all, i, end - i, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
