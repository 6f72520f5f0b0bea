/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * Whole backups of a disk, each operation of the store failing in its turn, in every way: what was
 * committed before is the same byte for byte, what comes of the failed backup is whole or not
 * there, and the next backup works.
 */
#include <malloc.h>
#include <sys/wait.h>

#include "disk-fixture.h"
#include "lunette/image.h"
#include "lunette/store-layers.h"

/* Of the disk: enough for every kind of chunk, and soon read. Nothing behind it is stored. */
#define PART ((size_t)2 << 20)

struct bed {
	struct disk_fixture *old, *new;
	char *begin; /* a repository that holds the old disk */
	char *dir;   /* a copy of it */
};

static struct disk_fixture *small_disk(unsigned int seed)
{
	struct disk_fixture *fix = disk_fixture_new(seed);
	size_t n = 0;
	while (n < fix->disk.n_metadata && fix->ranges[n].start + fix->ranges[n].length <= PART)
		n++;
	size_t end = (size_t)(fix->ranges[n - 1].start + fix->ranges[n - 1].length);
	fix->disk.n_metadata = n;
	memset(fix->expected + end, 0, DISK_SIZE - end);
	return fix;
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct repo *repo;
	struct backup_result result;
	bed->old = small_disk(3);
	bed->new = small_disk(4);
	bed->begin = fixture_dir();
	bed->dir = fixture_dir();
	ok(repo_init(bed->begin, FIXTURE_SETTINGS, err));
	ok(repo_open(bed->begin, NULL, &repo, err));
	ok(disk_fixture_backup(bed->old, repo, 2, NULL, &result, err));
	repo_close(repo);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	disk_fixture_free(bed->old);
	disk_fixture_free(bed->new);
	fixture_dir_free(bed->begin);
	fixture_dir_free(bed->dir);
	free(bed);
	return 0;
}

static const struct bed *copied; /* nftw() has no context */

static int copy_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)ftw;
	static char bytes[1 << 20];
	char to[256];
	snprintf(to, sizeof(to), "%s%s", copied->dir, path + strlen(copied->begin));
	if (flag == FTW_D)
		return mkdir(to, st->st_mode & 07777);
	int in = open(path, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 07777);
	ssize_t n;
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			n = -1;
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int rc = n < 0 || futimens(out, times) < 0 ? -1 : 0;
	close(in);
	close(out);
	return rc;
}

