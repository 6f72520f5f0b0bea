/* SPDX-License-Identifier: GPL-3.0-or-later */
/* freshness - see freshness.h. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "freshness.h"
#include "lunette/duration.h"
#include "lunette/json.h"
#include "lunette/moment.h"

/**
 * struct newest - what there is of a name
 * @point: the newest one that counts, or NULL
 * @time: of it
 * @future, @damaged: how many do not count, of those that are newer
 */
struct newest {
	const json_t *point;
	int64_t time;
	size_t future, damaged;
};

/* A check has found it damaged, or its time is none of the calendar. */
static bool is_damaged(const json_t *point, int64_t *ret_time)
{
	return !moment_parse(cmd_json_text(point, "time"), ret_time) ||
	       json_is_false(json_object_get(json_object_get(point, "check"), "whole"));
}

static struct newest find_newest(const json_t *points, const char *name)
{
	struct newest newest = { 0 };
	size_t i;
	const json_t *point;
	json_array_foreach(points, i, point)
	{
		int64_t time;
		if (strcmp(cmd_json_text(point, "name"), name) != 0)
			continue;
		if (json_is_true(json_object_get(point, "future")))
			newest.future++;
		else if (is_damaged(point, &time))
			newest.damaged++;
		else
			newest = (struct newest){ .point = point,
						  .time = time,
						  .future = newest.future };
	}
	return newest;
}

/* "; 1 of the future and 2 that are damaged do not count" */
static void say_others(const struct newest *newest, const char *before, char *buf, size_t size)
{
	char future[64] = "", damaged[64] = "";
	if (newest->future)
		snprintf(future, sizeof(future), "%zu of the future", newest->future);
	if (newest->damaged)
		snprintf(damaged, sizeof(damaged), "%zu that %s damaged", newest->damaged,
			 newest->damaged == 1 ? "is" : "are");
	if (newest->future + newest->damaged > 0)
		snprintf(buf, size, "%s%s%s%s %s not count", before, future,
			 *future && *damaged ? " and " : "", damaged,
			 newest->future + newest->damaged == 1 ? "does" : "do");
}

/* @old: is there anything to say? NULL then: there is no memory. */
static json_t *judge(const struct freshness *asked, const json_t *points, const char *name,
		     bool *old)
{
	struct newest newest = find_newest(points, name);
	char why[512], others[160] = "", age_text[DURATION_TEXT];
	int64_t age = newest.point ? MAX(asked->now - newest.time, (int64_t)0) : 0;
	*old = !newest.point || (uint64_t)age * 1000 > asked->max_age;
	if (!*old)
		return NULL;
	say_others(&newest, newest.point ? "; " : ": ", others, sizeof(others));
	if (newest.point)
		snprintf(
			why, sizeof(why),
			"the newest restore point of '%.200s' is %s old, more than %s: that of %s%s",
			name, duration_text((uint64_t)age * 1000, age_text), asked->text,
			cmd_json_text(newest.point, "time"), others);
	else
		snprintf(why, sizeof(why), "there is no restore point called '%.200s'%s%s", name,
			 *others ? " that counts" : "", others);
	return json_pack("{s:o, s:O?, s:O?, s:o?, s:o}", "name", json_text(name), "id",
			 json_object_get(newest.point, "id"), "time",
			 json_object_get(newest.point, "time"), "age",
			 newest.point ? json_integer(age) : NULL, "why", json_text(why));
}

json_t *freshness_too_old(const struct freshness *asked, const json_t *points,
			  const char *const *names, size_t n)
{
	CLEANUP(json_decref_cleanup) json_t *all = json_array();
	for (size_t i = 0; i < n; i++) {
		bool old;
		json_t *entry = judge(asked, points, names[i], &old);
		if (old && json_array_append_new(all, entry) < 0)
			return NULL;
	}
	return steal(&all);
}
