/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repo-parts - what the modules of the repository know of each other. Grouped by file. */
#ifndef LUNETTE_REPO_PARTS_H
#define LUNETTE_REPO_PARTS_H

#include "lunette/catalog.h"
#include "lunette/config.h"
#include "lunette/keys.h"
#include "lunette/repo.h"
#include "lunette/pack.h"
#include "lunette/store.h"

struct openers;
struct recall;

/**
 * struct repo - an open repository
 * @path: as the user wrote it, for messages
 * @keys: NULL when it is not encrypted
 * @key_id: of the password that opened it; "" when none did
 * @openers: for repo_read()
 * @recall: what is known of its restore points; and @recall_forgotten: of those that are forgotten
 */
struct repo {
	char *path;
	struct store *store;
	struct config config;
	struct keys *keys;
	char key_id[65];
	struct catalog *catalog;
	struct openers *openers;
	struct recall *recall, *recall_forgotten;
};

/* ---- repo.c ---- */

/**
 * repo_open_store() - repo_open() for a store that is open already
 * @store: taken over, also on failure
 * @path: for messages
 */
int repo_open_store(struct store *store, const char *path, const struct repo_open_options *options,
		    struct repo **ret, struct error *err);

/* ---- repo-about.c ---- */

/* Return: 0; -EPROTONOSUPPORT when writers need a feature that is not known here. */
int repo_may_write(const struct repo *repo, struct error *err);

/* ---- repo-read.c ---- */

int openers_new(struct openers **ret, struct error *err);
void openers_free(struct openers *openers);

/**
 * repo_open_chunk() - open what lies in a pack, and prove it. Any thread.
 * @id: the chunk's
 * @sealed: foreign bytes; changed
 * @buf: @len bytes
 *
 * Return: 0; -EUCLEAN when what comes out is not what @id says.
 */
int repo_open_chunk(struct repo *repo, const struct chunk_id *id, void *sealed, size_t sealed_len,
		    uint8_t codec, void *buf, size_t len, struct error *err);

/**
 * repo_read_place() - read a chunk at one of the places where it lies, and prove it. Any thread.
 * @len: its length in bytes
 *
 * Return: as repo_read(), of this place alone.
 */
int repo_read_place(struct repo *repo, const struct catalog_place *place, void *buf, size_t len,
		    struct error *err);

/* ---- repo-writer.c ---- */

/**
 * repo_writer_add_kind() - repo_writer_add() that says what the chunk is for
 */
int repo_writer_add_kind(struct repo_writer *writer, const struct chunk_id *id,
			 const struct sealed *sealed, size_t len, enum pack_kind kind,
			 uint64_t *ret_stored, struct error *err);

/* So long after something new came it is in an index, in nanoseconds: tests cannot wait a minute.
 */
void repo_writer_set_interval(struct repo_writer *writer, uint64_t ns);

const struct repo *repo_writer_repo(const struct repo_writer *writer);

/* ---- point.c ---- */

#define POINT_FOLDER "points"

/* No manifest has more bytes than this. */
#define POINT_MAX (16u << 20)

/**
 * point_put() - write a restore point
 * @point: format, version and features are set in a copy
 *
 * Return: 0 when it is on stable storage; -EINVAL when it is not as FORMAT.md says; ...
 */
int point_put(struct repo *repo, const json_t *point, char ret_id[65], struct error *err);

/**
 * point_get() - read a restore point, and prove it
 * @id: its name, 64 hexadecimal digits
 * @ret: a new reference
 *
 * Return: 0; -ENOENT; -EUCLEAN when it is damaged; -EPROTONOSUPPORT when it is of a newer version.
 */
int point_get(struct repo *repo, const char *id, json_t **ret, struct error *err);

/* The same of one in another folder, as FORGOTTEN_FOLDER. */
int point_get_from(struct repo *repo, const char *folder, const char *id, json_t **ret,
		   struct error *err);

/**
 * point_check() - is this the manifest that FORMAT.md describes? It is foreign until then.
 *
 * Return: 0; -EUCLEAN when it is damaged; -EPROTONOSUPPORT when it is of a newer version.
 */
int point_check(const json_t *point, struct error *err);

/* Takes it away for good. Return: 0 also when it is gone already; what the store said. */
int point_remove(struct repo *repo, const char *id, struct error *err);

/* ---- point-many.c ---- */

/**
 * typedef point_many_fn - one of many restore points
 * @i: its place among the ids
 * @point: borrowed; NULL when it could not be read, and @why says why, as of point_get()
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends it.
 */
typedef int point_many_fn(void *ctx, size_t i, json_t *point, const struct error *why,
			  struct error *err);

/**
 * point_get_many() - point_get_from() of each; several at a time
 * @ids: @n of them, in whose order @fn is called, in this thread
 *
 * Return: 0; -ENOMEM; what @fn said.
 */
int point_get_many(struct repo *repo, const char *folder, const char *const *ids, size_t n,
		   point_many_fn *fn, void *ctx, struct error *err);

/* When the backup was finished, to the nanosecond, or "" when the manifest does not say. */
const char *point_finished(const json_t *point);

/* Longest that repo_point_time() and point_finished() get, with the NUL. */
#define POINT_TIME_MAX 32

#endif
