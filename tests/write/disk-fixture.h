/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * disk-fixture - a disk full of garbage of which some ranges are in use, and its backup. What is in
 * use is said by metadata ranges, so that no file system is needed.
 */
#ifndef DISK_FIXTURE_H
#define DISK_FIXTURE_H

#include "lunette/backup.h"
#include "blk-mem.h"
#include "repo-fixture.h"

#define DISK_SIZE   (((size_t)21 << 20) + 5 * 512) /* no multiple of any chunk size */
#define DISK_RANGES 300
#define GARBAGE     "garbage-garbage-"

struct disk_fixture {
	struct blk_mem *mem;
	uint8_t *expected; /* what a backup holds: all but the ranges is zero */
	struct layout_range ranges[DISK_RANGES];
	struct layout_disk disk;
	struct layout layout;
	struct plan plan;
};

static inline void disk_fixture_use(struct disk_fixture *fix, uint64_t start, uint64_t length)
{
	fix->ranges[fix->disk.n_metadata++] = (struct layout_range){ start, length };
	memcpy(fix->expected + start, fix->mem->bytes + start, length);
}

/* Sectors: mostly few, seldom many. */
static inline size_t disk_fixture_length(unsigned int *seed, size_t few, size_t many)
{
	size_t most = rand_r(seed) % 8 ? few : many;
	return 512 * (1 + (size_t)rand_r(seed) % most);
}

/* Every kind of chunk: unused, in part, wholly, zero, many times the same, and the short last one.
 */
static inline struct disk_fixture *disk_fixture_new(unsigned int seed)
{
	struct disk_fixture *fix = calloc(1, sizeof(*fix));
	if (!fix)
		abort();
	fix->mem = blk_mem_new(DISK_SIZE, 512);
	fix->expected = calloc(1, DISK_SIZE);
	uint8_t *bytes = fix->mem->bytes;
	for (size_t i = 0; i < DISK_SIZE; i++)
		bytes[i] = (uint8_t)GARBAGE[i % (sizeof(GARBAGE) - 1)];
	fix->disk = (struct layout_disk){ .name = "disk0",
					  .source = (char *)"memory",
					  .blk = &fix->mem->blk,
					  .sector = 512,
					  .table = LAYOUT_TABLE_GPT,
					  .metadata = fix->ranges };
	fix->layout = (struct layout){ .n_disks = 1, .disks = &fix->disk };
	fix->plan = (struct plan){ .layout = &fix->layout };

	/* Data half of which compresses; runs of every length, with gaps of every length. */
	size_t off = 0;
	while (fix->disk.n_metadata < DISK_RANGES - 4 && off < (size_t)16 << 20) {
		size_t length = disk_fixture_length(&seed, 40, 900);
		for (size_t i = 0; i < length; i++)
			bytes[off + i] = i % 1024 < 512 ? (uint8_t)rand_r(&seed) : 'x';
		disk_fixture_use(fix, off, length);
		off += length +
		       512 * (1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 8 ? 200 : 2000));
	}
	const size_t mib = (size_t)1 << 20;
	memset(bytes + 18 * mib, 0, mib); /* in use, and zero */
	disk_fixture_use(fix, 18 * mib, mib);
	disk_fixture_use(fix, 19 * mib, 2 * mib);    /* all of its chunks are the same */
	disk_fixture_use(fix, DISK_SIZE - 700, 700); /* which makes it 1024 */
	memcpy(fix->expected + DISK_SIZE - 1024, bytes + DISK_SIZE - 1024, 1024);
	return fix;
}

static inline void disk_fixture_free(struct disk_fixture *fix)
{
	blk_unref(&fix->mem->blk);
	free(fix->expected);
	free(fix);
}

/* The level of @how is 1, and nothing stops it where it has no @stop. */
static inline int disk_fixture_backup_with(struct disk_fixture *fix, struct repo *repo,
					   struct writer_options how, struct backup_result *ret,
					   struct error *err)
{
	static struct source source;
	static struct source *const sources[] = { &source };
	static const atomic_bool never = false;
	how.level = 1;
	if (!how.stop)
		how.stop = &never;
	const struct backup_request request = { .name = "test", .sources = sources, .writer = how };
	return backup_run(repo, &fix->plan, &request, ret, err);
}

static inline int disk_fixture_backup(struct disk_fixture *fix, struct repo *repo,
				      unsigned int threads, const atomic_bool *stop,
				      struct backup_result *ret, struct error *err)
{
	const struct writer_options how = { .threads = threads, .stop = stop };
	return disk_fixture_backup_with(fix, repo, how, ret, err);
}

#endif
