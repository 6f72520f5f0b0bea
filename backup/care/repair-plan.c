/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repair-plan - which of the problems that a check has found can be helped. See repair.h. */
#include <errno.h>
#include <string.h>

#include "lunette/index.h"
#include "lunette/repair.h"
#include "lunette/repo-parts.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add(struct repair_keys *keys, const char *key, struct error *err)
{
	void *grown = reallocarray(keys->keys, keys->n + 1, sizeof(*keys->keys));
	if (!grown)
		return error_set(err, -ENOMEM, "plan a repair: %m");
	keys->keys = grown;
	memcpy(keys->keys[keys->n++], key, strlen(key) + 1);
	return 0;
}

static bool begins(const char *key, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(key, folder, len) == 0 && key[len] == '/' && strlen(key) < STORE_KEY_MAX;
}

static int sort_in(struct repair_plan *plan, const char *object, bool damaged, struct error *err)
{
	if (damaged && begins(object, INDEX_FOLDER))
		return add(&plan->indexes, object, err);
	if (damaged && begins(object, "packs"))
		return add(&plan->packs, object, err);
	if (damaged && begins(object, POINT_FOLDER))
		return add(&plan->points, object, err);
	if (damaged && (begins(object, "leases") || begins(object, "marks")))
		return add(&plan->notes, object, err);
	plan->others++;
	return 0;
}

static void sort(struct repair_keys *keys)
{
	if (keys->n == 0)
		return;
	qsort(keys->keys, keys->n, sizeof(*keys->keys), by_text);
	size_t n = 1; /* several problems of one object are one */
	for (size_t i = 1; i < keys->n; i++)
		if (strcmp(keys->keys[i], keys->keys[n - 1]) != 0)
			memmove(keys->keys[n++], keys->keys[i], sizeof(*keys->keys));
	keys->n = n;
}

int repair_plan_make(const struct check_result *found, struct repair_plan *ret, struct error *err)
{
	_Static_assert(sizeof(*ret->packs.keys) == STORE_KEY_MAX, "a key fits");
	size_t i;
	json_t *problem;
	*ret = (struct repair_plan){ 0 };
	json_array_foreach(found->problems, i, problem)
	{
		const char *object = json_string_value(json_object_get(problem, "object"));
		bool damaged = json_is_true(json_object_get(problem, "damaged"));
		int rc = sort_in(ret, object, damaged, err);
		if (rc < 0)
			return rc;
	}
	sort(&ret->indexes);
	sort(&ret->packs);
	sort(&ret->points);
	sort(&ret->notes);
	ret->reindex = ret->indexes.n > 0 || found->unknown > 0;
	return 0;
}

void repair_plan_free(struct repair_plan *plan)
{
	free(plan->indexes.keys);
	free(plan->packs.keys);
	free(plan->points.keys);
	free(plan->notes.keys);
}
