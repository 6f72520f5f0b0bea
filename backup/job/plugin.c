/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin - see plugin.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/json.h"
#include "lunette/names.h"
#include "plugin.h"
#include "lunette/shape-table.h"

#define INFO_LIMIT_MS 10000
#define TEXT_MAX      PLUGIN_ID_MAX
#define ITEMS_MAX     4096 /* volumes, LUNs, portals, settings */

struct plugin {
	struct plugin_options options;
	char name[128]; /* for messages */
	struct lines *lines;
	json_t *info;
};

/* ---- the shapes of the protocol ---------------------------------------------------------------
 */

#define LIST(key, n)                                    \
	{                                               \
		key, SHAPE_OBJECTS, ITEMS_MAX, n, false \
	}

static const struct shape empty_shape[] = { { 0 } };
static const struct shape setting_shape[] = {
	TEXT("name"), FLAG("required"), FLAG("secret"), TEXT("description"), { 0 }
};
static const struct shape info_shape[] = {
	TEXT("name"), TEXT("version"), TEXT("description"), LIST("settings", setting_shape), { 0 }
};
static const struct shape capabilities_shape[] = {
	FLAG("group"), FLAG("delta"),      FLAG("allocated"),
	FLAG("chap"),  FLAG("initiators"), SIZE("snapshots_per_volume"),
	{ 0 }
};
static const struct shape probe_shape[] = { TEXT("vendor"), TEXT("product"), TEXT("id"), { 0 } };
static const struct shape resolved_shape[] = {
	TEXT("identity"), TEXT("volume"), SIZE("size"), { 0 }
};
static const struct shape resolve_shape[] = { LIST("volumes", resolved_shape), { 0 } };
static const struct shape snapshot_shape[] = {
	TEXT("volume"), TEXT("snapshot"), SIZE("size"), TEXT("created"), { 0 }
};
static const struct shape commit_shape[] = { LIST("snapshots", snapshot_shape), { 0 } };
static const struct shape lun_create_shape[] = {
	TEXT("lun"), SIZE("size"), TEXT("identity"), { 0 }
};
static const struct shape map_shape[] = { { "portals", SHAPE_TEXTS, ITEMS_MAX, NULL, false },
					  TEXT("target"),
					  { "number", SHAPE_SIZE, 0xffff, NULL, false },
					  TEXT("identity"),
					  FLAG("chap"),
					  { 0 } };
static const struct shape object_shape[] = {
	TEXT("kind"),      TEXT("id"),         MAYBE("name"),    TEXT("owner"), MAYBE("volume"),
	MAYBE("snapshot"), MAYBE("initiator"), MAYBE("created"), { 0 }
};
static const struct shape list_shape[] = {
	{ "objects", SHAPE_OBJECTS, PLUGIN_OBJECTS_MAX, object_shape, false }, { 0 }
};
static const struct shape extents_shape[] = { { "extents", SHAPE_RANGES, PLUGIN_EXTENTS_MAX, NULL,
						false },
					      { "next", SHAPE_NULL_OR_SIZE, 0, NULL, false },
					      { 0 } };

const struct shape *plugin_shape(const char *verb)
{
	static const struct {
		const char *verb;
		const struct shape *shape;
	} shapes[] = {
		{ "info", info_shape },        { "capabilities", capabilities_shape },
		{ "probe", probe_shape },      { "resolve", resolve_shape },
		{ "prepare", empty_shape },    { "commit", commit_shape },
		{ "abort", empty_shape },      { "lun-create", lun_create_shape },
		{ "map", map_shape },          { "unmap", empty_shape },
		{ "lun-delete", empty_shape }, { "snap-delete", empty_shape },
		{ "list", list_shape },        { "allocated", extents_shape },
		{ "delta", extents_shape },
	};
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (strcmp(shapes[i].verb, verb) == 0)
			return shapes[i].shape;
	return NULL;
}

/* ---- starting and ending ----------------------------------------------------------------------
 */

static int bad_reply(struct plugin *plugin, const char *verb, int rc, struct error *err)
{
	lines_kill(plugin->lines);
	return error_wrap(err, rc, "%s: %s: its reply cannot be used", plugin->name, verb);
}

static int start(struct plugin *plugin, struct error *err)
{
	const char *const argv[] = { plugin->options.path, "--protocol", "1", NULL };
	const struct lines_options options = {
		.name = plugin->name,
		.argv = argv,
		.secrets = plugin->options.secrets,
		.dies_with_us = true,
		.log = plugin->options.log,
		.ctx = plugin->options.ctx,
		.stop = plugin->options.stop,
	};
	struct lines *lines;
	int rc = lines_start(&options, &lines, err);
	if (rc < 0) /* the one that is gone is asked again later, and says so */
		return rc;
	lines_free(plugin->lines);
	plugin->lines = lines;
	return 0;
}

