/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks with bad sectors: what is stored of them, and what is said of the rest. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "disk-fixture.h"
#include "lunette/image.h"

struct bed {
	struct disk_fixture *fix;
	char *dir;
	struct repo *repo;
	uint64_t told; /* bytes that could not be read */
	struct backup_result result;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	bed->fix = disk_fixture_new(9);
	bed->dir = fixture_dir();
	ok(repo_init(bed->dir, FIXTURE_SETTINGS, err));
	ok(repo_open(bed->dir, NULL, &bed->repo, err));
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	repo_close(bed->repo);
	fixture_dir_free(bed->dir);
	disk_fixture_free(bed->fix);
	free(bed);
	return 0;
}

static void tell(void *ctx, const char *disk, uint64_t length, uint64_t off)
{
	(void)off;
	struct bed *bed = ctx;
	assert_string_equal(disk, "disk0");
	bed->told += length;
}

static int backup(struct bed *bed, bool skip, unsigned int threads, struct error *err)
{
	const struct writer_options how = { .threads = threads,
					    .unreadable = skip ? tell : NULL,
					    .unreadable_ctx = bed };
	bed->told = 0;
	return disk_fixture_backup_with(bed->fix, bed->repo, how, &bed->result, err);
}

static void make_bad(struct bed *bed, uint64_t from, uint64_t to)
{
	bed->fix->mem->bad_from = from;
	bed->fix->mem->bad_to = to;
}

static json_t *newest(struct bed *bed)
{
	char id[65];
	json_t *point;
	ok(repo_point_find(bed->repo, bed->result.id, id, &point, err));
	return point;
}

/* The image has what could be read, an error for each sector that could not, and no zeros there. */
static void check_image(struct bed *bed, uint64_t from, uint64_t to)
{
	json_t *point = newest(bed);
	struct repo_disk disk;
	struct image_cache *cache;
	struct blk *image;
	uint8_t *buf = malloc(DISK_SIZE);
	const uint8_t *want = bed->fix->expected;
	struct blk_extent ext;
	assert_non_null(buf);
	repo_point_disk(point, 0, &disk);
	ok(image_cache_new(bed->repo, (size_t)20 * CHUNK, &cache, err));
	ok(image_open(bed->repo, cache, &disk, &image, err));
	ok(blk_read(image, buf, from, 0, err));
	assert_memory_equal(buf, want, from);
	ok(blk_read(image, buf, DISK_SIZE - to, to, err));
	assert_memory_equal(buf, want + to, DISK_SIZE - to);
	for (uint64_t off = from; off < to; off += 512)
		assert_int_equal(blk_read(image, buf, 512, off, NULL), -EIO);
	assert_int_equal(blk_read(image, buf, 2, from - 1, NULL), -EIO);
	assert_int_equal(blk_read(image, buf, 2, to - 1, NULL), -EIO);
	for (uint64_t off = 0; off < DISK_SIZE; off += ext.length) {
		ok(blk_extent(image, off, &ext, err));
		assert_false(ext.zero && off < to && off + ext.length > from);
	}
	blk_unref(image);
	image_cache_unref(cache);
	free(buf);
	json_decref(point);
}

static const struct layout_range *used_run(const struct bed *bed, uint64_t at_least)
{
	for (size_t i = 1; i < bed->fix->disk.n_metadata; i++)
		if (bed->fix->ranges[i].length >= at_least)
			return &bed->fix->ranges[i];
	abort();
}

static void a_bad_sector_is_an_error_that_names_it(void **state)
{
	struct bed *bed = *state;
	const struct layout_range *run = used_run(bed, 4096);
	char where[64];
	snprintf(where, sizeof(where), "512 bytes at offset %ju cannot",
		 (uintmax_t)run->start + 1024);
	for (unsigned int threads = 0; threads <= 3; threads += 3) {
		struct error err = { 0 };
		make_bad(bed, run->start + 1024, run->start + 1536);
		assert_int_equal(backup(bed, false, threads, &err), -EIO);
		assert_non_null(strstr(err.msg, where));
		assert_non_null(strstr(err.msg, "disk0 ('memory')"));
		assert_non_null(strstr(err.msg, "--skip-bad"));
	}
}

