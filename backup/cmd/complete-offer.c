/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complete-offer - see complete.h: restore points, what is in one, keys and jobs. */
#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include "complete.h"
#include "job-private.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/repo-keys.h"
#include "lunette/state.h"

void complete_offer(const struct completion *c, const char *text, const char *means)
{
	for (const char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			return; /* a line, and a shell, would take it for something else */
	if (strncmp(text, c->begun, strlen(c->begun)) != 0)
		return;
	printf("%s%s%s%s\n", c->before, text, means ? "\t" : "", means ? means : "");
}

/* ---- restore points, of which the oldest come first and those of a name are not together ----
 */

/**
 * struct complete_names - what has been offered of a listing
 * @seen: an object with the names
 * @points: NAME@latest and NAME@TIME, not names alone
 */
struct complete_names {
	struct completion *c;
	json_t *seen;
	bool points;
};

static int offer_point(void *ctx, const struct repo_brief *brief, struct error *err)
{
	(void)err;
	struct complete_names *names = ctx;
	const char *name = brief->name, *time = brief->time;
	char text[512];
	bool is_new = !json_object_get(names->seen, name);
	if (is_new && json_object_set_new(names->seen, name, json_true()) < 0)
		return 0; /* not UTF-8: it cannot be typed, either */
	if (!names->points) {
		if (is_new)
			complete_offer(names->c, name, NULL);
		return 0;
	}
	if (is_new && !names->c->forgotten &&
	    snprintf(text, sizeof(text), "%s@latest", name) < (int)sizeof(text))
		complete_offer(names->c, text, NULL);
	if (snprintf(text, sizeof(text), "%s@%s", name, time) < (int)sizeof(text))
		complete_offer(names->c, text, NULL);
	if (strlen(names->c->begun) >= 8)
		complete_offer(names->c, brief->id, text);
	return 0;
}

static void offer_points(struct completion *c, bool points)
{
	struct error err;
	CLEANUP(json_decref_cleanup) json_t *seen = json_object();
	struct complete_names names = { .c = c, .seen = seen, .points = points };
	if (cmd_open_repo(&c->which, &err) == 0)
		(c->forgotten ? repo_briefs_forgotten
			      : repo_briefs)(c->which.repo, NULL, offer_point, &names, NULL, &err);
}

/* @what: "disks" or "volumes". */
static void offer_of_point(struct completion *c, const char *what)
{
	struct error err;
	char id[65];
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	size_t i;
	const json_t *entry;
	if (!c->point || cmd_open_point(&c->which, c->point, id, &point, &err) != 0)
		return;
	json_array_foreach(json_object_get(point, what), i, entry)
	{
		char size[CMD_SIZE_MAX];
		complete_offer(c, cmd_json_text(entry, "name"),
			       cmd_size(cmd_json_size(entry, "size"), size));
	}
}

/* ---- keys and jobs ---- */

static int offer_key(void *ctx, const struct repo_key *key, struct error *err)
{
	(void)err;
	complete_offer(ctx, key->id, key->label);
	return 0;
}

static void offer_keys(struct completion *c)
{
	struct error err;
	if (cmd_open_repo(&c->which, &err) == 0)
		repo_keys(c->which.repo, offer_key, c, NULL, &err);
}

/* Jobs that have not run yet. */
static void offer_job_files(struct completion *c)
{
	DIR *dir = opendir(job_folder());
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char *end = strrchr(entry->d_name, '.');
		if (!end || strcmp(end, ".conf") != 0)
			continue;
		*end = '\0';
		if (names_ok(entry->d_name) && !state_has_job(state_path(c->state), entry->d_name))
			complete_offer(c, entry->d_name, NULL);
	}
	if (dir)
		closedir(dir);
}

static void offer_jobs(struct completion *c)
{
	struct error err;
	CLEANUP(json_decref_cleanup) json_t *jobs = NULL;
	size_t i;
	const json_t *job;
	offer_job_files(c);
	if (state_jobs(state_path(c->state), &jobs, &err) != 0)
		return;
	json_array_foreach(jobs, i, job)
	{
		complete_offer(c, json_string_value(job), NULL);
	}
}

void complete_named(struct completion *c, const char *word)
{
	if (strcmp(word, "POINT") == 0)
		offer_points(c, true);
	else if (strcmp(word, "NAME") == 0)
		offer_points(c, false);
	else if (strcmp(word, "VOL") == 0)
		offer_of_point(c, "volumes");
	else if (strcmp(word, "DISK") == 0)
		offer_of_point(c, "disks");
	else if (strcmp(word, "ID") == 0)
		offer_keys(c);
	else if (strcmp(word, "JOB") == 0)
		offer_jobs(c);
}
