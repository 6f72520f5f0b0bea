/* SPDX-License-Identifier: GPL-3.0-or-later */
/* steps - see steps.h. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "steps.h"

#define LIMIT(member) offsetof(struct settings, member)

#define STORAGE  (STEP_STORAGE | STEP_FAILS_OVER)
#define SWEPT    (STORAGE | STEP_SWEPT)
#define SOFTWARE STEP_SOFTWARE

/* The product's contract. Read downwards it is the job, read upwards it is what undoes it. */
const struct step steps_table[] = {
	{ "repository", "the repository", 0, 0, step_repository, step_repository_undo },
	{ "agent", "the agent on the server", LIMIT(agent_limit), 0, step_agent, step_agent_undo },
	{ "storage", "the storage plug-in", LIMIT(storage_limit), STORAGE, step_storage,
	  step_storage_undo },
	{ "disks", "which LUNs carry the volumes", LIMIT(agent_limit), STEP_STORAGE, step_disks,
	  step_disks_undo },
	{ "reserve", "the storage to get ready", LIMIT(storage_limit), SWEPT, step_reserve,
	  step_reserve_undo },
	{ "snapshot", "freeze, snapshot, thaw", LIMIT(freeze_limit), SWEPT, step_snapshot,
	  step_snapshot_undo },
	{ "luns", "LUNs that show the snapshot", LIMIT(storage_limit), SWEPT, step_luns,
	  step_luns_undo },
	{ "server", "the server to look at the snapshot", LIMIT(storage_limit), SWEPT, step_server,
	  step_server_undo },
	{ "map", "the LUNs to be mapped to us", LIMIT(storage_limit), SWEPT, step_map,
	  step_map_undo },
	{ "software", "a snapshot by the server itself", LIMIT(agent_limit), SOFTWARE,
	  step_software, step_software_undo },
	{ "connect", "what shows the snapshot, and whether it is the right one", 0, STEP_FAILS_OVER,
	  step_connect, step_connect_undo },
	{ "backup", "the backup", 0, 0, step_backup, step_backup_undo },
	{ "complete", "the end of the work on the server and here", LIMIT(agent_limit), 0,
	  step_complete, NULL },
};
const size_t steps_n = ARRAY_SIZE(steps_table);

const char *steps_doing(const char *name)
{
	for (size_t i = 0; i < steps_n; i++)
		if (strcmp(steps_table[i].name, name) == 0)
			return steps_table[i].doing;
	return upkeep_doing(name);
}

int steps_parse_stop(const char *text, struct steps_stop *ret, struct error *err)
{
	for (size_t i = 0; i < steps_n; i++) {
		const char *name = steps_table[i].name;
		size_t len = strlen(name);
		if (strncmp(text, name, len) != 0 || text[len] != ':')
			continue;
		const char *where = text + len + 1;
		if (strcmp(where, "before") != 0 && strcmp(where, "after") != 0)
			break;
		*ret = (struct steps_stop){ .step = name, .after = strcmp(where, "after") == 0 };
		return 0;
	}
	return error_set(err, -EINVAL, "'%s' is not STEP:before or STEP:after", text);
}

/* As if the power went. */
static void die_here(const struct steps_stop *stop, const struct step *step, bool after)
{
	if (stop->step && stop->after == after && strcmp(stop->step, step->name) == 0)
		raise(SIGKILL);
}

static int note(struct run *run, const char *kind, const struct step *step, const char *state,
		const char *why, struct error *err)
{
	const char *settings = (const char *)run->settings;
	json_t *members = json_pack("{s:s, s:s, s:o*}", "step", step->name, "state", state, "why",
				    why ? json_text(why) : NULL);
	if (members && step->limit && strcmp(state, "begin") == 0)
		json_object_set_new(members, "limit_ms",
				    json_integer(*(const unsigned int *)(settings + step->limit)));
	return journal_note(run->log.journal, kind, members, err);
}

