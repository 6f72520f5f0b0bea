/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hurt-files - see hurt-files.h.
 *
 * The tree is walked from the root. A file whose place is only known to the driver (compressed,
 * ...) is read instead: where that fails, it is hurt. What is lost, in use, and of no file, is the
 * file system's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hurt-files.h"
#include "lunette/walk.h"
#include "lunette/json.h"

#define READ_BYTES ((size_t)1 << 20)

/**
 * struct hurt_search - on its way through the files
 * @claimed: what of @lost belongs to files
 */
struct hurt_search {
	struct fs *fs;
	const struct hurt_ranges *lost;
	const atomic_bool *stop;
	struct hurt_ranges claimed;
	json_t *files;
	uint64_t more_files;
	uint8_t *buf;
};

static void search_free(struct hurt_search *search)
{
	if (!search)
		return;
	hurt_ranges_clear(&search->claimed);
	json_decref(search->files);
	free(search->buf);
	free(search);
}
DEFINE_CLEANUP(struct hurt_search *, search_free)

/* ---- one file ----------------------------------------------------------------------------------
 */

/* How many of these bytes are lost; they are the file's. */
static int claim(struct hurt_search *search, uint64_t start, uint64_t length, uint64_t *bytes,
		 struct error *err)
{
	const struct bad_ranges *lost = &search->lost->list;
	if (!bad_ranges_in(lost, length, start))
		return 0;
	for (size_t i = 0; i < lost->n; i++) {
		const struct bad_range *range = &lost->ranges[i];
		uint64_t from = MAX(range->start, start);
		uint64_t to = MIN(range->start + range->length, start + length);
		if (from >= to)
			continue;
		*bytes += to - from;
		int rc = hurt_ranges_add(&search->claimed, from, to - from, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Return: how many bytes of this run cannot be read, in steps of READ_BYTES. */
static uint64_t try_reading(struct hurt_search *search, uint64_t ino, uint64_t off, uint64_t length)
{
	uint64_t bytes = 0;
	for (uint64_t end = off + length; off < end;) {
		size_t want = (size_t)MIN(end - off, (uint64_t)READ_BYTES), got = 0;
		if (fs_read(search->fs, ino, search->buf, want, off, &got, NULL) < 0)
			bytes += want;
		off += want;
	}
	return bytes;
}

static int lost_bytes(struct hurt_search *search, const struct fs_stat *st, uint64_t *ret,
		      struct error *err)
{
	struct fs *fs = search->fs;
	for (uint64_t off = 0; off < st->size;) {
		struct fs_run run;
		if (atomic_load_explicit(search->stop, memory_order_relaxed))
			return error_set(err, -EINTR, "interrupted");
		int rc = fs_file_extent(fs, st->ino, off, &run, err);
		if (rc < 0)
			return rc;
		if (run.kind == FS_RUN_DATA)
			rc = claim(search, run.start, run.length, ret, err);
		else if (run.kind == FS_RUN_DRIVER)
			*ret += try_reading(search, st->ino, off, run.length);
		if (rc < 0)
			return rc;
		off += run.length;
	}
	return 0;
}

/* @why: NULL, or why more cannot be told. */
static int report(struct hurt_search *search, const char *path, uint64_t bytes, const char *why,
		  struct error *err)
{
	if (json_array_size(search->files) >= HURT_FILES_MAX) {
		search->more_files++;
		return 0;
	}
	json_t *file = json_pack("{s:o, s:I}", "path", json_text(path), "bytes", (json_int_t)bytes);
	if (file && why)
		json_object_set_new(file, "error", json_text(why));
	return json_array_append_new(search->files, file) < 0 ? error_set(err, -ENOMEM, "%m") : 0;
}

static bool must_end(int rc)
{
	return rc == -EINTR || rc == -ENOMEM;
}

static int visit_file(struct hurt_search *search, const char *path, const struct fs_stat *st,
		      struct error *err)
{
	struct error why = { 0 };
	uint64_t bytes = 0;
	int rc = S_ISREG(st->mode) ? lost_bytes(search, st, &bytes, &why) : 0;
	if (must_end(rc))
		return error_copy(err, rc, &why);
	if (rc < 0)
		return report(search, path, bytes, why.msg, err);
	return bytes > 0 ? report(search, path, bytes, NULL, err) : 0;
}

/* ---- the tree ----------------------------------------------------------------------------------
 */

static int visit_name(struct hurt_search *search, const char *dir, struct fs_walk_entry *entry,
		      struct error *err)
{
	CLEANUP(free_cleanup) char *path = NULL;
	struct fs_stat st;
	struct error why = { 0 };
	if (asprintf(&path, "%s%s", dir, entry->name) < 0) {
		path = NULL;
		return error_set(err, -ENOMEM, "look for damaged files: %m");
	}
	int rc = fs_stat(search->fs, entry->ino, &st, &why);
	if (must_end(rc))
		return error_copy(err, rc, &why);
	if (rc < 0)
		return report(search, path, 0, why.msg, err);
	entry->into = S_ISDIR(st.mode);
	return entry->into ? 0 : visit_file(search, path, &st, err);
}

static int visit_names(void *ctx, const struct fs_walk_dir *dir, struct fs_walk_entry *entries,
		       size_t n, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = visit_name(ctx, dir->path, &entries[i], err);
	return rc;
}

static int report_dir(void *ctx, const char *path, const struct error *why, struct error *err)
{
	return report(ctx, path, 0, why->msg, err);
}

/* ---- what is no file's -------------------------------------------------------------------------
 */

static int count_rest(struct hurt_search *search, uint64_t *ret_used, uint64_t *ret_unused,
		      struct error *err)
{
	struct fs *fs = search->fs;
	*ret_used = *ret_unused = 0;
	for (size_t i = 0; i < search->lost->list.n; i++) {
		uint64_t off = search->lost->list.ranges[i].start;
		uint64_t end = off + search->lost->list.ranges[i].length;
		while (off < end) {
			struct fs_used run = { .length = end - off, .used = true };
			struct error why;
			/* What cannot say what is used has lost its own structures. */
			if (fs_used(fs, off, &run, &why) == -ENOMEM)
				return error_copy(err, -ENOMEM, &why);
			run.length = MIN(run.length, end - off);
			*(run.used ? ret_used : ret_unused) += run.length;
			off += run.length;
		}
	}
	return 0;
}

int hurt_files(struct fs *fs, const struct hurt_ranges *lost, const atomic_bool *stop,
	       json_t *volume, struct error *err)
{
	CLEANUP(search_free_cleanup) struct hurt_search *search = calloc(1, sizeof(*search));
	if (!search || !(search->files = json_array()) || !(search->buf = malloc(READ_BYTES)))
		return error_set(err, -ENOMEM, "look for damaged files: %m");
	search->fs = fs;
	search->lost = lost;
	search->stop = stop;
	uint64_t used = 0, unused = 0;
	static const struct fs_walk_ops ops = { .visit = visit_names, .trouble = report_dir };
	int rc = fs_walk(fs, &ops, search, NULL, stop, err);
	if (rc == 0)
		rc = count_rest(search, &used, &unused, err);
	if (rc < 0)
		return rc;
	hurt_ranges_sort(
		&search->claimed); /* a file with several names claims its bytes each time */
	uint64_t claimed = hurt_ranges_bytes(&search->claimed);
	json_t *found = json_pack("{s:O, s:I, s:I, s:I}", "files", search->files, "more_files",
				  (json_int_t)search->more_files, "structures",
				  (json_int_t)(used > claimed ? used - claimed : 0), "unused",
				  (json_int_t)unused);
	rc = found ? json_object_update(volume, found) : -1;
	json_decref(found);
	return rc < 0 ? error_set(err, -ENOMEM, "look for damaged files: %m") : 0;
}
