/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layer-cache - what is read at random lies in a file on this host, too. See store-layers.h.
 *
 * The file is a table of slots, and a piece of an object has one slot where it can be: no lists, no
 * ageing, nothing to count, so that the bound is the file's size, and processes that share it need
 * not know of each other. A slot carries the digest of all that is in it. One that is half written,
 * by a process that was killed or is at it just now, or was damaged on its disk, does not match,
 * and then the piece is read from the store, as it is when the file cannot be written.
 *
 * Only what never changes is kept: packs and indexes, which their content names. What is read in
 * large pieces passes by: it is read once, and would push out what is read often.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer.h"
#include "lunette/bytes.h"
#include "lunette/digest.h"
#include "lunette/pack.h"
#include "lunette/store-layers.h"

#define PIECE      ((size_t)64 << 10)
#define READ_MAX   ((size_t)32 << 10) /* what is larger passes by */
#define HEAD       ((size_t)4096)
#define SLOT       (HEAD + PIECE)
#define SIZES      256
#define FILE_NAME  "lunette-store-cache"
#define FORGET_MAX 4096 /* pieces of one object that are looked for */

/*
 * A slot: the digest of what follows, the digest of what it is, the object's size, the bytes that
 * there are, and these behind HEAD.
 */
enum {
	AT_SUM = 0,
	AT_NAME = 32,
	AT_SIZE = 64,
	AT_LEN = 72,
	HEAD_USED = 80,
};

/* Sizes of objects that were met, so that the store is asked once. */
struct known_size {
	char key[STORE_KEY_MAX];
	uint64_t size;
};

struct cache_layer {
	struct layer layer;
	char *scope;
	int fd; /* -1: it cannot be had, and everything passes */
	uint64_t slots;
	pthread_mutex_t lock; /* guards the sizes */
	struct known_size sizes[SIZES];
};

static struct cache_layer *cache_of(struct store *store)
{
	return (struct cache_layer *)store;
}

/* ---- slots ---- */

struct object_piece {
	struct cache_layer *cache;
	const char *key;
	uint64_t number;
	uint8_t name[DIGEST_SIZE];
	uint64_t slot;
};

static int name_piece(struct cache_layer *cache, const char *key, uint64_t number,
		      struct object_piece *ret, struct error *err)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%.200s\n%s\n%llu", cache->scope, key,
			 (unsigned long long)number);
	*ret = (struct object_piece){ .cache = cache, .key = key, .number = number };
	int rc = digest(text, (size_t)n, ret->name, err);
	ret->slot = get_le64(ret->name) % cache->slots;
	return rc;
}

/* @buf: a slot as it is to lie in the file, but for the sum. */
static int sum_slot(const uint8_t *buf, size_t len, uint8_t ret[DIGEST_SIZE])
{
	return digest(buf + AT_NAME, HEAD - AT_NAME + len, ret, NULL);
}

/* Return: whether the piece is there, whole, in @buf behind HEAD. */
static bool load(const struct object_piece *piece, uint8_t *buf, uint64_t *ret_size,
		 size_t *ret_len)
{
	uint8_t sum[DIGEST_SIZE];
	ssize_t n = pread(piece->cache->fd, buf, SLOT, (off_t)(piece->slot * SLOT));
	if (n < (ssize_t)HEAD || memcmp(buf + AT_NAME, piece->name, DIGEST_SIZE) != 0)
		return false;
	uint64_t len = get_le64(buf + AT_LEN);
	if (len > PIECE || n < (ssize_t)(HEAD + len) || sum_slot(buf, (size_t)len, sum) < 0 ||
	    memcmp(sum, buf + AT_SUM, sizeof(sum)) != 0)
		return false;
	*ret_size = get_le64(buf + AT_SIZE);
	*ret_len = (size_t)len;
	return true;
}

/* What cannot be kept is read again. */
static void save(const struct object_piece *piece, uint8_t *buf, uint64_t size, size_t len)
{
	memset(buf, 0, HEAD);
	memcpy(buf + AT_NAME, piece->name, DIGEST_SIZE);
	put_le64(buf + AT_SIZE, size);
	put_le64(buf + AT_LEN, len);
	if (sum_slot(buf, len, buf + AT_SUM) == 0)
		(void)!pwrite(piece->cache->fd, buf, HEAD + len, (off_t)(piece->slot * SLOT));
}

