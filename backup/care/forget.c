/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forget - see forget.h. All is judged before anything is removed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "holdings.h"
#include "lunette/bits.h"
#include "lunette/forget.h"
#include "lunette/id-set.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/verdicts.h"

/**
 * struct forget_point - a restore point
 * @order: its place in the list, which is by time, to the nanosecond where that is known
 * @held: see holdings_of()
 * @hurt: a check has found it damaged
 * @lacks: of its disks, what could not be read when it was made
 */
struct forget_point {
	size_t order;
	char id[65];
	char time[32];
	char *name;
	json_t *held;
	bool hurt;
	bool lacks;
};

/**
 * struct all - the restore points there are
 * @verdicts: see verdicts_read()
 * @pins: see repo_pins()
 * @judged: of one name, @n at most
 */
struct all {
	const struct forget_request *request;
	int64_t now;
	json_t *verdicts;
	struct id_set *pins;
	size_t n, room;
	struct forget_point *members;
	struct retention_point *judged;
};

static void all_cleanup(struct all *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->members[i].name);
		json_decref(all->members[i].held);
	}
	json_decref(all->verdicts);
	id_set_free(all->pins);
	free(all->members);
	free(all->judged);
}

static bool lacks_bytes(const json_t *point)
{
	bool lacks = false;
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		lacks |= json_array_size(disk.unreadable) > 0;
	}
	return lacks;
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
	*member = (struct forget_point){ .order = all->n, .name = strdup(repo_point_name(point)) };
	if (!member->name)
		return error_set(err, -ENOMEM, "list the restore points: %m");
	all->n++;
	memcpy(member->id, id, sizeof(member->id));
	snprintf(member->time, sizeof(member->time), "%s", repo_point_time(point));
	member->hurt = verdicts_hurt(all->verdicts, id);
	member->lacks = lacks_bytes(point);
	return holdings_of(point, &member->held, err);
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

/* ---- judging ---- */

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "judge the restore points: %m");
}

/* A number for each thing that is held. */
static int number_held(const struct all *all, size_t first, size_t n, json_t *numbers,
		       struct error *err)
{
	const char *key;
	json_t *value;
	for (size_t i = 0; i < n; i++)
		json_object_foreach(all->members[first + i].held, key, value)
		{
			json_int_t next = (json_int_t)json_object_size(numbers);
			if (!json_object_get(numbers, key) &&
			    json_object_set_new_nocheck(numbers, key, json_integer(next)) < 0)
				return no_memory(err);
		}
	return 0;
}

/* Tells each of them by these numbers what it holds; the bits are to be freed with free(). */
static int spell_held(struct all *all, size_t first, size_t n, size_t *ret_n, uint64_t **ret,
		      struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *numbers = json_object();
	int rc = numbers ? number_held(all, first, n, numbers, err) : no_memory(err);
	if (rc < 0)
		return rc;
	size_t words = BITS_WORDS(json_object_size(numbers));
	uint64_t *bits = calloc(n * words, sizeof(*bits));
	if (!bits)
		return no_memory(err);
	const char *key;
	json_t *value;
	for (size_t i = 0; i < n; i++) {
		all->judged[i].holds = &bits[i * words];
		json_object_foreach(all->members[first + i].held, key, value)
		{
			size_t bit = (size_t)json_integer_value(json_object_get(numbers, key));
			bits_put(&bits[i * words], bit, bit + 1, true);
		}
	}
	*ret_n = json_object_size(numbers);
	*ret = bits;
	return 0;
}

/* One name, as a whole. */
static int judge(struct all *all, size_t first, size_t n, struct error *err)
{
	CLEANUP(free_cleanup) uint64_t *bits = NULL;
	size_t n_held = 0;
	memset(all->judged, 0, n * sizeof(*all->judged));
	for (size_t i = 0; i < n; i++) {
		const struct forget_point *member = &all->members[first + i];
		const char *time = member->time;
		int64_t when = 0;
		bool known = moment_parse(time, &when);
		all->judged[i].time = when;
		all->judged[i].damaged = member->hurt || member->lacks;
		all->judged[i].aside = !known || moment_is_future(time, all->now);
	}
	int rc = spell_held(all, first, n, &n_held, &bits, err);
	if (rc == 0)
		rc = retention_judge(all->request->policy, all->judged, n, n_held, err);
	for (size_t i = 0; i < n; i++)
		all->judged[i].holds = NULL;
	return rc;
}