static int ask_info(struct plugin *plugin, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *info = NULL;
	int rc = lines_call(plugin->lines, "info", NULL, INFO_LIMIT_MS, &info, err);
	if (rc < 0)
		return rc;
	rc = shape_check(info, plugin_shape("info"), err);
	if (rc < 0)
		return bad_reply(plugin, "info", rc, err);
	const json_t *protocols = json_object_get(info, "protocols");
	for (size_t i = 0; i < json_array_size(protocols); i++)
		if (json_integer_value(json_array_get(protocols, i)) == 1) {
			plugin->info = steal(&info);
			return 0;
		}
	return error_set(err, -EPROTONOSUPPORT, "%s does not speak version 1 of the protocol",
			 plugin->name);
}

int plugin_open(const struct plugin_options *options, struct plugin **ret, struct error *err)
{
	CLEANUP(plugin_close_cleanup) struct plugin *plugin = calloc(1, sizeof(*plugin));
	if (!plugin)
		return error_set(err, -ENOMEM, "plug-in: %m");
	const char *base = strrchr(options->path, '/');
	plugin->options = *options;
	snprintf(plugin->name, sizeof(plugin->name), "plug-in '%s'",
		 base ? base + 1 : options->path);
	int rc = start(plugin, err);
	if (rc == 0)
		rc = ask_info(plugin, err);
	if (rc < 0)
		return rc;
	*ret = steal(&plugin);
	return 0;
}

void plugin_close(struct plugin *plugin)
{
	if (!plugin)
		return;
	lines_free(plugin->lines);
	json_decref(plugin->info);
	free(plugin);
}

void plugin_ignore_stop(struct plugin *plugin)
{
	plugin->options.stop = NULL;
	lines_ignore_stop(plugin->lines);
}

bool plugin_may_retry(const struct plugin *plugin)
{
	return lines_may_retry(plugin->lines);
}

