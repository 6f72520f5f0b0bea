/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hurt-files - see hurt-files.h.
 *
 * The tree is walked from the root, a few names of a directory at a time. A file whose place is
 * only known to the driver (compressed, ...) is read instead: where that fails, it is hurt. What is
 * lost, in use, and of no file, is the file system's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hurt-files.h"
#include "lunette/id-set.h"

#define NAMES      64         /* of a directory, read at once */
#define DEPTH_MAX  128        /* directories in directories */
#define DIRS_MAX   (4u << 20) /* a file system that has more is not walked to its end */
#define PATH_ROOM  32768
#define READ_BYTES ((size_t)1 << 20)

/**
 * struct walk - on its way through the files
 * @seen: directories that were met: a damaged file system may have circles
 * @claimed: what of @lost belongs to files
 * @path: of what is being looked at; "" is the root
 */
struct walk {
	struct fs *fs;
	const struct hurt_ranges *lost;
	const atomic_bool *stop;
	struct id_set *seen;
	struct hurt_ranges claimed;
	json_t *files;
	uint64_t more_files;
	uint8_t *buf;
	size_t path_len;
	char path[PATH_ROOM];
};

static void walk_free(struct walk *walk)
{
	if (!walk)
		return;
	id_set_free(walk->seen);
	free(walk->claimed.ranges);
	json_decref(walk->files);
	free(walk->buf);
	free(walk);
}
DEFINE_CLEANUP(struct walk *, walk_free)

/* ---- one file ----------------------------------------------------------------------------------
 */

