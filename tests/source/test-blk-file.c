/* SPDX-License-Identifier: GPL-3.0-or-later */
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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-path.h"
#include "lunette/source.h"

#define MIB (1024 * 1024)

/* An image of 8 MiB with data in [2 MiB, 3 MiB) and in its last 768 bytes. */
static const uint64_t image_size = 8 * MIB + 256;

static void make_image(void)
{
	char *data = malloc(MIB);
	memset(data, 'd', MIB);
	int fd = open(image_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)image_size), 0);
	assert_int_equal(pwrite(fd, data, MIB, 2 * MIB), MIB);
	assert_int_equal(pwrite(fd, data, 768, (off_t)image_size - 768), 768);
	close(fd);
	free(data);
}

static void an_image_file_reads_as_it_is(void **state)
{
	(void)state;
	make_image();
	struct error err = { 0 };
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, &err), 0);
	assert_int_equal(blk->size, image_size);
	assert_int_equal(blk->sector, 512);
	unsigned char buf[4] = { 0 };
	assert_int_equal(blk_read(blk, buf, 4, 2 * MIB - 2, &err), 0);
	assert_memory_equal(buf, "\0\0dd", 4);
	assert_int_equal(blk_read(blk, buf, 4, image_size - 4, &err), 0);
	assert_memory_equal(buf, "dddd", 4);
	assert_int_equal(blk_read(blk, buf, 4, image_size - 3, &err), -ERANGE);
	blk_unref(blk);
}

static void holes_are_told_from_data(void **state)
{
	(void)state;
	make_image();
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, NULL), 0);
	struct blk_extent ext;
	uint64_t zeros = 0, data = 0;
	for (uint64_t off = 0; off < image_size; off += ext.length) {
		assert_int_equal(blk_extent(blk, off, &ext, NULL), 0);
		*(ext.zero ? &zeros : &data) += ext.length;
		/* What is called a hole must read as zeros. */
		char first = 1, last = 1;
		blk_read(blk, &first, 1, off, NULL);
		blk_read(blk, &last, 1, off + ext.length - 1, NULL);
		if (ext.zero)
			assert_true(first == 0 && last == 0);
	}
	assert_int_equal(zeros + data, image_size);
	assert_true(zeros >= 6 * MIB);
	assert_true(data >= MIB + 768);
	/* In the middle of a run too. */
	assert_int_equal(blk_extent(blk, 2 * MIB + 5, &ext, NULL), 0);
	assert_false(ext.zero);
	assert_int_equal(ext.length, MIB - 5);
	blk_unref(blk);
}

static void a_file_all_hole_is_one_run_of_zeros(void **state)
{
	(void)state;
	int fd = open(image_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_int_equal(ftruncate(fd, 5 * MIB), 0);
	close(fd);
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, NULL), 0);
	struct blk_extent ext;
	assert_int_equal(blk_extent(blk, 7, &ext, NULL), 0);
	assert_true(ext.zero);
	assert_int_equal(ext.length, 5 * MIB - 7);
	blk_unref(blk);
}

static void a_file_cut_off_meanwhile_fails_instead_of_reading_zeros(void **state)
{
	(void)state;
	make_image();
	struct error err = { 0 };
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, &err), 0);
	assert_int_equal(truncate(image_path, MIB), 0);
	char buf[512];
	assert_int_equal(blk_read(blk, buf, 512, MIB - 256, &err), -EREMOTEIO);
	assert_non_null(strstr(err.msg, "cut off"));
	struct blk_extent ext;
	assert_int_equal(blk_extent(blk, 2 * MIB, &ext, &err), -EREMOTEIO);
	assert_non_null(strstr(err.msg, "cut off"));
	blk_unref(blk);
}

static void an_empty_file_is_an_empty_blk(void **state)
{
	(void)state;
	close(open(image_path, O_RDWR | O_CREAT | O_EXCL, 0600));
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, NULL), 0);
	assert_int_equal(blk->size, 0);
	char c;
	assert_int_equal(blk_read(blk, &c, 1, 0, NULL), -ERANGE);
	blk_unref(blk);
}

static void what_is_no_disk_is_refused(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct blk *blk = NULL;
	assert_int_equal(blk_file_open(image_path, &blk, &err), -ENOENT);
	assert_int_equal(blk_file_open(image_dir, &blk, &err), -EISDIR);
	assert_int_equal(blk_file_open("/dev/null", &blk, &err), -EINVAL);
	assert_int_equal(mkfifo(image_path, 0600), 0);
	assert_int_equal(blk_file_open(image_path, &blk, &err), -EINVAL);
	assert_non_null(strstr(err.msg, image_path));
	assert_null(blk);
}

static void a_source_is_a_path_with_a_blk(void **state)
{
	(void)state;
	make_image();
	struct error err = { 0 };
	struct source *source = NULL;
	assert_int_equal(source_open(image_path, NULL, &source, &err), 0);
	assert_string_equal(source->spec, image_path);
	assert_int_equal(source->blk->size, image_size);
	assert_string_equal(source->id, "");
	/* The blk outlives its source for whoever holds a reference. */
	struct blk *blk = blk_ref(source->blk);
	source_free(source);
	char c;
	assert_int_equal(blk_read(blk, &c, 1, 2 * MIB, NULL), 0);
	assert_int_equal(c, 'd');
	blk_unref(blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_image_file_reads_as_it_is, image_remove),
		cmocka_unit_test_teardown(holes_are_told_from_data, image_remove),
		cmocka_unit_test_teardown(a_file_all_hole_is_one_run_of_zeros, image_remove),
		cmocka_unit_test_teardown(a_file_cut_off_meanwhile_fails_instead_of_reading_zeros,
					  image_remove),
		cmocka_unit_test_teardown(an_empty_file_is_an_empty_blk, image_remove),
		cmocka_unit_test_teardown(what_is_no_disk_is_refused, image_remove),
		cmocka_unit_test_teardown(a_source_is_a_path_with_a_blk, image_remove),
	};
	return cmocka_run_group_tests(tests, image_dir_make, image_dir_remove);
}
