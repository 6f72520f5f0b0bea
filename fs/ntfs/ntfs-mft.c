/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-mft - which clusters the records of $MFT say are theirs, without the library: one pass over
 * all of them, in the order in which they lie, which costs the reading of $MFT and little else.
 *
 * Source: libntfs-3g's layout.h, MFT_RECORD and ATTR_RECORD; runs as in its runlist.c.
 *
 * A record that is damaged, and what follows damage in one, is passed over: nobody can read such a
 * file, before a backup or after it.
 */
#define NTFS_WANT_LIBRARY
#include "lunette/bytes.h"
#include "ntfs-private.h"

#define PIECE (4u << 20)

/**
 * struct mft - the pass
 * @piece: of $MFT, whole records
 */
struct mft {
	struct fs_ntfs *ntfs;
	ntfs_clusters_fn *fn;
	void *ctx;
	uint8_t *piece;
};

/* A signed number of @n bytes, 0 to 8. */
static int64_t get_signed(const uint8_t *p, unsigned int n)
{
	uint64_t v = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
	while (n > 0)
		v = v << 8 | p[--n];
	return (int64_t)v;
}

/*
 * The runs of an attribute: of each, a byte with the lengths of two numbers, how many clusters, and
 * how far from the beginning of the one before; a hole has no place.
 */
static int tell_runs(const struct mft *mft, const uint8_t *p, const uint8_t *end, struct error *err)
{
	int64_t at = 0, n_clusters = (int64_t)mft->ntfs->boot.n_clusters;
	int rc = 0;
	while (rc == 0 && p < end && *p) {
		unsigned int n_length = *p & 15u, n_place = *p >> 4;
		if (n_length > 8 || n_place > 8 || end - p <= (ptrdiff_t)(n_length + n_place))
			break;
		int64_t length = get_signed(p + 1, n_length);
		int64_t step = get_signed(p + 1 + n_length, n_place);
		p += 1 + n_length + n_place;
		if (length <= 0 || __builtin_add_overflow(at, step, &at))
			break;
		if (n_place == 0)
			continue;
		if (at < 0 || at >= n_clusters || length > n_clusters - at)
			break;
		rc = mft->fn(mft->ctx, (uint64_t)at, (uint64_t)(at + length), err);
	}
	return rc;
}

static int tell_record(const struct mft *mft, uint8_t *record, struct error *err)
{
	uint32_t size = mft->ntfs->boot.record;
	if (memcmp(record, "FILE", 4) != 0 || !(get_le16(record + 22) & 1) ||
	    !fs_ntfs_fix_up(record, size))
		return 0;
	uint32_t at = get_le16(record + 20), used = MIN(get_le32(record + 24), size);
	int rc = 0;
	while (rc == 0 && range_inside(16, at, used) && get_le32(record + at) != UINT32_MAX) {
		const uint8_t *attr = record + at;
		uint32_t length = get_le32(attr + 4);
		if (length < 16 || !range_inside(length, at, used))
			break;
		if (attr[8] && length >= 64 && get_le16(attr + 32) < length)
			rc = tell_runs(mft, attr + get_le16(attr + 32), attr + length, err);
		at += length;
	}
	return rc;
}

/* One piece of it that lies somewhere, and not in a hole. */
static int tell_piece(const struct mft *mft, size_t len, uint64_t off, struct error *err)
{
	size_t n = 0, record = mft->ntfs->boot.record;
	int rc = fs_ntfs_read(&mft->ntfs->fs, FILE_MFT, mft->piece, len, off, &n, err);
	for (size_t at = 0; rc == 0 && at + record <= n; at += record)
		rc = tell_record(mft, mft->piece + at, err);
	return rc;
}

static int tell_all(const struct mft *mft, uint64_t size, struct error *err)
{
	struct fs_run run;
	uint64_t record = mft->ntfs->boot.record;
	for (uint64_t off = 0; off + record <= size;) {
		int rc = fs_ntfs_file_extent(&mft->ntfs->fs, FILE_MFT, off, &run, err);
		if (rc < 0)
			return rc;
		uint64_t hole = run.kind == FS_RUN_ZERO ? run.length / record * record : 0;
		uint64_t n = MIN((uint64_t)PIECE, size - off);
		if (hole == 0)
			rc = tell_piece(mft, (size_t)n, off, err);
		if (rc < 0)
			return rc;
		off += hole ? hole : n;
	}
	return 0;
}

int fs_ntfs_mft_clusters(struct fs_ntfs *ntfs, ntfs_clusters_fn *fn, void *ctx, struct error *err)
{
	struct mft mft = { .ntfs = ntfs, .fn = fn, .ctx = ctx };
	struct fs_stat stat;
	int rc = fs_ntfs_stat(&ntfs->fs, FILE_MFT, &stat, err);
	if (rc < 0)
		return error_wrap(err, rc, "the table of files");
	CLEANUP(free_cleanup) uint8_t *piece = malloc(PIECE);
	if (!piece)
		return error_set(err, -ENOMEM, "NTFS: the table of files: %m");
	mft.piece = piece;
	/* It is no larger than its volume, whatever it says. */
	rc = tell_all(&mft, MIN(stat.size, ntfs->boot.n_clusters * ntfs->boot.cluster), err);
	return rc < 0 ? error_wrap(err, rc, "the table of files") : 0;
}
