/* SPDX-License-Identifier: GPL-3.0-or-later */
/* restore - writes a disk or a volume of a restore point to an image file or a block device. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/point-open.h"
#include "lunette/restore.h"
#include "lunette/source.h"

/**
 * struct restore_args - what the user wants
 * @pipe: the target is the standard output
 */
struct restore_args {
	struct cmd_repo which;
	const char *disk;
	const char *volume;
	const char *point;
	const char *target;
	bool json;
	bool skip_lost;
	bool zero_missing;
	bool pipe;
	struct cmd_progress progress;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct restore_args, which),
	{ "disk", "DISK", "disk0, disk1, ... as `lunette show` lists them",
	  OPTION_TEXT(struct restore_args, disk) },
	{ "volume", "VOL", "a volume, as `lunette show` lists them",
	  OPTION_TEXT(struct restore_args, volume) },
	{ "skip-lost", NULL,
	  "zeros for what the repository has lost, or the backup could not read, instead of no restore at "
	  "all",
	  OPTION_FLAG(struct restore_args, skip_lost) },
	{ "zero-missing", NULL, "zeros on a device for volumes that the restore point lacks, too",
	  OPTION_FLAG(struct restore_args, zero_missing) },
	CMD_JSON_OPTION(struct restore_args, json),
	CMD_PROGRESS_OPTIONS(struct restore_args, progress),
	{ 0 },
};

static int choose_volume(const struct restore_args *args, const json_t *point,
			 const struct layout *layout, struct blk **ret, struct error *err)
{
	const struct layout_volume *volume = layout_find(layout, args->volume);
	int rc = point_find_stored(point, layout, args->volume, err);
	if (rc < 0)
		return error_wrap(err, rc, "--disk DISK --skip-lost restores what there is");
	if (!volume)
		return error_set(err, -ENOENT,
				 "%s has no volume '%s'; 'lunette show' lists its volumes",
				 args->point, args->volume);
	if (!point_stores(point, volume->name))
		return error_set(err, -ENODATA, "volume '%s' is not stored in %s", volume->name,
				 args->point);
	if (!volume->blk)
		return error_set(err, -ENODATA, "volume '%s' of %s is incomplete: %s", volume->name,
				 args->point, volume->reason);
	*ret = volume->blk;
	return 0;
}

static int choose_disk(const struct restore_args *args, const struct layout *layout,
		       struct blk **ret, struct error *err)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		if (strcmp(layout->disks[i].name, args->disk) == 0) {
			*ret = layout->disks[i].blk;
			return 0;
		}
	return error_set(err, -ENOENT, "%s has no disk '%s'; 'lunette show' lists its disks",
			 args->point, args->disk);
}

static bool was_on(const json_t *volume, const char *disk)
{
	size_t i;
	json_t *name;
	json_array_foreach(json_object_get(volume, "disks"), i, name)
	{
		if (json_is_string(name) && strcmp(json_string_value(name), disk) == 0)
			return true;
	}
	return false;
}

/* Return: 1 when it has warned of a volume that is not stored; -ENODATA where that is not enough.
 */
static int tell_zeros(const struct restore_args *args, const char *volume, struct error *err)
{
	struct stat st;
	bool device = !args->pipe && stat(args->target, &st) == 0 && S_ISBLK(st.st_mode);
	if (device && !args->zero_missing)
		return error_set(err, -ENODATA,
				 "volume '%s' is not stored in this restore point, and '%s' is "
				 "a device, where it would be overwritten with zeros: restore to "
				 "its partitions with --volume, or give --zero-missing",
				 volume, args->target);
	cmd_warn("volume '%s' is not stored in this restore point, and all zeros", volume);
	return 1;
}

/* Of a disk whose table is lost no volume is found any more, but they were known. */
static int check_unfound(const struct restore_args *args, const json_t *point,
			 const struct layout *layout, struct error *err)
{
	const json_t *was = json_object_get(point, "layout");
	int rc = 0;
	size_t i;
	json_t *volume;
	json_array_foreach(json_object_get(was, "volumes"), i, volume)
	{
		const char *name = cmd_json_text(volume, "name");
		if (rc >= 0 && !point_stores(point, name) && !layout_find(layout, name) &&
		    was_on(volume, args->disk))
			rc = tell_zeros(args, name, err);
	}
	return rc;
}