static void all_but_the_bad_sectors_is_saved(void **state)
{
	struct bed *bed = *state;
	const struct layout_range *run = used_run(bed, 64 * 512);
	const struct {
		uint64_t from, to;
	} cases[] = {
		{ run->start, run->start + 512 },
		{ run->start + 1024, run->start + 20 * 512 },
		{ run->start + run->length - 512, run->start + run->length },
		/* A chunk of zeros in use, which is not stored, and a part of its neighbours. */
		{ (uint64_t)(18 << 20) + CHUNK - 512, (uint64_t)(18 << 20) + 2 * CHUNK + 512 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = cases[i].to - cases[i].from;
		make_bad(bed, cases[i].from, cases[i].to);
		ok(backup(bed, true, i % 2 ? 3 : 0, err));
		assert_int_equal(bed->told, bytes);
		assert_int_equal(bed->result.stats.unreadable, bytes);
		assert_int_equal(bed->result.stats.used, bed->result.stats.zero +
								 bed->result.stats.known +
								 bed->result.stats.added);
		check_image(bed, cases[i].from, cases[i].to);
	}
}

static void what_nobody_uses_may_be_bad(void **state)
{
	struct bed *bed = *state;
	const struct layout_range *ranges = bed->fix->ranges;
	int tried = 0;
	/* Gaps that are read over, and others that are not. */
	for (size_t i = 0; i < 60; i++) {
		uint64_t from = ranges[i].start + ranges[i].length, to = ranges[i + 1].start;
		if (to < from + 512)
			continue;
		make_bad(bed, from, to);
		ok(backup(bed, i % 2, 2, err));
		assert_int_equal(bed->told, 0);
		assert_int_equal(bed->result.stats.unreadable, 0);
		tried++;
	}
	assert_true(tried > 40);
	json_t *point = newest(bed);
	assert_null(
		json_object_get(json_array_get(json_object_get(point, "disks"), 0), "unreadable"));
	assert_int_equal(json_array_size(json_object_get(point, "features")), 0);
	json_decref(point);
}

static void what_can_be_read_in_pieces_is_not_bad(void **state)
{
	struct bed *bed = *state;
	for (int n = 1; n <= 12; n++) {
		bed->fix->mem->fail_at = n;
		atomic_store(&bed->fix->mem->reads, 0);
		ok(backup(bed, true, 0, err));
		assert_int_equal(bed->told, 0);
	}
}

static void a_disk_that_is_dead_is_given_up(void **state)
{
	struct bed *bed = *state;
	for (unsigned int threads = 0; threads <= 3; threads += 3) {
		struct error err = { 0 };
		make_bad(bed, 0, DISK_SIZE);
		atomic_store(&bed->fix->mem->reads, 0);
		assert_int_equal(backup(bed, true, threads, &err), -EIO);
		assert_non_null(strstr(err.msg, "given up after 4096 reads"));
		assert_true(atomic_load(&bed->fix->mem->reads) < 5000);
	}
}

static void how_many_do_it_does_not_matter(void **state)
{
	struct bed *bed = *state;
	const struct layout_range *run = used_run(bed, 64 * 512);
	char root[65] = "";
	make_bad(bed, run->start + 512, run->start + 33 * 512);
	for (unsigned int threads = 0; threads <= 4; threads += 2) {
		ok(backup(bed, true, threads, err));
		json_t *point = newest(bed);
		const json_t *disk = json_array_get(json_object_get(point, "disks"), 0);
		const char *is =
			json_string_value(json_object_get(json_object_get(disk, "map"), "root"));
		if (*root)
			assert_string_equal(is, root);
		snprintf(root, sizeof(root), "%s", is);
		json_decref(point);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bad_sector_is_an_error_that_names_it),
		TEST(all_but_the_bad_sectors_is_saved),
		TEST(what_nobody_uses_may_be_bad),
		TEST(what_can_be_read_in_pieces_is_not_bad),
		TEST(a_disk_that_is_dead_is_given_up),
		TEST(how_many_do_it_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
