/* SPDX-License-Identifier: GPL-3.0-or-later */
/* steps - see steps.h. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "steps.h"

#define LIMIT(member) offsetof(struct settings, member)

/* The product's contract. Read downwards it is the job, read upwards it is what undoes it. */
const struct step steps_table[] = {
	{ "repository", "the repository", 0, false, step_repository, step_repository_undo },
	{ "agent", "the agent on the server", LIMIT(agent_limit), false, step_agent,
	  step_agent_undo },
	{ "storage", "the storage plug-in", LIMIT(storage_limit), false, step_storage,
	  step_storage_undo },
	{ "disks", "which LUNs carry the volumes", LIMIT(agent_limit), false, step_disks,
	  step_disks_undo },
	{ "reserve", "the storage to get ready", LIMIT(storage_limit), true, step_reserve,
	  step_reserve_undo },
	{ "snapshot", "freeze, snapshot, thaw", LIMIT(freeze_limit), true, step_snapshot,
	  step_snapshot_undo },
	{ "luns", "LUNs that show the snapshot", LIMIT(storage_limit), true, step_luns,
	  step_luns_undo },
	{ "server", "the server to look at the snapshot", LIMIT(storage_limit), true, step_server,
	  step_server_undo },
	{ "map", "the LUNs to be mapped to us", LIMIT(storage_limit), true, step_map,
	  step_map_undo },
	{ "connect", "the LUNs, and whether they are the right ones", 0, false, step_connect,
	  step_connect_undo },
	{ "backup", "the backup", 0, false, step_backup, step_backup_undo },
	{ "complete", "the end of the work on the server and here", LIMIT(agent_limit), false,
	  step_complete, NULL },
};
const size_t steps_n = ARRAY_SIZE(steps_table);

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
	json_t *members =
		json_pack("{s:s, s:s, s:s*}", "step", step->name, "state", state, "why", why);
	if (members && step->limit && strcmp(state, "begin") == 0)
		json_object_set_new(members, "limit_ms",
				    json_integer(*(const unsigned int *)(settings + step->limit)));
	return journal_note(run->journal, kind, members, err);
}

static int go(struct run *run, const struct step *step, const struct steps_stop *stop,
	      struct error *err)
{
	if (atomic_load_explicit(run->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	uint64_t begin = child_now_ms();
	int rc = note(run, "step", step, "begin", NULL, err);
	if (rc < 0)
		return rc;
	die_here(stop, step, false);
	rc = step->go(run, err);
	double seconds = (double)(child_now_ms() - begin) / 1000;
	if (rc < 0) {
		story_say(run->story, "FAILED after %.3f s: %s: %s", seconds, step->doing,
			  err->msg);
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
		story_say(run->story, "could not undo '%s': %s", step->name, err->msg);
	note(run, "undo", step, rc < 0 ? "failed" : "done", rc < 0 ? err->msg : NULL, NULL);
	return rc;
}

/* The sweep of the storage has the last word on what was made there. */
static void walk_up(struct run *run, size_t begun, struct error *ret_undone)
{
	struct error swept = { 0 };
	while (begun > 0) {
		const struct step *step = &steps_table[--begun];
		struct error err = { 0 };
		if (undo(run, step, &err) < 0)
			*(step->swept ? &swept : ret_undone) = err;
		else if (step->undo == step_storage_undo && run->asked)
			swept.code = 0;
	}
	if (swept.code && !ret_undone->code)
		*ret_undone = swept;
}

int steps_walk(struct run *run, const struct steps_stop *stop, struct error *ret_undone,
	       struct error *err)
{
	int rc = 0;
	size_t begun = 0;
	*ret_undone = (struct error){ 0 };
	while (rc == 0 && begun < steps_n)
		rc = go(run, &steps_table[begun++], stop, err);
	if (rc == -EINTR)
		story_say(run->story, "told to stop: all that was made is removed again");
	if (run->plugin)
		plugin_ignore_stop(run->plugin);
	if (run->server)
		server_ignore_stop(run->server);
	walk_up(run, begun, ret_undone);
	return rc;
}
