/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * point-find - finding the restore point that a user means.
 *
 * A word is a name, or the beginning of an id, and never both: servers are called "db" and "cafe".
 * Fewer than 8 digits are no id.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/forgotten.h"
#include "lunette/moment.h"
#include "lunette/recall.h"
#include "lunette/repo-parts.h"

#define ID_DIGITS_MIN 8

/**
 * struct point_match - what has been found so far
 * @time: without colons, that of the restore point begins with it; "" is any
 * @n: restore points that are meant
 * @past, @any: id of the newest that is not of the future, and of all; "" for none
 * @any_time: when that was made
 * @damage: the last damage that was met; code 0 when there was none
 */
struct point_match {
	char time[MOMENT_TEXT];
	int64_t now;
	size_t n;
	char past[65], any[65];
	char past_time[POINT_TIME_MAX], any_time[POINT_TIME_MAX];
	struct error damage;
};

/* ---- by name ---- */

/* Oldest first, so that the last one is the newest. */
static int match_time(void *ctx, const struct repo_brief *brief, struct error *err)
{
	(void)err;
	struct point_match *match = ctx;
	const char *id = brief->id, *time = brief->time;
	char plain[MOMENT_TEXT];
	moment_plain(time, plain);
	if (strncmp(plain, match->time, strlen(match->time)) != 0)
		return 0;
	match->n++;
	memcpy(match->any, id, sizeof(match->any));
	snprintf(match->any_time, sizeof(match->any_time), "%s", time);
	if (moment_is_future(time, match->now))
		return 0;
	memcpy(match->past, id, sizeof(match->past));
	snprintf(match->past_time, sizeof(match->past_time), "%s", time);
	return 0;
}

static void note_damage(void *ctx, const struct error *why)
{
	((struct point_match *)ctx)->damage = *why;
}

static bool is_whole(const struct point_match *match)
{
	char plain[MOMENT_TEXT];
	moment_plain(match->any_time, plain);
	return strcmp(plain, match->time) == 0;
}

/* Where the newest will not do. */
static int refuse_newest(const struct repo_point_search *search, const char *name,
			 const struct point_match *match, struct error *err)
{
	const char *id = match->past[0] ? match->past : match->any;
	const char *time = match->past[0] ? match->past_time : match->any_time;
	if (search->use == REPO_POINT_MARK)
		return error_set(err, -EINVAL,
				 "'%s' is a name: which restore point of it? Say %s@latest, "
				 "NAME@TIME or an id",
				 search->spec, name);
	return error_set(err, -EINVAL,
			 "'%s' may be another restore point at any moment: say which one by its "
			 "whole time or its id; the one of now is %s@%s, id %.12s",
			 search->spec, name, time, id);
}

/* @at: where the time begins, behind '@'; NULL: there is none */
static int find_named(struct repo *repo, struct repo_point_search *search, const char *name,
		      const char *at, struct point_match *match, struct error *err)
{
	bool latest = !at || strcmp(at, "latest") == 0;
	if (at && !*at)
		return 0;
	if (!latest)
		moment_plain(at, match->time);
	int rc = (search->forgotten ? repo_briefs_forgotten : repo_briefs)(repo, name, match_time,
									   match, note_damage, err);
	if (rc < 0 || match->n == 0)
		return rc;
	bool whole = !latest && is_whole(match);
	bool exact =
		search->use == REPO_POINT_REMOVE ? whole : search->use == REPO_POINT_READ || at;
	if (!exact)
		return refuse_newest(search, name, match, err);
	if (whole && match->n > 1 && search->use == REPO_POINT_REMOVE)
		return error_set(err, -ENOTUNIQ,
				 "'%s' are %zu restore points of the same second: say which one "
				 "by its id; 'lunette list' shows it",
				 search->spec, match->n);
	memcpy(search->id, match->past[0] ? match->past : match->any, sizeof(search->id));
	if (!whole && strcmp(match->past, match->any) != 0)
		memcpy(search->future, match->any, sizeof(search->future));
	return 0;
}

/* ---- by id ---- */

struct id_match {
	const char *prefix;
	size_t n;
	char id[65];
};

static int match_id(void *ctx, const char *id, const struct store_stat *st, struct error *err)
{
	(void)st, (void)err;
	struct id_match *match = ctx;
	struct chunk_id parsed;
	if (strncmp(id, match->prefix, strlen(match->prefix)) != 0 || !chunk_id_parse(id, &parsed))
		return 0;
	match->n++;
	memcpy(match->id, id, sizeof(match->id));
	return 0;
}