/*
 * A disk is restored with all its volumes, but not all of them need be there. On a device that is
 * where others may live still, which zeros would end.
 *
 * Return: 1 when it has warned of some; 0; -ENODATA.
 */
static int check_zeros(const struct restore_args *args, const json_t *point,
		       const struct layout *layout, const struct blk *from, struct error *err)
{
	int warned = 0;
	for (size_t i = 0; warned >= 0 && i < layout->n_volumes; i++) {
		const struct layout_volume *volume = &layout->volumes[i];
		if (!point_stores(point, volume->name) &&
		    (!volume->blk || blk_is_on(volume->blk, from)))
			warned = tell_zeros(args, volume->name, err);
	}
	int rc = warned < 0 ? warned : check_unfound(args, point, layout, err);
	return rc < 0 ? rc : warned | rc;
}

/*
 * Partition tables count in sectors. lunette finds them whatever the device has; firmware and
 * kernels do not.
 *
 * Return: has it warned?
 */
static bool check_sector(const struct restore_args *args, const struct layout *layout,
			 const struct blk *from)
{
	CLEANUP(blk_unref_cleanup) struct blk *to = NULL;
	struct stat st;
	if (args->pipe || stat(args->target, &st) < 0 || !S_ISBLK(st.st_mode) ||
	    blk_file_open(args->target, &to, NULL) < 0)
		return false;
	for (size_t i = 0; i < layout->n_disks; i++) {
		const struct layout_disk *disk = &layout->disks[i];
		if (disk->blk != from || disk->table == LAYOUT_TABLE_NONE ||
		    disk->sector == to->sector)
			continue;
		cmd_warn("'%s' has sectors of %u bytes, and those of %s had %u: other systems do "
			 "not find its partitions there, and each must be restored by itself",
			 args->target, to->sector, disk->name, disk->sector);
		return true;
	}
	return false;
}

/* Before anything is overwritten. */
static int check_bad(const struct restore_args *args, const json_t *point,
		     const struct layout *layout, struct blk *from, struct error *err)
{
	int rc = point_try_bad(point, layout, from, err);
	return rc == -EIO ? error_wrap(err, rc,
				       "'%s' is not written, as not all is there (--skip-lost "
				       "restores the rest, with zeros between)",
				       args->target)
			  : rc;
}

static void show(void *ctx, uint64_t done)
{
	cmd_progress_show(ctx, done);
}

/**
 * struct lost - what a restore has lost so far; neighbours are said as one
 * @why: of the range that has not been said yet
 */
struct lost {
	uint64_t length;
	uint64_t off;
	struct error why;
};

static void say_lost(struct lost *lost)
{
	if (lost->length > 0)
		cmd_warn("%" PRIu64 " bytes at offset %" PRIu64 " are lost, and zeros: %s",
			 lost->length, lost->off, lost->why.msg);
	lost->length = 0;
}

static void on_lost(void *ctx, uint64_t length, uint64_t off, const struct error *why)
{
	struct lost *lost = ctx;
	if (lost->length > 0 && lost->off + lost->length != off)
		say_lost(lost);
	if (lost->length == 0) {
		lost->off = off;
		lost->why = *why;
	}
	lost->length += length;
}

static int copy(struct restore_args *args, struct blk *from, struct restore_stats *stats,
		struct error *err)
{
	struct lost lost = { 0 };
	const struct restore_options opts = { .threads = cmd_threads(),
					      .lost = args->skip_lost ? on_lost : NULL,
					      .lost_ctx = &lost,
					      .stop = cmd_stop_on_signals(),
					      .progress = show,
					      .progress_ctx = &args->progress };
	if (cmd_progress_begin(&args->progress)) {
		int rc = restore_total(from, args->skip_lost, &args->progress.total, err);
		if (rc < 0)
			return rc;
	}
	int rc = args->pipe ? restore_stream(from, &opts, stats, err)
			    : restore_to(from, args->target, &opts, stats, err);
	cmd_progress_end(&args->progress);
	say_lost(&lost);
	if (rc != -EUCLEAN || args->skip_lost)
		return rc;
	const struct error why = *err;
	return error_set(err, rc, "%s; --skip-lost restores the rest, with zeros between", why.msg);
}

