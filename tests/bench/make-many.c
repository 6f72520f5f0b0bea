/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make-many - gives a repository many restore points: copies of its newest one, which differ in
 * name and time, as those of NAMES servers that were backed up one a day.
 *
 *   make-many REPO POINTS NAMES [PASSWORD]
 *
 * They share the data of the first, so that what can be measured is what each restore point costs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/repo-parts.h"

#define DAY (24 * 60 * 60)

static void give_up(const struct error *err)
{
	fprintf(stderr, "make-many: %s\n", err->msg);
	exit(1);
}

static int keep_newest(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id;
	json_t **newest = ctx;
	json_decref(*newest);
	*newest = json_deep_copy(point);
	return *newest ? 0 : error_set(err, -ENOMEM, "%m");
}

/* The last of each name was made yesterday. */
static void write_point(struct repo *repo, json_t *point, unsigned long n, unsigned long points,
			unsigned long names)
{
	char name[32], when[32], finished[64], id[65];
	time_t at = time(NULL) - (time_t)(1 + (points - 1 - n) / names) * DAY + (time_t)(n % names);
	struct tm tm;
	struct error err;
	gmtime_r(&at, &tm);
	snprintf(name, sizeof(name), "server%02lu", n % names);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(finished, sizeof(finished), "%.19s.000000000Z", when);
	json_object_set_new(point, "name", json_string(name));
	json_object_set_new(point, "time", json_string(when));
	json_object_set_new(point, "finished", json_string(finished));
	if (point_put(repo, point, id, &err) < 0)
		give_up(&err);
}

int main(int argc, char **argv)
{
	unsigned long points = argc >= 4 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long names = argc >= 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (points == 0 || names == 0 || argc > 5) {
		fprintf(stderr, "Usage: make-many REPO POINTS NAMES [PASSWORD]\n");
		return 2;
	}
	struct error err;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	const struct repo_open_options options = { .password = argv[4] };
	if (repo_open(argv[1], argc == 5 ? &options : NULL, &repo, &err) < 0 ||
	    repo_points(repo, NULL, keep_newest, &point, NULL, &err) < 0)
		give_up(&err);
	if (!point) {
		fprintf(stderr, "make-many: '%s' has no restore point to copy\n", argv[1]);
		return 1;
	}
	for (unsigned long n = 0; n < points; n++)
		write_point(repo, point, n, points, names);
	return 0;
}
