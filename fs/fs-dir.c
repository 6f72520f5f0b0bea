/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fs-dir - the front of every driver: directories. See include/lunette/filesystem.h.
 *
 * Its one idea: a name that is listed leads to the file that it was listed for, whoever asks, and
 * whenever. Damage makes several entries of one name, which stand beside each other. The name alone
 * is that of the file that the driver finds by it; every other one has its number behind it. So
 * wherever a listing goes on, it says the same.
 */
#include <errno.h>
#include <string.h>

#include "front.h"
#include "lunette/util.h"
#include "name.h"

/* ---- by name ---- */

/* What a path can have: only this can have been shown. */
static bool is_shown(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= FS_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* The search for one of several files that have the same name. */
struct twin_search {
	const char *name;
	size_t len;
	uint64_t ino;
	bool found;
};

static int compare_twin(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
			uint64_t next)
{
	struct twin_search *search = ctx;
	(void)type, (void)next;
	search->found =
		ino == search->ino && len == search->len && memcmp(name, search->name, len) == 0;
	return search->found;
}

static int find_twin(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t ino,
		     struct error *err)
{
	struct twin_search search = { .name = name, .len = len, .ino = ino };
	int rc = fs->driver->readdir(fs, dir, 0, compare_twin, &search, err);
	return rc == 0 && !search.found ? error_set(err, -ENOENT, "%m") : rc;
}

int fs_lookup(struct fs *fs, uint64_t dir, const char *name, uint64_t *ret, struct error *err)
{
	uint64_t ino = 0, twin = 0;
	char meant[FS_NAME_MAX];
	if (!is_shown(name))
		return error_set(err, -ENOENT, "%m");
	size_t len = name_meant(name, meant, &twin);
	int rc = twin ? find_twin(fs, dir, meant, len, twin, err)
		      : fs->driver->lookup(fs, dir, meant, len, &ino, err);
	if (rc < 0)
		return rc;
	if (twin)
		ino = twin;
	if (!front_is_ino(ino))
		return front_damaged(dir, "an entry of it has an impossible number", err);
	*ret = ino;
	return 0;
}

/* ---- all of them ---- */

struct dir_name {
	size_t len;
	char bytes[FS_NAME_MAX];
};

/**
 * struct checking - the entries of one fs_readdir(), on their way
 * @held: the last entry, which waits for the one behind it: that may have the same name
 * @held_ino: of it, with its type and the position behind it
 * @plain: a name that was looked up, and @plain_ino, the file that has it alone
 * @ask: the name of @held must be looked up before the listing goes on behind it
 * @doubt: what is in front of the first entry is not known
 * @last: the position behind the one before
 * @n_bad: entries that were left out
 * @stuck: positions do not go on
 * @stopped: by @emit
 */
struct checking {
	fs_emit_fn *emit;
	void *ctx;
	bool holds;
	struct dir_name held;
	uint64_t held_ino;
	uint32_t held_type;
	uint64_t held_next;
	struct dir_name plain;
	uint64_t plain_ino;
	bool ask;
	bool doubt;
	uint64_t last;
	uint64_t n_bad;
	bool stuck;
	bool stopped;
};

static bool same_name(const struct dir_name *a, const char *bytes, size_t len)
{
	return a->len == len && memcmp(a->bytes, bytes, len) == 0;
}

static void hand_on(struct checking *checking)
{
	char shown[FS_NAME_MAX + 1];
	const struct dir_name *name = &checking->held;
	uint64_t ino = checking->held_ino;
	uint32_t type = checking->held_type;
	bool other =
		same_name(&checking->plain, name->bytes, name->len) && checking->plain_ino != ino;
	if (!checking->holds || checking->stopped)
		return;
	checking->holds = false;
	size_t n = name_shown(name->bytes, name->len, other ? ino : 0, shown, sizeof(shown));
	if (n == 0)
		checking->n_bad++;
	else
		checking->stopped = checking->emit(checking->ctx, shown, n, ino, type & S_IFMT,
						   checking->held_next) != 0;
}

static int check_entry(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		       uint64_t next)
{
	struct checking *checking = ctx;
	if (checking->stopped || checking->stuck || checking->ask)
		return 1;
	if (next <= checking->last || next > INT64_MAX / 2) {
		checking->stuck = true;
		return 1;
	}
	/* A driver is busy while it lists: what it must be asked is asked when it has stopped. */
	if (checking->holds && same_name(&checking->held, name, len) &&
	    !same_name(&checking->plain, name, len)) {
		checking->ask = true;
		return 1;
	}
	hand_on(checking);
	if (checking->stopped)
		return 1;
	checking->last = next;
	if (len == 0 || len > FS_NAME_MAX || !front_is_ino(ino) ||
	    (type != 0 && !front_is_type(type))) {
		checking->n_bad++;
		return 0;
	}
	checking->holds = true;
	checking->held.len = len;
	memcpy(checking->held.bytes, name, len);
	checking->held_ino = ino;
	checking->held_type = type;
	checking->held_next = next;
	checking->ask = checking->doubt;
	checking->doubt = false;
	return checking->ask;
}

/* Whose the name is alone. A driver that finds nobody by it leaves it to the first. */
static void ask(struct fs *fs, uint64_t dir, struct checking *checking)
{
	uint64_t ino;
	const struct dir_name *name = &checking->held;
	int rc = fs->driver->lookup(fs, dir, name->bytes, name->len, &ino, NULL);
	checking->plain = *name;
	checking->plain_ino = rc == 0 ? ino : checking->held_ino;
	checking->last = checking->held_next;
	checking->ask = false;
}

int fs_readdir(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
	       struct error *err)
{
	struct checking checking = { .emit = emit, .ctx = ctx, .last = pos, .doubt = pos > 0 };
	int rc = fs->driver->readdir(fs, dir, pos, check_entry, &checking, err);
	while (rc == 0 && checking.ask) {
		ask(fs, dir, &checking);
		rc = fs->driver->readdir(fs, dir, checking.last, check_entry, &checking, err);
	}
	hand_on(&checking);
	if (rc < 0)
		return rc;
	if (checking.stuck)
		return front_damaged(dir, "its entries do not go on", err);
	if (checking.n_bad > 0)
		return error_set(err, -EUCLEAN,
				 "inode %" PRIu64 ": %" PRIu64
				 " of its entries have a name or a number that is none",
				 dir, checking.n_bad);
	return 0;
}
