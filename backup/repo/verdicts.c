/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdicts - see verdicts.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/document.h"
#include "lunette/forgotten.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/repo-parts.h"
#include "lunette/verdicts.h"

#define FORMAT  "lunette-check"
#define VERSION 1

/* No document has more bytes than this: it names 200,000 restore points. */
#define VERDICTS_MAX (16u << 20)

/**
 * struct verdict_note - a document that was read
 * @document: NULL when it is damaged
 */
struct verdict_note {
	char name[65];
	json_t *document;
};

struct verdict_notes {
	struct repo *repo;
	int64_t now;
	size_t n, room;
	struct verdict_note *notes;
};

static void notes_cleanup(struct verdict_notes *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		json_decref(notes->notes[i].document);
	free(notes->notes);
}

/* ---- reading ---- */

static bool is_check(const json_t *document)
{
	const json_t *data = json_object_get(document, "data");
	int64_t when;
	return config_envelope(document, FORMAT, VERSION, "the check", NULL) == 0 &&
	       moment_parse(json_string_value(json_object_get(document, "time")), &when) &&
	       json_is_array(json_object_get(document, "whole")) &&
	       json_is_array(json_object_get(document, "hurt")) && json_is_integer(data) &&
	       json_integer_value(data) >= 0 && json_integer_value(data) <= 100;
}

static int take(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct verdict_notes *all = ctx;
	struct chunk_id id;
	struct error why = { 0 };
	CLEANUP(json_decref_cleanup) json_t *document = NULL;
	if (!chunk_id_parse(name, &id))
		return 0;
	int rc = document_get(all->repo, VERDICTS_FOLDER, name, VERDICTS_MAX, &document, &why);
	if (rc == -ENOENT)
		return 0; /* a later check has made it superfluous */
	if (rc < 0 && rc != -EUCLEAN)
		return error_copy(err, rc, &why);
	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 8;
		struct verdict_note *grown = reallocarray(all->notes, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "read what checks have found: %m");
		all->notes = grown;
		all->room = room;
	}
	struct verdict_note *note = &all->notes[all->n++];
	*note = (struct verdict_note){ .document = NULL };
	memcpy(note->name, name, sizeof(note->name));
	if (rc == 0 && is_check(document))
		note->document = steal(&document);
	return 0;
}

static const char *time_of(const struct verdict_note *note)
{
	const char *time = json_string_value(json_object_get(note->document, "time"));
	return time ? time : "";
}

static const char *finished_of(const struct verdict_note *note)
{
	const char *finished = json_string_value(json_object_get(note->document, "finished"));
	return finished ? finished : "";
}

/* Those of one second by when they were finished, if they say. */
static int by_time(const void *a, const void *b)
{
	const struct verdict_note *x = a, *y = b;
	int order = strcmp(time_of(x), time_of(y));
	if (order == 0)
		order = strcmp(finished_of(x), finished_of(y));
	return order ? order : strcmp(x->name, y->name);
}

static int read_all(struct verdict_notes *all, struct error *err)
{
	int rc = store_list(all->repo->store, VERDICTS_FOLDER, take, all, err);
	if (rc == 0 && all->n > 0)
		qsort(all->notes, all->n, sizeof(*all->notes), by_time);
	return rc;
}

/* ---- the last word ---- */

/*
 * Damage that was seen in the data stays the last word: not even a check that has found other
 * damage may take its place, unless it has read data, too.
 *
 * @whole: of a check that has read @data percent of the data.
 */
static bool counts(const json_t *before, bool whole, json_int_t data)
{
	bool seen = json_is_false(json_object_get(before, "whole")) &&
		    json_integer_value(json_object_get(before, "data")) > 0;
	return !seen || (whole ? data == 100 : data > 0);
}

/**
 * struct last_words - what is said of each restore point
 * @verdicts: as of verdicts_read()
 * @speakers: id -> name of the document
 */
struct last_words {
	json_t *verdicts;
	json_t *speakers;
};

static void words_cleanup(struct last_words *words)
{
	json_decref(words->verdicts);
	json_decref(words->speakers);
}

static int apply_list(struct last_words *words, const struct verdict_note *note, bool whole,
		      struct error *err)
{
	const json_t *list = json_object_get(note->document, whole ? "whole" : "hurt");
	json_int_t data = json_integer_value(json_object_get(note->document, "data"));
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		const char *id = json_string_value(entry);
		if (!id || !counts(json_object_get(words->verdicts, id), whole, data))
			continue;
		json_t *verdict = json_pack("{s:b, s:s, s:I}", "whole", whole, "time",
					    time_of(note), "data", data);
		if (json_object_set_new(words->verdicts, id, verdict) < 0 ||
		    json_object_set_new(words->speakers, id, json_string(note->name)) < 0)
			return error_set(err, -ENOMEM, "read what checks have found: %m");
	}
	return 0;
}

