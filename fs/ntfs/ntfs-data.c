/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-data - where a file's bytes lie, and reading them.
 *
 * The one idea: the library is asked once for a file's runlist, which is then kept, so that plain
 * data is read from the blk by any number of threads, without the library and its lock. Small files
 * lie in their MFT record and are kept whole. Only compressed files are read through the library.
 *
 * What is kept is bounded twice: by the number of files and by their runs altogether.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#include <stdatomic.h>

#define FILES_MAX 64
#define RUNS_MAX  (1u << 20)

/* A run of clusters; it ends where the next one begins. @lcn below 0: a hole. */
struct ntfs_run {
	uint64_t vcn;
	int64_t lcn;
};

enum ntfs_file_kind {
	FILE_RUNS,
	FILE_RESIDENT,
	FILE_LIBRARY,
};

/**
 * struct ntfs_file - what is kept of a file's unnamed data
 * @refs: one for the table while it is there, one for each reader
 * @used: when it was wanted last, on the table's clock; under the table's lock
 * @size: bytes
 * @initialized: bytes from here on read as zeros
 * @runs: @n_runs of them and one more, whose vcn is the end; FILE_RUNS
 * @why: why the runs end before the file does; its code is 0 when they do not
 * @bytes: @size of them; FILE_RESIDENT
 */
struct ntfs_file {
	atomic_uint refs;
	uint64_t ino;
	uint64_t used;
	enum ntfs_file_kind kind;
	uint64_t size;
	uint64_t initialized;
	size_t n_runs;
	struct ntfs_run *runs;
	struct error why;
	uint8_t *bytes;
};

/**
 * struct ntfs_files - the files wanted last
 * @lock: covers the members, not what they point to, which does not change
 */
struct ntfs_files {
	pthread_mutex_t lock;
	uint64_t clock;
	size_t n_runs;
	struct ntfs_file *slots[FILES_MAX];
};

static void file_put(struct ntfs_file *file)
{
	if (!file || atomic_fetch_sub(&file->refs, 1) != 1)
		return;
	free(file->runs);
	free(file->bytes);
	free(file);
}
DEFINE_CLEANUP(struct ntfs_file *, file_put)

int fs_ntfs_files_new(struct ntfs_files **ret, struct error *err)
{
	struct ntfs_files *files = calloc(1, sizeof(*files));
	if (!files)
		return error_set(err, -ENOMEM, "NTFS: %m");
	pthread_mutex_init(&files->lock, NULL);
	*ret = files;
	return 0;
}

void fs_ntfs_files_free(struct ntfs_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < FILES_MAX; i++)
		file_put(files->slots[i]);
	pthread_mutex_destroy(&files->lock);
	free(files);
}

/* ---- asking the library, under its lock ---- */

static int damaged(const ntfs_attr *na, const char *why, struct error *err)
{
	return error_set(err, -EUCLEAN, "NTFS: data of inode %llu: %s",
			 (unsigned long long)na->ni->mft_no, why);
}

/* Why a run cannot be one of the file's at @vcn, or NULL. */
static const char *why_not(const struct fs_ntfs *ntfs, const runlist_element *rl, uint64_t vcn)
{
	uint64_t length = (uint64_t)rl->length;
	if ((uint64_t)rl->vcn != vcn || (rl->lcn < 0 && rl->lcn != LCN_HOLE))
		return "its list of runs has a gap";
	if (length > UINT64_MAX / ntfs->boot.cluster - vcn ||
	    (rl->lcn >= 0 && !range_inside(length, (uint64_t)rl->lcn, ntfs->boot.n_clusters)))
		return "a run of it lies outside the volume";
	return NULL;
}

