/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount-dir - listing directories, with attributes.
 *
 * A listing is not remembered between requests: each goes on at a position of the driver's, so a
 * directory of a million entries costs no more memory than a small one. Entries of one request are
 * collected first and looked at afterwards, because the driver is busy while it lists.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mount-private.h"

/* "." and ".." stand at positions 0 and 1, and the tree's own count from 2. */
#define DOTS 2

/* A number of 0 would hide the entry from programs. */
#define UNKNOWN_INO 0xffffffff

/* An entry in the list; its name and a NUL follow. */
struct dir_entry {
	uint64_t number;
	uint64_t next;
	uint32_t type;
	uint32_t len;
};

/**
 * struct dir_listing - the entries of one request
 * @bytes: struct dir_entry and names, one behind the other; @used of @room bytes
 * @out: bytes that the entries will take in the reply
 * @size: bytes that the reply may take
 */
struct dir_listing {
	fuse_req_t req;
	bool plus;
	uint8_t *bytes;
	size_t used;
	size_t room;
	size_t out;
	size_t size;
};

static size_t entry_size(const struct dir_listing *list, const char *name)
{
	return list->plus ? fuse_add_direntry_plus(list->req, NULL, 0, name, NULL, 0)
			  : fuse_add_direntry(list->req, NULL, 0, name, NULL, 0);
}

static int collect(void *ctx, const char *name, size_t len, uint64_t number, uint32_t type,
		   uint64_t next)
{
	struct dir_listing *list = ctx;
	size_t out = entry_size(list, name);
	size_t take = (sizeof(struct dir_entry) + len + 1 + 7) & ~(size_t)7;
	if (list->out + out > list->size || list->used + take > list->room)
		return 1;
	struct dir_entry entry = {
		.number = number, .next = next, .type = type, .len = (uint32_t)len
	};
	memcpy(list->bytes + list->used, &entry, sizeof(entry));
	memcpy(list->bytes + list->used + sizeof(entry), name, len + 1);
	list->used += take;
	list->out += out;
	return 0;
}

/* What cannot be looked at is listed all the same: looking it up will say why. */
static void look(struct mount *mount, const struct dir_entry *entry, struct fuse_entry_param *ret)
{
	struct tree_attr attr;
	if (entry->number != 0 && tree_stat(mount->tree, entry->number, &attr, NULL) == 0)
		mount_entry(mount, &attr, ret);
}

static size_t put(struct mount *mount, const struct dir_listing *list,
		  const struct dir_entry *entry, const char *name, char *out, size_t room)
{
	struct fuse_entry_param param = { 0 };
	param.attr.st_ino = entry->number ? entry->number : UNKNOWN_INO;
	param.attr.st_mode = entry->type;
	off_t next = (off_t)(entry->next + DOTS);
	bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	if (!list->plus)
		return fuse_add_direntry(list->req, out, room, name, &param.attr, next);
	if (!dots)
		look(mount, entry, &param);
	return fuse_add_direntry_plus(list->req, out, room, name, &param, next);
}

static void reply(struct mount *mount, const struct dir_listing *list, char *out)
{
	size_t done = 0;
	for (size_t at = 0; at < list->used;) {
		struct dir_entry entry;
		memcpy(&entry, list->bytes + at, sizeof(entry));
		const char *name = (const char *)list->bytes + at + sizeof(entry);
		done += put(mount, list, &entry, name, out + done, list->size - done);
		at += (sizeof(entry) + entry.len + 1 + 7) & ~(size_t)7;
	}
	fuse_reply_buf(list->req, out, done);
}

void mount_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct mount *mount = fuse_req_userdata(req);
	char *out = mount_buffer(3 * size);
	if (!out) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	struct dir_listing list = { .req = req,
				    .plus = plus,
				    .bytes = (uint8_t *)out + size,
				    .room = 2 * size,
				    .size = size };
	uint64_t pos = (uint64_t)off;
	bool full = false;
	for (; pos < DOTS && !full; pos++)
		full = collect(&list, pos ? ".." : ".", pos + 1, pos ? 0 : ino, S_IFDIR,
			       pos + 1 - DOTS) != 0;

	struct error err = { 0 };
	int rc = full ? 0 : tree_readdir(mount->tree, ino, pos - DOTS, collect, &list, &err);
	/* What could be found is shown all the same. */
	if (rc < 0 && list.used > 0)
		mount_log(mount, "list a directory", &err);
	if (rc < 0 && list.used == 0)
		mount_fail(req, "list a directory", &err);
	else
		reply(mount, &list, out);
}
