/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <dirent.h>

#include "lunette/digest.h"
#include "disk-fixture.h"

static int setup(void **state)
{
	*state = disk_fixture_new(3);
	return 0;
}

static int teardown(void **state)
{
	disk_fixture_free(*state);
	return 0;
}

/* ---- the whole content of a repository, but for its own id and the points' times ---------------
 */

static char contents[1 << 16];

static int add_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)ftw;
	const char *name = strstr(path, "/packs/");
	if (!name)
		name = strstr(path, "/index/");
	if (flag != FTW_F || !name)
		return 0;
	FILE *f = fopen(path, "r");
	size_t n = strlen(contents), size = (size_t)st->st_size;
	uint8_t sum[DIGEST_SIZE], *bytes = malloc(size + 1);
	if (!f || !bytes || fread(bytes, 1, size, f) != size || digest(bytes, size, sum, NULL) < 0)
		abort();
	snprintf(contents + n, sizeof(contents) - n, "%s %zu %02x%02x%02x%02x\n", name, size,
		 sum[0], sum[1], sum[2], sum[3]);
	free(bytes);
	fclose(f);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines sorted, so that it does not matter in which order the directory lists its files. */
static const char *contents_of(const char *dir)
{
	static char sorted[sizeof(contents)];
	contents[0] = '\0';
	nftw(dir, add_file, 8, FTW_PHYS);
	char *lines[100], *rest = contents;
	size_t n = 0;
	for (char *line; (line = strsep(&rest, "\n")) && n < 100;)
		lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_name);
	sorted[0] = '\0';
	for (size_t i = 0; i < n; i++)
		strcat(strcat(sorted, lines[i]), "\n");
	return sorted;
}

static void what_is_stored_does_not_depend_on_threads(void **state)
{
	static const unsigned int threads[] = { 0, 1, 3, 8 };
	char *first = NULL;
	struct writer_stats stats = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		char *dir = fixture_dir();
		struct repo *repo;
		struct backup_result result;
		ok(repo_init(dir, FIXTURE_SETTINGS, err));
		ok(repo_open(dir, NULL, &repo, err));
		ok(disk_fixture_backup(*state, repo, threads[i], NULL, &result, err));
		repo_close(repo);
		if (!first) {
			first = strdup(contents_of(dir));
			stats = result.stats;
			assert_non_null(strstr(first, "/packs/"));
			assert_non_null(strstr(first, "/index/"));
		}
		assert_string_equal(contents_of(dir), first);
		assert_memory_equal(&result.stats, &stats, offsetof(struct writer_stats, times));
		fixture_dir_free(dir);
	}
	free(first);
}

/* In whole granules, but for the disk's last one. */
static uint64_t bytes_in_use(const struct disk_fixture *fix, size_t off, size_t len)
{
	uint64_t bytes = 0;
	for (size_t at = off; at < off + len; at += PLAN_GRANULE) {
		size_t end = MIN(at + PLAN_GRANULE, (size_t)DISK_SIZE);
		bool in_use = false;
		for (size_t i = 0; i < fix->disk.n_metadata; i++)
			in_use |= fix->ranges[i].start < end &&
				  at < fix->ranges[i].start + fix->ranges[i].length;
		bytes += in_use ? end - at : 0;
	}
	return bytes;
}

static void every_byte_is_counted_once(void **state)
{
	struct disk_fixture *fix = *state;
	char *dir = fixture_dir();
	struct repo *repo;
	struct backup_result first, second;
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	ok(repo_open(dir, NULL, &repo, err));
	ok(disk_fixture_backup(fix, repo, 2, NULL, &first, err));
	ok(disk_fixture_backup(fix, repo, 2, NULL, &second, err));

	uint64_t want[3] = { 0 }; /* zero, known, new */
	for (size_t off = 0; off < DISK_SIZE; off += CHUNK) {
		size_t len = MIN((size_t)CHUNK, DISK_SIZE - off);
		bool again = off > (size_t)19 << 20 && off < (size_t)21 << 20;
		want[is_all_zero(fix->expected + off, len) ? 0
		     : again                               ? 1
							   : 2] += bytes_in_use(fix, off, len);
	}
	const struct writer_stats *s = &first.stats;
	assert_int_equal(s->size, DISK_SIZE);
	assert_int_equal(s->used, bytes_in_use(fix, 0, DISK_SIZE));
	assert_int_equal(s->read - s->gaps, s->used);
	assert_true(s->gaps > 0);
	assert_int_equal(s->zero, want[0]);
	assert_int_equal(s->known, want[1]);
	assert_int_equal(s->added, want[2]);
	assert_int_equal(s->unchanged + s->zero + s->known + s->added, s->used);
	assert_true(s->stored > 0 && s->stored < want[2]);

	assert_int_equal(second.stats.known, want[1] + want[2]);
	assert_int_equal(second.stats.added, 0);
	assert_int_equal(second.stats.stored, 0);
	repo_close(repo);
	fixture_dir_free(dir);
}

