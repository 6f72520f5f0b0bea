/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repo - the repository: where finished backups are kept. Every byte of it is described in
 * backup/repo/FORMAT.md.
 *
 * It is made of immutable, write-once objects: packs of chunks, indexes that find them, and restore
 * points, which are written last. Nothing is overwritten, so several proxies may write at once, and
 * a crash loses at most what was not committed.
 */
#ifndef LUNETTE_REPO_H
#define LUNETTE_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/blk.h"
#include "lunette/error.h"

#define REPO_CHUNK_DEFAULT (256u << 10)
#define REPO_CHUNK_MIN     (64u << 10)
#define REPO_CHUNK_MAX     (4u << 20)

/**
 * struct chunk_id - what a chunk is known by: the SHA-256 of its bytes, keyed in an encrypted
 * repository
 *
 * All zeros stands for "not stored: reads as zeros".
 */
struct chunk_id {
	uint8_t bytes[32];
};

static inline bool chunk_id_is_zero(const struct chunk_id *id)
{
	uint8_t any = 0;
	for (size_t i = 0; i < sizeof(id->bytes); i++)
		any |= id->bytes[i];
	return any == 0;
}

struct repo;

/* Levels of compression: those of zstd, where what is below 0 is faster still. */
#define REPO_LEVEL_MIN     (-10)
#define REPO_LEVEL_DEFAULT 1
#define REPO_LEVEL_MAX     19

/* Whether there is such a level; 0 is none. */
static inline bool repo_level_ok(int64_t level)
{
	return level != 0 && level >= REPO_LEVEL_MIN && level <= REPO_LEVEL_MAX;
}

/**
 * struct repo_settings - what is chosen once, when a repository is made
 * @chunk_size: bytes, a power of two from REPO_CHUNK_MIN to REPO_CHUNK_MAX
 * @level: of compression, for backups that do not choose; 0: REPO_LEVEL_DEFAULT
 * @password: opens it; NULL: it is not encrypted
 */
struct repo_settings {
	uint32_t chunk_size;
	int level;
	const char *password;
};

/**
 * repo_init() - make a new, empty repository
 * @path: a directory that does not exist yet or is empty
 *
 * Return: 0; -EEXIST if there is something already; -EINVAL for a bad setting; ...
 */
int repo_init(const char *path, const struct repo_settings *settings, struct error *err);

/**
 * struct repo_open_options - what opens an encrypted repository: one of
 * @password: one that it knows
 * @exported: what repo_key_export() wrote, as a text
 *
 * And, of any:
 * @cache: a folder of this machine, in which it is kept what lists say of restore points, so that
 *	   it is read once: see repo_cache_folder(). NULL: nothing is kept
 */
struct repo_open_options {
	const char *password;
	const char *exported;
	const char *cache;
};

/**
 * repo_open() - open a repository
 * @options: may be NULL; are not kept
 * @ret: to be freed with repo_close()
 *
 * When there is a password and the repository is not encrypted, it is not the one that was meant:
 * whoever can replace it must not get backups that nobody encrypts.
 *
 * Return: 0; -ENOENT or -EMEDIUMTYPE when it is not a repository; -EPROTONOSUPPORT when it was
 * written by a newer version or needs a feature that this one does not know; -EUCLEAN when damaged;
 * -ENOKEY when it is encrypted and @options do not open it; -EKEYREJECTED when the password is
 * wrong, the key is another repository's, or the repository is not encrypted.
 */
int repo_open(const char *path, const struct repo_open_options *options, struct repo **ret,
	      struct error *err);

/**
 * repo_cache_folder() - where such things are kept here: $XDG_CACHE_HOME/lunette; or
 * /var/cache/lunette, which is root's, or $HOME/.cache/lunette
 * @ret: PATH_MAX bytes
 *
 * Return: false when there is no such folder.
 */
bool repo_cache_folder(char *ret);

/**
 * repo_close() - close and free
 * @repo: may be NULL
 */
void repo_close(struct repo *repo);
DEFINE_CLEANUP(struct repo *, repo_close)

uint32_t repo_chunk_size(const struct repo *repo);
int repo_level(const struct repo *repo); /* of compression, for those who do not choose */
const char *repo_path(const struct repo *repo);
const char *repo_id(const struct repo *repo); /* 32 hexadecimal digits */

/* Do two repositories know the same bytes by the same id? */
bool repo_ids_agree(const struct repo *a, const struct repo *b);

