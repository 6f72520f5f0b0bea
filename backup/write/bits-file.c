/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bits-file - see bits-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lunette/bits-file.h"
#include "lunette/bits.h"

#define PAGE_BYTES ((size_t)4096)
#define PAGE_BITS  (PAGE_BYTES * 8)
#define NO_PAGE    UINT64_MAX

/**
 * struct bits_file - the file, and a page of it
 * @page: number of the one in memory, or NO_PAGE
 * @changed: it must be written
 */
struct bits_file {
	int fd;
	uint64_t page;
	bool changed;
	uint64_t words[PAGE_BYTES / sizeof(uint64_t)];
};

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");
	return dir && *dir ? dir : "/tmp";
}

static int failed(const char *what, struct error *err)
{
	int code = errno ? -errno : -EIO;
	return error_set(err, code, "%s a temporary file in '%s': %m", what, folder());
}

int bits_file_new(struct bits_file **ret, struct error *err)
{
	CLEANUP(bits_file_free_cleanup) struct bits_file *file = calloc(1, sizeof(*file));
	if (!file)
		return error_set(err, -ENOMEM, "temporary file: %m");
	*file = (struct bits_file){ .fd = -1, .page = NO_PAGE };
	CLEANUP(free_cleanup) char *path = NULL;
	if (asprintf(&path, "%s/lunette-XXXXXX", folder()) < 0)
		return error_set(err, -ENOMEM, "temporary file: %m");
	file->fd = mkostemp(path, O_CLOEXEC);
	if (file->fd < 0)
		return failed("make", err);
	unlink(path);
	*ret = steal(&file);
	return 0;
}

void bits_file_free(struct bits_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

static int write_page(struct bits_file *file, struct error *err)
{
	if (!file->changed)
		return 0;
	errno = 0;
	off_t off = (off_t)(file->page * PAGE_BYTES);
	if (pwrite(file->fd, file->words, PAGE_BYTES, off) != (ssize_t)PAGE_BYTES)
		return failed("write", err);
	file->changed = false;
	return 0;
}

/* Behind the end of the file there are zeros. */
static int load_page(struct bits_file *file, uint64_t page, struct error *err)
{
	if (file->page == page)
		return 0;
	int rc = write_page(file, err);
	if (rc < 0)
		return rc;
	file->page = NO_PAGE;
	memset(file->words, 0, sizeof(file->words));
	errno = 0;
	ssize_t n = pread(file->fd, file->words, PAGE_BYTES, (off_t)(page * PAGE_BYTES));
	if (n != 0 && n != (ssize_t)PAGE_BYTES)
		return failed("read", err);
	file->page = page;
	return 0;
}

int bits_file_set(struct bits_file *file, uint64_t from, uint64_t to, uint64_t *ret_new,
		  struct error *err)
{
	*ret_new = 0;
	while (from < to) {
		int rc = load_page(file, from / PAGE_BITS, err);
		if (rc < 0)
			return rc;
		size_t first = (size_t)(from % PAGE_BITS);
		size_t stop = (size_t)MIN(to - from + first, (uint64_t)PAGE_BITS);
		*ret_new += stop - first - bits_count(file->words, first, stop);
		bits_put(file->words, first, stop, true);
		file->changed = true;
		from += stop - first;
	}
	return 0;
}

int bits_file_run(struct bits_file *file, uint64_t from, uint64_t to, uint64_t *ret_n,
		  bool *ret_set, struct error *err)
{
	int rc = load_page(file, from / PAGE_BITS, err);
	if (rc < 0)
		return rc;
	size_t first = (size_t)(from % PAGE_BITS);
	size_t stop = (size_t)MIN(to - from + first, (uint64_t)PAGE_BITS);
	bool set = bits_find(file->words, first, first + 1, true) == first;
	*ret_n = bits_find(file->words, first, stop, !set) - first;
	*ret_set = set;
	return 0;
}