static void drop(const struct object_piece *piece)
{
	uint8_t head[HEAD_USED];
	off_t at = (off_t)(piece->slot * SLOT);
	if (pread(piece->cache->fd, head, sizeof(head), at) != (ssize_t)sizeof(head) ||
	    memcmp(head + AT_NAME, piece->name, DIGEST_SIZE) != 0)
		return;
	memset(head, 0, sizeof(head));
	(void)!pwrite(piece->cache->fd, head, sizeof(head), at);
}

/* ---- sizes ---- */

static struct known_size *size_slot(struct cache_layer *cache, const char *key)
{
	uint64_t hash = 5381;
	for (const char *p = key; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	return &cache->sizes[hash % SIZES];
}

static void note_size(struct cache_layer *cache, const char *key, uint64_t size)
{
	struct known_size *known = size_slot(cache, key);
	pthread_mutex_lock(&cache->lock);
	snprintf(known->key, sizeof(known->key), "%s", key);
	known->size = size;
	pthread_mutex_unlock(&cache->lock);
}

static int size_of(struct cache_layer *cache, const char *key, uint64_t *ret, struct error *err)
{
	struct known_size *known = size_slot(cache, key);
	pthread_mutex_lock(&cache->lock);
	bool is_known = strcmp(known->key, key) == 0;
	*ret = known->size;
	pthread_mutex_unlock(&cache->lock);
	if (is_known)
		return 0;
	struct store_stat st;
	int rc = layer_stat(&cache->layer.store, key, &st, err);
	if (rc < 0)
		return rc;
	note_size(cache, key, st.size);
	*ret = st.size;
	return 0;
}

/* ---- reading ---- */

static bool is_kept(const struct cache_layer *cache, const char *key, size_t len)
{
	return cache->fd >= 0 && len <= READ_MAX &&
	       (strncmp(key, PACK_FOLDER "/", strlen(PACK_FOLDER "/")) == 0 ||
		strncmp(key, INDEX_FOLDER "/", strlen(INDEX_FOLDER "/")) == 0);
}

/* Gets a whole piece into @buf, behind HEAD, wherever it is. */
static int fetch(const struct object_piece *piece, uint8_t *buf, uint64_t *ret_size,
		 size_t *ret_len, struct error *err)
{
	if (load(piece, buf, ret_size, ret_len)) {
		note_size(piece->cache, piece->key, *ret_size);
		return 0;
	}
	uint64_t size, start = piece->number * PIECE;
	int rc = size_of(piece->cache, piece->key, &size, err);
	if (rc < 0)
		return rc;
	size_t len = start < size ? (size_t)MIN(size - start, (uint64_t)PIECE) : 0;
	rc = store_read(piece->cache->layer.below, piece->key, buf + HEAD, len, start, err);
	if (rc < 0)
		return rc;
	if (len > 0)
		save(piece, buf, size, len);
	*ret_size = size;
	*ret_len = len;
	return 0;
}

static int read_pieces(struct cache_layer *cache, const char *key, uint8_t *to, size_t len,
		       uint64_t off, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(SLOT);
	if (!buf)
		return error_set(err, -ENOMEM, "read '%s': %m", key);
	while (len > 0) {
		struct object_piece piece;
		uint64_t size = 0;
		size_t there = 0, skip = (size_t)(off % PIECE);
		int rc = name_piece(cache, key, off / PIECE, &piece, err);
		if (rc == 0)
			rc = fetch(&piece, buf, &size, &there, err);
		if (rc < 0)
			return rc;
		size_t n = MIN(len, PIECE - skip);
		if (!range_inside(n, skip, there))
			return error_set(err, -EUCLEAN,
					 "'%s' has %llu bytes, and more are asked for", key,
					 (unsigned long long)size);
		memcpy(to, buf + HEAD + skip, n);
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int cache_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	struct cache_layer *cache = cache_of(store);
	return is_kept(cache, key, len) ? read_pieces(cache, key, buf, len, off, err)
					: layer_read(store, key, buf, len, off, err);
}

/* ---- what must not be remembered ---- */

/* @size: that it had when it was kept */
static void drop_all(struct cache_layer *cache, const char *key, uint64_t size)
{
	struct object_piece piece;
	if (!is_kept(cache, key, 0))
		return;
	for (uint64_t i = 0; i < MIN(size / PIECE + 1, (uint64_t)FORGET_MAX); i++)
		if (name_piece(cache, key, i, &piece, NULL) == 0)
			drop(&piece);
	struct known_size *known = size_slot(cache, key);
	pthread_mutex_lock(&cache->lock);
	if (strcmp(known->key, key) == 0)
		known->key[0] = '\0';
	pthread_mutex_unlock(&cache->lock);
}

/* What this process has not read need not be asked for just to drop it: its bytes are its name's.
 */
static void drop_known(struct cache_layer *cache, const char *key)
{
	struct known_size *known = size_slot(cache, key);
	pthread_mutex_lock(&cache->lock);
	bool is_known = strcmp(known->key, key) == 0;
	uint64_t size = known->size;
	pthread_mutex_unlock(&cache->lock);
	if (is_known)
		drop_all(cache, key, size);
}

static void cache_forget(struct store *store, const char *key)
{
	uint64_t size;
	if (size_of(cache_of(store), key, &size, NULL) == 0)
		drop_all(cache_of(store), key, size);
	layer_forget(store, key);
}

static int cache_remove(struct store *store, const char *key, struct error *err)
{
	drop_known(cache_of(store), key);
	return layer_remove(store, key, err);
}

static int cache_move(struct store *store, const char *from, const char *to, size_t max,
		      struct error *err)
{
	int rc = layer_move(store, from, to, max, err);
	drop_known(cache_of(store), from);
	drop_known(cache_of(store), to);
	return rc;
}

/* It may take the place of one that was damaged. */
static int cache_put(struct store *store, const char *key, const struct store_source *source,
		     enum store_taken taken, struct error *err)
{
	int rc = layer_put(store, key, source, taken, err);
	drop_known(cache_of(store), key);
	return rc;
}

static void cache_destroy(struct store *store)
{
	struct cache_layer *cache = cache_of(store);
	if (cache->fd >= 0)
		close(cache->fd);
	pthread_mutex_destroy(&cache->lock);
	free(cache->scope);
	layer_destroy(store);
}

/*
 * Ours, and nobody else's to read: what is in a repository that is not encrypted lies here as well.
 * Return: -1 when there is none.
 */
static int open_file(const char *folder, uint64_t bytes)
{
	char path[4096];
	struct stat st;
	if (bytes < SLOT ||
	    snprintf(path, sizeof(path), "%s/" FILE_NAME, folder) >= (int)sizeof(path))
		return -1;
	CLEANUP(close_cleanup)
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return -1;
	/* Another bound may have been meant when it was made; holes take no room. */
	if (st.st_size > (off_t)bytes && ftruncate(fd, (off_t)bytes) < 0)
		return -1;
	return steal_fd(&fd);
}

struct store *store_cache_new(struct store *below, const struct store_cache_options *options)
{
	static const struct store_ops ops = {
		.put = cache_put,
		.read = cache_read,
		.list = layer_list,
		.stat = layer_stat,
		.remove = cache_remove,
		.destroy = cache_destroy,
		.move = cache_move,
		.draft = layer_draft,
		.get = layer_get,
		.forget = cache_forget,
		.sweep = layer_sweep,
		.reserve = layer_reserve,
		.room = layer_room,
	};
	CLEANUP(store_free_cleanup) struct store *owned = below;
	CLEANUP(free_cleanup) struct cache_layer *cache = calloc(1, sizeof(*cache));
	if (!cache || !(cache->scope = strdup(options->scope)))
		return NULL;
	layer_init(&cache->layer, &ops, steal(&owned));
	pthread_mutex_init(&cache->lock, NULL);
	cache->fd = open_file(options->folder, options->bytes);
	cache->slots = MAX(options->bytes / SLOT, (uint64_t)1);
	return &steal(&cache)->layer.store;
}
