/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-used - which bytes of a volume are in use: one bit a cluster, in the file $Bitmap.
 *
 * The bitmap of a large volume has hundreds of megabytes, so it is looked at through a window. What
 * lies behind the last whole cluster, the copy of the boot sector among it, has no bit and counts
 * as used, and so does what the log says, see ntfs-log.c. A bitmap that cannot be read is an error:
 * "nothing is used" would lose everything.
 *
 * Nor is it believed against the files: clusters that a file has and the bitmap calls free are in
 * use. Such volumes are there, marked as clean, and Windows reads the file until it gives the
 * clusters to another one. So all of $MFT is read when the first question comes.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#define WINDOW_BYTES   (64u << 10)
#define WINDOW_BITS    (WINDOW_BYTES * 8ull)
#define WORD_BITS      64
#define NOTHING_LOADED UINT64_MAX

/**
 * struct ntfs_bitmap - the window
 * @lock: covers the rest
 * @log: what counts as used whatever the bitmap says, once @log_known
 * @lost: what the files have and neither of the two does, once @lost_known
 * @first: the first cluster in it, a multiple of WINDOW_BITS, or NOTHING_LOADED
 * @n: clusters in it; words behind them are zero
 */
struct ntfs_bitmap {
	pthread_mutex_t lock;
	struct ntfs_ranges log;
	struct ntfs_ranges lost;
	bool log_known;
	bool lost_known;
	uint64_t first;
	uint64_t n;
	uint64_t words[WINDOW_BYTES / sizeof(uint64_t)];
};

int fs_ntfs_bitmap_new(struct ntfs_bitmap **ret, struct error *err)
{
	struct ntfs_bitmap *bitmap = calloc(1, sizeof(*bitmap));
	if (!bitmap)
		return error_set(err, -ENOMEM, "NTFS: %m");
	pthread_mutex_init(&bitmap->lock, NULL);
	bitmap->first = NOTHING_LOADED;
	*ret = bitmap;
	return 0;
}

void fs_ntfs_bitmap_free(struct ntfs_bitmap *bitmap)
{
	if (!bitmap)
		return;
	pthread_mutex_destroy(&bitmap->lock);
	free(bitmap->log.v);
	free(bitmap->lost.v);
	free(bitmap);
}

static int load_log(struct fs_ntfs *ntfs, struct ntfs_bitmap *bitmap, struct error *err)
{
	if (bitmap->log_known)
		return 0;
	int rc = fs_ntfs_log_ranges(ntfs, &bitmap->log, err);
	bitmap->log_known = rc == 0;
	return rc;
}

int fs_ntfs_log_known(struct fs_ntfs *ntfs, const struct ntfs_ranges **ret, struct error *err)
{
	pthread_mutex_lock(&ntfs->bitmap->lock);
	int rc = load_log(ntfs, ntfs->bitmap, err);
	pthread_mutex_unlock(&ntfs->bitmap->lock);
	*ret = &ntfs->bitmap->log;
	return rc;
}

/* Sets the bits in the window that some ranges have. */
static void add_ranges(struct ntfs_bitmap *bitmap, const struct ntfs_ranges *ranges)
{
	uint64_t end = bitmap->first + bitmap->n;
	for (size_t i = fs_ntfs_ranges_find(ranges, bitmap->first);
	     i < ranges->n && ranges->v[i].first < end; i++) {
		uint64_t from = MAX(ranges->v[i].first, bitmap->first) - bitmap->first;
		uint64_t to = MIN(ranges->v[i].stop, end) - bitmap->first;
		for (uint64_t k = from; k < to; k++)
			bitmap->words[k / WORD_BITS] |= cpu_to_le64(1ull << (k % WORD_BITS));
	}
}