/* ---- telling, and removing ---- */

/* Whether it stays, and why. */
static void reach_verdict(const struct all *all, const struct retention_point *judged,
			  struct forget_verdict *verdict, char *why, size_t size)
{
	const struct forget_request *request = all->request;
	struct chunk_id id;
	bool pinned = chunk_id_parse(verdict->id, &id) && id_set_has(all->pins, &id);
	bool made = request->made && strcmp(request->made, verdict->id) == 0;
	verdict->why = why;
	verdict->aside = judged->aside;
	verdict->keep = judged->reasons || pinned || made || judged->aside;
	if (judged->reasons)
		retention_why(request->policy, judged, why, size);
	else
		snprintf(why, size, "%s",
			 pinned          ? "pinned"
			 : made          ? "made just now"
			 : judged->aside ? "of the future, or of no time: no rule counts it"
					 : "no rule keeps it");
}

/* One that goes. Whoever has pinned it meanwhile is right. */
static int remove_one(struct repo *repo, const struct forget_request *request,
		      const struct forget_point *member, struct error *err)
{
	bool is_final = false;
	int rc = repo_forget(repo, member->id, &is_final, err);
	if (is_final) {
		char text[512];
		snprintf(text, sizeof(text),
			 "there is no room to keep restore point %.300s@%s, id %.12s, for being "
			 "brought back",
			 member->name, member->time, member->id);
		request->warn(request->ctx, text);
	}
	return rc == -EPERM ? 0 : rc;
}

static int forget_one(struct repo *repo, const struct all *all, const struct forget_point *member,
		      const struct retention_point *judged, struct error *err)
{
	const struct forget_request *request = all->request;
	char why[256];
	struct forget_verdict verdict = {
		.id = member->id,
		.name = member->name,
		.time = member->time,
		.damaged = member->hurt,
	};
	reach_verdict(all, judged, &verdict, why, sizeof(why));
	int rc = request->each(request->ctx, &verdict, err);
	if (rc == 0 && !verdict.keep && !request->dry_run)
		rc = remove_one(repo, request, member, err);
	return rc;
}

static void warn_aside(const struct all *all, size_t first, size_t n)
{
	const struct forget_point *newest = NULL;
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (all->judged[i].aside) {
			newest = &all->members[first + i];
			count++;
		}
	if (!newest)
		return;
	char text[1024];
	snprintf(
		text, sizeof(text),
		"'%.300s' has restore points (%zu) of the future, or of no time at all: a clock was "
		"wrong, or this one is; no rule counts them, and they stay; the newest is %.300s@%s, "
		"id %.12s",
		newest->name, count, newest->name, newest->time, newest->id);
	all->request->warn(all->request->ctx, text);
}

/* One name: judged as a whole before any of it is removed. */
static int forget_group(struct repo *repo, struct all *all, size_t first, size_t n,
			struct error *err)
{
	int rc = judge(all, first, n, err);
	if (rc < 0)
		return rc;
	warn_aside(all, first, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = forget_one(repo, all, &all->members[first + i], &all->judged[i], err);
	return rc;
}

int forget_run(struct repo *repo, const struct forget_request *request, struct error *err)
{
	if (retention_is_empty(request->policy))
		return error_set(err, -EINVAL,
				 "a policy without rules keeps nothing: say what to keep");
	CLEANUP(all_cleanup) struct all all = { .request = request, .now = time(NULL) };
	int rc = verdicts_read(repo, &all.verdicts, err);
	if (rc == 0)
		rc = repo_pins(repo, &all.pins, err);
	if (rc == 0)
		rc = repo_points(repo, request->name, collect, &all, damaged, err);
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
		return no_memory(err);
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
