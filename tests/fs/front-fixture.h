/* SPDX-License-Identifier: GPL-3.0-or-later */
/* front-fixture - the front of file systems over the toy driver, opened anew for each test. */
#ifndef FRONT_FIXTURE_H
#define FRONT_FIXTURE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "toy-fs.h"

static struct fs *fs;

static inline int up(void **state)
{
	struct blk_mem *mem = toy_volume();
	struct error err;
	(void)state;
	if (fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err) < 0)
		fail_msg("%s", err.msg);
	blk_unref(&mem->blk);
	return 0;
}

static inline int down(void **state)
{
	(void)state;
	fs_close(fs);
	return 0;
}

/* Fails with -EUCLEAN, and says so. */
#define expect_damage(call)                                       \
	do {                                                      \
		struct error err = { 0 };                         \
		int code_ = (call);                               \
		if (code_ != -EUCLEAN)                            \
			fail_msg("%d: %s", code_, err.msg);       \
		assert_int_equal(err.code, -EUCLEAN);             \
		assert_true(err.msg[0] && strlen(err.msg) < 200); \
	} while (0)

/* ---- what a listing says ---- */

struct seen {
	size_t n, stop_at;
	bool stopped;
	uint64_t next;
	char names[32][16];
};

static inline int see(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		      uint64_t next)
{
	struct seen *seen = ctx;
	(void)ino, (void)type;
	assert_false(seen->stopped); /* who said stop is left in peace */
	if (seen->n == seen->stop_at) {
		seen->stopped = true;
		return 1;
	}
	assert_int_equal(strlen(name), len);
	snprintf(seen->names[seen->n++], sizeof(seen->names[0]), "%s", name);
	seen->next = next;
	return 0;
}

#endif
