/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * What only another process shows that comes at the worst moment, or a disk that fails at it. The
 * moment is a system call of ours: this program has the C library's functions under their own
 * names, and something happens before or after the real ones.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/forgotten.h"
#include "lunette/json.h"
#include "lunette/lease.h"
#include "lunette/verdicts.h"
#include "open-fixture.h"

#define TIME "2026-11-22T17:00:00Z"

/* ---- moments ---- */

/* At the next name below @folder that is given, listed or moved to another one: @act, and the call
 * fails if it returns an errno. Once. */
static struct {
	const char *folder;
	int (*act)(void *ctx);
	void *ctx;
} on_link, on_list, on_move;

static bool meet(const char *path, const char *folder)
{
	return folder && strncmp(path, folder, strlen(folder)) == 0;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	static int (*real)(int, const char *, int, const char *, int);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "linkat");
	int rc = 0;
	if (meet(to, on_link.folder)) {
		on_link.folder = NULL;
		rc = on_link.act(on_link.ctx);
	}
	if (rc != 0) {
		errno = rc;
		return -1;
	}
	return real(from_dir, from, to_dir, to, flags);
}

/* What happens does so when it is moved, and nothing is synced yet. */
int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	static int (*real)(int, const char *, int, const char *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "renameat");
	int rc = real(from_dir, from, to_dir, to), code = errno;
	if (meet(from, on_move.folder)) {
		on_move.folder = NULL;
		on_move.act(on_move.ctx);
	}
	errno = code;
	return rc;
}

static sem_t main_waits, held, go_on;
static pthread_t main_thread;
static _Thread_local bool hold_in_read;

/* Who comes here has the lock, and leaves it as he waits. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_wait");
	if (pthread_equal(pthread_self(), main_thread))
		sem_post(&main_waits);
	return real(cond, lock);
}

static void wait_for(sem_t *sem)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	while (sem_timedwait(sem, &until) < 0 && errno == EINTR)
		;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	static ssize_t (*real)(int, void *, size_t, off_t);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pread64");
	if (hold_in_read) {
		hold_in_read = false;
		sem_post(&held);
		wait_for(&go_on);
	}
	return real(fd, buf, len, off);
}

/* When the first name has been given out the C library has all of them: what comes now is missed.
 */
struct dirent *readdir(DIR *dir)
{
	static struct dirent *(*real)(DIR *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	struct dirent *entry = real(dir);
	char link[64], path[4096];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd(dir));
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	const char *last = strrchr(path, '/');
	if (last && on_list.folder && strcmp(last + 1, on_list.folder) == 0) {
		on_list.folder = NULL;
		on_list.act(on_list.ctx);
	}
	return entry;
}

static void at_link(const char *folder, int (*act)(void *ctx), void *ctx)
{
	on_link.folder = folder;
	on_link.act = act;
	on_link.ctx = ctx;
}

/* How many objects there are in a folder; with @remove, there were. */
static int look(struct fixture *f, const char *folder, bool remove)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", f->dir, folder);
	DIR *dir = opendir(path);
	int n = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (remove)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	}
	if (dir)
		closedir(dir);
	return n;
}

static int count(struct fixture *f, const char *folder)
{
	return look(f, folder, false);
}

static int fail_with_eio(void *ctx)
{
	(void)ctx;
	return EIO;
}

/* When who adds has nothing left to give, and waits for what he has given. */
static int fail_late_with_eio(void *ctx)
{
	(void)ctx;
	wait_for(&main_waits);
	return EIO;
}

/* ---- leases ---- */

/* What another host does that takes all of them for void. */
static int lose_leases(void *ctx)
{
	assert_int_equal(look(ctx, "leases", true), 1);
	return 0;
}

