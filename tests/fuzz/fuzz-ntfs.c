/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-ntfs - a volume of the input's making: opened, walked, read.
 *
 * A volume is mostly empty, so an input is a list of its blocks: a 16-bit number and 1 KiB each. In
 * front stand which read is to fail (0: none), a byte that is not used, and the number of the block
 * where $UpCase begins, whose 128 KiB are always the same. tests/fuzz/ntfs-seed makes such a list
 * of a real volume.
 *
 * The library leaks when it cannot open a volume (see ntfs-fixture.h), so leaks are not looked for.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#include "fuzz.h"

#define BLOCK       1024u
#define N_BLOCKS    4096u
#define HEAD        4u
#define ENTRY       (2 + BLOCK)
#define INODES_MAX  40
#define READ_MAX    (1u << 20)
#define ENTRIES_MAX 100

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* The volume: where its blocks lie in the input, or NULL for zeros. */
static struct blk disk;
static const uint8_t *blocks[N_BLOCKS];
static int fail_at;

static int volume_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	static const uint8_t zeros[BLOCK];
	uint8_t *out = buf;
	(void)blk;
	if (fail_at && --fail_at == 0)
		return error_set(err, -EIO, "told to fail");
	for (size_t n; len > 0; len -= n, off += n, out += n) {
		const uint8_t *block = blocks[off / BLOCK] ? blocks[off / BLOCK] : zeros;
		n = MIN(len, (size_t)(BLOCK - off % BLOCK));
		memcpy(out, block + off % BLOCK, n);
	}
	return 0;
}

static void volume_destroy(struct blk *blk)
{
	(void)blk;
}

static void make_volume(const uint8_t *data, size_t size)
{
	static const struct blk_ops ops = {
		.name = "fuzz", .leaf = true, .read = volume_read, .destroy = volume_destroy
	};
	static ntfschar *upcase;
	if (!upcase)
		ntfs_upcase_build_default(&upcase);
	memset(blocks, 0, sizeof(blocks));
	fail_at = data[0];
	size_t at = data[2] | (size_t)data[3] << 8;
	for (size_t i = 0; i < 128 && at + i < N_BLOCKS; i++)
		blocks[at + i] = (const uint8_t *)upcase + i * BLOCK;
	for (size_t off = HEAD; off + ENTRY <= size; off += ENTRY) {
		size_t n = data[off] | (size_t)data[off + 1] << 8;
		blocks[n % N_BLOCKS] = data + off + 2;
	}
	blk_init(&disk, &ops, N_BLOCKS * BLOCK, 512);
}

struct walk {
	size_t n;
	size_t entries;
	uint64_t last;
	uint64_t inodes[INODES_MAX];
};

static int check_blocks(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	(void)err;
	const struct fs *fs = ctx;
	fuzz_check(length > 0 && range_inside(length, start, fs->blk->size));
	return 0;
}

static int check_link(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)ctx, (void)dir, (void)err;
	fuzz_check(len > 0 && len < FS_NAME_MAX && strlen(name) == len && !strchr(name, '/'));
	return 0;
}

static int remember(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		    uint64_t next)
{
	struct walk *walk = ctx;
	(void)type;
	fuzz_check(len > 0 && len < FS_NAME_MAX && strlen(name) == len && !strchr(name, '/'));
	fuzz_check(next > walk->last); /* or a listing would never end */
	walk->last = next;
	if (walk->n < INODES_MAX)
		walk->inodes[walk->n++] = ino;
	return ++walk->entries > ENTRIES_MAX;
}

static void look_at(struct fs *fs, uint64_t ino, struct walk *walk)
{
	static char buf[READ_MAX];
	struct fs_stat st;
	struct fs_run run;
	size_t n;
	fs_stat(fs, ino, &st, NULL);
	walk->last = walk->entries = 0;
	fs_readdir(fs, ino, 0, remember, walk, NULL);
	if (fs_read(fs, ino, buf, sizeof(buf), 0, &n, NULL) == 0)
		fuzz_check(n <= sizeof(buf));
	if (fs_file_extent(fs, ino, 0, &run, NULL) == 0)
		fuzz_check(run.length > 0 && (run.kind != FS_RUN_DATA ||
					      range_inside(run.length, run.start, fs->blk->size)));
	fs_readlink(fs, ino, buf, sizeof(buf), NULL);
	if (fs_listxattr(fs, ino, buf, sizeof(buf), &n, NULL) == 0 && n > 0 && n < sizeof(buf))
		fs_getxattr(fs, ino, buf, buf + n, sizeof(buf) - n, &n, NULL);
	fs_file_blocks(fs, ino, check_blocks, fs, NULL);
	fs_links(fs, ino, check_link, fs, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fs *fs;
	struct fs_used used;
	if (size < HEAD + ENTRY)
		return 0;
	make_volume(data, size);
	if (fs_open(&(struct fs_source){ .blk = &disk }, &fs, NULL) < 0)
		return 0;
	struct walk walk = { .n = 1, .inodes = { fs->root } };
	uint64_t ino;
	fs_lookup(fs, fs->root, "big", &ino, NULL);
	for (size_t i = 0; i < walk.n; i++)
		look_at(fs, walk.inodes[i], &walk);
	for (uint64_t off = 0; off < disk.size; off += used.length) {
		if (fs_used(fs, off, &used, NULL) < 0)
			break;
		fuzz_check(used.length > 0 && used.length <= disk.size - off);
	}
	fs_close(fs);
	return 0;
}
