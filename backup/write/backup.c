/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup - see backup.h.
 *
 * The manifest holds the layout as `probe --json` shows it, by the same code, and what only a
 * backup knows: where each disk's chunk map is, which volumes are in it, and what it took.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/backup.h"
#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/moment.h"

#define NAME_BYTES_MAX 255

int backup_check_name(const char *name, struct error *err)
{
	const char *why = NULL;
	size_t len = strlen(name);
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			why = "it contains a control character";
	json_t *utf8 = json_string(name);
	if (!utf8)
		why = "it is not UTF-8";
	json_decref(utf8);
	if (len == 0)
		why = "it is empty";
	else if (len > NAME_BYTES_MAX)
		why = "it is longer than 255 bytes";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		why = "it means a directory";
	else if (strchr(name, '/'))
		why = "it contains '/'";
	else if (strchr(name, '@'))
		why = "it contains '@', which is what separates name and time";
	return why ? error_set(err, -EINVAL, "'%.300s' cannot be a backup's name: %s", name, why)
		   : 0;
}

/* ---- the manifest -----------------------------------------------------------------------------
 */

/* A LUN's words come from the array, and need not be UTF-8: what is not is left out. */
static json_t *lun_words(const struct source *source)
{
	json_t *lun = json_object();
	const struct {
		const char *key, *value;
	} words[] = {
		{ "vendor", source->vendor },
		{ "product", source->product },
		{ "serial", source->serial },
		{ "id", source->id },
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].value[0])
			json_object_set_new(lun, words[i].key, json_string(words[i].value));
	return lun;
}

static int note_disk(json_t *point, const struct repo *repo, const struct source *source,
		     const struct layout_disk *disk, const struct chunk_id *root,
		     const struct bad_ranges *bad, struct error *err)
{
	char hex[65];
	chunk_id_hex(root, hex);
	uint64_t size = disk->blk->size, chunk_size = repo_chunk_size(repo);
	json_t *unreadable = bad->n ? bad_ranges_json(bad) : NULL;
	json_t *entry =
		json_pack("{s:s, s:I, s:i, s:I, s:{s:s, s:I}, s:o, s:o*}", "name", disk->name,
			  "size", (json_int_t)size, "sector_size", (int)disk->sector, "chunk_size",
			  (json_int_t)chunk_size, "map", "root", hex, "chunks",
			  (json_int_t)(size / chunk_size + (size % chunk_size != 0)), "lun",
			  lun_words(source), BAD_RANGES, unreadable);
	if ((bad->n && !unreadable) ||
	    json_array_append_new(json_object_get(point, "disks"), entry) < 0)
		return error_set(err, -ENOMEM, "manifest: %s: %m", disk->name);
	return 0;
}

static json_t *stored_volumes(const struct plan *plan)
{
	json_t *names = json_array();
	for (size_t i = 0; i < plan->layout->n_volumes; i++)
		if (plan_stores(plan, &plan->layout->volumes[i]))
			json_array_append_new(names, json_string(plan->layout->volumes[i].name));
	return names;
}

/* What is known before anything is read. */
static int new_manifest(const struct plan *plan, const struct backup_request *request,
			const char *time, json_t **ret, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	int rc = layout_json(plan->layout, &text, err);
	if (rc < 0)
		return rc;
	CLEANUP(json_decref_cleanup)
	json_t *point =
		json_pack("{s:s, s:s, s:i, s:b, s:b, s:b, s:o, s:o*, s:[], s:o, s:s*}", "name",
			  request->name, "time", time, "rules", PLAN_RULES, "all_blocks",
			  plan->all_blocks, "every_volume", plan->every_volume, "only_known",
			  plan->only_known, "stored_volumes", stored_volumes(plan), "excluded",
			  plan_excluded(plan), "disks", "layout", json_loads(text, 0, NULL),
			  "parent", request->parent ? parent_id(request->parent) : NULL);
	if (!point ||
	    (request->facts && json_object_update_missing(point, (json_t *)request->facts) < 0))
		return error_set(err, -ENOMEM, "manifest: %m");
	*ret = steal(&point);
	return 0;
}

/* What is known when all is stored. A plan that was guessed in part nobody can work out anew. */
static int finish_manifest(json_t *point, const struct plan *plan, const struct writer_stats *stats,
			   struct error *err)
{
	if (plan_is_guessed(plan))
		json_object_del(point, "rules");
	char finished[MOMENT_TEXT];
	moment_now(9, finished);
	CLEANUP(json_decref_cleanup)
	json_t *rest =
		json_pack("{s:s, s:o}", "finished", finished, "stats", writer_stats_json(stats));
	if (!rest || json_object_update(point, rest) < 0)
		return error_set(err, -ENOMEM, "manifest: %m");
	return 0;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static int store_disks(struct repo *repo, struct repo_writer *to, const struct plan *plan,
		       const struct backup_request *request, json_t *point,
		       struct writer_stats *stats, struct error *err)
{
	CLEANUP(writer_free_cleanup) struct writer *writer = NULL;
	int rc = writer_new(repo, to, plan->layout, &request->writer, &writer, err);
	for (size_t i = 0; i < plan->layout->n_disks; i++)
		stats->size += plan->layout->disks[i].blk->size;
	for (size_t i = 0; rc == 0 && i < plan->layout->n_disks; i++) {
		const struct layout_disk *disk = &plan->layout->disks[i];
		struct chunk_id root;
		CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
		rc = writer_disk(writer, plan, request->parent, i, stats, &bad, &root, err);
		if (rc == 0)
			rc = note_disk(point, repo, request->sources[i], disk, &root, &bad, err);
	}
	/* All was read: was it read of them? */
	for (size_t i = 0; rc == 0 && i < plan->layout->n_disks; i++)
		rc = blk_confirm(plan->layout->disks[i].blk, err);
	return rc;
}

/* The thread that adds may have waited for the committer, which counts its own time. */
static void finish_times(struct writer_times *times, struct repo_writer *to, uint64_t begin)
{
	uint64_t waited;
	repo_writer_times(to, &times->commit, &waited);
	times->wall = clock_now_ns() - begin;
	times->add -= MIN(times->add, waited);
	uint64_t could = times->threads * times->wall;
	times->wait = could - MIN(could, times->hash + times->compress);
}

int backup_run(struct repo *repo, const struct plan *plan, const struct backup_request *request,
	       struct backup_result *ret, struct error *err)
{
	*ret = (struct backup_result){ 0 };
	uint64_t begin = clock_now_ns();
	if (!moment_now(0, ret->time))
		return error_set(err, -EOVERFLOW, "this system's clock cannot be right");
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	CLEANUP(repo_writer_free_cleanup) struct repo_writer *to = NULL;
	int rc = new_manifest(plan, request, ret->time, &point, err);
	if (rc == 0)
		rc = repo_writer_new(repo, &to, err);
	if (rc == 0)
		rc = store_disks(repo, to, plan, request, point, &ret->stats, err);
	if (rc == 0)
		rc = finish_manifest(point, plan, &ret->stats, err);
	if (rc == 0 && atomic_load_explicit(request->writer.stop, memory_order_relaxed))
		rc = error_set(err, -EINTR, "interrupted");
	if (rc == 0)
		rc = repo_writer_commit(to, point, ret->id, err);
	if (rc == 0)
		finish_times(&ret->stats.times, to, begin);
	if (rc == -EINTR)
		return error_set(err, rc,
				 "interrupted: the backup is not finished, and there is no "
				 "restore point of it");
	return rc;
}
