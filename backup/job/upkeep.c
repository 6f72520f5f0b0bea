/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep - see upkeep.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "lunette/journal.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/shape.h"
#include "lunette/state.h"
#include "lunette/sync.h"
#include "lunette/upkeep.h"

#define NOTE_MAX ((off_t)1 << 20)

static const struct {
	const char *name, *doing;
} tasks[UPKEEP_TASKS] = {
	[UPKEEP_PRUNE] = { "prune", "the prune of the repository" },
	[UPKEEP_CHECK] = { "check", "the check of the repository" },
};

const char *upkeep_name(enum upkeep_task task)
{
	return tasks[task].name;
}

const char *upkeep_doing(const char *name)
{
	for (size_t i = 0; i < UPKEEP_TASKS; i++)
		if (strcmp(tasks[i].name, name) == 0)
			return tasks[i].doing;
	return name;
}

bool upkeep_when_parse(const char *text, enum upkeep_when *ret)
{
	static const char *const words[] = { [UPKEEP_NEVER] = "never",
					     [UPKEEP_AFTER_RUN] = "after-run",
					     [UPKEEP_DAILY] = "daily",
					     [UPKEEP_WEEKLY] = "weekly",
					     [UPKEEP_MONTHLY] = "monthly" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], text) == 0) {
			*ret = (enum upkeep_when)i;
			return true;
		}
	return false;
}

/* ---- its folder --------------------------------------------------------------------------------
 */

static void place(const char *state, const char *repo_id, const char *file, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/repositories/%s/%s", state, repo_id, file);
}

static int make_folder(const char *state, const char *repo_id, struct error *err)
{
	char path[PATH_MAX];
	place(state, repo_id, "", path);
	return sync_make_folders(path, err);
}

