/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-fixture - a small NTFS volume in memory, made by mkntfs and ntfscp, which need no root. */
#ifndef NTFS_FIXTURE_H
#define NTFS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk-mem.h"

/*
 * libntfs-3g forgets to free an attribute when it cannot read $UpCase or $AttrDef. Its frames are
 * only seen by the slow unwinder.
 */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}
const char *__lsan_default_suppressions(void)
{
	return "leak:^ntfs_device_mount$\n";
}

#define NTFS_SIZE  (4u << 20)
#define NTFS_LABEL "Größe C"
#define NTFS_BIG   100000u /* bytes of "big" */
#define NTFS_SMALL "a resident file"

static inline uint8_t ntfs_fixture_byte(size_t i)
{
	return (uint8_t)(i * 31 + i / 509);
}

#define NTFS_FIXTURE_TEXT(fmt, arg)                            \
	({                                                     \
		char *text_ = NULL;                            \
		asprintf(&text_, fmt, arg) < 0 ? NULL : text_; \
	})

/* Nothing goes on without it, so what fails ends the program. */
static inline void ntfs_fixture_do(char *command)
{
	if (!command || system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command ? command : "asprintf");
		exit(1);
	}
	free(command);
}

static inline void ntfs_fixture_write(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/* A volume of NTFS_SIZE bytes with the files "big" and "small" in its root. */
static inline uint8_t *ntfs_fixture_make_with(const char *mkntfs_options)
{
	char dir[] = "/tmp/lunette-test.XXXXXX";
	char image[64], file[64];
	if (!mkdtemp(dir))
		exit(1);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	uint8_t *bytes = calloc(1, NTFS_SIZE);
	if (!bytes)
		exit(1);
	ntfs_fixture_write(image, bytes, NTFS_SIZE);
	char *mkntfs = NULL;
	if (asprintf(&mkntfs,
		     "mkntfs -q -F -Q -s 512 %s -p 0 -H 16 -S 63 -L '" NTFS_LABEL
		     "' '%s' >/dev/null 2>&1",
		     mkntfs_options, image) < 0)
		exit(1);
	ntfs_fixture_do(mkntfs);
	for (size_t i = 0; i < NTFS_BIG; i++)
		bytes[i] = ntfs_fixture_byte(i);
	ntfs_fixture_write(file, bytes, NTFS_BIG);
	ntfs_fixture_do(
		NTFS_FIXTURE_TEXT("cd '%s' && ntfscp -q image file big >/dev/null 2>&1", dir));
	ntfs_fixture_write(file, NTFS_SMALL, strlen(NTFS_SMALL));
	ntfs_fixture_do(
		NTFS_FIXTURE_TEXT("cd '%s' && ntfscp -q image file small >/dev/null 2>&1", dir));
	FILE *f = fopen(image, "r");
	if (!f || fread(bytes, 1, NTFS_SIZE, f) != NTFS_SIZE)
		exit(1);
	fclose(f);
	ntfs_fixture_do(NTFS_FIXTURE_TEXT("rm -r '%s'", dir));
	return bytes;
}

static inline uint8_t *ntfs_fixture_make(void)
{
	return ntfs_fixture_make_with("-c 1024");
}

static inline struct blk_mem *ntfs_fixture_blk(const uint8_t *bytes)
{
	struct blk_mem *mem = blk_mem_new(NTFS_SIZE, 512);
	memcpy(mem->bytes, bytes, NTFS_SIZE);
	return mem;
}

#endif