/* Those of the future, made when a clock was wrong, do not speak last: they come first. */
static int apply_all(const struct verdict_notes *all, struct last_words *words, struct error *err)
{
	int rc = 0;
	for (int future = 1; future >= 0; future--)
		for (size_t i = 0; rc == 0 && i < all->n; i++) {
			const struct verdict_note *note = &all->notes[i];
			if (!note->document || moment_is_future(time_of(note), all->now) != future)
				continue;
			rc = apply_list(words, note, true, err);
			if (rc == 0)
				rc = apply_list(words, note, false, err);
		}
	return rc;
}

/* @all, @ret: to be cleaned up, also on failure */
static int listen(struct verdict_notes *all, struct last_words *ret, struct error *err)
{
	ret->verdicts = json_object();
	ret->speakers = json_object();
	if (!ret->verdicts || !ret->speakers)
		return error_set(err, -ENOMEM, "read what checks have found: %m");
	all->now = time(NULL);
	int rc = read_all(all, err);
	return rc < 0 ? rc : apply_all(all, ret, err);
}

int verdicts_read(struct repo *repo, json_t **ret, struct error *err)
{
	CLEANUP(notes_cleanup) struct verdict_notes all = { .repo = repo };
	CLEANUP(words_cleanup) struct last_words words = { .verdicts = NULL };
	int rc = listen(&all, &words, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo->path);
	*ret = steal(&words.verdicts);
	return 0;
}

bool verdicts_hurt(const json_t *verdicts, const char *id)
{
	return json_is_false(json_object_get(json_object_get(verdicts, id), "whole"));
}

/* ---- writing ---- */

static int put(struct repo *repo, const struct verdicts_check *check, char ret_name[65],
	       struct error *err)
{
	char now[MOMENT_TEXT], finished[MOMENT_TEXT];
	if (!moment_now(9, finished))
		return error_set(err, -EOVERFLOW, "this system's clock cannot be right");
	/* Of the same moment. */
	snprintf(now, sizeof(now), "%.19sZ", finished);
	CLEANUP(json_decref_cleanup)
	json_t *document =
		json_pack("{s:s, s:i, s:[], s:s, s:s, s:I, s:O, s:O}", "format", FORMAT, "version",
			  VERSION, "features", "time", now, "finished", finished, "data",
			  (json_int_t)check->data, "whole", check->whole, "hurt", check->hurt);
	if (!document)
		return error_set(err, -ENOMEM, "note what the check has found: %m");
	return document_put(repo, VERDICTS_FOLDER, document, ret_name, err);
}

static int remove_note(struct repo *repo, const char *name, struct error *err)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), VERDICTS_FOLDER "/%.64s", name);
	return store_remove(repo->store, key, err);
}

static int know(json_t *names, const char *name, struct error *err)
{
	return json_object_set_new(names, name, json_true()) < 0
		       ? error_set(err, -ENOMEM, "read what checks have found: %m")
		       : 0;
}

static int know_point(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct chunk_id id;
	return chunk_id_parse(name, &id) ? know(ctx, name, err) : 0;
}

/* Also those that are forgotten: what is brought back is as damaged as it was. Theirs is listed
 * twice, as one that is moved, either way, may be missed in both folders. */
static int know_points(struct repo *repo, json_t *ret, struct error *err)
{
	int rc = store_list(repo->store, FORGOTTEN_FOLDER, know_point, ret, err);
	if (rc == 0)
		rc = store_list(repo->store, POINT_FOLDER, know_point, ret, err);
	return rc < 0 ? rc : store_list(repo->store, FORGOTTEN_FOLDER, know_point, ret, err);
}

static int remove_superfluous(struct repo *repo, const char *own, struct error *err)
{
	CLEANUP(notes_cleanup) struct verdict_notes all = { .repo = repo };
	CLEANUP(words_cleanup) struct last_words words = { .verdicts = NULL };
	CLEANUP(json_decref_cleanup) json_t *points = json_object();
	CLEANUP(json_decref_cleanup) json_t *needed = json_object();
	if (!points || !needed)
		return error_set(err, -ENOMEM, "read what checks have found: %m");
	int rc = listen(&all, &words, err);
	if (rc == 0)
		rc = know_points(repo, points, err);
	const char *id;
	json_t *speaker;
	json_object_foreach(words.speakers, id, speaker)
	{
		if (rc == 0 && json_object_get(points, id))
			rc = know(needed, json_string_value(speaker), err);
	}
	for (size_t i = 0; rc == 0 && i < all.n; i++)
		if (strcmp(all.notes[i].name, own) != 0 &&
		    !json_object_get(needed, all.notes[i].name))
			(void)remove_note(repo, all.notes[i].name, NULL); /* one may stay */
	return rc;
}

int verdicts_note(struct repo *repo, const struct verdicts_check *check, struct error *err)
{
	char name[65];
	int rc = repo_may_write(repo, err);
	if (rc == 0)
		rc = put(repo, check, name, err);
	return rc < 0 ? rc : remove_superfluous(repo, name, err);
}

static int clear(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct chunk_id id;
	return chunk_id_parse(name, &id) ? remove_note(ctx, name, err) : 0;
}

int verdicts_clear(struct repo *repo, struct error *err)
{
	return store_list(repo->store, VERDICTS_FOLDER, clear, repo, err);
}