/* Where there is damage, what lies in the runs in front of it can be read. */
static int load_runs(struct fs_ntfs *ntfs, ntfs_attr *na, struct ntfs_file *file, struct error *err)
{
	errno = 0;
	if (ntfs_attr_map_whole_runlist(na) != 0)
		fs_ntfs_error(ntfs, &file->why, "data of inode %llu",
			      (unsigned long long)na->ni->mft_no);
	size_t n = 0;
	while (na->rl && na->rl[n].length > 0)
		n++;
	file->runs = malloc((n + 1) * sizeof(*file->runs));
	if (!file->runs)
		return error_set(err, -ENOMEM, "NTFS: %m");
	uint64_t vcn = 0;
	const char *bad = NULL;
	for (size_t i = 0; i < n; i++) {
		const runlist_element *rl = &na->rl[i];
		bad = why_not(ntfs, rl, vcn);
		if (bad)
			break;
		file->runs[file->n_runs++] = (struct ntfs_run){ .vcn = vcn, .lcn = rl->lcn };
		vcn += (uint64_t)rl->length;
	}
	file->runs[file->n_runs] = (struct ntfs_run){ .vcn = vcn, .lcn = LCN_ENOENT };
	if (!bad && vcn * ntfs->boot.cluster < MIN(file->size, file->initialized))
		bad = "its list of runs ends too early";
	if (bad && !file->why.code)
		damaged(na, bad, &file->why);
	return file->why.code && vcn == 0 ? error_copy(err, file->why.code, &file->why) : 0;
}

static int load_resident(struct fs_ntfs *ntfs, ntfs_attr *na, struct ntfs_file *file,
			 struct error *err)
{
	if (file->size > ntfs->boot.record)
		return damaged(na, "it is larger than the record that it lies in", err);
	file->bytes = malloc(file->size + 1);
	if (!file->bytes)
		return error_set(err, -ENOMEM, "NTFS: %m");
	errno = 0;
	if (ntfs_attr_pread(na, 0, (s64)file->size, file->bytes) != (s64)file->size)
		return fs_ntfs_error(ntfs, err, "data of inode %llu",
				     (unsigned long long)na->ni->mft_no);
	return 0;
}

static int load_attr(struct fs_ntfs *ntfs, ntfs_attr *na, struct ntfs_file *file, struct error *err)
{
	if (na->data_size < 0 || na->initialized_size < 0)
		return damaged(na, "its size is impossible", err);
	file->size = (uint64_t)na->data_size;
	file->initialized = (uint64_t)na->initialized_size;
	if (NAttrEncrypted(na))
		return error_set(err, -EACCES,
				 "NTFS: inode %llu is encrypted: only Windows has the key",
				 (unsigned long long)na->ni->mft_no);
	if (!NAttrNonResident(na)) {
		file->kind = FILE_RESIDENT;
		return load_resident(ntfs, na, file, err);
	}
	if (na->data_flags & ATTR_COMPRESSION_MASK) {
		file->kind = FILE_LIBRARY;
		return 0;
	}
	file->kind = FILE_RUNS;
	return load_runs(ntfs, na, file, err);
}

static int load_inode(struct fs_ntfs *ntfs, ntfs_inode *ni, struct ntfs_file *file,
		      struct error *err)
{
	if (ni->mrec->flags & MFT_RECORD_IS_DIRECTORY)
		return error_set(err, -EISDIR, "NTFS: inode %llu: %m",
				 (unsigned long long)ni->mft_no);
	if (ni->flags & FILE_ATTR_REPARSE_POINT)
		return error_set(err, -EOPNOTSUPP,
				 "NTFS: inode %llu is a reparse point, whose data lie elsewhere",
				 (unsigned long long)ni->mft_no);
	errno = 0;
	CLEANUP(ntfs_attr_close_cleanup) ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
	if (na)
		return load_attr(ntfs, na, file, err);
	if (errno != ENOENT)
		return fs_ntfs_error(ntfs, err, "data of inode %llu",
				     (unsigned long long)ni->mft_no);
	file->kind = FILE_RESIDENT; /* no data at all: an empty file */
	return 0;
}