/* Stores a disk, and at the next name in @folder the lease is lost. Return: of the commit. */
static int commit_and_lose(struct fixture *f, const char *folder, int (*lose)(void *ctx))
{
	struct repo_writer *writer;
	struct chunk_id root;
	char id[65];
	ok(repo_writer_new(f->repo, &writer, err));
	ok(fixture_store(writer, f->repo, 20, 1, &root, NULL, err));
	json_t *point = fixture_point("a", TIME, 20, &root);
	at_link(folder, lose, f);
	int rc = repo_writer_commit(writer, point, id, NULL);
	on_link.folder = NULL;
	json_decref(point);
	repo_writer_free(writer);
	return rc;
}

static int note_that_it_came(void *ctx)
{
	*(bool *)ctx = true;
	return 0;
}

static bool came;

static int lose_leases_and_watch(void *ctx)
{
	at_link("points/", note_that_it_came, &came);
	return lose_leases(ctx);
}

static void a_point_whose_lease_is_lost_before_it_is_not_written(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(commit_and_lose(f, "index/", lose_leases_and_watch), -ESTALE);
	assert_false(came);
	assert_int_equal(count(f, "points"), 0);
}

static void a_point_whose_lease_is_lost_meanwhile_is_taken_back(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(commit_and_lose(f, "points/", lose_leases), -ESTALE);
	assert_int_equal(count(f, "points"), 0);
}

static int write_anew(void *ctx)
{
	json_t *marks = json_pack("[s]", "another document, under another name");
	ok(lease_heed(ctx, marks, err));
	json_decref(marks);
	return 0;
}

static int see(void *ctx, const struct lease_info *info, struct error *err)
{
	(void)err;
	if (strcmp(info->purpose, "write") == 0)
		*(bool *)ctx = true;
	return 0;
}

/* Its old name is listed and gone when it is read, its new one is not listed. */
static void a_lease_that_is_written_anew_while_they_are_listed_is_seen(void **state)
{
	struct fixture *f = *state;
	struct lease *writer, *own;
	bool seen = false;
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &writer, err));
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "prune" }, &own, err));
	on_list.folder = "leases";
	on_list.act = write_anew;
	on_list.ctx = writer;
	ok(lease_each(f->repo, own, see, &seen, err));
	assert_null(on_list.folder);
	assert_true(seen);
	lease_release(own);
	lease_release(writer);
}

static void one_that_is_given_back_does_not_wait_for_its_keeper(void **state)
{
	struct fixture *f = *state;
	struct lease *lease;
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &lease, err));
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL); /* he looks each 10 s */
	uint64_t begin = clock_now_ns();
	lease_release(lease);
	assert_true(clock_now_ns() - begin < 5 * 1000000000ull);
}

/* ---- what fails on its way to the disk ---- */

static void an_index_of_a_pack_that_failed_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct repo_writer *writer;
	struct chunk_id root;
	char id[65];
	ok(repo_writer_new(f->repo, &writer, err));
	ok(fixture_store(writer, f->repo, 20, 1, &root, NULL, err));
	json_t *point = fixture_point("a", TIME, 20, &root);
	while (sem_trywait(&main_waits) == 0)
		; /* of what it waited for before */
	at_link("packs/", fail_late_with_eio, NULL);
	assert_int_equal(repo_writer_commit(writer, point, id, NULL), -EIO);
	assert_int_equal(repo_writer_commit(writer, point, id, NULL), -EIO);
	assert_int_equal(count(f, "index"), 0);
	assert_int_equal(count(f, "points"), 0);
	json_decref(point);
	repo_writer_free(writer);
	assert_int_equal(count(f, "index"), 0);
}

static void a_point_whose_index_failed_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct repo_writer *writer;
	struct chunk_id root;
	char id[65];
	ok(repo_writer_new(f->repo, &writer, err));
	ok(fixture_store(writer, f->repo, 20, 1, &root, NULL, err));
	json_t *point = fixture_point("a", TIME, 20, &root);
	at_link("index/", fail_with_eio, NULL);
	assert_int_equal(repo_writer_commit(writer, point, id, NULL), -EIO);
	assert_int_equal(count(f, "points"), 0);
	json_decref(point);
	repo_writer_free(writer);
}