static int load_window(struct fs_ntfs *ntfs, struct ntfs_bitmap *bitmap, uint64_t cluster,
		       struct error *err)
{
	uint64_t first = cluster - cluster % WINDOW_BITS;
	if (bitmap->first == first)
		return 0;
	uint64_t n = MIN(ntfs->boot.n_clusters - first, WINDOW_BITS);
	bitmap->first = NOTHING_LOADED;
	memset(bitmap->words, 0, sizeof(bitmap->words));
	int rc = load_log(ntfs, bitmap, err);
	if (rc < 0)
		return rc;
	rc = fs_ntfs_read_whole(ntfs, FILE_Bitmap, bitmap->words, (size_t)((n + 7) / 8), first / 8,
				err);
	if (rc < 0)
		return error_wrap(err, rc, "the map of used clusters");
	bitmap->first = first;
	bitmap->n = n;
	add_ranges(bitmap, &bitmap->log);
	if (bitmap->lost_known)
		add_ranges(bitmap, &bitmap->lost);
	return 0;
}

static bool bit_at(const struct ntfs_bitmap *bitmap, uint64_t i)
{
	return le64_to_cpu(bitmap->words[i / WORD_BITS]) >> (i % WORD_BITS) & 1;
}

/* How many clusters of the window from @from on are of the same kind. */
static uint64_t same_in_window(const struct ntfs_bitmap *bitmap, uint64_t from, bool used)
{
	uint64_t i = from;
	while (i < bitmap->n) {
		uint64_t word = le64_to_cpu(bitmap->words[i / WORD_BITS]);
		uint64_t different = (used ? ~word : word) >> (i % WORD_BITS);
		if (different) {
			i += (uint64_t)__builtin_ctzll(different);
			break;
		}
		i += WORD_BITS - i % WORD_BITS;
	}
	return MIN(i, bitmap->n) - from;
}

/* The run of clusters from @first on that are of one kind, over as many windows as it takes. */
static int find_run(struct fs_ntfs *ntfs, uint64_t first, uint64_t *ret_n, bool *ret_used,
		    struct error *err)
{
	struct ntfs_bitmap *bitmap = ntfs->bitmap;
	uint64_t cluster = first;
	bool used = false;
	while (cluster < ntfs->boot.n_clusters) {
		int rc = load_window(ntfs, bitmap, cluster, err);
		if (rc < 0)
			return rc;
		uint64_t inside = cluster - bitmap->first;
		if (cluster == first)
			used = bit_at(bitmap, inside);
		uint64_t n = same_in_window(bitmap, inside, used);
		cluster += n;
		if (inside + n < bitmap->n)
			break;
	}
	*ret_n = cluster - first;
	*ret_used = used;
	return 0;
}

/* ---- what the files have ---- */

/* Compared with the bitmap at once, in its order, so that each window is read once and no more. */
#define BATCH (1u << 20)

/**
 * struct ntfs_claims - what the files have, gathered until there is much of it
 * @lost: of that, what is not in use as yet
 */
struct ntfs_claims {
	struct fs_ntfs *ntfs;
	struct ntfs_ranges batch;
	struct ntfs_ranges lost;
};

static int compare_range(struct ntfs_claims *claims, struct ntfs_range range, struct error *err)
{
	struct ntfs_bitmap *bitmap = claims->ntfs->bitmap;
	while (range.first < range.stop) {
		int rc = load_window(claims->ntfs, bitmap, range.first, err);
		if (rc < 0)
			return rc;
		uint64_t inside = range.first - bitmap->first;
		bool used = bit_at(bitmap, inside);
		uint64_t n = MIN(same_in_window(bitmap, inside, used), range.stop - range.first);
		if (!used)
			rc = fs_ntfs_ranges_add(&claims->lost, claims->ntfs->boot.n_clusters,
						range.first, range.first + n, err);
		if (rc < 0)
			return rc;
		range.first += n;
	}
	return 0;
}

static int compare_batch(struct ntfs_claims *claims, struct error *err)
{
	int rc = 0;
	fs_ntfs_ranges_merge(&claims->batch);
	for (size_t i = 0; rc == 0 && i < claims->batch.n; i++)
		rc = compare_range(claims, claims->batch.v[i], err);
	claims->batch.n = 0;
	return rc;
}

