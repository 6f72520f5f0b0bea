/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An overlay that keeps what is written in a sparse file. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk-mem.h"
#include "lunette/overlay.h"
#include "lunette/source.h"

#define MIB  ((size_t)1 << 20)
#define SIZE (64 * MIB)

static void what_is_written_takes_its_own_room_and_no_more(void **state)
{
	(void)state;
	char path[] = "/tmp/test-overlay.XXXXXX";
	close(mkstemp(path));
	unlink(path);
	struct overlay_store store;
	struct source *file;
	struct blk_mem *below = blk_mem_new(SIZE, 512);
	struct blk *blk;
	struct target *target;
	memset(below->bytes, 'b', SIZE);
	assert_int_equal(target_file_create(path, SIZE, &store.target, NULL), 0);
	assert_int_equal(source_open(path, &(struct source_options){ 0 }, &file, NULL), 0);
	store.blk = file->blk;
	assert_int_equal(overlay_new(&below->blk, &store, &blk, &target, NULL), 0);

	uint8_t *bytes = malloc(3 * MIB), *expected = malloc(3 * MIB);
	assert_true(bytes && expected);
	memset(bytes, 'w', MIB);
	memset(expected, 'b', 3 * MIB);
	memset(expected + 100, 'w', MIB);
	memset(expected + 2 * MIB, 0, 10000);
	assert_int_equal(target_write(target, bytes, MIB, 40 * MIB + 100, NULL), 0);
	assert_int_equal(target_zero(target, 10000, 42 * MIB, NULL), 0);
	assert_int_equal(target_flush(target, NULL), 0);
	assert_int_equal(blk_read(blk, bytes, 3 * MIB, 40 * MIB, NULL), 0);
	assert_memory_equal(bytes, expected, 3 * MIB);
	assert_int_equal(below->bytes[40 * MIB + 100], 'b');
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_blocks * 512, MIB, 2 * MIB);

	/* Zeros give the room back. */
	assert_int_equal(target_zero(target, MIB + 200, 40 * MIB, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true((size_t)st.st_blocks * 512 < MIB / 4);
	free(bytes);
	free(expected);
	target_free(target);
	blk_unref(blk);
	source_free(file);
	blk_unref(&below->blk);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_takes_its_own_room_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