/* ---- damage that is healed under somebody who reads ---- */

static int damage_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)ftw;
	if (flag != FTW_F || !strstr(path, "/packs/"))
		return 0;
	CLEANUP(close_cleanup) int fd = fixture_open_rw(path);
	for (off_t off = 100; off < st->st_size; off += CHUNK / 4)
		if (pwrite(fd, "damage", 6, off) != 6)
			return -1;
	return 0;
}

static int remove_index(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return flag == FTW_F && strstr(path, "/index/") ? unlink(path) : 0;
}

/* A backup puts a pack that is well in the place of the damaged one, whose file a reader has open.
 */
static void a_pack_that_is_healed_is_read_again_by_who_has_it_open(void **state)
{
	struct fixture *f = *state;
	CLEANUP(repo_close_cleanup) struct repo *reader = NULL;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	char id[65];
	ok(fixture_backup(f->repo, "a", TIME, 20, 1, id, NULL, err));
	ok(repo_open(f->dir, NULL, &reader, err));
	ok(repo_point_find(reader, "a@latest", id, &point, err));
	ok(fixture_verify(reader, point, 1, err));
	assert_int_equal(nftw(f->dir, damage_one, 8, FTW_PHYS), 0);
	assert_int_equal(fixture_verify(reader, point, 1, NULL), -EUCLEAN);
	/* Without its index, so that the writer stores all of it again. */
	assert_int_equal(nftw(f->dir, remove_index, 8, FTW_PHYS), 0);
	CLEANUP(repo_close_cleanup) struct repo *healer = NULL;
	ok(repo_open(f->dir, NULL, &healer, err));
	ok(fixture_backup(healer, "b", TIME, 20, 1, id, NULL, err));
	ok(fixture_verify(reader, point, 1, err));
}

struct reader {
	struct repo *repo;
	struct catalog_place place;
	struct error err;
	int rc;
	uint8_t buf[CHUNK];
};

static void *read_slowly(void *arg)
{
	struct reader *reader = arg;
	hold_in_read = true;
	reader->rc =
		repo_read_place(reader->repo, &reader->place, reader->buf, CHUNK, &reader->err);
	return NULL;
}

static int damage_the_middle(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)ftw;
	if (flag != FTW_F || !strstr(path, "/packs/"))
		return 0;
	CLEANUP(close_cleanup) int fd = fixture_open_rw(path);
	return pwrite(fd, "damage", 6, st->st_size / 2) == 6 ? 0 : -1;
}