static int go(struct run *run, const struct step *step, const struct steps_stop *stop,
	      struct error *err)
{
	if (atomic_load_explicit(run->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	int64_t begin = clock_now_ms();
	int rc = note(run, "step", step, "begin", NULL, err);
	if (rc < 0)
		return rc;
	die_here(stop, step, false);
	rc = step->go(run, err);
	double seconds = (double)(clock_now_ms() - begin) / 1000;
	if (rc < 0) {
		story_say(run->log.story, "FAILED after %.3f s: %s: %s", seconds, step->doing,
			  err->msg);
		run->log.failed = true;
		note(run, "step", step, "failed", err->msg, NULL);
		return rc;
	}
	die_here(stop, step, true);
	return note(run, "step", step, "done", NULL, err);
}

/* Return: 0, or what could not be undone. */
static int undo(struct run *run, const struct step *step, struct error *err)
{
	if (!step->undo)
		return 0;
	/* A journal that cannot be written does not keep anybody from cleaning up. */
	note(run, "undo", step, "begin", NULL, NULL);
	int rc = step->undo(run, err);
	if (rc < 0)
		story_say(run->log.story, "could not undo '%s': %s", step->name, err->msg);
	note(run, "undo", step, rc < 0 ? "failed" : "done", rc < 0 ? err->msg : NULL, NULL);
	return rc;
}

/**
 * struct descent - how far a run is
 * @begun: what must be undone
 * @at: the step that is next, or the one that failed
 */
struct descent {
	struct run *run;
	const struct steps_stop *stop;
	bool begun[ARRAY_SIZE(steps_table)];
	size_t at;
};

static bool is_on_way(const struct run *run, const struct step *step)
{
	return !(step->flags & (run->snapshot.failed_over ? STEP_STORAGE : STEP_SOFTWARE));
}

static int walk_down(struct descent *descent, struct error *err)
{
	for (; descent->at < steps_n; descent->at++) {
		const struct step *step = &steps_table[descent->at];
		if (!is_on_way(descent->run, step))
			continue;
		descent->begun[descent->at] = true;
		int rc = go(descent->run, step, descent->stop, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Up to, and with, the step @last. The sweep of the storage has the last word on what was made
 * there. */
static void walk_up(struct descent *descent, size_t last, struct error *ret_undone)
{
	struct error swept = { 0 };
	for (size_t i = steps_n; i-- > last;) {
		const struct step *step = &steps_table[i];
		struct error err = { 0 };
		if (!descent->begun[i])
			continue;
		descent->begun[i] = false;
		if (undo(descent->run, step, &err) < 0)
			*(step->flags & STEP_SWEPT ? &swept : ret_undone) = err;
		else if (step->undo == step_storage_undo && descent->run->storage.asked)
			swept.code = 0;
	}
	if (swept.code && !ret_undone->code)
		*ret_undone = swept;
}

/* A wrong job file is no failure of the storage, and an agent that is gone cannot help. */
static bool may_fail_over(const struct descent *descent, int rc)
{
	const struct run *run = descent->run;
	return run->settings->failover && !run->snapshot.failed_over && rc != -EINTR &&
	       rc != -EINVAL && steps_table[descent->at].flags & STEP_FAILS_OVER &&
	       server_alive(run->server.link);
}

static size_t first_of_storage(void)
{
	size_t i = 0;
	while (!(steps_table[i].flags & STEP_STORAGE))
		i++;
	return i;
}

static int fail_over(struct descent *descent, struct error *ret_undone, struct error *err)
{
	struct run *run = descent->run;
	assert(err); /* what it says is told */
	run_warn(run,
		 "the storage has failed, and by on-snapshot-failure = failover the server takes a "
		 "snapshot itself: %s",
		 err->msg);
	int rc = journal_note(run->log.journal, "failover",
			      json_pack("{s:o}", "why", json_text(err->msg)), err);
	if (rc < 0)
		return rc;
	descent->at = first_of_storage();
	walk_up(descent, descent->at, ret_undone);
	run->snapshot.failed_over = true;
	rc = walk_down(descent, err);
	return rc < 0 ? error_wrap(err, rc, "the storage has failed, and the failover too") : 0;
}

int steps_walk(struct run *run, const struct steps_stop *stop, struct error *ret_undone,
	       struct error *err)
{
	struct descent descent = { .run = run, .stop = stop };
	*ret_undone = (struct error){ 0 };
	int rc = walk_down(&descent, err);
	if (rc < 0 && may_fail_over(&descent, rc))
		rc = fail_over(&descent, ret_undone, err);
	if (rc == -EINTR)
		story_say(run->log.story, "told to stop: all that was made is removed again");
	if (run->storage.plugin)
		plugin_ignore_stop(run->storage.plugin);
	if (run->server.link)
		server_ignore_stop(run->server.link);
	walk_up(&descent, 0, ret_undone);
	return rc;
}
