/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step-storage - what is done on the storage: room for a snapshot, LUNs of it, and who may see
 * them; and all of that backwards. See steps.c. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "reservation.h"
#include "run.h"
#include "lunette/shape.h"
#include "sweep.h"

#define RETRY_PAUSE_MS 200

static void on_plugin_log(void *ctx, const char *line)
{
	story_quote(((struct run *)ctx)->log.story, "plug-in", line);
}

static void on_mistake(void *ctx, const char *mistake)
{
	story_say(((struct run *)ctx)->log.story, "%s", mistake);
}

/* ---- storage ----------------------------------------------------------------------------------
 */

int step_storage(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	const struct plugin_options options = {
		.path = s->plugin,
		.config = s->config,
		.secrets = run->storage.secrets,
		.owner = run->who.owner,
		.log = on_plugin_log,
		.ctx = run,
		.stop = run->stop,
	};
	int rc = plugin_open(&options, &run->storage.plugin, err);
	if (rc == 0)
		rc = settings_check_plugin(s, plugin_info(run->storage.plugin),
					   run->storage.secrets, on_mistake, run, err);
	if (rc == 0)
		rc = plugin_capabilities(run->storage.plugin, s->storage_limit, &run->storage.can,
					 err);
	if (rc == 0)
		rc = plugin_probe(run->storage.plugin, s->storage_limit, &run->storage.array, err);
	if (rc < 0)
		return rc;
	run->storage.asked = true;
	story_say(run->log.story, "the storage answers: %s %s, %s",
		  shape_text(run->storage.array, "vendor"),
		  shape_text(run->storage.array, "product"), shape_text(run->storage.array, "id"));
	if (!run->storage.can.chap && !run->storage.can.initiators)
		run_warn(run, "the storage guards its LUNs neither by CHAP nor by initiator: while "
			      "they exist, whoever reaches it can read them");
	if (s->delta && !run->storage.can.delta)
		run_warn(run, "[backup] delta: the storage cannot tell what changed; all is read");
	return 0;
}

/* Whatever the steps above have undone: the storage itself says whether anything is left. */
static int sweep(struct run *run, struct error *err)
{
	struct error why = { 0 };
	const struct sweep sweep = { .plugin = run->storage.plugin,
				     .story = run->log.story,
				     .base = run->snapshot.base,
				     .limit_ms = run->settings->storage_limit };
	size_t left;
	int rc = sweep_run(&sweep, &left, &why);
	if (rc < 0)
		return error_set(err, rc, "nobody knows what is left on the storage: %.380s",
				 why.msg);
	run->storage.leaked = left;
	return left ? error_set(err, -EBUSY, "%zu objects are left on the storage: %.400s", left,
				why.code ? why.msg : "they cannot be removed")
		    : 0;
}

int step_storage_undo(struct run *run, struct error *err)
{
	int rc = run->storage.asked ? sweep(run, err) : 0;
	plugin_close(steal(&run->storage.plugin));
	return rc;
}

/* ---- reserve ----------------------------------------------------------------------------------
 */

static int list_all(void *ctx, json_t **ret, struct error *err)
{
	struct run *run = ctx;
	return plugin_list(run->storage.plugin, true, run->settings->storage_limit, ret, err);
}

int step_reserve(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	char array[3200];
	if (run->snapshot.n_luns > 1 && !run->storage.can.group)
		return error_set(err, -EOPNOTSUPP,
				 "the volumes lie on %zu LUNs, and this storage cannot take a "
				 "snapshot of several at one moment",
				 run->snapshot.n_luns);
	snprintf(array, sizeof(array), "%s/%s/%s", shape_text(run->storage.array, "vendor"),
		 shape_text(run->storage.array, "product"), shape_text(run->storage.array, "id"));
	const struct reservation reservation = {
		.state = run->state,
		.array = array,
		.name = run->who.name,
		.volumes = run->storage.volumes,
		.most = run->storage.can.snapshots_per_volume
				? MIN((uint64_t)s->snapshots, run->storage.can.snapshots_per_volume)
				: s->snapshots,
		.list = list_all,
		.ctx = run,
	};
	int rc = reservation_take(&reservation, &run->storage.reservation, err);
	if (rc == 0)
		rc = run_intent(run, "prepare",
				json_pack("{s:s, s:O}", "name", run->who.name, "volumes",
					  run->storage.volumes),
				err);
	if (rc < 0)
		return rc;
	run->snapshot.reserved = true;
	return plugin_prepare(run->storage.plugin, run->who.name, run->storage.volumes,
			      s->storage_limit, err);
}