/* How many of these bytes are lost; they are the file's. */
static int claim(struct walk *walk, uint64_t start, uint64_t length, uint64_t *bytes,
		 struct error *err)
{
	if (!hurt_ranges_touch(walk->lost, start, length))
		return 0;
	for (size_t i = 0; i < walk->lost->n; i++) {
		const struct layout_range *range = &walk->lost->ranges[i];
		uint64_t from = MAX(range->start, start);
		uint64_t to = MIN(range->start + range->length, start + length);
		if (from >= to)
			continue;
		*bytes += to - from;
		int rc = hurt_ranges_add(&walk->claimed, from, to - from, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Return: how many bytes of this run cannot be read, in steps of READ_BYTES. */
static uint64_t try_reading(struct walk *walk, uint64_t ino, uint64_t off, uint64_t length)
{
	uint64_t bytes = 0;
	for (uint64_t end = off + length; off < end;) {
		size_t want = (size_t)MIN(end - off, (uint64_t)READ_BYTES), got = 0;
		if (fs_read(walk->fs, ino, walk->buf, want, off, &got, NULL) < 0)
			bytes += want;
		off += want;
	}
	return bytes;
}

static int lost_bytes(struct walk *walk, const struct fs_stat *st, uint64_t *ret, struct error *err)
{
	struct fs *fs = walk->fs;
	for (uint64_t off = 0; off < st->size;) {
		struct fs_run run;
		if (atomic_load_explicit(walk->stop, memory_order_relaxed))
			return error_set(err, -EINTR, "interrupted");
		int rc = fs_file_extent(fs, st->ino, off, &run, err);
		if (rc < 0)
			return rc;
		if (run.kind == FS_RUN_DATA)
			rc = claim(walk, run.start, run.length, ret, err);
		else if (run.kind == FS_RUN_DRIVER)
			*ret += try_reading(walk, st->ino, off, run.length);
		if (rc < 0)
			return rc;
		off += run.length;
	}
	return 0;
}

/* @why: NULL, or why more cannot be told. */
static int report(struct walk *walk, uint64_t bytes, const char *why, struct error *err)
{
	if (json_array_size(walk->files) >= HURT_FILES_MAX) {
		walk->more_files++;
		return 0;
	}
	json_t *file =
		json_pack("{s:o, s:I}", "path", hurt_text(walk->path), "bytes", (json_int_t)bytes);
	if (file && why)
		json_object_set_new(file, "error", hurt_text(why));
	return json_array_append_new(walk->files, file) < 0 ? error_set(err, -ENOMEM, "%m") : 0;
}

static bool must_end(int rc)
{
	return rc == -EINTR || rc == -ENOMEM;
}

static int visit_file(struct walk *walk, const struct fs_stat *st, struct error *err)
{
	struct error why = { 0 };
	uint64_t bytes = 0;
	int rc = S_ISREG(st->mode) ? lost_bytes(walk, st, &bytes, &why) : 0;
	if (must_end(rc))
		return error_set(err, rc, "%s", why.msg);
	if (rc < 0)
		return report(walk, bytes, why.msg, err);
	return bytes > 0 ? report(walk, bytes, NULL, err) : 0;
}

/* ---- the tree ----------------------------------------------------------------------------------
 */

struct name {
	char text[FS_NAME_MAX + 1];
	size_t len;
	uint64_t ino;
};

struct batch {
	size_t n;
	uint64_t next;
	struct name names[NAMES];
};

static int collect(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		   uint64_t next)
{
	struct batch *batch = ctx;
	(void)type;
	if (batch->n == NAMES)
		return 1;
	batch->next = next;
	if (len > FS_NAME_MAX)
		return 0;
	struct name *into = &batch->names[batch->n++];
	memcpy(into->text, name, len);
	into->text[len] = '\0';
	into->len = len;
	into->ino = ino;
	return 0;
}

static int visit_dir(struct walk *walk, uint64_t ino, unsigned int depth, struct error *err);

static int visit_name(struct walk *walk, const struct name *name, unsigned int depth,
		      struct error *err)
{
	struct fs_stat st;
	struct error why = { 0 };
	int rc = fs_stat(walk->fs, name->ino, &st, &why);
	if (must_end(rc))
		return error_set(err, rc, "%s", why.msg);
	if (rc < 0)
		return report(walk, 0, why.msg, err);
	return S_ISDIR(st.mode) ? visit_dir(walk, st.ino, depth + 1, err)
				: visit_file(walk, &st, err);
}

static int visit_batch(struct walk *walk, const struct batch *batch, unsigned int depth,
		       struct error *err)
{
	size_t len = walk->path_len;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < batch->n; i++) {
		const struct name *name = &batch->names[i];
		if (len + 1 + name->len >= sizeof(walk->path))
			continue;
		walk->path[len] = '/';
		memcpy(walk->path + len + 1, name->text, name->len + 1);
		walk->path_len = len + 1 + name->len;
		rc = visit_name(walk, name, depth, err);
		walk->path_len = len;
		walk->path[len] = '\0';
	}
	return rc;
}

static int read_dir(struct walk *walk, uint64_t ino, unsigned int depth, struct error *err)
{
	CLEANUP(free_cleanup) struct batch *batch = malloc(sizeof(*batch));
	if (!batch)
		return error_set(err, -ENOMEM, "%m");
	for (uint64_t pos = 0;; pos = batch->next) {
		*batch = (struct batch){ .next = pos };
		struct error why = { 0 };
		int rc = fs_readdir(walk->fs, ino, pos, collect, batch, &why);
		if (must_end(rc))
			return error_set(err, rc, "%s", why.msg);
		if (rc == 0)
			rc = visit_batch(walk, batch, depth, err);
		else
			return report(walk, 0, why.msg, err);
		if (rc < 0 || batch->n == 0 || batch->next == pos)
			return rc;
	}
}

static int visit_dir(struct walk *walk, uint64_t ino, unsigned int depth, struct error *err)
{
	struct chunk_id id = { { 1 } };
	bool new = false;
	memcpy(id.bytes + 8, &ino, sizeof(ino));
	memcpy(id.bytes, &ino, 6);
	id.bytes[7] = 1;
	int rc = id_set_add(walk->seen, &id, &new, err);
	if (rc == -ENOMEM)
		return rc;
	if (rc == -ENOSPC || (new &&depth > DEPTH_MAX))
		return report(walk, 0, "what is in it was not looked at: there are too many", err);
	return new ? read_dir(walk, ino, depth, err) : 0;
}

/* ---- what is no file's -------------------------------------------------------------------------
 */

static int count_rest(struct walk *walk, uint64_t *ret_used, uint64_t *ret_unused,
		      struct error *err)
{
	struct fs *fs = walk->fs;
	*ret_used = *ret_unused = 0;
	for (size_t i = 0; i < walk->lost->n; i++) {
		uint64_t off = walk->lost->ranges[i].start;
		uint64_t end = off + walk->lost->ranges[i].length;
		while (off < end) {
			struct fs_used run = { .length = end - off, .used = true };
			struct error why;
			/* What cannot say what is used has lost its own structures. */
			if (fs_used(fs, off, &run, &why) == -ENOMEM)
				return error_set(err, -ENOMEM, "%s", why.msg);
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
	CLEANUP(walk_free_cleanup) struct walk *walk = calloc(1, sizeof(*walk));
	if (!walk || !(walk->files = json_array()) || !(walk->buf = malloc(READ_BYTES)))
		return error_set(err, -ENOMEM, "look for damaged files: %m");
	walk->fs = fs;
	walk->lost = lost;
	walk->stop = stop;
	uint64_t used = 0, unused = 0;
	int rc = id_set_new(DIRS_MAX, &walk->seen, err);
	if (rc == 0)
		rc = visit_dir(walk, fs->root, 0, err);
	if (rc == 0)
		rc = count_rest(walk, &used, &unused, err);
	if (rc < 0)
		return rc;
	hurt_ranges_sort(&walk->claimed); /* a file with several names claims its bytes each time */
	uint64_t claimed = hurt_ranges_bytes(&walk->claimed);
	json_t *found = json_pack("{s:O, s:I, s:I, s:I}", "files", walk->files, "more_files",
				  (json_int_t)walk->more_files, "structures",
				  (json_int_t)(used > claimed ? used - claimed : 0), "unused",
				  (json_int_t)unused);
	rc = found ? json_object_update(volume, found) : -1;
	json_decref(found);
	return rc < 0 ? error_set(err, -ENOMEM, "look for damaged files: %m") : 0;
}
