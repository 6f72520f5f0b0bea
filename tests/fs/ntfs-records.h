/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-records - a volume of the fixture that tests look into, and change. After cmocka. */
#ifndef NTFS_RECORDS_H
#define NTFS_RECORDS_H

#include "lunette/filesystem.h"
#include "ntfs-fixture.h"

/* What each test takes a copy of: see make_volume(). */
static uint8_t *volume;

static inline uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static inline void put(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint8_t *record(struct blk_mem *mem, uint64_t number)
{
	return mem->bytes + get(mem->bytes + 48, 8) * 1024 + number * 1024;
}

/* The attribute of a type in a record; it is there. */
static inline uint8_t *attribute(uint8_t *mft_record, uint64_t type)
{
	uint8_t *a = mft_record + get(mft_record + 20, 2);
	while (get(a, 4) != type) {
		assert_int_not_equal(get(a, 4), 0xffffffff);
		a += get(a + 4, 4);
	}
	return a;
}

static inline struct fs *open_fs(struct blk_mem *mem)
{
	struct fs *fs = NULL;
	struct error err = { 0 };
	if (fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err) != 0)
		fail_msg("%s", err.msg);
	return fs;
}

static inline uint64_t find(struct fs *fs, const char *name)
{
	uint64_t ino = 0;
	assert_int_equal(fs_lookup(fs, fs->root, name, &ino, NULL), 0);
	return ino;
}

static inline int make_volume(void **state)
{
	(void)state;
	volume = ntfs_fixture_make();
	return 0;
}

static inline int free_volume(void **state)
{
	(void)state;
	free(volume);
	return 0;
}

#endif
