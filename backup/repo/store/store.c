/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - the front of every store: checks once, and has an answer where an implementation has
 * none. See store.h.
 */
#include <errno.h>
#include <string.h>

#include "draft-temp.h"
#include "lunette/store.h"

#define PIECE ((size_t)1 << 20)

/* Folders and a name, without anything that leads elsewhere. */
static bool key_fits(const char *key)
{
	if (strlen(key) >= STORE_KEY_MAX)
		return false;
	for (const char *part = key;; part++) {
		size_t len = strcspn(part, "/");
		if (len == 0 || part[0] == '.')
			return false;
		part += len;
		if (!*part)
			return true;
	}
}

static int check_key(const char *key, struct error *err)
{
	return key_fits(key) ? 0 : error_set(err, -EINVAL, "'%s' cannot be an object's name", key);
}

void store_free(struct store *store)
{
	if (store)
		store->ops->destroy(store);
}

unsigned int store_puts(const struct store *store)
{
	return MAX(store->puts, 1u);
}

/* ---- sources and drafts ---- */

int store_source_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	return len ? source->ops->read(source, buf, len, off, err) : 0;
}

static int bytes_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	(void)err;
	memcpy(buf, (const char *)((const struct store_bytes *)source)->buf + off, len);
	return 0;
}

struct store_bytes store_bytes(const void *buf, size_t len)
{
	static const struct store_source_ops ops = { .read = bytes_read };
	return (struct store_bytes){ .source = { .ops = &ops, .size = len }, .buf = buf };
}

int store_draft_new(struct store *store, struct store_draft **ret, struct error *err)
{
	int rc = store->ops->draft ? store->ops->draft(store, ret, err) : draft_temp_new(ret, err);
	if (rc == 0)
		(*ret)->source.size = 0;
	return rc;
}

int store_draft_append(struct store_draft *draft, const void *buf, size_t len, struct error *err)
{
	int rc = len ? draft->ops->append(draft, buf, len, err) : 0;
	if (rc == 0)
		draft->source.size += len;
	return rc;
}

void store_draft_free(struct store_draft *draft)
{
	if (draft)
		draft->ops->free(draft);
}

/* ---- objects ---- */

int store_put(struct store *store, const char *key, const struct store_source *source,
	      enum store_taken taken, struct error *err)
{
	int rc = check_key(key, err);
	return rc < 0 ? rc : store->ops->put(store, key, source, taken, err);
}

int store_put_new(struct store *store, const char *key, const void *buf, size_t len,
		  struct error *err)
{
	const struct store_bytes bytes = store_bytes(buf, len);
	return store_put(store, key, &bytes.source, STORE_REFUSE, err);
}

int store_put_same(struct store *store, const char *key, const void *buf, size_t len,
		   struct error *err)
{
	const struct store_bytes bytes = store_bytes(buf, len);
	return store_put(store, key, &bytes.source, STORE_TWIN, err);
}

int store_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
	       struct error *err)
{
	int rc = check_key(key, err);
	if (rc == 0 && len > UINT64_MAX - off)
		rc = error_set(err, -EUCLEAN, "'%s' has no such range", key);
	return rc < 0 || len == 0 ? rc : store->ops->read(store, key, buf, len, off, err);
}

int store_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
	       struct error *err)
{
	int rc = *folder ? check_key(folder, err) : 0;
	return rc < 0 ? rc : store->ops->list(store, folder, fn, ctx, err);
}

int store_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err)
{
	int rc = check_key(key, err);
	return rc < 0 ? rc : store->ops->stat(store, key, ret, err);
}

int store_remove(struct store *store, const char *key, struct error *err)
{
	int rc = check_key(key, err);
	return rc < 0 ? rc : store->ops->remove(store, key, err);
}

void store_forget(struct store *store, const char *key)
{
	if (store->ops->forget)
		store->ops->forget(store, key);
}

int store_sweep(struct store *store, uint32_t age, struct error *err)
{
	return store->ops->sweep ? store->ops->sweep(store, age, err) : 0;
}

int store_keep_reserve(struct store *store, struct error *err)
{
	return store->ops->reserve ? store->ops->reserve(store, true, err) : 0;
}

int store_give_reserve(struct store *store, struct error *err)
{
	return store->ops->reserve ? store->ops->reserve(store, false, err) : 0;
}

uint64_t store_room(struct store *store)
{
	uint64_t room;
	bool known = store->ops->room && store->ops->room(store, &room, NULL) == 0;
	return known ? room : UINT64_MAX;
}

/* ---- objects whole ---- */

static int get_by_reading(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
			  struct error *err)
{
	struct store_stat st;
	int rc = store->ops->stat(store, key, &st, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char *buf = malloc((size_t)MIN(st.size, (uint64_t)PIECE) + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "read '%s': %m", key);
	for (uint64_t off = 0; rc == 0 && off < st.size;) {
		size_t len = (size_t)MIN(st.size - off, (uint64_t)PIECE);
		rc = store->ops->read(store, key, buf, len, off, err);
		if (rc == 0)
			rc = sink(ctx, buf, len, err);
		off += len;
	}
	return rc;
}

int store_get_to(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		 struct error *err)
{
	int rc = check_key(key, err);
	if (rc < 0)
		return rc;
	return store->ops->get ? store->ops->get(store, key, sink, ctx, err)
			       : get_by_reading(store, key, sink, ctx, err);
}

struct collecting {
	const char *key;
	size_t max;
	char *buf;
	size_t len, room;
};

static int collect(void *ctx, const void *buf, size_t len, struct error *err)
{
	struct collecting *c = ctx;
	if (len > c->max - c->len)
		return error_set(err, -EUCLEAN,
				 "'%s' is damaged: it has more than the %zu bytes that it can have",
				 c->key, c->max);
	if (c->len + len + 1 > c->room) {
		size_t twice = MIN(2 * c->room, c->max + 1), room = MAX(c->len + len + 1, twice);
		char *grown = realloc(c->buf, room);
		if (!grown)
			return error_set(err, -ENOMEM, "read '%s': %m", c->key);
		c->buf = grown;
		c->room = room;
	}
	memcpy(c->buf + c->len, buf, len);
	c->len += len;
	return 0;
}

int store_get(struct store *store, const char *key, size_t max, char **ret, size_t *ret_len,
	      struct error *err)
{
	struct collecting c = { .key = key, .max = max };
	int rc = collect(&c, "", 0, err); /* so that there is a NUL also in an empty one */
	if (rc == 0)
		rc = store_get_to(store, key, collect, &c, err);
	if (rc < 0) {
		free(c.buf);
		return rc;
	}
	c.buf[c.len] = '\0';
	*ret = c.buf;
	*ret_len = c.len;
	return 0;
}

static int move_by_copying(struct store *store, const char *from, const char *to, size_t max,
			   struct error *err)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	int rc = store_get(store, from, max, &buf, &len, err);
	if (rc == 0)
		rc = store_put_same(store, to, buf, len, err);
	return rc < 0 ? rc : store_remove(store, from, err);
}

int store_move(struct store *store, const char *from, const char *to, size_t max, struct error *err)
{
	int rc = check_key(from, err);
	if (rc == 0)
		rc = check_key(to, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = store->ops->move ? store->ops->move(store, from, to, max, &why) : -EXDEV;
	if (rc == -EXDEV) /* no way to do so, or a folder that has been put on another disk */
		return move_by_copying(store, from, to, max, err);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}
