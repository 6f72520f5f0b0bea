/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * point-many - reads many restore points, several at a time, since a store may be far away; they
 * are handed out in their order, by the thread that asked.
 */
#include <errno.h>

#include "lunette/ordered.h"
#include "lunette/repo-parts.h"

/* Fewer than this are not worth a thread. */
#define MANY    16
#define THREADS 8
#define DEPTH   16

/**
 * struct point_slot - one that is being read
 * @point: NULL, and @why says why
 */
struct point_slot {
	const char *id;
	json_t *point;
	struct error why;
};

struct point_reading {
	struct repo *repo;
	const char *folder;
	const char *const *ids;
	size_t n, next, taken;
	point_many_fn *fn;
	void *ctx;
	struct point_slot slots[DEPTH];
};

static int next(void *ctx, size_t slot, struct error *err)
{
	(void)err;
	struct point_reading *reading = ctx;
	if (reading->next == reading->n)
		return 0;
	reading->slots[slot] = (struct point_slot){ .id = reading->ids[reading->next++] };
	return 1;
}

static int work(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	(void)worker;
	struct point_reading *reading = ctx;
	struct point_slot *s = &reading->slots[slot];
	int rc = point_get_from(reading->repo, reading->folder, s->id, &s->point, &s->why);
	return rc == -ENOMEM ? error_copy(err, rc, &s->why) : 0;
}

static int take(void *ctx, size_t slot, struct error *err)
{
	struct point_reading *reading = ctx;
	struct point_slot *s = &reading->slots[slot];
	int rc = reading->fn(reading->ctx, reading->taken++, s->point, &s->why, err);
	json_decref(steal(&s->point));
	return rc;
}

int point_get_many(struct repo *repo, const char *folder, const char *const *ids, size_t n,
		   point_many_fn *fn, void *ctx, struct error *err)
{
	static const struct ordered_ops ops = { .next = next, .work = work, .take = take };
	struct point_reading reading = {
		.repo = repo, .folder = folder, .ids = ids, .n = n, .fn = fn, .ctx = ctx
	};
	int rc = ordered_run(&ops, &reading, n < MANY ? 0 : THREADS, DEPTH, err);
	for (size_t i = 0; i < DEPTH; i++)
		json_decref(reading.slots[i].point);
	return rc;
}
