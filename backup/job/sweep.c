/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sweep - see sweep.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lunette/json.h"
#include "lunette/shape.h"
#include "sweep.h"

#define ROUNDS         3
#define ROUND_PAUSE_MS 500

/* The base's snapshots stay, and so does what `abort` of its name would take with it. */
static bool is_base(const struct sweep *sweep, const json_t *object)
{
	const char *kind = shape_text(object, "kind"), *id = shape_text(object, "id");
	const json_t *snapshots = json_object_get(sweep->base, "snapshots");
	if (strcmp(kind, "prepared") == 0)
		return sweep->base && strcmp(id, shape_text(sweep->base, "name")) == 0;
	if (strcmp(kind, "snapshot") != 0)
		return false;
	for (size_t i = 0; i < json_array_size(snapshots); i++)
		if (strcmp(shape_text(json_array_get(snapshots, i), "snapshot"), id) == 0)
			return true;
	return false;
}

static int remove_one(const struct sweep *sweep, const json_t *object, struct error *err)
{
	const char *kind = shape_text(object, "kind"), *id = shape_text(object, "id");
	if (strcmp(kind, "mapping") == 0)
		return plugin_unmap(sweep->plugin, id, shape_text(object, "initiator"),
				    sweep->limit_ms, err);
	if (strcmp(kind, "lun") == 0)
		return plugin_lun_delete(sweep->plugin, id, sweep->limit_ms, err);
	if (strcmp(kind, "snapshot") == 0)
		return plugin_snap_delete(sweep->plugin, id, sweep->limit_ms, err);
	return plugin_abort(sweep->plugin, id, sweep->limit_ms, err);
}

/* Return: how many are left of what is there. */
static size_t sweep_once(const struct sweep *sweep, const json_t *objects, struct error *ret_why)
{
	/* What is made of others goes before them. */
	static const char *const kinds[] = { "mapping", "lun", "snapshot", "prepared" };
	size_t left = 0;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < json_array_size(objects); i++) {
			const json_t *o = json_array_get(objects, i);
			struct error why = { 0 };
			if (strcmp(shape_text(o, "kind"), kinds[k]) != 0 || is_base(sweep, o))
				continue;
			story_say(sweep->story, "%s %s '%s' of %s",
				  sweep->dry_run ? "would remove" : "removing", kinds[k],
				  shape_text(o, "id"), shape_text(o, "owner"));
			if (!sweep->dry_run && remove_one(sweep, o, &why) == 0)
				continue;
			left++;
			if (why.code) {
				story_say(sweep->story, "%s", why.msg);
				*ret_why = why;
			}
		}
	return left;
}

static size_t count_left(const struct sweep *sweep, const json_t *objects)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(objects); i++)
		n += !is_base(sweep, json_array_get(objects, i));
	return n;
}

int sweep_run(const struct sweep *sweep, size_t *ret_left, struct error *err)
{
	*ret_left = 0;
	for (int round = 0; round < ROUNDS; round++) {
		CLEANUP(json_decref_cleanup) json_t *objects = NULL;
		int rc = plugin_list(sweep->plugin, false, sweep->limit_ms, &objects, err);
		if (rc < 0)
			return rc;
		*ret_left = count_left(sweep, objects);
		if (*ret_left == 0)
			return 0;
		sweep_once(sweep, objects, err);
		if (sweep->dry_run)
			return 0;
		if (round > 0)
			poll(NULL, 0, ROUND_PAUSE_MS);
	}
	/* What removing said is one thing, what is there afterwards another. */
	CLEANUP(json_decref_cleanup) json_t *objects = NULL;
	struct error why = { 0 };
	int rc = plugin_list(sweep->plugin, false, sweep->limit_ms, &objects, &why);
	if (rc < 0)
		return error_copy(err, rc, &why);
	*ret_left = count_left(sweep, objects);
	return 0;
}