/* Return: how many restore points' ids begin so; a negative errno. */
static int find_ids(struct repo *repo, const struct repo_point_search *search, char ret_id[65],
		    struct error *err)
{
	const char *word = search->spec;
	size_t len = strlen(word);
	if (len < ID_DIGITS_MIN || len > 64 || strspn(word, "0123456789abcdef") != len)
		return 0;
	struct id_match match = { .prefix = word };
	int rc = search->forgotten ? forgotten_list(repo, match_id, &match, err)
				   : store_list(repo->store, POINT_FOLDER, match_id, &match, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo->path);
	memcpy(ret_id, match.id, sizeof(match.id));
	return (int)MIN(match.n, (size_t)INT32_MAX);
}

/* A word without '@'. */
static int find_word(struct repo *repo, struct repo_point_search *search, struct point_match *match,
		     struct error *err)
{
	char id[65] = "";
	struct error why = { 0 };
	int n = find_ids(repo, search, id, err);
	if (n < 0)
		return n;
	/* A whole id is one: no restore point is named by what it will be called. */
	int rc = n == 1 && strlen(search->spec) == 64
			 ? 0
			 : find_named(repo, search, search->spec, NULL, match, &why);
	if (n > 0 && match->n > 0)
		return error_set(err, -ENOTUNIQ,
				 "'%s' is a name, and the beginning of the id of a restore point, "
				 "too: say '%s@latest' if the name is meant, or more of the id",
				 search->spec, search->spec);
	if (rc < 0)
		return error_copy(err, rc, &why);
	if (n > 1)
		return error_set(err, -ENOTUNIQ,
				 "'%s' may be any of %d restore points in repository '%s': give as "
				 "much of the id as tells them apart; 'lunette list' shows it",
				 search->spec, n, repo->path);
	if (n == 1)
		memcpy(search->id, id, sizeof(id));
	return 0;
}

/* ---- what the user wrote ---- */

static int find(struct repo *repo, struct repo_point_search *search, struct point_match *match,
		struct error *err)
{
	const char *at = strrchr(search->spec, '@');
	if (!*search->spec)
		return 0;
	if (!at)
		return find_word(repo, search, match, err);
	CLEANUP(free_cleanup) char *name = strndup(search->spec, (size_t)(at - search->spec));
	if (!name)
		return error_set(err, -ENOMEM, "find a restore point: %m");
	return find_named(repo, search, name, at + 1, match, err);
}

static int not_found(const struct repo *repo, const struct repo_point_search *search,
		     struct error *err)
{
	int rc = search->forgotten
			 ? error_set(err, -ENOENT,
				     "there is no restore point '%s' to be brought back in "
				     "repository '%s': a prune has made it final, or it never was; "
				     "'lunette list --forgotten' shows those that there are",
				     search->spec, repo->path)
			 : error_set(err, -ENOENT,
				     "there is no restore point '%s' in repository '%s': "
				     "NAME@latest, NAME@TIME or 8 digits of an id are needed; "
				     "'lunette list' shows them, and with --forgotten those that "
				     "'lunette undelete' brings back",
				     search->spec, repo->path);
	return error_mark(err, rc, ERROR_KIND_NOT_FOUND);
}

static int search_once(struct repo *repo, struct repo_point_search *search,
		       struct point_match *match, struct error *err)
{
	search->id[0] = search->future[0] = '\0';
	int rc = find(repo, search, match, err);
	if (rc < 0)
		return rc;
	if (!search->id[0] && match->damage.code < 0)
		return error_set(err, match->damage.code,
				 "there is no restore point '%s' in repository '%s', unless it is "
				 "this one: %s",
				 search->spec, repo->path, match->damage.msg);
	if (!search->id[0])
		return not_found(repo, search, err);
	return point_get_from(repo, search->forgotten ? FORGOTTEN_FOLDER : POINT_FOLDER, search->id,
			      &search->point, err);
}

/* By what is remembered of it, it is; but only its manifest knows. */
static bool is_meant(const struct repo_point_search *search, const struct point_match *match)
{
	const char *name = repo_point_name(search->point);
	size_t len = strlen(name);
	return match->n == 0 || (strncmp(search->spec, name, len) == 0 &&
				 (!search->spec[len] || search->spec[len] == '@') &&
				 strcmp(repo_point_time(search->point),
					match->past[0] ? match->past_time : match->any_time) == 0);
}

int repo_point_search(struct repo *repo, struct repo_point_search *search, struct error *err)
{
	int64_t now = time(NULL);
	struct point_match match = { .now = now };
	int rc = search_once(repo, search, &match, err);
	if (rc < 0 || is_meant(search, &match))
		return rc;
	json_decref(steal(&search->point));
	recall_distrust(repo, search->forgotten);
	match = (struct point_match){ .now = now };
	return search_once(repo, search, &match, err);
}

int repo_point_find(struct repo *repo, const char *spec, char ret_id[65], json_t **ret,
		    struct error *err)
{
	struct repo_point_search search = { .spec = spec };
	int rc = repo_point_search(repo, &search, err);
	if (rc < 0)
		return rc;
	memcpy(ret_id, search.id, sizeof(search.id));
	*ret = search.point;
	return 0;
}