/**
 * repo_read() - read a chunk and make sure that it is what its id says
 * @len: its length in bytes, as the caller knows it from its place
 *
 * Any thread.
 *
 * Return: 0; -ENOENT when no index knows it; -EUCLEAN when it is damaged or of another length; ...
 */
int repo_read(struct repo *repo, const struct chunk_id *id, void *buf, size_t len,
	      struct error *err);

/* ---- writing: chunks are identified and sealed by any thread, and added by one, in order ---- */

/**
 * repo_identify() - what the repository knows these bytes by. Any thread.
 *
 * Return: 0 or -ENOMEM.
 */
int repo_identify(const struct repo *repo, const void *buf, size_t len, struct chunk_id *ret,
		  struct error *err);

/**
 * struct sealed - a chunk as it will lie in a pack
 * @buf: REPO_SEAL_BOUND() bytes, the caller's
 * @len: bytes of @buf in use
 * @codec: how to open it: an enum of FORMAT.md
 */
struct sealed {
	uint8_t *buf;
	uint32_t len;
	uint8_t codec;
};

/* What does not shrink is stored as it is; encryption adds 40 bytes. */
#define REPO_SEAL_BOUND(len) ((len) + 40u)

struct sealer; /* one a thread */

/**
 * sealer_new() - get ready to seal
 * @repo: must outlive the sealer; NULL: nothing is encrypted
 * @level: of compression
 *
 * Return: 0; -EINVAL for a bad @level; -ENOMEM.
 */
int sealer_new(const struct repo *repo, int level, struct sealer **ret, struct error *err);
void sealer_free(struct sealer *sealer);
DEFINE_CLEANUP(struct sealer *, sealer_free)

/**
 * sealer_seal() - make a chunk ready for its pack
 * @id: what repo_identify() said
 * @len: bytes, from 1 to REPO_CHUNK_MAX
 * @ret: its @buf is the caller's and is filled; the rest is set
 */
int sealer_seal(struct sealer *sealer, const struct chunk_id *id, const void *buf, size_t len,
		struct sealed *ret, struct error *err);

struct repo_writer;

/**
 * repo_writer_new() - begin to add to a repository
 * @ret: to be freed with repo_writer_free(), which abandons what was not committed
 */
int repo_writer_new(struct repo *repo, struct repo_writer **ret, struct error *err);
void repo_writer_free(struct repo_writer *writer);
DEFINE_CLEANUP(struct repo_writer *, repo_writer_free)

/**
 * repo_writer_knows() - is this chunk in the repository, or added already? Any thread.
 */
bool repo_writer_knows(struct repo_writer *writer, const struct chunk_id *id);

/**
 * repo_writer_add() - add a chunk, unless it is known
 * @len: bytes before sealing
 * @ret_stored: bytes that it takes in its pack; 0 if it was known
 *
 * One thread at a time. Full packs go to stable storage, and their index after them, while more are
 * added, so that memory stays bounded and a killed backup's work is found by the next one.
 */
int repo_writer_add(struct repo_writer *writer, const struct chunk_id *id,
		    const struct sealed *sealed, size_t len, uint64_t *ret_stored,
		    struct error *err);

/**
 * repo_writer_checkpoint() - let what was added be found by the next writer, if it is time
 *
 * To be called now and then by the thread that adds. Once a minute, if there is anything new, its
 * packs are finished, however small, and their index is written.
 *
 * Return: 0; the error of an earlier write.
 */
int repo_writer_checkpoint(struct repo_writer *writer, struct error *err);

/**
 * repo_writer_times() - nanoseconds that have gone by
 * @ret_busy: while packs and indexes were brought to stable storage, which goes on by itself
 * @ret_waited: while the thread that adds had to wait for that
 */
void repo_writer_times(struct repo_writer *writer, uint64_t *ret_busy, uint64_t *ret_waited);

/**
 * repo_writer_commit() - make all that was added durable, then write the restore point
 * @point: the manifest; borrowed
 * @ret_id: its id, hexadecimal
 *
 * When this returns 0 the restore point is on stable storage. On failure there is none; or, if all
 * went well but syncing its name, a whole one that a crash may take away.
 *
 * Return: 0; -EINVAL when @point is not the manifest that FORMAT.md describes; ...
 */
int repo_writer_commit(struct repo_writer *writer, const json_t *point, char ret_id[65],
		       struct error *err);

/* ---- chunk map: a disk's chunks as a shallow tree of chunk-like objects ---- */

struct chunkmap_builder;
int chunkmap_builder_new(struct repo_writer *writer, struct sealer *sealer,
			 struct chunkmap_builder **ret, struct error *err);