static void begin_again(const struct bed *bed)
{
	copied = bed;
	assert_int_equal(nftw(bed->dir, fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(nftw(bed->begin, copy_one, 8, FTW_PHYS), 0);
}

/* ---- reading back -----------------------------------------------------------------------------
 */

struct reading {
	struct repo *repo;
	const struct bed *bed;
	unsigned int n_old, n_new;
};

static int read_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id;
	struct reading *reading = ctx;
	struct repo_disk disk;
	CLEANUP(image_cache_unref_cleanup) struct image_cache *cache = NULL;
	CLEANUP(free_cleanup) uint8_t *bytes = malloc(PART);
	struct blk *image;
	repo_point_disk(point, 0, &disk);
	int rc = image_cache_new(reading->repo, (size_t)4 * CHUNK, &cache, err);
	if (rc == 0)
		rc = image_open(reading->repo, cache, &disk, &image, err);
	if (rc < 0)
		return rc;
	rc = blk_read(image, bytes, PART, 0, err);
	blk_unref(image);
	if (rc < 0)
		return rc;
	bool is_old = memcmp(bytes, reading->bed->old->expected, PART) == 0;
	bool is_new = memcmp(bytes, reading->bed->new->expected, PART) == 0;
	reading->n_old += is_old;
	reading->n_new += is_new;
	return is_old || is_new ? 0 : error_set(err, -EILSEQ, "other bytes than were stored");
}

static void damaged(void *ctx, const struct error *why)
{
	(void)ctx;
	fail_msg("a damaged restore point: %s", why->msg);
}

/* The old disk, and the new one so many times. */
static void check_points(const struct bed *bed, unsigned int at_least, unsigned int at_most)
{
	struct reading reading = { .bed = bed };
	ok(repo_open(bed->dir, NULL, &reading.repo, err));
	ok(repo_points(reading.repo, NULL, read_point, &reading, damaged, err));
	repo_close(reading.repo);
	assert_int_equal(reading.n_old, 1);
	assert_in_range(reading.n_new, at_least, at_most);
}

/* ---- every operation in its turn --------------------------------------------------------------
 */

/**
 * struct fault - how an operation fails
 * @code: with this; 0: the process is killed
 * @once: and those after it do not
 * @late: it has been carried out all the same
 */
struct fault {
	int code;
	bool once;
	bool late;
};

/* Return: of the backup; 1 when the operation did not come to its turn. */
static int backup_with(const struct bed *bed, const struct fault *fault, int n, struct error *err)
{
	struct store *store;
	struct backup_result result;
	int rc = store_dir_open(bed->dir, &store, err);
	if (rc < 0)
		return rc;
	struct store_faults *faulty = store_faults_new(store);
	faulty->fail_at = n;
	faulty->code = fault->code;
	faulty->once = fault->once;
	faulty->late = fault->late;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = repo_open_store(&faulty->store, bed->dir, NULL, &repo, err);
	if (rc == 0)
		rc = disk_fixture_backup(bed->new, repo, 2, NULL, &result, err);
	return rc == 0 && atomic_load(&faulty->count) < n ? 1 : rc;
}

/* A process that may be killed. Return: as backup_with(); -EINTR when it was. */
static int backup_apart(const struct bed *bed, const struct fault *fault, int n)
{
	pid_t pid = fork();
	if (pid == 0) {
		int rc = backup_with(bed, fault, n, NULL);
		_exit(rc < 0 ? 2 : rc);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return -EINTR;
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status);
}

/* Each operation; the thread sanitizer, which looks for something else and takes long, gets a few.
 */
#ifdef __SANITIZE_THREAD__
#define STRIDE 9
#else
#define STRIDE 1
#endif

static void fail_each(const struct bed *bed, const struct fault *fault)
{
	static const struct fault none = { 0 };
	int told = 0;
	for (int n = 1;; n += STRIDE) {
		struct error why = { 0 };
		begin_again(bed);
		int rc = fault->code ? backup_with(bed, fault, n, &why)
				     : backup_apart(bed, fault, n);
		if (rc < 0 && fault->code)
			assert_int_equal(rc, fault->code);
		/* It may be that the point was committed, and nobody lived to hear of it. */
		check_points(bed, rc >= 0, rc >= 0 || fault->late || fault->code == 0);
		if (rc == 1)
			break;
		told += rc < 0;
		ok(backup_with(bed, &none, 0, err));
		check_points(bed, 1, 2);
	}
	assert_true(told > 20 / STRIDE);
}

static void a_disk_that_fills_up(void **state)
{
	fail_each(*state, &(struct fault){ .code = -ENOSPC });
}

static void one_error_of_a_disk(void **state)
{
	fail_each(*state, &(struct fault){ .code = -EIO, .once = true });
}

static void an_answer_that_is_lost(void **state)
{
	fail_each(*state, &(struct fault){ .code = -EIO, .once = true, .late = true });
}

static void a_kill_before_an_operation(void **state)
{
	fail_each(*state, &(struct fault){ .code = 0 });
}

static void a_kill_after_an_operation(void **state)
{
	fail_each(*state, &(struct fault){ .code = 0, .late = true });
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_disk_that_fills_up),      TEST(one_error_of_a_disk),
		TEST(an_answer_that_is_lost),    TEST(a_kill_before_an_operation),
		TEST(a_kill_after_an_operation),
	};
	/*
	 * The writer's tables are some MiB of zeros that a small disk hardly touches: new from the
	 * kernel they cost nothing, as in a program that makes one backup. What is smaller stays
	 * where it is.
	 */
	mallopt(M_MMAP_THRESHOLD, 3000000);
	mallopt(M_TRIM_THRESHOLD, 2500000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