static size_t count_points(const char *dir)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/points", dir);
	DIR *points = opendir(path);
	size_t n = 0;
	for (const struct dirent *entry; points && (entry = readdir(points));)
		n += strlen(entry->d_name) == 64;
	if (points)
		closedir(points);
	return n;
}

static void a_disk_that_cannot_be_read_leaves_no_restore_point(void **state)
{
	struct disk_fixture *fix = *state;
	char *dir = fixture_dir();
	struct repo *repo;
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	ok(repo_open(dir, NULL, &repo, err));
	for (unsigned int threads = 0; threads < 4; threads++) {
		struct backup_result result;
		struct error why = { 0 };
		fix->mem->bad_from = (uint64_t)15 << 20;
		fix->mem->bad_to = DISK_SIZE;
		assert_int_equal(disk_fixture_backup(fix, repo, threads, NULL, &result, &why),
				 -EIO);
		assert_non_null(strstr(why.msg, "disk0 ('memory')"));
		assert_int_equal(count_points(dir), 0);
	}
	struct backup_result result;
	fix->mem->bad_to = 0;
	ok(disk_fixture_backup(fix, repo, 3, NULL, &result, err));
	assert_int_equal(count_points(dir), 1);
	repo_close(repo);
	fixture_dir_free(dir);
}

static void who_is_told_to_stop_leaves_no_restore_point(void **state)
{
	char *dir = fixture_dir();
	struct repo *repo;
	struct backup_result result;
	struct error why = { 0 };
	atomic_bool stop = true;
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	ok(repo_open(dir, NULL, &repo, err));
	assert_int_equal(disk_fixture_backup(*state, repo, 2, &stop, &result, &why), -EINTR);
	assert_non_null(strstr(why.msg, "no restore point"));
	assert_int_equal(count_points(dir), 0);
	repo_close(repo);
	fixture_dir_free(dir);
}

static int backup_with(struct disk_fixture *fix, uint64_t memory, uint32_t chunk_size,
		       struct error *err)
{
	const struct writer_options how = { .threads = 8, .memory = memory };
	struct backup_result result;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	char *dir = fixture_dir();
	int rc = repo_init(dir, &(struct repo_settings){ .chunk_size = chunk_size }, err);
	if (rc == 0)
		rc = repo_open(dir, NULL, &repo, err);
	if (rc == 0)
		rc = disk_fixture_backup_with(fix, repo, how, &result, err);
	fixture_dir_free(dir);
	return rc;
}