void chunkmap_builder_free(struct chunkmap_builder *builder);
DEFINE_CLEANUP(struct chunkmap_builder *, chunkmap_builder_free)

/**
 * chunkmap_builder_set() - say which chunk stands at a place
 * @n: the chunk's number on the disk, greater than that of any call before; what is skipped is zero
 */
int chunkmap_builder_set(struct chunkmap_builder *builder, uint64_t n, const struct chunk_id *id,
			 struct error *err);

/**
 * chunkmap_builder_finish() - write what is left
 * @n_chunks: of the whole disk
 * @ret_root: all zeros when the disk is all zeros
 * @ret_stored: bytes that the map took in packs
 */
int chunkmap_builder_finish(struct chunkmap_builder *builder, uint64_t n_chunks,
			    struct chunk_id *ret_root, uint64_t *ret_stored, struct error *err);

struct chunkmap;

/**
 * chunkmap_open() - read a disk's chunk map; nodes are loaded when touched, and few are kept
 * @repo: must outlive the map
 */
int chunkmap_open(struct repo *repo, const struct chunk_id *root, uint64_t n_chunks,
		  struct chunkmap **ret, struct error *err);
void chunkmap_close(struct chunkmap *map);
DEFINE_CLEANUP(struct chunkmap *, chunkmap_close)

/**
 * chunkmap_get() - which chunk stands at place @n? Any thread.
 */
int chunkmap_get(struct chunkmap *map, uint64_t n, struct chunk_id *ret, struct error *err);

/**
 * chunkmap_run() - how far is the disk all zero, or not known to be, from place @n on?
 * @ret_zero: whether chunks from @n on are all zero
 * @ret_n: how many of them, at least 1; may be fewer than there are
 */
int chunkmap_run(struct chunkmap *map, uint64_t n, bool *ret_zero, uint64_t *ret_n,
		 struct error *err);

/* ---- restore points ---- */

/**
 * typedef repo_point_fn - one restore point of a listing
 * @point: its manifest, borrowed
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it.
 */
typedef int repo_point_fn(void *ctx, const char id[65], const json_t *point, struct error *err);

/*
 * A manifest is foreign bytes until its shape has been checked; both repo_points() and
 * repo_point_find() have done that before they hand it out, and repo_writer_commit() refuses to
 * write another. Its members are listed in FORMAT.md. The writer need not set "format", "version"
 * and "features": these are the commit's.
 */

/**
 * struct repo_disk - a disk of a restore point
 * @name: "disk0", ...; belongs to the manifest
 * @size: bytes
 * @n_chunks: of @chunk_size bytes each, the last one may be shorter
 * @root: of its chunk map
 * @unreadable: what of it could not be read: see bad-ranges.h; belongs to the manifest; NULL: all
 *              could
 */
struct repo_disk {
	const char *name;
	uint64_t size;
	uint32_t sector_size;
	uint32_t chunk_size;
	uint64_t n_chunks;
	struct chunk_id root;
	const json_t *unreadable;
};

size_t repo_point_disks(const json_t *point);

/**
 * repo_point_disk() - the n-th disk of a restore point
 * @point: as repo_points() or repo_point_find() gave it
 * @n: less than repo_point_disks()
 */
void repo_point_disk(const json_t *point, size_t n, struct repo_disk *ret);

const char *repo_point_name(const json_t *point);
const char *repo_point_time(const json_t *point); /* "2026-11-22T17:00:00Z" */

/* A chunk's id as a manifest spells it: 64 hexadecimal digits, and back (false: it is not one). */
void chunk_id_hex(const struct chunk_id *id, char ret[65]);
bool chunk_id_parse(const char *hex, struct chunk_id *ret);

/**
 * struct repo_brief - what lists say of a restore point; its manifest need not be read for that
 * @size, @modified: of its object: bytes, and when it was written by the store's clock
 * @name, @time: as repo_point_name() and repo_point_time()
 * @finished: "" when the manifest does not say
 * @members: see repo_brief_members()
 *
 * It may be what this machine remembers (see recall.h). Where something is removed or overwritten
 * the manifest itself decides.
 */
struct repo_brief {
	char id[65];
	uint64_t size;
	int64_t modified;
	const char *name, *time, *finished;
	const char *members;
};

/**
 * repo_brief_members() - some members of the manifest, as they are there: "name", "time", "origin",
 * "consistency", "all_blocks", "stored_volumes"; of "disks" each "name" and "size", of "stats" the
 * "size", "stored" and "unreadable", of "layout" the "volumes", each a "name"
 * @ret: a new reference
 */
