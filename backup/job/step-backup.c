/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step-backup - what is done here: the repository, the LUNs and what is on them, and the backup
 * itself. See steps.c. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "changes.h"
#include "lunette/forget.h"
#include "lunette/filesystem.h"
#include "lunette/json.h"
#include "lunette/secret.h"
#include "run.h"
#include "lunette/shape.h"
#include "verify.h"

/* ---- repository -------------------------------------------------------------------------------
 */

int step_repository(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	CLEANUP(secret_free_cleanup) char *password = NULL;
	int rc = s->password_file ? secret_line(s->password_file, "password file", &password, err)
				  : 0;
	if (rc < 0)
		return rc;
	char cache[PATH_MAX];
	const struct repo_open_options options = {
		.password = password,
		.cache = repo_cache_folder(cache) ? cache : NULL,
	};
	return repo_open(s->repository, &options, &run->point.repo, err);
}

int step_repository_undo(struct run *run, struct error *err)
{
	(void)err;
	repo_close(steal(&run->point.repo));
	return 0;
}

/* ---- connect ----------------------------------------------------------------------------------
 */

/* Any of its portals will do. */
static int open_lun(const struct run *run, struct run_lun *lun, struct error *err)
{
	bool chap = shape_flag(lun->mapping, "chap");
	const struct source_options options = {
		.initiator = run->who.initiator,
		.chap_secret = chap ? shape_text(run->server.chap, "chap_secret") : NULL,
	};
	const json_t *portals = json_object_get(lun->mapping, "portals");
	int rc = error_set(err, -EPROTO, "LUN '%s' has no portal", lun->lun);
	for (size_t i = 0; rc < 0 && i < json_array_size(portals); i++) {
		char spec[4096];
		snprintf(spec, sizeof(spec), "iscsi://%s%s%s/%s/%ju",
			 chap ? shape_text(run->server.chap, "chap_user") : "", chap ? "@" : "",
			 json_string_value(json_array_get(portals, i)),
			 shape_text(lun->mapping, "target"),
			 (uintmax_t)shape_size(lun->mapping, "number"));
		rc = source_open(spec, &options, &lun->source, err);
	}
	return rc;
}

/* A volume of the server's own snapshot, read through the agent. */
static int open_export(const struct run *run, struct run_lun *lun, struct error *err)
{
	const char *host = shape_text(json_object_get(run->server.info, "host"), "name");
	CLEANUP(source_free_cleanup) struct source *source = calloc(1, sizeof(*source));
	if (!source || asprintf(&source->spec, "%s:%s", host, shape_text(lun->disk, "name")) < 0)
		return error_set(err, -ENOMEM, "%m");
	int rc = server_open_export(run->server.link, shape_text(lun->disk, "export"), source->spec,
				    &source->blk, err);
	if (rc < 0)
		return rc;
	if (source->blk->size != shape_size(lun->disk, "size"))
		return error_set(err, -EUCLEAN,
				 "'%s': the snapshot has %ju bytes, and the agent said %ju",
				 source->spec, (uintmax_t)source->blk->size,
				 (uintmax_t)shape_size(lun->disk, "size"));
	lun->source = steal(&source);
	return 0;
}

static int open_one(const struct run *run, struct run_lun *lun, struct error *err)
{
	if (run->server.software)
		return open_export(run, lun, err);
	int rc = open_lun(run, lun, err);
	return rc < 0 ? rc : verify_lun(lun, err);
}

static int make_layout(struct run *run, struct error *err)
{
	CLEANUP(free_cleanup)
	struct layout_input *inputs = calloc(run->snapshot.n_luns, sizeof(*inputs));
	if (!inputs)
		return error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		inputs[i] = (struct layout_input){ .blk = run->snapshot.luns[i].source->blk,
						   .source = run->snapshot.luns[i].source->spec };
	int rc = layout_new(inputs, run->snapshot.n_luns, NULL, &run->point.layout, err);
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++)
		rc = source_introduce(run->snapshot.luns[i].source, run->point.layout, i, err);
	return rc < 0 ? rc : fs_identify(run->point.layout, err);
}

int step_connect(struct run *run, struct error *err)
{
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		int rc = open_one(run, &run->snapshot.luns[i], err);
		if (rc < 0)
			return rc;
	}
	int rc = make_layout(run, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < run->point.layout->n_volumes; i++) {
		const struct layout_volume *volume = &run->point.layout->volumes[i];
		story_say(run->log.story, "volume '%s': %s, %ju bytes, %s", volume->name,
			  layout_type_name(volume->type), (uintmax_t)volume->size,
			  *volume->filesystem ? volume->filesystem : "no known file system");
	}
	return run->server.software ? 0 : verify_contents(run, err);
}

int step_connect_undo(struct run *run, struct error *err)
{
	(void)err;
	layout_free(steal(&run->point.layout));
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		source_free(steal(&run->snapshot.luns[i].source));
	return 0;
}

/* ---- backup -----------------------------------------------------------------------------------
 */

/* Does the job choose volumes, or want all that is on the disks? Disks of the server's own snapshot
 * are the volumes. */
static bool is_choosy(const struct run *run)
{
	return run->settings->volumes.n > 0 && !run->settings->whole_disks && !run->server.software;
}

static bool is_wanted(const struct run *run, const struct layout_volume *volume)
{
	const json_t *filesystems = json_object_get(run->server.info, "filesystems");
	if (!is_choosy(run))
		return true;
	for (size_t i = 0; i < json_array_size(filesystems); i++) {
		const json_t *fs = json_array_get(filesystems, i);
		for (size_t k = 0; k < run->settings->volumes.n; k++)
			if (strcmp(run->settings->volumes.items[k], shape_text(fs, "name")) == 0 &&
			    verify_is_volume(volume, shape_text(fs, "uuid")))
				return true;
	}
	return false;
}

