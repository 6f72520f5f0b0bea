/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recover - see recover.h.
 *
 * Who holds a job's lock knows that all runs of it are dead. So everything on the storage that
 * carries the job's owner is a leftover, but for the base of the next delta; it does not matter how
 * far a run got. The journal says only whether something can be left, and how to ask.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/json.h"
#include "lunette/journal.h"
#include "lunette/recover.h"
#include "lunette/state.h"
#include "lunette/shape.h"
#include "lunette/settings.h"
#include "plugin.h"
#include "server.h"
#include "sweep.h"

static void on_plugin_log(void *ctx, const char *line)
{
	story_quote(((struct recover *)ctx)->story, "plug-in", line);
}

static void on_agent_log(void *ctx, const char *line)
{
	story_quote(((struct recover *)ctx)->story, "agent", line);
}

static bool has_intent(const json_t *records, const char *call)
{
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *r = json_array_get(records, i);
		if (strcmp(shape_text(r, "record"), "intent") == 0 &&
		    strcmp(shape_text(r, "call"), call) == 0)
			return true;
	}
	return false;
}

/* ---- one run ----------------------------------------------------------------------------------
 */

static int clean_storage(struct recover *recover, const json_t *start, const json_t *base,
			 struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *secrets = NULL;
	const json_t *file = json_object_get(start, "secrets_file");
	int rc = settings_read_secrets(json_string_value(file), &secrets, err);
	if (rc < 0)
		return rc;
	const struct plugin_options options = {
		.path = shape_text(start, "plugin"),
		.config = json_object_get(start, "config"),
		.secrets = secrets,
		.owner = shape_text(start, "owner"),
		.log = on_plugin_log,
		.ctx = recover,
		.stop = recover->stop,
	};
	unsigned int limit = (unsigned int)shape_size(start, "storage_limit");
	CLEANUP(plugin_close_cleanup) struct plugin *plugin = NULL;
	rc = plugin_open(&options, &plugin, err);
	if (rc < 0)
		return rc;
	const struct sweep sweep = { .plugin = plugin,
				     .story = recover->story,
				     .base = base,
				     .dry_run = recover->dry_run,
				     .limit_ms = limit };
	size_t left = 0;
	struct error why = { 0 };
	rc = sweep_run(&sweep, &left, &why);
	recover->left += left;
	/* A snapshot that is still on its way must not come: nobody would look for it any more. */
	bool kept = strcmp(shape_text(base, "name"), shape_text(start, "name")) == 0;
	if (rc == 0 && left == 0 && !kept && !recover->dry_run)
		rc = plugin_abort(plugin, shape_text(start, "name"), limit, &why);
	if (rc < 0)
		return error_copy(err, rc, &why);
	if (left && !recover->dry_run)
		rc = error_set(err, -EBUSY, "%zu objects are left on the storage: %.400s", left,
			       why.code ? why.msg : "they cannot be removed");
	return rc;
}