static void memory_that_is_not_enough_is_refused(void **state)
{
	static const struct {
		uint32_t chunk_size;
		uint64_t needed;
	} cases[] = { { 64 << 10, 4 << 20 }, { 1 << 20, 4 << 20 }, { 4 << 20, 16 << 20 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error why = { 0 };
		char says[64];
		snprintf(says, sizeof(says), "at least %d MiB", (int)(cases[i].needed >> 20));
		assert_int_equal(
			backup_with(*state, cases[i].needed - 1, cases[i].chunk_size, &why),
			-EINVAL);
		assert_non_null(strstr(why.msg, says));
		ok(backup_with(*state, cases[i].needed, cases[i].chunk_size, err));
	}
}

/* What is told while a backup goes on. */
struct told {
	size_t n;
	uint64_t done, total;
	bool backwards; /* less was done, or more than there is */
};

static void see_progress(void *ctx, const struct writer_stats *stats)
{
	struct told *told = ctx;
	uint64_t done = stats->read - stats->gaps;
	told->backwards |= done < told->done || writer_stats_total(stats) < done;
	told->n++;
	told->done = done;
	told->total = writer_stats_total(stats);
}

/* The second disk is empty, so that only the plan of it says that there is nothing more to do. */
static void the_last_word_on_progress_is_that_all_is_done(void **state)
{
	struct disk_fixture *fix = *state;
	static struct source source;
	static struct source *const sources[] = { &source, &source };
	static const atomic_bool never = false;
	struct told told = { 0 };
	struct blk_mem *empty = blk_mem_new(PLAN_WINDOW + 4096, 512);
	struct layout_disk disks[] = { fix->disk, fix->disk };
	disks[1].blk = &empty->blk;
	strcpy(disks[1].name, "disk1");
	disks[1].n_metadata = 0;
	struct layout layout = { .n_disks = 2, .disks = disks };
	const struct plan plan = { .layout = &layout };
	struct backup_request request = {
		.name = "test",
		.sources = sources,
		.writer = { .level = 1,
			    .stop = &never,
			    .progress = see_progress,
			    .progress_ctx = &told },
	};
	for (request.writer.threads = 0; request.writer.threads < 4; request.writer.threads++) {
		char *dir = fixture_dir();
		struct repo *repo;
		struct backup_result result;
		told = (struct told){ 0 };
		ok(repo_init(dir, FIXTURE_SETTINGS, err));
		ok(repo_open(dir, NULL, &repo, err));
		ok(backup_run(repo, &plan, &request, &result, err));
		assert_true(told.n > 10 && !told.backwards);
		assert_int_equal(told.done, bytes_in_use(fix, 0, DISK_SIZE));
		assert_int_equal(told.total, told.done);
		assert_int_equal(result.stats.size, DISK_SIZE + PLAN_WINDOW + 4096);
		assert_int_equal(result.stats.planned, result.stats.size);
		repo_close(repo);
		fixture_dir_free(dir);
	}
	blk_unref(&empty->blk);
}

static void what_is_not_planned_is_taken_to_be_as_full_as_the_rest(void **state)
{
	(void)state;
	const struct {
		uint64_t planned, wanted, want;
	} cases[] = { { 0, 0, 1000 }, { 100, 0, 0 }, { 100, 50, 500 }, { 1000, 50, 50 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct writer_stats stats = { .size = 1000,
						    .planned = cases[i].planned,
						    .wanted = cases[i].wanted };
		assert_int_equal(writer_stats_total(&stats), cases[i].want);
	}
}

static void what_held_a_backup_up_is_told(void **state)
{
	(void)state;
	const uint64_t s = 1000000000;
	const struct {
		struct writer_times times;
		const char *want;
	} cases[] = {
		{ { .wall = 10 * s, .read = 70 * s, .compress = 5 * s, .readers = 8, .threads = 2 },
		  "read" },
		{ { .wall = 10 * s,
		    .read = 70 * s,
		    .compress = 19 * s,
		    .readers = 8,
		    .threads = 2 },
		  "compress" },
		{ { .wall = 10 * s, .hash = 15 * s, .compress = 2 * s, .readers = 8, .threads = 2 },
		  "hash" },
		{ { .wall = 10 * s, .read = 40 * s, .commit = 9 * s, .readers = 8, .threads = 2 },
		  "write" },
		{ { .wall = 10 * s, .limit = 60 * s, .read = 1 * s, .readers = 8, .threads = 2 },
		  "limit" },
		{ { .wall = 1 * s, .threads = 2 }, "read" },
		{ { .wall = 1 * s, .commit = 1 * s, .threads = 2 }, "write" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(writer_bottleneck(&cases[i].times), cases[i].want);
}

static void names_that_would_be_trouble_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",    ".",    "..",    "a/b",      "a@b",
					   "a\n", "\x7f", "\x1b[", "\xff\xfe", "\xc3" };
	static const char *const good[] = { "a", "...", "srv 1", "Büro-日本", "%s", "-x", "a:b\\" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(backup_check_name(bad[i], NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ok(backup_check_name(good[i], err));
	char longest[257];
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(backup_check_name(longest, NULL), -EINVAL);
	ok(backup_check_name(longest + 1, err));
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(what_is_stored_does_not_depend_on_threads),
		test(every_byte_is_counted_once),
		test(a_disk_that_cannot_be_read_leaves_no_restore_point),
		test(who_is_told_to_stop_leaves_no_restore_point),
		test(memory_that_is_not_enough_is_refused),
		test(the_last_word_on_progress_is_that_all_is_done),
		cmocka_unit_test(what_held_a_backup_up_is_told),
		cmocka_unit_test(what_is_not_planned_is_taken_to_be_as_full_as_the_rest),
		test(names_that_would_be_trouble_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