static int load(struct fs_ntfs *ntfs, uint64_t ino, struct ntfs_file **ret, struct error *err)
{
	CLEANUP(file_put_cleanup) struct ntfs_file *file = calloc(1, sizeof(*file));
	if (!file)
		return error_set(err, -ENOMEM, "NTFS: %m");
	file->ino = ino;
	atomic_init(&file->refs, 1);

	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = load_inode(ntfs, ni, file, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	if (rc < 0)
		return rc;
	*ret = steal(&file);
	return 0;
}

/* ---- the table ---- */

static struct ntfs_file *find(struct ntfs_files *files, uint64_t ino)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct ntfs_file *file = files->slots[i];
		if (!file || file->ino != ino)
			continue;
		file->used = ++files->clock;
		atomic_fetch_add(&file->refs, 1);
		return file;
	}
	return NULL;
}

static void remove_slot(struct ntfs_files *files, size_t i)
{
	if (files->slots[i])
		files->n_runs -= files->slots[i]->n_runs;
	file_put(files->slots[i]);
	files->slots[i] = NULL;
}

static size_t oldest_slot(const struct ntfs_files *files)
{
	size_t oldest = FILES_MAX;
	for (size_t i = 0; i < FILES_MAX; i++)
		if (files->slots[i] &&
		    (oldest == FILES_MAX || files->slots[i]->used < files->slots[oldest]->used))
			oldest = i;
	return oldest;
}

/* A file with more runs than may be kept at all is only the reader's, and so is one of which
 * something could not be read that can, perhaps, the next time. */
static void keep(struct ntfs_files *files, struct ntfs_file *file)
{
	if (file->n_runs > RUNS_MAX || (file->why.code && file->why.code != -EUCLEAN))
		return;
	while (files->n_runs + file->n_runs > RUNS_MAX)
		remove_slot(files, oldest_slot(files));
	size_t slot = 0;
	while (slot < FILES_MAX && files->slots[slot])
		slot++;
	if (slot == FILES_MAX) {
		slot = oldest_slot(files);
		remove_slot(files, slot);
	}
	file->used = ++files->clock;
	atomic_fetch_add(&file->refs, 1);
	files->slots[slot] = file;
	files->n_runs += file->n_runs;
}

static int get_file(struct fs_ntfs *ntfs, uint64_t ino, struct ntfs_file **ret, struct error *err)
{
	struct ntfs_files *files = ntfs->files;
	pthread_mutex_lock(&files->lock);
	struct ntfs_file *file = find(files, ino);
	pthread_mutex_unlock(&files->lock);
	if (!file) {
		int rc = load(ntfs, ino, &file, err);
		if (rc < 0)
			return rc;
		pthread_mutex_lock(&files->lock);
		struct ntfs_file *other = find(files, ino);
		if (!other)
			keep(files, file);
		file_put(other);
		pthread_mutex_unlock(&files->lock);
	}
	*ret = file;
	return 0;
}

/* ---- answering ---- */

/* The run that holds a cluster, which is less than the last run's end. */
static size_t find_run(const struct ntfs_file *file, uint64_t vcn)
{
	size_t low = 0;
	size_t high = file->n_runs;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		*(file->runs[middle].vcn <= vcn ? &low : &high) = middle;
	}
	return low;
}

static int run_at(const struct fs_ntfs *ntfs, const struct ntfs_file *file, uint64_t off,
		  struct fs_run *ret, struct error *err)
{
	*ret = (struct fs_run){ .length = file->size - off, .kind = FS_RUN_DRIVER };
	if (file->kind != FILE_RUNS)
		return 0;
	ret->kind = FS_RUN_ZERO;
	if (off >= file->initialized)
		return 0;
	if (off / ntfs->boot.cluster >= file->runs[file->n_runs].vcn)
		return error_copy(err, file->why.code, &file->why);
	size_t i = find_run(file, off / ntfs->boot.cluster);
	const struct ntfs_run *run = &file->runs[i];
	uint64_t last = MIN(file->size, file->initialized);
	ret->length = MIN(run[1].vcn * ntfs->boot.cluster, last) - off;
	if (run->lcn >= 0) {
		ret->kind = FS_RUN_DATA;
		ret->start = (uint64_t)run->lcn * ntfs->boot.cluster +
			     (off - run->vcn * ntfs->boot.cluster);
	}
	return 0;
}