const json_t *plugin_info(const struct plugin *plugin)
{
	return plugin->info;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

/* Steals @params, which may be NULL when there was no memory. @ret may be NULL. */
static int call(struct plugin *plugin, const char *verb, json_t *params, unsigned int limit_ms,
		json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *all = params, *result = NULL;
	if (!all || json_object_set(all, "config", (json_t *)plugin->options.config) < 0 ||
	    json_object_set_new(all, "owner", json_string(plugin->options.owner)) < 0)
		return error_set(err, -ENOMEM, "%s: %s: %m", plugin->name, verb);
	if (!lines_alive(plugin->lines)) {
		int rc = start(plugin, err);
		if (rc < 0)
			return rc;
	}
	int rc = lines_call(plugin->lines, verb, all, limit_ms, &result, err);
	if (rc < 0)
		return rc;
	rc = shape_check(result, plugin_shape(verb), err);
	if (rc < 0)
		return bad_reply(plugin, verb, rc, err);
	if (ret)
		*ret = steal(&result);
	return 0;
}

int plugin_capabilities(struct plugin *plugin, unsigned int limit_ms,
			struct plugin_capabilities *ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(plugin, "capabilities", json_object(), limit_ms, &result, err);
	if (rc < 0)
		return rc;
	*ret = (struct plugin_capabilities){
		.group = shape_flag(result, "group"),
		.delta = shape_flag(result, "delta"),
		.allocated = shape_flag(result, "allocated"),
		.chap = shape_flag(result, "chap"),
		.initiators = shape_flag(result, "initiators"),
		.snapshots_per_volume = shape_size(result, "snapshots_per_volume"),
	};
	return 0;
}

int plugin_probe(struct plugin *plugin, unsigned int limit_ms, json_t **ret, struct error *err)
{
	return call(plugin, "probe", json_object(), limit_ms, ret, err);
}

/* A reply's list answers the list that was asked, item by item: by @key, or the texts themselves.
 */
static int check_order(struct plugin *plugin, const char *verb, const json_t *asked,
		       const json_t *got, const char *key, struct error *err)
{
	int rc = 0;
	if (json_array_size(asked) != json_array_size(got))
		rc = error_set(err, -EPROTO, "%zu were asked for, %zu came", json_array_size(asked),
			       json_array_size(got));
	for (size_t i = 0; rc == 0 && i < json_array_size(got); i++) {
		const json_t *item = json_array_get(asked, i);
		const char *wanted =
			json_is_string(item) ? json_string_value(item) : shape_text(item, key);
		if (strcmp(wanted, shape_text(json_array_get(got, i), key)) != 0)
			rc = error_set(err, -EPROTO, "item %zu is not '%s'", i + 1, wanted);
	}
	return rc < 0 ? bad_reply(plugin, verb, rc, err) : 0;
}

int plugin_resolve(struct plugin *plugin, const json_t *luns, unsigned int limit_ms, json_t **ret,
		   struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(plugin, "resolve", json_pack("{s:O}", "luns", luns), limit_ms, &result, err);
	if (rc < 0)
		return rc;
	json_t *volumes = json_object_get(result, "volumes");
	rc = check_order(plugin, "resolve", luns, volumes, "identity", err);
	if (rc == 0)
		*ret = json_incref(volumes);
	return rc;
}

int plugin_prepare(struct plugin *plugin, const char *name, const json_t *volumes,
		   unsigned int limit_ms, struct error *err)
{
	return call(plugin, "prepare", json_pack("{s:s, s:O}", "name", name, "volumes", volumes),
		    limit_ms, NULL, err);
}

int plugin_commit(struct plugin *plugin, const char *name, const json_t *volumes,
		  unsigned int limit_ms, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(plugin, "commit", json_pack("{s:s, s:O}", "name", name, "volumes", volumes),
		      limit_ms, &result, err);
	if (rc < 0)
		return rc;
	json_t *snapshots = json_object_get(result, "snapshots");
	rc = check_order(plugin, "commit", volumes, snapshots, "volume", err);
	if (rc == 0)
		*ret = json_incref(snapshots);
	return rc;
}

int plugin_abort(struct plugin *plugin, const char *name, unsigned int limit_ms, struct error *err)
{
	return call(plugin, "abort", json_pack("{s:s}", "name", name), limit_ms, NULL, err);
}

int plugin_lun_create(struct plugin *plugin, const char *name, const char *snapshot,
		      unsigned int limit_ms, json_t **ret, struct error *err)
{
	return call(plugin, "lun-create",
		    json_pack("{s:s, s:s}", "name", name, "snapshot", snapshot), limit_ms, ret,
		    err);
}

int plugin_map(struct plugin *plugin, const char *lun, const char *initiator, unsigned int limit_ms,
	       json_t **ret, struct error *err)
{
	return call(plugin, "map", json_pack("{s:s, s:s}", "lun", lun, "initiator", initiator),
		    limit_ms, ret, err);
}

int plugin_unmap(struct plugin *plugin, const char *lun, const char *initiator,
		 unsigned int limit_ms, struct error *err)
{
	return call(plugin, "unmap", json_pack("{s:s, s:s}", "lun", lun, "initiator", initiator),
		    limit_ms, NULL, err);
}

int plugin_lun_delete(struct plugin *plugin, const char *lun, unsigned int limit_ms,
		      struct error *err)
{
	return call(plugin, "lun-delete", json_pack("{s:s}", "lun", lun), limit_ms, NULL, err);
}

int plugin_snap_delete(struct plugin *plugin, const char *snapshot, unsigned int limit_ms,
		       struct error *err)
{
	return call(plugin, "snap-delete", json_pack("{s:s}", "snapshot", snapshot), limit_ms, NULL,
		    err);
}

/* What is asked for is what may be removed: nothing of others comes of a plug-in's mistake. */
static void drop_others(const struct plugin *plugin, json_t *objects)
{
	for (size_t i = json_array_size(objects); i-- > 0;)
		if (!names_same_owner(plugin->options.owner,
				      shape_text(json_array_get(objects, i), "owner")))
			json_array_remove(objects, i);
}

int plugin_list(struct plugin *plugin, bool all, unsigned int limit_ms, json_t **ret,
		struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(plugin, "list", json_pack("{s:b}", "all", all), limit_ms, &result, err);
	if (rc < 0)
		return rc;
	json_t *objects = json_object_get(result, "objects");
	if (!all)
		drop_others(plugin, objects);
	*ret = json_incref(objects);
	return 0;
}

/* A plug-in that does not come forward would be asked for ever. */
static int take_extents(struct plugin *plugin, const char *verb, const json_t *result,
			uint64_t start, json_t **ret, uint64_t *ret_next, struct error *err)
{
	json_t *extents = json_object_get(result, "extents");
	const json_t *next = json_object_get(result, "next");
	const json_t *first = json_array_get(json_array_get(extents, 0), 0);
	if (first && (uint64_t)json_integer_value(first) < start)
		return bad_reply(plugin, verb,
				 error_set(err, -EPROTO, "a range lies before 'start'"), err);
	if (json_is_integer(next) && (uint64_t)json_integer_value(next) <= start)
		return bad_reply(plugin, verb,
				 error_set(err, -EPROTO, "'next' does not come forward"), err);
	*ret_next = json_is_null(next) ? UINT64_MAX : (uint64_t)json_integer_value(next);
	*ret = json_incref(extents);
	return 0;
}

int plugin_allocated(struct plugin *plugin, const char *snapshot, uint64_t start,
		     unsigned int limit_ms, json_t **ret, uint64_t *ret_next, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(plugin, "allocated",
		      json_pack("{s:s, s:I}", "snapshot", snapshot, "start", (json_int_t)start),
		      limit_ms, &result, err);
	return rc < 0 ? rc : take_extents(plugin, "allocated", result, start, ret, ret_next, err);
}

int plugin_delta(struct plugin *plugin, const char *from, const char *to, uint64_t start,
		 unsigned int limit_ms, json_t **ret, uint64_t *ret_next, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(
		plugin, "delta",
		json_pack("{s:s, s:s, s:I}", "from", from, "to", to, "start", (json_int_t)start),
		limit_ms, &result, err);
	return rc < 0 ? rc : take_extents(plugin, "delta", result, start, ret, ret_next, err);
}