int step_reserve_undo(struct run *run, struct error *err)
{
	close_cleanup(&run->storage.reservation);
	run->storage.reservation = -1;
	if (!run->snapshot.reserved || run->snapshot.keep)
		return 0;
	return plugin_abort(run->storage.plugin, run->who.name, run->settings->storage_limit, err);
}

/* ---- removing: what is busy is asked again for a while ----------------------------------------
 */

typedef int (*remove_fn)(struct run *run, const struct run_lun *lun, unsigned int limit_ms,
			 struct error *err);

static int remove_patiently(struct run *run, const struct run_lun *lun, remove_fn remove,
			    struct error *err)
{
	unsigned int limit = run->settings->storage_limit;
	int64_t until = clock_now_ms() + limit;
	for (;;) {
		int rc = remove(run, lun, limit, err);
		if (rc == 0 || !plugin_may_retry(run->storage.plugin) || clock_now_ms() >= until)
			return rc;
		poll(NULL, 0, RETRY_PAUSE_MS);
	}
}

/* All of them, whatever one of them says; the first error counts. */
static int remove_all(struct run *run, bool (*due)(const struct run_lun *lun), remove_fn remove,
		      struct error *err)
{
	int first = 0;
	for (size_t i = run->snapshot.n_luns; i-- > 0;) {
		struct error why = { 0 };
		int rc = due(&run->snapshot.luns[i])
				 ? remove_patiently(run, &run->snapshot.luns[i], remove, &why)
				 : 0;
		if (rc < 0 && first == 0)
			first = error_copy(err, rc, &why);
	}
	return first;
}

/* ---- snapshot, backwards ----------------------------------------------------------------------
 */

static bool has_snapshot(const struct run_lun *lun)
{
	return lun->snapshot != NULL;
}

static int remove_snapshot(struct run *run, const struct run_lun *lun, unsigned int limit_ms,
			   struct error *err)
{
	return plugin_snap_delete(run->storage.plugin, lun->snapshot, limit_ms, err);
}

/* Without an answer nobody knows whether there are snapshots: `abort` is for that. */
int step_snapshot_undo(struct run *run, struct error *err)
{
	if (!run->snapshot.committed || run->snapshot.keep)
		return 0;
	if (!run->snapshot.sure)
		return plugin_abort(run->storage.plugin, run->who.name,
				    run->settings->storage_limit, err);
	int rc = remove_all(run, has_snapshot, remove_snapshot, err);
	if (rc == 0)
		story_say(run->log.story, "the snapshot is removed from the storage");
	return rc;
}

/* ---- luns -------------------------------------------------------------------------------------
 */

static int create_lun(struct run *run, size_t n, struct error *err)
{
	struct run_lun *lun = &run->snapshot.luns[n];
	char name[96];
	CLEANUP(json_decref_cleanup) json_t *made = NULL;
	snprintf(name, sizeof(name), "%s-%zu", run->who.name, n);
	int rc = run_intent(run, "lun-create",
			    json_pack("{s:s, s:s}", "name", name, "snapshot", lun->snapshot), err);
	if (rc == 0)
		rc = plugin_lun_create(run->storage.plugin, name, lun->snapshot,
				       run->settings->storage_limit, &made, err);
	if (rc < 0)
		return rc;
	lun->lun = strdup(shape_text(made, "lun"));
	lun->identity = strdup(shape_text(made, "identity"));
	if (!lun->lun || !lun->identity)
		return error_set(err, -ENOMEM, "%m");
	if (shape_size(made, "size") != shape_size(lun->disk, "size"))
		return error_set(err, -EUCLEAN, "LUN '%s' has %ju bytes, and the server's disk %ju",
				 lun->lun, (uintmax_t)shape_size(made, "size"),
				 (uintmax_t)shape_size(lun->disk, "size"));
	if (strcasecmp(lun->identity, shape_text(lun->disk, "identity")) == 0)
		return error_set(err, -EUCLEAN,
				 "LUN '%s' has the identity of the server's own disk (%s)",
				 lun->lun, lun->identity);
	return 0;
}

int step_luns(struct run *run, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++)
		rc = create_lun(run, i, err);
	return rc;
}

static bool has_lun(const struct run_lun *lun)
{
	return lun->lun != NULL;
}

static int remove_lun(struct run *run, const struct run_lun *lun, unsigned int limit_ms,
		      struct error *err)
{
	return plugin_lun_delete(run->storage.plugin, lun->lun, limit_ms, err);
}

int step_luns_undo(struct run *run, struct error *err)
{
	return remove_all(run, has_lun, remove_lun, err);
}