static int report(const struct restore_args *args, const struct restore_stats *stats,
		  double seconds, struct error *err)
{
	if (args->json)
		return cmd_print_json(json_pack("{s:I, s:I, s:I, s:I, s:f}", "size",
						(json_int_t)stats->size, "read",
						(json_int_t)stats->read, "written",
						(json_int_t)stats->written, "lost",
						(json_int_t)stats->lost, "seconds", seconds),
				      err);
	if (args->progress.quiet)
		return 0;
	char size[CMD_SIZE_MAX], written[CMD_SIZE_MAX], speed[CMD_SIZE_MAX];
	double rate = seconds > 0 ? (double)stats->read / seconds : 0;
	char text[256];
	snprintf(text, sizeof(text), "Restored %s, of which %s are not zero, in %.1f s, %s/s\n",
		 cmd_size(stats->size, size), cmd_size(stats->written, written), seconds,
		 cmd_size((uint64_t)rate, speed));
	return cmd_print(text, err);
}

static int restore(struct restore_args *args, const json_t *point, struct error *err)
{
	double start = cmd_seconds();
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = point_open(args->which.repo, point, &layout, err);
	if (rc < 0)
		return rc;
	struct blk *from = NULL;
	rc = args->volume ? choose_volume(args, point, layout, &from, err)
			  : choose_disk(args, layout, &from, err);
	if (rc < 0)
		return rc;
	rc = args->disk ? check_zeros(args, point, layout, from, err) : 0;
	if (rc < 0)
		return rc;
	bool warned = rc > 0;
	warned |= check_sector(args, layout, from);
	rc = args->skip_lost ? 0 : check_bad(args, point, layout, from, err);
	if (rc < 0)
		return rc;
	struct restore_stats stats;
	rc = copy(args, from, &stats, err);
	if (rc < 0)
		return rc;
	warned |= stats.lost > 0;
	cmd_done();
	rc = report(args, &stats, cmd_seconds() - start, err);
	if (rc < 0)
		return rc;
	return warned ? STATUS_WARNINGS : STATUS_DONE;
}

/* Before anything is overwritten. */
static void say_what_comes(const struct restore_args *args, const char *id, const json_t *point)
{
	char text[1024];
	snprintf(text, sizeof(text), "'%.300s' gets %.100s of %.300s@%s, id %.12s", args->target,
		 args->disk ? args->disk : args->volume, repo_point_name(point),
		 repo_point_time(point), id);
	cmd_say("", text);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	struct restore_args *args = ctx;
	if (!args->disk == !args->volume)
		return cmd_usage(err, "either --disk DISK or --volume VOL is needed");
	args->point = words[0];
	args->target = words[1];
	args->pipe = strcmp(args->target, "-") == 0;
	if (args->pipe && isatty(STDOUT_FILENO))
		return cmd_usage(err,
				 "standard output is a terminal: lead it into a pipe or a file");
	if (args->pipe)
		cmd_report_to_stderr();
	struct stat st;
	/* A file that is there is refused further down, whatever the point. */
	bool over = !args->pipe && stat(args->target, &st) == 0 && !S_ISREG(st.st_mode);
	char id[65];
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = cmd_find_point(&args->which, args->point,
				    over ? REPO_POINT_REMOVE : REPO_POINT_READ, id, &point, err);
	if (rc)
		return rc;
	if (over && !args->progress.quiet)
		say_what_comes(args, id, point);
	return restore(args, point, err);
}

const struct command cmd_restore = {
	.name = "restore",
	.summary = "write a disk or a volume of a restore point",
	.words = { "POINT --disk DISK TARGET\nPOINT --volume VOL TARGET", 2, 2 },
	.help = "Writes a whole disk or a whole volume of a restore point to TARGET: a new image file, or "
		"a block device that is large enough and not in use, whose contents are lost: for "
		"that the POINT is a whole time or an id. `-` writes all of it, zeros too, to standard "
		"output, and the report to standard error.",
	.status =
		"0 done, 1 failed, 2 wrong usage, 3 done, but a volume was not stored, or something is "
		"lost" CMD_REPO_STATUS ", 12 TARGET is in use.",
	.options = options,
	.args_size = sizeof(struct restore_args),
	.run = run,
};