static int add_claim(void *ctx, uint64_t first, uint64_t stop, struct error *err)
{
	struct ntfs_claims *claims = ctx;
	if (claims->batch.n == claims->batch.room) {
		int rc = compare_batch(claims, err);
		if (rc < 0)
			return rc;
	}
	claims->batch.v[claims->batch.n++] = (struct ntfs_range){ first, stop };
	return 0;
}

/* ---- is it this volume's bitmap? ---- */

/* Files that stay where they were made: a bitmap that calls a cluster of theirs free is damaged, or
 * the volume is not put together from what belongs together. */
static const uint64_t fixed_files[] = { FILE_MFTMirr, FILE_LogFile, FILE_Bitmap, FILE_Boot };

static int claim_file(struct ntfs_claims *claims, uint64_t ino, struct error *err)
{
	struct fs_ntfs *ntfs = claims->ntfs;
	struct fs_stat stat;
	int rc = fs_ntfs_stat(&ntfs->fs, ino, &stat, err);
	if (rc == 0 && ino == FILE_Bitmap && stat.size < (ntfs->boot.n_clusters + 7) / 8)
		return error_set(err, -EUCLEAN,
				 "NTFS: the map of used clusters ends before the volume does");
	for (uint64_t off = 0; rc == 0 && off < stat.size;) {
		struct fs_run run;
		uint64_t cluster = ntfs->boot.cluster;
		rc = fs_ntfs_file_extent(&ntfs->fs, ino, off, &run, err);
		if (rc == 0 && run.kind == FS_RUN_DATA)
			rc = add_claim(claims, run.start / cluster,
				       (run.start + run.length + cluster - 1) / cluster, err);
		off += rc == 0 ? run.length : 0;
	}
	return rc;
}

/* Does the bitmap know of what cannot be free? */
static int check_bitmap(struct ntfs_claims *claims, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(fixed_files); i++)
		rc = claim_file(claims, fixed_files[i], err);
	if (rc == 0)
		rc = compare_batch(claims, err);
	if (rc == 0 && claims->lost.n > 0)
		return error_set(err, -EUCLEAN,
				 "NTFS: the map of used clusters calls cluster %llu free, which is "
				 "one of the file system's own",
				 (unsigned long long)claims->lost.v[0].first);
	return rc;
}

static int load_lost(struct fs_ntfs *ntfs, struct ntfs_bitmap *bitmap, struct error *err)
{
	struct ntfs_claims claims = { .ntfs = ntfs };
	if (bitmap->lost_known)
		return 0;
	claims.batch.v = calloc(BATCH, sizeof(*claims.batch.v));
	claims.batch.room = BATCH;
	int rc = claims.batch.v ? check_bitmap(&claims, err) : error_set(err, -ENOMEM, "NTFS: %m");
	if (rc == 0)
		rc = fs_ntfs_mft_clusters(ntfs, add_claim, &claims, err);
	if (rc == 0)
		rc = compare_batch(&claims, err);
	free(claims.batch.v);
	if (rc < 0) {
		free(claims.lost.v);
		return rc;
	}
	fs_ntfs_ranges_merge(&claims.lost);
	bitmap->lost = claims.lost;
	bitmap->lost_known = true;
	bitmap->first = NOTHING_LOADED;
	return 0;
}

int fs_ntfs_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	uint64_t cluster = ntfs->boot.cluster;
	uint64_t end = ntfs->boot.n_clusters * cluster;
	struct fs_used run = { .length = fs->blk->size - off, .used = true };
	if (off < end) {
		uint64_t n = 0;
		pthread_mutex_lock(&ntfs->bitmap->lock);
		int rc = load_lost(ntfs, ntfs->bitmap, err);
		if (rc == 0)
			rc = find_run(ntfs, off / cluster, &n, &run.used, err);
		pthread_mutex_unlock(&ntfs->bitmap->lock);
		if (rc < 0)
			return rc;
		run.length = (off / cluster + n) * cluster - off;
		if (run.used && off + run.length == end)
			run.length = fs->blk->size - off; /* and what has no bit */
	}
	*ret = run;
	return 0;
}