/* ---- server: the snapshot LUNs are shown to the protected server first ------------------------
 */

static int map_lun(struct run *run, const struct run_lun *lun, const char *initiator, json_t **ret,
		   struct error *err)
{
	int rc = run_intent(run, "map",
			    json_pack("{s:s, s:s}", "lun", lun->lun, "initiator", initiator), err);
	if (rc == 0)
		rc = plugin_map(run->storage.plugin, lun->lun, initiator,
				run->settings->storage_limit, ret, err);
	if (rc == 0 && strcasecmp(shape_text(*ret, "identity"), lun->identity) != 0)
		rc = error_set(err, -EUCLEAN, "LUN '%s' was %s, and is mapped as %s", lun->lun,
			       lun->identity, shape_text(*ret, "identity"));
	return rc;
}

static int show_lun(struct run *run, struct run_lun *lun, json_t *luns, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *mapping = NULL;
	lun->mapped_server = true;
	int rc = map_lun(run, lun, run->server.initiator, &mapping, err);
	if (rc < 0)
		return rc;
	json_t *entry = json_pack(
		"{s:s, s:s, s:O, s:s, s:I, s:I, s:b}", "identity", lun->identity, "original",
		shape_text(lun->disk, "identity"), "portals", json_object_get(mapping, "portals"),
		"target", shape_text(mapping, "target"), "number",
		(json_int_t)shape_size(mapping, "number"), "size",
		(json_int_t)shape_size(lun->disk, "size"), "chap", shape_flag(mapping, "chap"));
	return json_array_append_new(luns, entry) < 0 ? error_set(err, -ENOMEM, "%m") : 0;
}

static int judge_finish(struct run *run, const json_t *finished, struct error *err)
{
	const json_t *luns = json_object_get(finished, "luns");
	if (json_array_size(luns) != run->snapshot.n_luns)
		return error_set(err, -EPROTO, "the agent looked at %zu of %zu LUNs",
				 json_array_size(luns), run->snapshot.n_luns);
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const json_t *lun = json_array_get(luns, i);
		if (!shape_flag(lun, "ok"))
			return error_set(
				err, -EUCLEAN,
				"the server says that LUN %s is not a snapshot of its disk "
				"%s: %s",
				shape_text(lun, "identity"), shape_text(lun, "original"),
				shape_text(lun, "why"));
	}
	story_say(run->log.story, "the server finds its own disks on the snapshot's LUNs");
	return 0;
}

int step_server(struct run *run, struct error *err)
{
	unsigned int limit = run->settings->agent_limit;
	CLEANUP(json_decref_cleanup) json_t *luns = json_array(), *params = NULL, *finished = NULL;
	int rc = server_initiator(run->server.link, limit, &run->server.initiator, err);
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++)
		rc = show_lun(run, &run->snapshot.luns[i], luns, err);
	if (rc < 0)
		return rc;
	params = json_pack("{s:s, s:s, s:O}", "session", run->who.name, "initiator",
			   run->server.initiator, "luns", luns);
	rc = server_finish(run->server.link, params, limit, &finished, err);
	if (rc == 0)
		rc = judge_finish(run, finished, err);
	/* Not longer than needed: the server must not take it for a disk of its own. */
	return rc < 0 ? rc : step_server_undo(run, err);
}

static bool is_mapped_server(const struct run_lun *lun)
{
	return lun->mapped_server;
}

static int unmap_server(struct run *run, const struct run_lun *lun, unsigned int limit_ms,
			struct error *err)
{
	int rc = plugin_unmap(run->storage.plugin, lun->lun, run->server.initiator, limit_ms, err);
	if (rc == 0)
		run->snapshot.luns[lun - run->snapshot.luns].mapped_server = false;
	return rc;
}

int step_server_undo(struct run *run, struct error *err)
{
	return remove_all(run, is_mapped_server, unmap_server, err);
}

/* ---- map: and to us ---------------------------------------------------------------------------
 */

int step_map(struct run *run, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++) {
		run->snapshot.luns[i].mapped = true;
		rc = map_lun(run, &run->snapshot.luns[i], run->who.initiator,
			     &run->snapshot.luns[i].mapping, err);
	}
	return rc;
}

static bool is_mapped(const struct run_lun *lun)
{
	return lun->mapped;
}

static int unmap(struct run *run, const struct run_lun *lun, unsigned int limit_ms,
		 struct error *err)
{
	return plugin_unmap(run->storage.plugin, lun->lun, run->who.initiator, limit_ms, err);
}

int step_map_undo(struct run *run, struct error *err)
{
	return remove_all(run, is_mapped, unmap, err);
}
