/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repo-fixture - what the tests of the repository share: a directory for it, and a disk to store.
 */
#ifndef REPO_FIXTURE_H
#define REPO_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/repo-parts.h"
#include "seal.h"

#define CHUNK REPO_CHUNK_MIN

#define FIXTURE_SETTINGS (&(const struct repo_settings){ .chunk_size = CHUNK })

/* An error that the test did not expect: say it, and end. */
#define ok(call)                                             \
	do {                                                 \
		struct error err_ = { 0 };                   \
		struct error *err = &err_;                   \
		if ((call) < 0)                              \
			fail_msg("%s: %s", #call, err->msg); \
	} while (0)

/* In memory where there is a place for that: syncing takes long, and tests do it often. */
static inline char *fixture_dir(void)
{
	bool shm = access("/dev/shm", W_OK) == 0;
	char *dir = strdup(shm ? "/dev/shm/lunette-test-XXXXXX" : "/tmp/lunette-test-XXXXXX");
	if (!dir || !mkdtemp(dir)) {
		perror("mkdtemp");
		abort();
	}
	return dir;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int flag,
				     struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void fixture_dir_free(char *dir)
{
	nftw(dir, fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

/* Chunk number @n of a disk: half of it compresses, every third does not at all, some are zero. */
static inline void fixture_chunk(uint64_t n, uint32_t seed, uint8_t buf[CHUNK])
{
	memset(buf, 0, CHUNK);
	if (n % 7 == 6)
		return;
	uint64_t x = n * 0x9e3779b97f4a7c15u + seed + 1;
	size_t random = n % 3 == 0 ? CHUNK : CHUNK / 2;
	for (size_t i = 0; i + 8 <= random; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(buf + i, &x, 8);
	}
}

static inline bool fixture_is_zero(uint64_t n)
{
	return n % 7 == 6;
}

/* What a backup does with a disk of @n chunks; @ret_stored may be NULL. */
static inline int fixture_store(struct repo_writer *writer, const struct repo *repo, uint64_t n,
				uint32_t seed, struct chunk_id *ret_root, uint64_t *ret_stored,
				struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(CHUNK + REPO_SEAL_BOUND(CHUNK));
	CLEANUP(sealer_free_cleanup) struct sealer *sealer = NULL;
	CLEANUP(chunkmap_builder_free_cleanup) struct chunkmap_builder *builder = NULL;
	int rc = sealer_new(repo, REPO_LEVEL_DEFAULT, &sealer, err);
	if (rc == 0)
		rc = chunkmap_builder_new(writer, sealer, &builder, err);
	uint64_t total = 0, stored;
	for (uint64_t i = 0; rc == 0 && i < n; i++) {
		struct chunk_id id;
		struct sealed sealed = { .buf = buf + CHUNK };
		if (fixture_is_zero(i))
			continue;
		fixture_chunk(i, seed, buf);
		rc = repo_identify(repo, buf, CHUNK, &id, err);
		if (rc == 0 && !repo_writer_knows(writer, &id)) {
			rc = sealer_seal(sealer, &id, buf, CHUNK, &sealed, err);
			if (rc == 0)
				rc = repo_writer_add(writer, &id, &sealed, CHUNK, &stored, err);
			if (rc == 0)
				total += stored;
		}
		if (rc == 0)
			rc = chunkmap_builder_set(builder, i, &id, err);
	}
	if (rc == 0)
		rc = chunkmap_builder_finish(builder, n, ret_root, &stored, err);
	if (rc == 0 && ret_stored)
		*ret_stored = total + stored;
	return rc;
}

static inline json_t *fixture_point(const char *name, const char *time, uint64_t n,
				    const struct chunk_id *root)
{
	char hex[65];
	chunk_id_hex(root, hex);
	json_t *point = json_pack("{s:s, s:s, s:[{s:s, s:I, s:i, s:i, s:{s:s, s:I}}]}", "name",
				  name, "time", time, "disks", "name", "disk0", "size",
				  (json_int_t)(n * CHUNK), "sector_size", 512, "chunk_size", CHUNK,
				  "map", "root", hex, "chunks", (json_int_t)n);
	if (!point)
		abort();
	return point;
}

/* Objects are read-only; a test that damages one needs to write. */
static inline int fixture_open_rw(const char *path)
{
	chmod(path, 0600);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* A whole backup: 0 when the restore point is there. */
static inline int fixture_backup(struct repo *repo, const char *name, const char *time, uint64_t n,
				 uint32_t seed, char ret_id[65], uint64_t *ret_stored,
				 struct error *err)
{
	CLEANUP(repo_writer_free_cleanup) struct repo_writer *writer = NULL;
	struct chunk_id root;
	int rc = repo_writer_new(repo, &writer, err);
	if (rc == 0)
		rc = fixture_store(writer, repo, n, seed, &root, ret_stored, err);
	if (rc < 0)
		return rc;
	json_t *point = fixture_point(name, time, n, &root);
	rc = repo_writer_commit(writer, point, ret_id, err);
	json_decref(point);
	return rc;
}

/* Reads a restore point's disk whole: 0 when every byte is as fixture_chunk() made it. */
static inline int fixture_verify(struct repo *repo, const json_t *point, uint32_t seed,
				 struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(2 * CHUNK);
	uint8_t *want = buf + CHUNK;
	struct repo_disk disk;
	repo_point_disk(point, 0, &disk);
	CLEANUP(chunkmap_close_cleanup) struct chunkmap *map = NULL;
	int rc = chunkmap_open(repo, &disk.root, disk.n_chunks, &map, err);
	for (uint64_t i = 0; rc == 0 && i < disk.n_chunks; i++) {
		struct chunk_id id;
		rc = chunkmap_get(map, i, &id, err);
		if (rc < 0)
			break;
		memset(buf, 0, CHUNK);
		if (!chunk_id_is_zero(&id))
			rc = repo_read(repo, &id, buf, CHUNK, err);
		fixture_chunk(i, seed, want);
		if (rc == 0 && memcmp(buf, want, CHUNK) != 0)
			rc = error_set(err, -EILSEQ, "chunk %u: wrong data", (unsigned int)i);
	}
	return rc;
}

#endif