int fs_ntfs_file_extent(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
			struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	CLEANUP(file_put_cleanup) struct ntfs_file *file = NULL;
	int rc = get_file(ntfs, ino, &file, err);
	if (rc < 0)
		return rc;
	if (off >= file->size)
		return error_set(err, -ERANGE, "NTFS: inode %llu: offset %llu is past its end",
				 (unsigned long long)ino, (unsigned long long)off);
	return run_at(ntfs, file, off, ret, err);
}

static int read_runs(struct fs_ntfs *ntfs, const struct ntfs_file *file, uint8_t *buf, size_t len,
		     uint64_t off, struct error *err)
{
	while (len > 0) {
		struct fs_run run;
		int rc = run_at(ntfs, file, off, &run, err);
		if (rc < 0)
			return rc;
		size_t n = (size_t)MIN((uint64_t)len, run.length);
		if (run.kind == FS_RUN_ZERO) {
			memset(buf, 0, n);
		} else {
			rc = blk_read(ntfs->fs.blk, buf, n, run.start, err);
			if (rc < 0)
				return error_wrap(err, rc, "NTFS: data of inode %llu",
						  (unsigned long long)file->ino);
		}
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int read_attr(struct fs_ntfs *ntfs, ntfs_inode *ni, uint8_t *buf, size_t len, uint64_t off,
		     struct error *err)
{
	errno = 0;
	CLEANUP(ntfs_attr_close_cleanup) ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
	if (na) {
		errno = 0;
		/* A compressed run may come back in pieces. */
		while (len > 0) {
			s64 n = ntfs_attr_pread(na, (s64)off, (s64)len, buf);
			if (n <= 0)
				break;
			buf += n;
			off += (uint64_t)n;
			len -= (size_t)n;
		}
		if (len == 0)
			return 0;
	}
	return fs_ntfs_error(ntfs, err, "data of inode %llu", (unsigned long long)ni->mft_no);
}

static int read_by_library(struct fs_ntfs *ntfs, const struct ntfs_file *file, uint8_t *buf,
			   size_t len, uint64_t off, struct error *err)
{
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL + (unsigned int)(len / 512));
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, file->ino, &ni, err);
	if (rc == 0) {
		rc = read_attr(ntfs, ni, buf, len, off, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}

int fs_ntfs_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off, size_t *ret,
		 struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	CLEANUP(file_put_cleanup) struct ntfs_file *file = NULL;
	int rc = get_file(ntfs, ino, &file, err);
	if (rc < 0)
		return rc;
	uint64_t left = off < file->size ? file->size - off : 0;
	len = (size_t)MIN((uint64_t)len, left);
	if (len > 0 && file->kind == FILE_RESIDENT)
		memcpy(buf, file->bytes + off, len);
	else if (len > 0 && file->kind == FILE_RUNS)
		rc = read_runs(ntfs, file, buf, len, off, err);
	else if (len > 0)
		rc = read_by_library(ntfs, file, buf, len, off, err);
	if (rc == 0)
		*ret = len;
	return rc;
}

int fs_ntfs_read_whole(struct fs_ntfs *ntfs, uint64_t ino, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	CLEANUP(file_put_cleanup) struct ntfs_file *file = NULL;
	int rc = get_file(ntfs, ino, &file, err);
	if (rc < 0)
		return rc;
	if (file->kind == FILE_LIBRARY ||
	    !range_inside(len, off, MIN(file->size, file->initialized)))
		return error_set(err, -EUCLEAN, "NTFS: inode %llu is too short",
				 (unsigned long long)ino);
	for (uint64_t at = off; file->kind == FILE_RUNS && at < off + len;) {
		struct fs_run run;
		rc = run_at(ntfs, file, at, &run, err);
		if (rc < 0)
			return rc;
		if (run.kind != FS_RUN_DATA)
			return error_set(err, -EUCLEAN, "NTFS: inode %llu has a hole",
					 (unsigned long long)ino);
		at += run.length;
	}
	if (file->kind == FILE_RUNS)
		return read_runs(ntfs, file, buf, len, off, err);
	memcpy(buf, file->bytes + off, len);
	return 0;
}