static int make_plan(struct run *run, struct error *err)
{
	size_t n = 0;
	CLEANUP(free_cleanup)
	const char **names = calloc(run->point.layout->n_volumes + 1, sizeof(*names));
	if (!names)
		return error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; i < run->point.layout->n_volumes; i++)
		if (is_wanted(run, &run->point.layout->volumes[i]))
			names[n++] = run->point.layout->volumes[i].name;
	if (is_choosy(run) && n == 0)
		return error_set(err, -ENODATA, "none of the volumes is on the snapshot");
	const struct plan_choice choice = {
		.volumes = is_choosy(run) ? names : NULL,
		.n_volumes = is_choosy(run) ? n : 0,
		.only_known = !is_choosy(run) && run->settings->only_known,
		.degraded = true,
		.exclude = { .patterns = (const char *const *)run->settings->exclude.items,
			     .n_patterns = run->settings->exclude.n,
			     .stop = run->stop },
	};
	int rc = plan_new(run->point.layout, &choice, &run->point.plan, err);
	return rc < 0 ? rc : plan_warn(run->point.plan, run->point.layout, err);
}

/* What the layout had to say is a warning of the run, once all that can say it has been asked. */
static void take_layout_warnings(struct run *run)
{
	for (size_t i = 0; i < run->point.layout->n_warnings; i++)
		run_warn(run, "%s", run->point.layout->warnings[i]);
	for (size_t i = 0; i < run->point.layout->n_volumes; i++)
		if (run->point.layout->volumes[i].state == LAYOUT_DEGRADED)
			run_warn(run, "volume '%s' lacks a redundant member: %s",
				 run->point.layout->volumes[i].name,
				 run->point.layout->volumes[i].reason);
}

static int store(struct run *run, struct error *err)
{
	CLEANUP(free_cleanup)
	struct source **sources = calloc(run->snapshot.n_luns, sizeof(*sources));
	CLEANUP(json_decref_cleanup) json_t *facts = run_facts(run);
	if (!sources || !facts)
		return error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		sources[i] = run->snapshot.luns[i].source;
	const struct backup_request request = {
		.name = run->settings->point_name,
		.parent = run->point.parent,
		.sources = sources,
		.facts = facts,
		.writer = { .level = run->settings->level ? run->settings->level
							  : repo_level(run->point.repo),
			    .threads =
				    run->settings->threads ? run->settings->threads : run->threads,
			    .memory = run->settings->memory,
			    .limit = run->settings->limit,
			    .stop = run->stop },
	};
	return backup_run(run->point.repo, run->point.plan, &request, &run->point.result, err);
}

/* At once: whoever dies from here on has made it all the same. */
static void note_point(struct run *run)
{
	const struct backup_result *point = &run->point.result;
	journal_note(run->log.journal, "point",
		     json_pack("{s:s, s:s, s:s, s:s}", "id", point->id, "name",
			       run->settings->point_name, "time", point->time, "consistency",
			       run_consistency(run)),
		     NULL);
}

int step_backup(struct run *run, struct error *err)
{
	int rc = make_plan(run, err);
	if (rc == 0)
		rc = changes_open(run, err);
	if (rc < 0)
		return rc;
	take_layout_warnings(run);
	rc = store(run, err);
	if (rc < 0 && rc != -EINTR && run->point.parent)
		rc = changes_distrust(run, err); /* and the next run reads all */
	if (rc < 0)
		return rc;
	run->point.stored = true;
	note_point(run);
	const struct writer_stats *stats = &run->point.result.stats;
	story_say(run->log.story,
		  "restore point %s@%s, id %.12s: %ju bytes in use, %ju read, %ju new, stored in "
		  "%ju",
		  run->settings->point_name, run->point.result.time, run->point.result.id,
		  (uintmax_t)stats->used, (uintmax_t)stats->read, (uintmax_t)stats->added,
		  (uintmax_t)stats->stored);
	const char *doubt = writer_stats_doubt(stats);
	if (doubt)
		run_warn(run, "%s", doubt);
	return 0;
}

int step_backup_undo(struct run *run, struct error *err)
{
	(void)err;
	parent_free(steal(&run->point.parent));
	plan_free(steal(&run->point.plan));
	return 0;
}

/* ---- complete ---------------------------------------------------------------------------------
 */

static int on_verdict(void *ctx, const struct forget_verdict *verdict, struct error *err)
{
	(void)err;
	if (!verdict->keep)
		story_say(((struct run *)ctx)->log.story, "restore point %s@%s goes: %s",
			  verdict->name, verdict->time, verdict->why);
	return 0;
}

static void on_warning(void *ctx, const char *sentence)
{
	run_warn(ctx, "retention: %s", sentence);
}

static void on_damaged(void *ctx, const struct error *why)
{
	run_warn(ctx, "retention: %s; it stays", why->msg);
}

/* A restore point is there, so that nothing here can make the job fail any more. */
static void apply_retention(struct run *run)
{
	const struct forget_request request = {
		.name = run->settings->point_name,
		.policy = &run->settings->retention,
		.made = run->point.result.id,
		.each = on_verdict,
		.warn = on_warning,
		.damaged = on_damaged,
		.ctx = run,
	};
	struct error err;
	if (retention_is_empty(&run->settings->retention))
		return;
	if (forget_run(run->point.repo, &request, &err) < 0)
		run_warn(run, "retention: %s", err.msg);
}

int step_complete(struct run *run, struct error *err)
{
	struct error why;
	if (server_end(run->server.link, run->who.name, true, run->settings->agent_limit, &why) < 0)
		run_warn(run, "the agent was not told that all is well: %s", why.msg);
	apply_retention(run);
	return changes_keep_base(run, err);
}
