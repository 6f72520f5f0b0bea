/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep-run - see upkeep-run.h. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/shape.h"
#include "upkeep-run.h"

static double seconds_since(int64_t begin)
{
	return (double)(clock_now_ms() - begin) / 1000;
}

static int prune(struct run *run, const char *id, json_t **ret, struct error *err)
{
	(void)id;
	CLEANUP(prune_result_free) struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = PRUNE_MAX_UNUSED, .stop = run->stop };
	int64_t begin = clock_now_ms();
	int rc = prune_run(run->point.repo, &options, &result, err);
	*ret = upkeep_prune_document(&result, rc < 0 ? err : NULL, seconds_since(begin));
	return rc;
}

static int check(struct run *run, const char *id, json_t **ret, struct error *err)
{
	CLEANUP(check_result_free) struct check_result result = { 0 };
	struct check_options options = {
		.threads = run->settings->threads ? run->settings->threads : run->threads,
		.portion = run->settings->read_data,
		.stop = run->stop,
	};
	int64_t begin = clock_now_ms();
	int rc = 0;
	if (options.portion.parts > 0)
		rc = upkeep_choose(run->state, id, &options.portion, err);
	if (rc == 0)
		rc = check_run(run->point.repo, &options, &result, err);
	const struct error *why = rc < 0 ? err : NULL;
	struct error unknown = { 0 };
	if (rc == 0 && check_judge(&result, true, &unknown) == -EIO)
		why = &unknown;
	*ret = upkeep_check_document(&result, &options.portion, why, seconds_since(begin));
	return rc;
}

static const struct chore {
	enum upkeep_task task;
	size_t when; /* in struct settings */
	int (*go)(struct run *run, const char *id, json_t **ret, struct error *err);
} chores[] = {
	{ UPKEEP_PRUNE, offsetof(struct settings, prune), prune },
	{ UPKEEP_CHECK, offsetof(struct settings, check), check },
};

static enum upkeep_when when_of(const struct settings *settings, const struct chore *chore)
{
	return *(const enum upkeep_when *)((const char *)settings + chore->when);
}

static int is_due(const struct run *run, const struct chore *chore, const char *id, bool *ret,
		  struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	int rc = upkeep_read(run->state, id, &note, err);
	*ret = rc == 0 &&
	       upkeep_is_due(note, chore->task, when_of(run->settings, chore), (int64_t)time(NULL));
	return rc;
}

/* What became of it, in the log, as a warning when somebody should look, and in the note. */
static int tell(struct run *run, enum upkeep_task task, const char *id, json_t *document,
		struct error *err)
{
	char text[UPKEEP_TEXT];
	const char *name = upkeep_name(task), *status = shape_text(document, "status");
	upkeep_text(task, document, text);
	bool well = strcmp(status, "ok") == 0 || strcmp(status, "interrupted") == 0;
	if (well)
		story_say(run->log.story, "%s: %s", name, text);
	else
		run_warn(run, "%s: %s; see 'lunette check'", name, text);
	json_object_set(run->upkeep.done, name, document);
	return upkeep_note(run->state, id, task, document, NULL, err);
}

static int do_chore(struct run *run, const struct chore *chore, const char *id, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *document = NULL;
	const char *name = upkeep_name(chore->task);
	struct error why = { 0 };
	journal_note(run->log.journal, "step",
		     json_pack("{s:s, s:s}", "step", name, "state", "begin"), NULL);
	int rc = chore->go(run, id, &document, &why);
	journal_note(run->log.journal, "step",
		     json_pack("{s:s, s:s, s:o*}", "step", name, "state",
			       rc < 0 ? "failed" : "done", "why",
			       rc < 0 ? json_text(why.msg) : NULL),
		     NULL);
	if (rc == -EBUSY) {
		story_say(run->log.story, "%s: left to a later run: %s", name, why.msg);
		return 0;
	}
	return document ? tell(run, chore->task, id, document, err) : error_set(err, -ENOMEM, "%m");
}

/* Who waited until another job had done it has nothing to do any more. */
static int do_if_due(struct run *run, const struct chore *chore, const char *id, struct error *err)
{
	CLEANUP(close_cleanup) int lock = -1;
	bool due;
	int rc = is_due(run, chore, id, &due, err);
	if (rc < 0 || !due)
		return rc;
	rc = upkeep_lock(run->state, id, chore->task, &lock, err);
	if (rc == -EBUSY) {
		story_say(run->log.story, "%s: another job is at it", upkeep_name(chore->task));
		return 0;
	}
	if (rc == 0)
		rc = is_due(run, chore, id, &due, err);
	return rc < 0 || !due ? rc : do_chore(run, chore, id, err);
}

bool upkeep_is_wanted(const struct settings *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(chores); i++)
		if (when_of(settings, &chores[i]) != UPKEEP_NEVER)
			return true;
	return false;
}

static bool is_stopped(const struct run *run)
{
	return atomic_load_explicit(run->stop, memory_order_relaxed);
}

void upkeep_run(struct run *run)
{
	struct error err = { 0 };
	run->upkeep.done = json_object();
	/* Opened anew: what the run has seen of it is not what others have made of it since. */
	int rc = step_repository(run, &err);
	if (rc < 0) {
		run_warn(run, "the repository is neither pruned nor checked: %s", err.msg);
		return;
	}
	const char *id = repo_id(run->point.repo);
	for (size_t i = 0; i < ARRAY_SIZE(chores) && !is_stopped(run); i++)
		if (do_if_due(run, &chores[i], id, &err) < 0)
			run_warn(run, "%s: %s", upkeep_name(chores[i].task), err.msg);
	upkeep_read(run->state, id, &run->upkeep.note, NULL);
	step_repository_undo(run, NULL);
}
