/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check - the steps of a check, in the order in which each needs what the one before found. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "lunette/document.h"
#include "hurt.h"
#include "lunette/key-document.h"
#include "lunette/verdicts.h"

/* 64 MiB each at most. */
#define BAD_MAX   (1u << 20)
#define CLEAN_MAX (1u << 20)

/* ---- key documents, leases and marks -----------------------------------------------------------
 */

static int any_key(void *ctx, const char *id, const json_t *document, struct error *err)
{
	(void)ctx, (void)id, (void)document, (void)err;
	return 0;
}

struct key_damage {
	struct check *check;
	int rc;
	struct error *err;
};

static void damaged_key(void *ctx, const struct error *why)
{
	struct key_damage *damage = ctx;
	int rc = check_problem(damage->check, KEY_FOLDER, why->code, why->msg, damage->err);
	damage->rc = MIN(damage->rc, rc);
}

/* Whether a password still opens them only the password can tell. */
static int check_keys(struct check *check, struct error *err)
{
	struct key_damage damage = { .check = check, .err = err };
	int rc = key_document_list(check->repo->store, check->repo->config.id, any_key, &damage,
				   damaged_key, err);
	return rc < 0 ? rc : damage.rc;
}

/* No lease or mark has more bytes than this. */
#define NOTE_MAX (16u << 20)

struct notes {
	struct check *check;
	const char *folder;
	uint64_t n;
};

static int check_note(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct notes *notes = ctx;
	struct chunk_id id;
	if (!chunk_id_parse(name, &id))
		return 0;
	json_t *note = NULL;
	struct error why = { 0 };
	int rc = document_get(notes->check->repo, notes->folder, name, NOTE_MAX, &note, &why);
	json_decref(note);
	if (rc == -ENOENT)
		return 0; /* its owner ended meanwhile */
	notes->n++;
	if (rc == 0)
		return 0;
	char object[STORE_KEY_MAX];
	snprintf(object, sizeof(object), "%s/%.64s", notes->folder, name);
	return check_problem(notes->check, object, rc, why.msg, err);
}

/* They are only proved: what they say is their owners' business. */
static int check_notes(struct check *check, const char *folder, uint64_t *ret, struct error *err)
{
	struct notes notes = { .check = check, .folder = folder };
	int rc = store_list(check->repo->store, folder, check_note, &notes, err);
	*ret = notes.n;
	return rc;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static void check_cleanup(struct check *check)
{
	id_set_free(check->bad);
	id_set_free(check->clean);
	free(check->packs);
}

/* Of what is somebody's, which a pack that no index knows is not: all only when it is all, and none
 * when it is none. */
static unsigned int percent_read(const struct check *check)
{
	const struct check_result *result = check->result;
	uint64_t all = result->packs - result->orphans, read = result->packs_read;
	bool whole = read == all && !check->elsewhere;
	if (read == 0)
		return result->packs == 0 && whole ? 100 : 0;
	if (whole)
		return 100;
	if (read == all)
		return 99;
	return MAX(1u, (unsigned int)(99 * read / all));
}

/* What was found is no less true where it cannot be noted. */
static void note_verdicts(struct check *check)
{
	struct check_result *result = check->result;
	const struct verdicts_check note = {
		.whole = result->whole,
		.hurt = result->not_whole,
		.data = percent_read(check),
	};
	result->not_noted.code = verdicts_note(check->repo, &note, &result->not_noted);
}

/* Damage in data that nobody has read now is still there. */
static void count_remembered(struct check *check)
{
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	if (percent_read(check) == 100 || verdicts_read(check->repo, &verdicts, NULL) < 0)
		return;
	size_t i;
	json_t *id;
	json_array_foreach(check->result->whole, i, id)
	{
		const json_t *verdict = json_object_get(verdicts, json_string_value(id));
		check->result->n_remembered +=
			json_is_false(json_object_get(verdict, "whole")) &&
			json_integer_value(json_object_get(verdict, "data")) > 0;
	}
}

/* What no restore point needs. */
static int check_rest(struct check *check, struct error *err)
{
	int rc = check_keys(check, err);
	if (rc == 0)
		rc = check_notes(check, "leases", &check->result->leases, err);
	if (rc == 0)
		rc = check_notes(check, "marks", &check->result->marks, err);
	return rc;
}

int check_run(struct repo *repo, const struct check_options *opts, struct check_result *ret,
	      struct error *err)
{
	*ret = (struct check_result){ .problems = json_array(),
				      .hurt = json_array(),
				      .whole = json_array(),
				      .not_whole = json_array(),
				      .unreadable = json_array() };
	CLEANUP(check_cleanup) struct check check = { .repo = repo, .opts = opts, .result = ret };
	/* The indexes were listed when the repository was opened, and the packs are listed now:
	 * what those indexes speak of was there before them, whoever adds more meanwhile. */
	int rc = id_set_new(BAD_MAX, &check.bad, err);
	if (rc == 0)
		rc = id_set_new(CLEAN_MAX, &check.clean, err);
	if (rc == 0)
		rc = check_list_packs(&check, err);
	if (rc == 0)
		rc = (opts->n_named > 0 ? check_find_packs : check_indexes)(&check, err);
	if (rc == 0)
		rc = check_tables(&check, err);
	if (rc == 0)
		rc = check_data(&check, err);
	if (rc == 0)
		rc = check_points(&check, err);
	if (rc == 0 && opts->n_named == 0)
		rc = check_rest(&check, err);
	/* Where not all that is bad is known, nobody can be called whole. */
	if (rc == 0 && !check.bad_more && !opts->unnoted && ret->points > 0)
		note_verdicts(&check);
	if (rc == 0)
		count_remembered(&check);
	return rc < 0 ? error_wrap(err, rc, "repository '%s'", repo->path) : 0;
}

void check_result_free(struct check_result *result)
{
	json_decref(result->problems);
	json_decref(result->hurt);
	json_decref(result->whole);
	json_decref(result->not_whole);
	json_decref(result->unreadable);
}
