/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link - see link.h. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "link.h"
#include "lunette/util.h"

/* ---- targets ---- */

/**
 * struct leading - a target in the making: "../" as often as need be, and names, each with its '/'
 * @ups: how often; @names: how many
 * @changed: it is not what the volume says in other words
 */
struct leading {
	char *buf;
	size_t size;
	size_t n;
	unsigned int ups;
	unsigned int names;
	bool changed;
	bool full;
};

static void add(struct leading *l, const char *part, size_t len)
{
	if (l->full || l->size - l->n < len + 1) {
		l->full = true;
		return;
	}
	memcpy(l->buf + l->n, part, len);
	l->buf[l->n + len] = '/';
	l->n += len + 1;
}

static void add_up(struct leading *l)
{
	l->ups++;
	add(l, "..", 2);
}

static void drop_name(struct leading *l)
{
	l->names--;
	l->n--;
	while (l->n > 0 && l->buf[l->n - 1] != '/')
		l->n--;
}

static void follow(struct leading *l, const char *part, size_t len, unsigned int depth)
{
	bool up = len == 2 && memcmp(part, "..", 2) == 0;
	if (len == 0 || (len == 1 && *part == '.') || l->full)
		return;
	if (!up) {
		l->names++;
		add(l, part, len);
	} else if (l->names == 0 && l->ups < depth) {
		add_up(l);
	} else {
		l->changed = true;
		if (l->names > 0)
			drop_name(l);
	}
}

size_t link_inside(const char *target, unsigned int depth, char *buf, size_t size)
{
	struct leading l = { .buf = buf, .size = size, .changed = *target == '/' };
	while (l.changed && l.ups < depth && !l.full)
		add_up(&l);
	for (const char *at = target; *at;) {
		size_t len = strcspn(at, "/");
		follow(&l, at, len, depth);
		at += len + (at[len] == '/');
	}
	if (!l.changed) {
		l.full = strlen(target) >= size;
		l.n = l.full ? 0 : (size_t)(stpcpy(buf, target) - buf);
	} else if (l.n == 0) {
		add(&l, ".", 1);
	}
	if (l.full)
		return 0;
	l.n -= l.changed; /* the last '/' */
	buf[l.n] = '\0';
	return l.n;
}

/* Does it matter where the link is? */
static bool needs_depth(const char *target)
{
	for (const char *at = target; *at;) {
		size_t len = strcspn(at, "/");
		if (len == 2 && memcmp(at, "..", 2) == 0)
			return true;
		at += len + (at[len] == '/');
	}
	return *target == '/';
}

/* ---- where a link is ---- */

/* No path that a system can make is deeper: each level takes two of 32,767 characters. */
#define DEPTH_MAX 16384

#define NAMES_MAX 64

/* The directories that the names of a file are in. */
struct link_dirs {
	size_t n;
	uint64_t v[NAMES_MAX];
};

static int take_dir(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	struct link_dirs *dirs = ctx;
	(void)name, (void)len;
	if (dirs->n == NAMES_MAX)
		return error_set(err, -EOPNOTSUPP, "it has more than %d names", NAMES_MAX);
	dirs->v[dirs->n++] = dir;
	return 0;
}

static int find_dirs(struct fs *fs, uint64_t ino, struct link_dirs *ret, struct error *err)
{
	ret->n = 0;
	int rc = fs_links(fs, ino, take_dir, ret, err);
	if (rc == 0 && ret->n == 0)
		rc = error_set(err, -EUCLEAN, "inode %" PRIu64 " has no name", ino);
	return rc;
}

static int depth_of_dir(struct fs *fs, uint64_t dir, unsigned int *ret, struct error *err)
{
	struct link_dirs above;
	unsigned int depth = 0;
	for (uint64_t at = dir; at != fs->root; at = above.v[0]) {
		if (++depth > DEPTH_MAX)
			return error_set(err, -EUCLEAN, "inode %" PRIu64 " is not below the root",
					 dir);
		int rc = find_dirs(fs, at, &above, err);
		if (rc < 0)
			return rc;
	}
	*ret = depth;
	return 0;
}

static int depth_of_link(struct fs *fs, uint64_t ino, unsigned int *ret, struct error *err)
{
	struct link_dirs dirs;
	unsigned int highest = DEPTH_MAX, depth = 0;
	int rc = find_dirs(fs, ino, &dirs, err);
	for (size_t i = 0; rc == 0 && i < dirs.n; i++) {
		rc = depth_of_dir(fs, dirs.v[i], &depth, err);
		highest = MIN(highest, depth);
	}
	if (rc == 0)
		*ret = highest;
	return rc;
}

int link_read(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err)
{
	char target[PATH_MAX];
	unsigned int depth = 0;
	int rc = fs_readlink(fs, ino, target, sizeof(target), err);
	if (rc < 0)
		return rc;
	rc = needs_depth(target) ? depth_of_link(fs, ino, &depth, err) : 0;
	if (rc < 0)
		return error_wrap(err, rc, "a link to '%.200s': where it is", target);
	if (*target && link_inside(target, depth, buf, size) == 0)
		return error_set(err, -ENAMETOOLONG, "inode %" PRIu64 ": a link to '%.200s': %m",
				 ino, target);
	if (!*target)
		*buf = '\0';
	return 0;
}