static int take_lock(const char *state, const char *repo_id, const char *file, int how, int *ret_fd,
		     struct error *err)
{
	char path[PATH_MAX];
	place(state, repo_id, file, path);
	int rc = make_folder(state, repo_id, err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "lock '%s': %m", path);
	if (flock(fd, how) < 0) {
		int code = errno == EWOULDBLOCK ? EBUSY : errno;
		return error_set(err, -code, "lock '%s': %m", path);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int upkeep_lock(const char *state, const char *repo_id, enum upkeep_task task, int *ret_fd,
		struct error *err)
{
	char file[32];
	snprintf(file, sizeof(file), "%s.lock", tasks[task].name);
	return take_lock(state, repo_id, file, LOCK_EX | LOCK_NB, ret_fd, err);
}

/* ---- the note ----------------------------------------------------------------------------------
 */

int upkeep_read(const char *state, const char *repo_id, json_t **ret, struct error *err)
{
	char path[PATH_MAX];
	FILE *in = NULL;
	place(state, repo_id, "upkeep.json", path);
	json_t *note = NULL;
	if (journal_open_file(path, NOTE_MAX, &in, NULL) == 0) {
		note = json_loadf(in, JSON_REJECT_DUPLICATES, NULL);
		fclose(in);
	}
	if (!json_is_object(note)) {
		json_decref(note);
		note = json_object();
	}
	*ret = note;
	return note ? 0 : error_set(err, -ENOMEM, "'%s': %m", path);
}

/* Has it come to its end, and was that a good one? */
static bool is_done(const json_t *document)
{
	const char *status = shape_text(document, "status");
	return strcmp(status, "failed") != 0 && strcmp(status, "interrupted") != 0;
}

static bool is_success(const json_t *document)
{
	return strcmp(shape_text(document, "status"), "ok") == 0;
}

static int take_over(json_t *to, const json_t *old, const char *key, bool now)
{
	json_t *time = json_object_get(now ? to : old, now ? "time" : key);
	return time ? json_object_set(to, key, time) : 0;
}

static int advance(json_t *note, const json_t *document)
{
	const json_t *part = json_object_get(document, "part");
	uint64_t of = shape_size(part, "of");
	char parts[24];
	if (of == 0 || !is_done(document))
		return 0;
	json_t *next = json_object_get(note, "next");
	if (!json_is_object(next)) {
		next = json_object();
		if (json_object_set_new(note, "next", next) < 0)
			return -ENOMEM;
	}
	snprintf(parts, sizeof(parts), "%ju", (uintmax_t)of);
	return json_object_set_new(next, parts,
				   json_integer((json_int_t)(shape_size(part, "number") % of + 1)));
}

json_t *upkeep_add(const json_t *note, enum upkeep_task task, const json_t *document)
{
	json_t *ret = note ? json_deep_copy(note) : json_object();
	json_t *entry = json_deep_copy(document);
	const json_t *old = json_object_get(note, tasks[task].name);
	if (!ret || !entry || take_over(entry, old, "done", is_done(document)) < 0 ||
	    take_over(entry, old, "success", is_success(document)) < 0 ||
	    advance(ret, document) < 0 || json_object_set(ret, tasks[task].name, entry) < 0) {
		json_decref(ret);
		ret = NULL;
	}
	json_decref(entry);
	return ret;
}

int upkeep_note(const char *state, const char *repo_id, enum upkeep_task task,
		const json_t *document, json_t **ret, struct error *err)
{
	char path[PATH_MAX];
	CLEANUP(close_cleanup) int lock = -1;
	CLEANUP(json_decref_cleanup) json_t *old = NULL, *note = NULL;
	place(state, repo_id, "upkeep.json", path);
	int rc = take_lock(state, repo_id, "lock", LOCK_EX, &lock, err);
	if (rc == 0)
		rc = upkeep_read(state, repo_id, &old, err);
	if (rc < 0)
		return rc;
	note = upkeep_add(old, task, document);
	CLEANUP(free_cleanup) char *text = note ? json_dumps(note, JSON_INDENT(1)) : NULL;
	if (!text)
		return error_set(err, -ENOMEM, "'%s': %m", path);
	rc = state_replace_file(path, text, 0600, err);
	if (rc == 0 && ret)
		*ret = steal(&note);
	return rc;
}

/* ---- what is due -------------------------------------------------------------------------------
 */

/* A number that is the same for all moments of a day, a week or a month of the local time. */
static int64_t period_of(enum upkeep_when when, int64_t moment)
{
	time_t t = (time_t)moment;
	struct tm tm;
	if (!localtime_r(&t, &tm))
		return 0;
	if (when == UPKEEP_MONTHLY)
		return (int64_t)tm.tm_year * 12 + tm.tm_mon;
	struct tm day = { .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday };
	int64_t days = (int64_t)timegm(&day) / 86400;
	return when == UPKEEP_DAILY ? days : (days + 3) / 7; /* 1970 began with a Thursday */
}

bool upkeep_is_due(const json_t *note, enum upkeep_task task, enum upkeep_when when, int64_t now)
{
	int64_t done;
	if (when == UPKEEP_NEVER || when == UPKEEP_AFTER_RUN)
		return when == UPKEEP_AFTER_RUN;
	if (!moment_parse(shape_text(json_object_get(note, tasks[task].name), "done"), &done))
		return true;
	/* Not "later than": a clock that was ahead once would put it off. */
	return period_of(when, now) != period_of(when, done);
}

uint32_t upkeep_next_part(const json_t *note, uint32_t parts)
{
	char key[16];
	snprintf(key, sizeof(key), "%u", parts);
	uint64_t part = shape_size(json_object_get(note, "next"), key);
	return part >= 1 && part <= parts ? (uint32_t)part : 1;
}

int upkeep_choose(const char *state, const char *repo_id, struct check_portion *portion,
		  struct error *err)
{
	CLEANUP(close_cleanup) int lock = -1;
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	int rc = take_lock(state, repo_id, "lock", LOCK_EX, &lock, err);
	if (rc < 0)
		return error_wrap(err, rc, "to note which part comes next");
	rc = upkeep_read(state, repo_id, &note, err);
	if (rc == 0)
		portion->part = upkeep_next_part(note, portion->parts);
	return rc;
}
