/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restore that goes on where bytes are lost tells of each of them, and of each once. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lunette/restore.h"
#include "open-fixture.h"

#define STEP   ((uint64_t)REPO_CHUNK_MIN)
#define SECTOR ((uint64_t)512)
#define SIZE   (3 * STEP)

/* ---- a disk of which the repository has lost the second step, and never had two sectors ---- */

static bool touches(uint64_t len, uint64_t off, uint64_t from, uint64_t to)
{
	return off < to && off + len > from;
}

static int hurt_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)blk;
	if (touches(len, off, STEP - SECTOR, STEP + SECTOR))
		return error_set(err, -EIO, "never read");
	if (touches(len, off, STEP, 2 * STEP))
		return error_set(err, -EUCLEAN, "lost");
	memset(buf, 'x', len);
	return 0;
}

static void hurt_destroy(struct blk *blk)
{
	free(blk);
}

static struct blk *hurt_disk(void)
{
	static const struct blk_ops ops = {
		.name = "hurt", .leaf = true, .read = hurt_read, .destroy = hurt_destroy
	};
	struct blk *blk = calloc(1, sizeof(*blk));
	assert_non_null(blk);
	blk_init(blk, &ops, SIZE, SECTOR);
	return blk;
}

/* ---- what is told ---- */

static char told[256];

static void tell(void *ctx, uint64_t length, uint64_t off, const struct error *why)
{
	(void)ctx, (void)why;
	size_t used = strlen(told);
	snprintf(told + used, sizeof(told) - used, "%llu+%llu ", (unsigned long long)off,
		 (unsigned long long)length);
}

static void what_is_lost_twice_is_told_once(void **state)
{
	(void)state;
	char *dir = fixture_dir(), path[256], want[64], byte;
	struct blk *blk = hurt_disk();
	const atomic_bool stop = false;
	struct restore_stats stats;
	const struct restore_options opts = { .stop = &stop, .lost = tell };
	snprintf(path, sizeof(path), "%s/restored", dir);
	snprintf(want, sizeof(want), "%llu+%llu ", (unsigned long long)(STEP - SECTOR),
		 (unsigned long long)(STEP + SECTOR));
	ok(restore_to(blk, path, &opts, &stats, err));
	assert_string_equal(told, want);
	assert_int_equal(stats.lost, STEP + SECTOR);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (uint64_t off = 0; off < SIZE; off += SECTOR) {
		assert_int_equal(pread(fd, &byte, 1, (off_t)off), 1);
		assert_int_equal(byte, touches(1, off, STEP - SECTOR, 2 * STEP) ? 0 : 'x');
	}
	close(fd);
	blk_unref(blk);
	fixture_dir_free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_lost_twice_is_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
