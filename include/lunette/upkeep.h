/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * upkeep - that somebody prunes and checks a repository: when this machine did it last, how that
 * ended, and whether it is due again.
 *
 *   STATE/repositories/ID/upkeep.json  the note: the last prune, the last check, the parts of the
 *                                      data that are next
 *   STATE/repositories/ID/lock         held (flock) while it is written
 *   STATE/repositories/ID/prune.lock   held by who prunes because it is due
 *   STATE/repositories/ID/check.lock   likewise
 *
 * The note is {"prune":DOCUMENT,"check":DOCUMENT,"next":{"PARTS":PART},...}. It only says when to
 * do what anyway does no harm: one that cannot be read is as good as none.
 */
#ifndef LUNETTE_UPKEEP_H
#define LUNETTE_UPKEEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lunette/check.h"
#include "lunette/prune.h"

enum upkeep_task {
	UPKEEP_PRUNE,
	UPKEEP_CHECK,
	UPKEEP_TASKS,
};

enum upkeep_when {
	UPKEEP_NEVER,
	UPKEEP_AFTER_RUN,
	UPKEEP_DAILY,
	UPKEEP_WEEKLY,
	UPKEEP_MONTHLY,
};

/* "prune" or "check". */
const char *upkeep_name(enum upkeep_task task);

/* What a step of that name does, in words for people; the name itself when it is none of these. */
const char *upkeep_doing(const char *name);

/* "never", "after-run", "daily", "weekly" or "monthly". Return: false when it is none of these. */
bool upkeep_when_parse(const char *text, enum upkeep_when *ret);

/* ---- what was done: a document (upkeep-document.c) ---- */

/*
 * {"time","seconds","status",...}: status is "ok", "warnings" (of a prune: chunks are missing, or
 * packs cannot be read), "damaged" (of a check), "failed" or "interrupted", and the last two say
 * why. @why: NULL when it came to its end.
 */
json_t *upkeep_prune_document(const struct prune_result *result, const struct error *why,
			      double seconds);
json_t *upkeep_check_document(const struct check_result *result,
			      const struct check_portion *portion, const struct error *why,
			      double seconds);

/* A document in a sentence. */
#define UPKEEP_TEXT 1200
void upkeep_text(enum upkeep_task task, const json_t *document, char ret[UPKEEP_TEXT]);

/* ---- for Prometheus (upkeep-metrics.c) ---- */

/* Writes the text file of a repository. @repository: its path; @note: of upkeep_read(). */
int upkeep_metrics(const char *path, const char *repository, const json_t *note, struct error *err);

/* ---- the note (upkeep.c) ---- */

/* @ret: a new reference; an empty object when there is none that can be read. */
int upkeep_read(const char *state, const char *repo_id, json_t **ret, struct error *err);

/**
 * upkeep_add() - what a note says when something more has been done
 * @note: may be NULL
 * @document: of what was done; a reference of the caller's
 *
 * Besides the document itself, a task has "done", when it last came to its end, and "success", when
 * that was a good one.
 *
 * Return: a new reference; NULL: no memory.
 */
json_t *upkeep_add(const json_t *note, enum upkeep_task task, const json_t *document);

/**
 * upkeep_note() - the same, in the state folder
 * @ret: the note as it is now, a new reference; may be NULL
 */
int upkeep_note(const char *state, const char *repo_id, enum upkeep_task task,
		const json_t *document, json_t **ret, struct error *err);

/**
 * upkeep_is_due() - did the day, the week or the month of @now begin without it?
 * @now: seconds since 1970; days are those of the local time, weeks begin on Monday
 */
bool upkeep_is_due(const json_t *note, enum upkeep_task task, enum upkeep_when when, int64_t now);

/* Which of so many parts of the data is to be read, 1 to @parts. */
uint32_t upkeep_next_part(const json_t *note, uint32_t parts);

/**
 * upkeep_choose() - make "the next part" a part
 *
 * Makes sure that what is done can be noted: else it would be the same part for ever.
 */
int upkeep_choose(const char *state, const char *repo_id, struct check_portion *portion,
		  struct error *err);

/**
 * upkeep_lock() - be the one on this machine who does it
 * @ret_fd: to be closed when it is over
 *
 * Return: 0; -EBUSY; ...
 */
int upkeep_lock(const char *state, const char *repo_id, enum upkeep_task task, int *ret_fd,
		struct error *err);

#endif
