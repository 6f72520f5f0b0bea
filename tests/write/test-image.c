/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk is stored, and read back as a blk and as a restored file: it is what was in use of it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <pthread.h>

#include "disk-fixture.h"
#include "lunette/image.h"
#include "lunette/restore.h"

struct bed {
	struct disk_fixture *fix;
	char *dir;
	struct repo *repo;
	struct image_cache *cache;
	struct blk *image;
};

/* The cache is smaller than the disk's chunks, so that it has to choose. */
static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct backup_result result;
	char id[65];
	json_t *point;
	struct repo_disk disk;
	bed->fix = disk_fixture_new(5);
	bed->dir = fixture_dir();
	ok(repo_init(bed->dir, FIXTURE_SETTINGS, err));
	ok(repo_open(bed->dir, NULL, &bed->repo, err));
	ok(disk_fixture_backup(bed->fix, bed->repo, 3, NULL, &result, err));
	ok(repo_point_find(bed->repo, "test@latest", id, &point, err));
	assert_string_equal(id, result.id);
	repo_point_disk(point, 0, &disk);
	ok(image_cache_new(bed->repo, (size_t)20 * CHUNK, &bed->cache, err));
	ok(image_open(bed->repo, bed->cache, &disk, &bed->image, err));
	json_decref(point);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	blk_unref(bed->image);
	image_cache_unref(bed->cache);
	repo_close(bed->repo);
	fixture_dir_free(bed->dir);
	disk_fixture_free(bed->fix);
	free(bed);
	return 0;
}

/* Returns how many of @n random reads differ from what is expected, or failed. */
static int random_reads(struct bed *bed, unsigned int seed, int n)
{
	const size_t most = (size_t)3 * CHUNK;
	uint8_t *buf = malloc(most);
	int bad = !buf;
	for (int i = 0; buf && i < n; i++) {
		size_t off = ((size_t)rand_r(&seed) << 8 ^ (size_t)rand_r(&seed)) % DISK_SIZE;
		size_t len = 1 + (size_t)rand_r(&seed) % most;
		if (i % 4 == 0) /* whole chunks, which do not pass through the cache */
			off -= off % CHUNK, len = 2 * CHUNK;
		len = MIN(len, DISK_SIZE - off);
		bad += blk_read(bed->image, buf, len, off, NULL) < 0 ||
		       memcmp(buf, bed->fix->expected + off, len) != 0;
	}
	free(buf);
	return bad;
}

static void it_holds_what_was_in_use_and_no_garbage(void **state)
{
	struct bed *bed = *state;
	uint8_t *all = malloc(DISK_SIZE);
	assert_non_null(all);
	assert_int_equal(bed->image->size, DISK_SIZE);
	ok(blk_read(bed->image, all, DISK_SIZE, 0, err));
	assert_memory_equal(all, bed->fix->expected, DISK_SIZE);
	/* The used ranges that were garbage before are at the end. */
	assert_null(memmem(all, (size_t)16 << 20, GARBAGE, strlen(GARBAGE)));
	free(all);
}

static void any_read_is_right(void **state)
{
	assert_int_equal(random_reads(*state, 1, 2000), 0);
}

static void *reader(void *arg)
{
	static atomic_uint seed = 100;
	return (void *)(intptr_t)random_reads(arg, atomic_fetch_add(&seed, 1), 300);
}

static void threads_may_read_at_once(void **state)
{
	pthread_t threads[6];
	intptr_t bad = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, *state), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *ret;
		pthread_join(threads[i], &ret);
		bad += (intptr_t)ret;
	}
	assert_int_equal(bad, 0);
}

static void what_is_not_stored_is_a_known_zero(void **state)
{
	struct bed *bed = *state;
	struct blk_extent ext;
	uint64_t zeros = 0;
	for (uint64_t off = 0; off < DISK_SIZE; off += ext.length) {
		ok(blk_extent(bed->image, off, &ext, err));
		if (ext.zero) {
			assert_true(is_all_zero(bed->fix->expected + off, ext.length));
			zeros += ext.length;
		}
	}
	assert_true(zeros >= (size_t)2 << 20); /* what is unused, and what is zero */
	/* In the middle of a chunk, too. */
	ok(blk_extent(bed->image, ((size_t)18 << 20) + 100, &ext, err));
	assert_true(ext.zero);
	assert_int_equal(ext.length % CHUNK, CHUNK - 100);
}

static int flip_a_byte(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)ftw;
	if (flag != FTW_F || !strstr(path, "/packs/"))
		return 0;
	for (off_t off = 5000; off < st->st_size - 5000; off += 10000) {
		uint8_t byte;
		int fd = open(path, O_RDWR);
		if (fd < 0 || pread(fd, &byte, 1, off) != 1)
			abort();
		byte ^= 0x55;
		if (pwrite(fd, &byte, 1, off) != 1)
			abort();
		close(fd);
	}
	return 0;
}