static int clean_server(struct recover *recover, const json_t *start, struct error *err)
{
	const struct server_options options = {
		.agent = shape_text(start, "agent"),
		.program = json_string_value(json_object_get(start, "agent_program")),
		.install = shape_flag(start, "install_agent"),
		.log = on_agent_log,
		.ctx = recover,
		.stop = recover->stop,
	};
	unsigned int limit = (unsigned int)shape_size(start, "agent_limit");
	CLEANUP(server_close_cleanup) struct server *server = NULL;
	int rc = server_open(&options, &server, err);
	if (rc == 0)
		rc = server_abort(server, shape_text(start, "name"), limit, err);
	if (rc == 0)
		rc = server_software_remove(server, shape_text(start, "name"), limit, err);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

static const struct shape start_shape[] = {
	{ "version", SHAPE_SIZE, 1, NULL, false },
	{ "job", SHAPE_NAME, 0, NULL, false },
	{ "run", SHAPE_NAME, 0, NULL, false },
	{ "name", SHAPE_NAME, 0, NULL, false },
	{ "owner", SHAPE_TEXT, 255, NULL, false },
	{ "plugin", SHAPE_TEXT, 4095, NULL, false },
	{ "config", SHAPE_OBJECT, 0, NULL, false },
	{ "secrets_file", SHAPE_TEXT, 4095, NULL, true },
	{ "agent", SHAPE_TEXT, 1023, NULL, false },
	{ "agent_program", SHAPE_TEXT, 4095, NULL, true },
	{ "install_agent", SHAPE_FLAG, 0, NULL, true },
	{ "storage_limit", SHAPE_SIZE, 3600000, NULL, false },
	{ "agent_limit", SHAPE_SIZE, 3600000, NULL, false },
	{ 0 },
};

static int finish_run(struct recover *recover, const json_t *records, const json_t *base,
		      struct error *err)
{
	const json_t *start = journal_last(records, "start");
	if (!start)
		return 0; /* torn before the first word: nothing had been done */
	int rc = 0;
	if (has_intent(records, "prepare") || has_intent(records, "commit") ||
	    has_intent(records, "remove"))
		rc = clean_storage(recover, start, base, err);
	struct error why;
	bool asked =
		has_intent(records, "agent-prepare") || has_intent(records, "software-snapshot");
	int server = asked && !recover->dry_run ? clean_server(recover, start, &why) : 0;
	return rc == 0 && server < 0 ? error_copy(err, server, &why) : rc;
}

/* @ret: its records. Return: -EUCLEAN when nobody can tell from them what is to be done. */
static int read_run(const char *path, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *records = NULL;
	struct error why;
	int rc = journal_read(path, &records, err);
	if (rc < 0)
		return rc;
	const json_t *start = journal_last(records, "start");
	if (start && shape_check(start, start_shape, &why) < 0)
		return error_set(err, -EUCLEAN, "journal '%s': its start: %s", path, why.msg);
	*ret = steal(&records);
	return 0;
}

/*
 * It costs its own run only. The watchdog has thawed the server, and what is on the storage carries
 * the job's owner.
 */
static int set_aside(struct recover *recover, const char *job, const char *run,
		     const struct error *why, struct error *err)
{
	recover->aside++;
	if (recover->dry_run) {
		story_say(recover->story, "run %s of job '%s': %s; it would be set aside", run, job,
			  why->msg);
		return 0;
	}
	int rc = state_set_aside(recover->state, job, run, err);
	if (rc == 0)
		story_say(
			recover->story,
			"WARNING: run %s of job '%s': %s. It is set aside, as %s.unreadable, and not "
			"looked at again; the next run of the job removes what is left on its storage",
			run, job, why->msg, run);
	return rc;
}

/* Its list of what had changed, which may be long. */
static void remove_list(const struct recover *recover, const char *job, const char *run)
{
	CLEANUP(free_cleanup) char *path = state_run_file(recover->state, job, run, "changed");
	if (path && !recover->dry_run)
		unlink(path);
}

static int look_at_run(struct recover *recover, const char *job, const char *run,
		       const json_t *base, struct error *err)
{
	CLEANUP(free_cleanup) char *path = state_run_file(recover->state, job, run, "journal");
	CLEANUP(json_decref_cleanup) json_t *records = NULL;
	struct error why = { 0 };
	if (!path)
		return error_set(err, -ENOMEM, "%m");
	int rc = read_run(path, &records, &why);
	if (rc == 0 && journal_last(records, "clean"))
		return 0;
	recover->runs++;
	remove_list(recover, job, run);
	if (rc == -EUCLEAN)
		return set_aside(recover, job, run, &why, err);
	if (has_intent(records, "remove"))
		story_say(recover->story, "job '%s' gives back what it keeps on its storage", job);
	else
		story_say(recover->story, "run %s of job '%s' did not end as it should: %s", run,
			  job, recover->dry_run ? "this is what is left" : "cleaning up after it");
	if (rc == 0)
		rc = finish_run(recover, records, base, &why);
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	if (rc == 0 && !recover->dry_run)
		rc = journal_append(path, &journal, &why);
	if (rc == 0 && journal)
		rc = journal_note(journal, "clean", json_pack("{s:s}", "by", "recover"), &why);
	if (rc == -EINTR)
		return error_set(err, rc, "interrupted");
	if (rc < 0 || recover->dry_run)
		recover->unfinished++;
	if (rc < 0)
		story_say(recover->story,
			  "run %s of job '%s' is NOT cleaned up: %s; the next run "
			  "tries again",
			  run, job, why.msg);
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* Without a base that can be read there is no delta, and its snapshot is a leftover as others are.
 */
static int read_base(struct recover *recover, const char *job, json_t **ret, struct error *err)
{
	struct error why = { 0 };
	int rc = state_base_read(recover->state, job, ret, &why);
	if (rc != -EUCLEAN)
		return rc < 0 ? error_copy(err, rc, &why) : 0;
	story_say(recover->story, "job '%s': %s: there is no base for a delta", job, why.msg);
	return 0;
}

static int look_at_job(struct recover *recover, const char *job, struct error *err)
{
	CLEANUP(close_cleanup) int lock = -1;
	CLEANUP(json_decref_cleanup) json_t *runs = NULL, *base = NULL;
	int rc = 0;
	bool own = recover->own_job && strcmp(recover->own_job, job) == 0;
	if (!own)
		rc = state_lock_job(recover->state, job, true, &lock, err);
	if (rc == -EBUSY)
		return 0; /* it lives */
	if (rc == 0)
		rc = read_base(recover, job, &base, err);
	if (rc == 0)
		rc = state_runs(recover->state, job, &runs, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(runs); i++) {
		const char *run = json_string_value(json_array_get(runs, i));
		if (!own || strcmp(recover->own_run, run) != 0)
			rc = look_at_run(recover, job, run, base, err);
	}
	return rc;
}

int recover_run(struct recover *recover, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *jobs = NULL;
	int rc = state_jobs(recover->state, &jobs, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(jobs); i++) {
		const char *job = json_string_value(json_array_get(jobs, i));
		struct error why = { 0 };
		if (recover->only && strcmp(recover->only, job) != 0)
			continue;
		rc = look_at_job(recover, job, &why);
		if (rc == -EINTR || rc == -ENOMEM)
			return error_copy(err, rc, &why);
		if (rc == 0)
			continue;
		/* The others are looked at all the same. */
		story_say(recover->story, "job '%s' is NOT cleaned up: %s", job, why.msg);
		recover->unfinished++;
		rc = 0;
	}
	return rc;
}
