/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recover-remove - gives back what a job keeps on its storage, and forgets the job.
 *
 * A removal is written down as a run that died when it had begun to remove, and then cleaned up
 * after like any other: whatever happens meanwhile, it is finished by who comes next. The job file
 * is not asked: it may be gone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/hex.h"
#include "lunette/journal.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/random.h"
#include "lunette/recover.h"
#include "lunette/shape.h"
#include "lunette/state.h"

/* What the run said of itself when it began; NULL when that is not known. */
static json_t *start_of_run(const char *state, const char *job, const char *run)
{
	CLEANUP(free_cleanup) char *path = state_run_file(state, job, run, "journal");
	CLEANUP(json_decref_cleanup) json_t *records = NULL;
	if (!path || journal_read(path, &records, NULL) < 0)
		return NULL;
	return json_incref(journal_last(records, "start"));
}

/* How to ask the storage: as the run did that made the base; else as the last one did. */
static json_t *find_start(const char *state, const char *job, const json_t *base)
{
	json_t *start = json_incref(json_object_get(base, "start"));
	if (!start && base && names_ok(shape_text(base, "run")))
		start = start_of_run(state, job, shape_text(base, "run"));
	CLEANUP(json_decref_cleanup) json_t *runs = NULL;
	if (!start && state_runs(state, job, &runs, NULL) < 0)
		return NULL;
	for (size_t i = json_array_size(runs); !start && i-- > 0;)
		start = start_of_run(state, job, json_string_value(json_array_get(runs, i)));
	return start;
}

/* The name sorts behind those of all runs. */
static int write_down(const struct recover *recover, json_t *start, struct error *err)
{
	unsigned char random[4];
	char name[32] = "remove-", digits[9];
	int rc = random_bytes(random, sizeof(random), err);
	if (rc < 0)
		return rc;
	hex_text(random, sizeof(random), digits);
	strcat(name, digits);
	CLEANUP(free_cleanup)
	char *path = state_run_file(recover->state, recover->only, name, "journal");
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	if (!path)
		return error_set(err, -ENOMEM, "%m");
	rc = journal_create(path, &journal, err);
	if (rc == 0)
		rc = journal_note(journal, "start", json_deep_copy(start), err);
	if (rc == 0)
		rc = journal_note(journal, "intent", json_pack("{s:s}", "call", "remove"), err);
	return rc;
}

static int give_back(struct recover *recover, struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *start = find_start(recover->state, recover->only, recover->kept);
	if (!start && recover->kept)
		return error_set(err, -ENOENT,
				 "which storage keeps its snapshots is not known: no run of job "
				 "'%s' says so",
				 recover->only);
	int rc = 0;
	if (start && !recover->dry_run)
		rc = write_down(recover, start, err);
	/* From here on the base's snapshots are leftovers as others are. */
	if (rc == 0 && !recover->dry_run)
		rc = state_base_write(recover->state, recover->only, NULL, err);
	return rc < 0 ? rc : recover_run(recover, err);
}

static int read_kept(struct recover *recover, struct error *err)
{
	struct error why = { 0 };
	int rc = state_base_read(recover->state, recover->only, &recover->kept, &why);
	if (rc == -EUCLEAN) /* the owner of the snapshots is known all the same */
		story_say(recover->story, "%s", why.msg);
	return rc < 0 && rc != -EUCLEAN ? error_copy(err, rc, &why) : 0;
}

int recover_remove(struct recover *recover, struct error *err)
{
	const char *job = recover->only;
	CLEANUP(close_cleanup) int lock = -1;
	if (!names_ok(job) || !state_has_job(recover->state, job))
		return error_set(err, -ENOENT, "there is no job '%s' in '%s'", job, recover->state);
	int rc = state_lock_job(recover->state, job, true, &lock, err);
	if (rc == 0)
		rc = read_kept(recover, err);
	if (rc < 0)
		return rc;
	recover->own_job = job;
	recover->own_run = "";
	rc = give_back(recover, err);
	if (rc < 0 || recover->dry_run)
		return rc;
	if (recover->unfinished || recover->aside)
		return error_set(
			err, -EBUSY,
			"not all that job '%s' left is removed, so that it is not "
			"forgotten; nothing is lost by trying again. If its storage is gone for "
			"ever, remove the folder '%s/%s'",
			job, recover->state, job);
	rc = state_remove_job(recover->state, job, err);
	if (rc == 0)
		story_say(recover->story, "job '%s' is forgotten", job);
	return rc;
}