static void damage_is_an_error_and_never_data(void **state)
{
	struct bed *bed = *state;
	uint8_t *buf = malloc(CHUNK);
	size_t damaged = 0;
	assert_non_null(buf);
	chmod(bed->dir, 0700);
	nftw(bed->dir, flip_a_byte, 8, FTW_PHYS);
	for (size_t off = 0; off + CHUNK <= DISK_SIZE; off += CHUNK) {
		struct error err = { 0 };
		int rc = blk_read(bed->image, buf, CHUNK - 1, off, &err);
		if (rc < 0) {
			assert_int_equal(rc, -EUCLEAN);
			assert_non_null(strstr(err.msg, "disk0 at offset"));
			damaged++;
		} else {
			assert_memory_equal(buf, bed->fix->expected + off, CHUNK - 1);
		}
		assert_int_equal(blk_read(bed->image, buf, CHUNK - 1, off, NULL), rc);
	}
	assert_true(damaged > 20);
	free(buf);
}

static void chunks_of_another_length_are_not_taken(void **state)
{
	struct bed *bed = *state;
	char point_id[65];
	json_t *point;
	struct repo_disk disk;
	struct chunkmap *map;
	struct chunk_id id = { 0 };
	struct error why = { 0 };
	uint8_t *buf = malloc(CHUNK);
	ok(repo_point_find(bed->repo, "test@latest", point_id, &point, err));
	repo_point_disk(point, 0, &disk);
	ok(chunkmap_open(bed->repo, &disk.root, disk.n_chunks, &map, err));
	for (uint64_t n = 0; chunk_id_is_zero(&id); n++)
		ok(chunkmap_get(map, n, &id, err));
	chunkmap_close(map);

	/* A chunk is as long as its index says, and as who kept it said: never what is asked for.
	 */
	assert_int_equal(image_cache_read(bed->cache, &id, CHUNK / 2, buf, 100, 0, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "belong here"));
	ok(image_cache_read(bed->cache, &id, CHUNK, buf, 100, 0, err));
	assert_int_equal(image_cache_read(bed->cache, &id, CHUNK / 2, buf, 100, 0, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "stands where"));

	/* And a disk is not made of chunks that the repository cannot have. */
	struct blk *image = NULL;
	disk.chunk_size *= 2;
	disk.n_chunks /= 2;
	assert_int_equal(image_open(bed->repo, bed->cache, &disk, &image, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "those of the repository"));
	assert_null(image);
	json_decref(point);
	free(buf);
}

static void it_is_restored_with_any_number_of_threads(void **state)
{
	struct bed *bed = *state;
	char path[64];
	snprintf(path, sizeof(path), "%s/restored", bed->dir);
	atomic_bool stop = false;
	uint8_t *all = malloc(DISK_SIZE);
	assert_non_null(all);
	for (unsigned int threads = 0; threads < 4; threads++) {
		const struct restore_options opts = { .threads = threads, .stop = &stop };
		struct restore_stats stats;
		struct stat st;
		ok(restore_to(bed->image, path, &opts, &stats, err));
		int fd = open(path, O_RDONLY);
		assert_int_equal(read(fd, all, DISK_SIZE), DISK_SIZE);
		assert_int_equal(fstat(fd, &st), 0);
		close(fd);
		assert_int_equal(st.st_size, DISK_SIZE);
		assert_memory_equal(all, bed->fix->expected, DISK_SIZE);
		assert_int_equal(stats.size, DISK_SIZE);
		assert_true((uint64_t)st.st_blocks * 512 <= stats.written + 65536);
		assert_true(stats.written < stats.read);
		/* It is there now. */
		assert_int_equal(restore_to(bed->image, path, &opts, &stats, NULL), -EEXIST);
		assert_int_equal(unlink(path), 0);
	}
	free(all);
}

static void a_restore_that_fails_leaves_no_file(void **state)
{
	struct bed *bed = *state;
	char path[64];
	snprintf(path, sizeof(path), "%s/restored", bed->dir);
	struct restore_stats stats;
	struct error err = { 0 };
	atomic_bool stop = true;
	struct restore_options opts = { .threads = 2, .stop = &stop };
	assert_int_equal(restore_to(bed->image, path, &opts, &stats, &err), -EINTR);
	assert_non_null(strstr(err.msg, "not complete"));
	assert_int_equal(access(path, F_OK), -1);

	stop = false;
	nftw(bed->dir, flip_a_byte, 8, FTW_PHYS);
	assert_int_equal(restore_to(bed->image, path, &opts, &stats, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "not complete"));
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(it_holds_what_was_in_use_and_no_garbage),
		test(any_read_is_right),
		test(threads_may_read_at_once),
		test(what_is_not_stored_is_a_known_zero),
		test(damage_is_an_error_and_never_data),
		test(chunks_of_another_length_are_not_taken),
		test(it_is_restored_with_any_number_of_threads),
		test(a_restore_that_fails_leaves_no_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