int repo_brief_members(const struct repo_brief *brief, json_t **ret, struct error *err);

/* One restore point of a listing. @brief: lives as long as the repository is open. Return: as of
 * repo_point_fn. */
typedef int repo_brief_fn(void *ctx, const struct repo_brief *brief, struct error *err);

/**
 * repo_briefs() - what is known of every restore point, oldest first
 * @name: only those of this name; NULL for all
 * @damaged: told of each that cannot be read, which is then left out; may be NULL
 */
int repo_briefs(struct repo *repo, const char *name, repo_brief_fn *fn, void *ctx,
		void (*damaged)(void *ctx, const struct error *why), struct error *err);

/**
 * repo_points() - the same, with the manifests, which are read
 */
int repo_points(struct repo *repo, const char *name, repo_point_fn *fn, void *ctx,
		void (*damaged)(void *ctx, const struct error *why), struct error *err);

/**
 * repo_points_newest_first() - the same of all names, the other way round, without those that
 * cannot be read
 */
int repo_points_newest_first(struct repo *repo, repo_point_fn *fn, void *ctx, struct error *err);

/* repo_briefs() of those that were forgotten, and can be brought back. */
int repo_briefs_forgotten(struct repo *repo, const char *name, repo_brief_fn *fn, void *ctx,
			  void (*damaged)(void *ctx, const struct error *why), struct error *err);

/**
 * enum repo_point_use - what a restore point is wanted for, and so how exactly it must be named
 * @REPO_POINT_READ: any POINT will do; a NAME alone is the latest one of it
 * @REPO_POINT_MARK: not a NAME alone
 * @REPO_POINT_REMOVE: a whole time or an id: "the latest" may be another one by the time it is
 *		       removed, or overwrites something
 */
enum repo_point_use { REPO_POINT_READ, REPO_POINT_MARK, REPO_POINT_REMOVE };

/**
 * struct repo_point_search - the restore point that a user means
 * @spec: "NAME@latest", "NAME", "NAME@2026-11-22T17:00:00Z" or the beginning of such a time (with
 *	  colons or without, the newest that begins so), or 8 digits of an id at least
 * @use: see above
 * @forgotten: it is one that was forgotten, and can be brought back
 * @id, @point: what was found; a new reference
 * @future: id of the newest restore point that could have been meant and is of the future, by more
 *	    than the clocks of two machines may differ; "" when there is none. It was passed over,
 *	    unless it is all that there is or the user has named it.
 */
struct repo_point_search {
	const char *spec;
	enum repo_point_use use;
	bool forgotten;
	char id[65];
	json_t *point;
	char future[65];
};

/**
 * repo_point_search() - find it
 *
 * Return: 0; -ENOENT; -ENOTUNIQ when several are meant, or when @spec is a name and the beginning
 * of an id; -EINVAL when it is not exact enough for its use; -EUCLEAN when it is damaged.
 */
int repo_point_search(struct repo *repo, struct repo_point_search *search, struct error *err);

/**
 * repo_point_find() - the same, to be read, whether or not there are some of the future
 * @ret: a new reference
 */
int repo_point_find(struct repo *repo, const char *spec, char ret_id[65], json_t **ret,
		    struct error *err);

/*
 * Whatever is said below of a restore point's @id: 64 hexadecimal digits, as repo_points() and
 * repo_point_find() give it.
 */

/**
 * repo_pin() - keep a restore point, whatever a policy says. Twice is as good as once.
 */
int repo_pin(struct repo *repo, const char *id, struct error *err);

/* Return: 0 also when it was not pinned. */
int repo_unpin(struct repo *repo, const char *id, struct error *err);

int repo_is_pinned(struct repo *repo, const char *id, bool *ret, struct error *err);

struct id_set;

/**
 * repo_pins() - all that is pinned now, for those who only tell
 * @ret: see id-set.h; to be freed with id_set_free()
 */
int repo_pins(struct repo *repo, struct id_set **ret, struct error *err);

/**
 * repo_forget() - remove a restore point; it can be brought back, and what only it refers to stays,
 * until the repository is pruned
 * @ret_final: it cannot be brought back, as there was no room to keep it; may be NULL
 *
 * Return: 0 also when it is gone already; -EPERM when it is pinned; what the store said.
 */
int repo_forget(struct repo *repo, const char *id, bool *ret_final, struct error *err);

#endif
