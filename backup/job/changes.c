/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes - see changes.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "changes.h"
#include "lunette/json.h"
#include "lunette/random.h"
#include "lunette/shape.h"

/* The server's own snapshot has no delta, and is the base of none. */
static bool is_asked_for(const struct run *run)
{
	return run->settings->delta && run->storage.can.delta && !run->server.software;
}

/* The base's snapshot of a volume, or NULL. */
static const char *base_snapshot(const json_t *base, const struct run_lun *lun)
{
	const json_t *snapshots = json_object_get(base, "snapshots");
	for (size_t i = 0; i < json_array_size(snapshots); i++) {
		const json_t *s = json_array_get(snapshots, i);
		if (strcmp(shape_text(s, "volume"), lun->volume) == 0 &&
		    strcmp(shape_text(s, "identity"), shape_text(lun->disk, "identity")) == 0)
			return shape_text(s, "snapshot");
	}
	return NULL;
}

/* One disk's ranges, asked for piece by piece. */
static int write_disk(struct run *run, size_t n, FILE *out, uint64_t *lines, struct error *err)
{
	const struct run_lun *lun = &run->snapshot.luns[n];
	const char *from = base_snapshot(run->snapshot.base, lun);
	for (uint64_t start = 0; start != UINT64_MAX;) {
		CLEANUP(json_decref_cleanup) json_t *ranges = NULL;
		uint64_t next;
		int rc = plugin_delta(run->storage.plugin, from, lun->snapshot, start,
				      run->settings->storage_limit, &ranges, &next, err);
		if (rc < 0)
			return rc;
		for (size_t i = 0; i < json_array_size(ranges); i++, ++*lines) {
			const json_t *range = json_array_get(ranges, i);
			fprintf(out, "{\"disk\":\"disk%zu\",\"start\":%jd,\"length\":%jd}\n", n,
				(intmax_t)json_integer_value(json_array_get(range, 0)),
				(intmax_t)json_integer_value(json_array_get(range, 1)));
		}
		start = next;
	}
	return 0;
}

/* As changed.h has it. */
static int write_list(struct run *run, const char *path, struct error *err)
{
	FILE *out = fopen(path, "we");
	if (!out)
		return error_set(err, -errno, "list of changes '%s': %m", path);
	uint64_t lines = 0;
	int rc = 0;
	fprintf(out, "{\"format\":\"lunette-changed\",\"version\":1,\"parent\":\"%s\",\"disks\":[",
		shape_text(run->snapshot.base, "point"));
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		fprintf(out, "%s\"disk%zu\"", i ? "," : "", i);
	fputs("]}\n", out);
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++)
		rc = write_disk(run, i, out, &lines, err);
	fprintf(out, "{\"end\":%ju}\n", (uintmax_t)lines);
	if (fclose(out) != 0 && rc == 0)
		rc = error_set(err, -errno, "list of changes '%s': %m", path);
	return rc;
}

/* Why all has to be read, or NULL. */
static const char *why_full(const struct run *run)
{
	if (!run->snapshot.base)
		return "there is no base yet";
	if (shape_size(run->snapshot.base, "deltas") + 1 >= run->settings->full_every)
		return "it is time to read all and not to trust the storage";
	if (json_array_size(json_object_get(run->snapshot.base, "snapshots")) !=
	    run->snapshot.n_luns)
		return "the set of LUNs is another one";
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		if (!base_snapshot(run->snapshot.base, &run->snapshot.luns[i]))
			return "the set of LUNs is another one";
	return NULL;
}

/* Each LUN is of the volume that the base's LUN in its place was of: the storage says so. */
static bool is_in_order(const struct run *run)
{
	const json_t *snapshots = json_object_get(run->snapshot.base, "snapshots");
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const char *was = shape_text(json_array_get(snapshots, i), "snapshot");
		const char *is = base_snapshot(run->snapshot.base, &run->snapshot.luns[i]);
		if (!is || strcmp(is, was) != 0)
			return false;
	}
	return true;
}

static int open_parent(struct run *run, const char *path, struct error *err)
{
	uint64_t seed;
	CLEANUP(free_cleanup)
	struct source **sources = calloc(run->snapshot.n_luns, sizeof(*sources));
	if (!sources)
		return error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		sources[i] = run->snapshot.luns[i].source;
	int rc = random_bytes(&seed, sizeof(seed), err);
	if (rc < 0)
		return rc;
	const struct parent_request request = {
		.point = shape_text(run->snapshot.base, "point"),
		.changed = path,
		.verify = run->settings->verify_changed,
		.seed = seed >> 11,
		.stop = run->stop,
		.sources = sources,
		.in_order = is_in_order(run),
	};
	rc = write_list(run, path, err);
	return rc < 0 ? rc
		      : parent_new(run->point.repo, run->point.plan, run->point.layout, &request,
				   &run->point.parent, err);
}

int changes_open(struct run *run, struct error *err)
{
	if (!is_asked_for(run))
		return 0;
	const char *why = why_full(run);
	if (why) {
		story_say(run->log.story, "all is read: %s", why);
		return 0;
	}
	CLEANUP(free_cleanup)
	char *path = state_run_file(run->state, run->settings->name, run->who.id, "changed");
	struct error problem;
	if (!path)
		return error_set(err, -ENOMEM, "%m");
	int rc = open_parent(run, path, &problem);
	unlink(path);
	if (rc < 0)
		run_warn(run, "all is read: %s", problem.msg);
	else
		story_say(run->log.story, "only what changed since restore point %.12s is read",
			  shape_text(run->snapshot.base, "point"));
	return 0;
}

static json_t *make_base(const struct run *run)
{
	json_t *snapshots = json_array();
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		json_array_append_new(snapshots,
				      json_pack("{s:s, s:s, s:s}", "volume",
						run->snapshot.luns[i].volume, "identity",
						shape_text(run->snapshot.luns[i].disk, "identity"),
						"snapshot", run->snapshot.luns[i].snapshot));
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "run", run->who.id, "name", run->who.name,
		"point", run->point.result.id, "time", run->point.result.time, "start",
		run_start(run), "deltas",
		(json_int_t)(run->point.parent ? shape_size(run->snapshot.base, "deltas") + 1 : 0),
		"snapshots", snapshots);
}

int changes_keep_base(struct run *run, struct error *err)
{
	if (!is_asked_for(run))
		return 0;
	CLEANUP(json_decref_cleanup) json_t *base = make_base(run);
	if (!base)
		return error_set(err, -ENOMEM, "%m");
	/* From here on it is the old base that a sweep removes. */
	int rc = state_base_write(run->state, run->settings->name, base, err);
	if (rc < 0)
		return rc;
	run->snapshot.keep = true;
	json_decref(run->snapshot.base);
	run->snapshot.base = steal(&base);
	story_say(run->log.story, "the snapshot is kept as the base of the next run");
	return 0;
}

int changes_distrust(struct run *run, struct error *err)
{
	struct error why;
	if (state_base_write(run->state, run->settings->name, NULL, &why) < 0) {
		run_warn(run, "%s", why.msg);
	} else {
		json_decref(run->snapshot.base);
		run->snapshot.base = NULL;
		story_say(run->log.story, "the base is given up: the next run reads all");
	}
	return err->code;
}