/* Another thread meets damage in the same file, and has it opened anew. */
static void who_reads_goes_on_when_another_forgets_the_file(void **state)
{
	struct fixture *f = *state;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	char id[65];
	uint8_t want[CHUNK];
	pthread_t thread;
	struct reader reader = { .repo = f->repo };
	ok(fixture_backup(f->repo, "a", TIME, 20, 1, id, NULL, err));
	ok(repo_point_find(f->repo, "a@latest", id, &point, err));
	assert_int_equal(nftw(f->dir, damage_the_middle, 8, FTW_PHYS), 0);
	fixture_chunk(0, 1, want);
	struct chunk_id chunk;
	struct catalog_search search = { 0 };
	ok(repo_identify(f->repo, want, CHUNK, &chunk, err));
	assert_true(catalog_next(f->repo->catalog, &search, &chunk, &reader.place));
	sem_init(&held, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
	wait_for(&held);
	assert_int_equal(fixture_verify(f->repo, point, 1, NULL), -EUCLEAN);
	sem_post(&go_on);
	pthread_join(thread, NULL);
	if (reader.rc < 0)
		fail_msg("%s", reader.err.msg);
	assert_memory_equal(reader.buf, want, CHUNK);
}

/* ---- moving ---- */

struct moving {
	struct fixture *f;
	char id[65];
};

static int move_back(void *ctx)
{
	struct moving *m = ctx;
	ok(forgotten_bring_back(m->f->repo, m->id, err));
	return 0;
}

static int move_away(void *ctx)
{
	struct moving *m = ctx;
	ok(forgotten_keep(m->f->repo, m->id, err));
	return 0;
}

static bool is_in(const struct moving *m, const char *folder)
{
	char key[STORE_KEY_MAX];
	struct store_stat st;
	snprintf(key, sizeof(key), "%s/%s", folder, m->id);
	return store_stat(m->f->repo->store, key, &st, NULL) == 0;
}

static void at_move(const char *folder, int (*act)(void *ctx), struct moving *m)
{
	on_move.folder = folder;
	on_move.act = act;
	on_move.ctx = m;
}

/* Whoever comes last is right, and what he left is there. */
static void a_point_that_is_moved_back_meanwhile_stays(void **state)
{
	struct moving m = { .f = *state };
	ok(fixture_backup(m.f->repo, "a", TIME, 4, 1, m.id, NULL, err));
	at_move("points/", move_back, &m);
	ok(repo_forget(m.f->repo, m.id, NULL, err));
	assert_true(is_in(&m, "points") && !is_in(&m, "forgotten"));
	ok(repo_forget(m.f->repo, m.id, NULL, err));
	at_move("forgotten/", move_away, &m);
	ok(forgotten_bring_back(m.f->repo, m.id, err));
	assert_true(is_in(&m, "forgotten") && !is_in(&m, "points"));
}

static bool is_hurt(const struct moving *m, const char *id)
{
	json_t *verdicts;
	CLEANUP(json_decref_cleanup) json_t *none = json_array();
	CLEANUP(json_decref_cleanup) json_t *hurt = id ? json_pack("[s]", id) : json_array();
	const struct verdicts_check check = { .whole = none, .hurt = hurt, .data = 100 };
	ok(verdicts_note(m->f->repo, &check, err));
	ok(verdicts_read(m->f->repo, &verdicts, err));
	bool is = verdicts_hurt(verdicts, m->id);
	json_decref(verdicts);
	return is;
}

static void a_point_that_is_moved_meanwhile_is_as_hurt_as_it_was(void **state)
{
	struct moving m = { .f = *state };
	ok(fixture_backup(m.f->repo, "a", TIME, 4, 1, m.id, NULL, err));
	assert_true(is_hurt(&m, m.id));
	ok(forgotten_keep(m.f->repo, m.id, err));
	on_list.ctx = &m;
	on_list.act = move_back;
	on_list.folder = "points";
	assert_true(is_hurt(&m, NULL));
	assert_true(is_in(&m, "points"));
	on_list.act = move_away;
	on_list.folder = "forgotten";
	assert_true(is_hurt(&m, NULL));
	assert_true(is_in(&m, "forgotten"));
}

int main(void)
{
	main_thread = pthread_self();
	sem_init(&main_waits, 0, 0);
	alarm(300); /* a thread that nobody wakes is a failure, too */
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_point_whose_lease_is_lost_before_it_is_not_written),
		TEST(a_point_whose_lease_is_lost_meanwhile_is_taken_back),
		TEST(a_lease_that_is_written_anew_while_they_are_listed_is_seen),
		TEST(one_that_is_given_back_does_not_wait_for_its_keeper),
		TEST(an_index_of_a_pack_that_failed_is_not_written),
		TEST(a_point_whose_index_failed_is_not_written),
		TEST(a_pack_that_is_healed_is_read_again_by_who_has_it_open),
		TEST(who_reads_goes_on_when_another_forgets_the_file),
		TEST(a_point_that_is_moved_back_meanwhile_stays),
		TEST(a_point_that_is_moved_meanwhile_is_as_hurt_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
