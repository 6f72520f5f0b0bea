/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Leases and marks: who may rely on what, and who may not commit. */
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include "lunette/digest.h"
#include "lunette/document.h"
#include "lunette/lease.h"
#include "lunette/marks.h"
#include "lunette/store-layers.h"
#include "open-fixture.h"

#define TIME "2026-11-22T17:00:00Z"

static int keep_name(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)err;
	snprintf(ctx, 65, "%s", name);
	return 0;
}

/* The name of one object of a folder; "" when there is none. */
static void one_name(struct fixture *f, const char *folder, char ret[65])
{
	ret[0] = '\0';
	ok(store_list(f->repo->store, folder, keep_name, ret, err));
}

static int count_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)name, (void)err;
	++*(int *)ctx;
	return 0;
}

static int count(struct fixture *f, const char *folder)
{
	int n = 0;
	ok(store_list(f->repo->store, folder, count_one, &n, err));
	return n;
}

static int keep_info(void *ctx, const struct lease_info *info, struct error *err)
{
	(void)err;
	struct lease_info *kept = ctx;
	*kept = *info;
	kept->marks = NULL;
	return 0;
}

/* ---- when a lease is void ---- */

static void a_lease_is_void_when_both_clocks_say_so(void **state)
{
	(void)state;
	enum { T = 1000000, END = T + LEASE_VALID };
	static const struct {
		int64_t here, store;
		bool is_void;
	} cases[] = {
		{ T, T, false },
		{ END, END, false },
		{ END + LEASE_GRACE, END + LEASE_GRACE, false },
		{ END + LEASE_GRACE + 1, END + LEASE_GRACE + 1, true },
		{ END + LEASE_GRACE + 1, 0, true },        /* the store's clock is not known */
		{ END + 10 * LEASE_GRACE, T + 60, false }, /* the clock here is ahead */
		{ T - 10 * LEASE_GRACE, END, false },      /* the clock here is behind, or */
		{ T - 10 * LEASE_GRACE, 0, false },        /* the owner's was ahead, when it died */
		{ T - 10 * LEASE_GRACE, 2 * END, true },
	};
	struct lease_owner self = { .boot = "here", .pid = 1 };
	struct lease_info info = { .owner = { .boot = "elsewhere", .pid = 1 },
				   .since = T,
				   .expires = END,
				   .modified = T };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lease_now now = { cases[i].here, cases[i].store };
		assert_int_equal(lease_is_void(&info, &self, &now), cases[i].is_void);
	}
}

static void a_dead_owner_on_this_machine_is_known_at_once(void **state)
{
	(void)state;
	struct lease_owner self;
	struct lease_now now = { 1000, 1000 };
	lease_self(&self);
	struct lease_info info = { .owner = self, .expires = 1000, .modified = 1000 };
	assert_false(lease_is_void(&info, &self, &now)); /* this process */
	info.owner.begun++;                              /* another one had its number before */
	assert_true(lease_is_void(&info, &self, &now));
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	siginfo_t unused;
	info.owner = self;
	info.owner.begun = 0; /* what is dead must not be told by when it began */
	info.owner.pid = pid;
	assert_int_equal(waitid(P_PID, (id_t)pid, &unused, WEXITED | WNOWAIT), 0);
	assert_true(lease_is_void(&info, &self, &now)); /* nobody has waited for it */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(lease_is_void(&info, &self, &now));
	strcat(info.owner.boot, "x"); /* the same on another machine says nothing */
	assert_false(lease_is_void(&info, &self, &now));
}

/* In a process namespace whose /proc is another one's, as the process that has our number there. */
static int alone_with_our_number(pid_t number)
{
	struct lease_owner self;
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");
	if (!file || fprintf(file, "%d", (int)number - 1) < 0 || fclose(file) != 0)
		return 77;
	pid_t pid = fork();
	if (pid == 0) {
		lease_self(&self);
		_exit(getpid() != number ? 77 : self.begun == 0 && self.boot[0] ? 0 : 1);
	}
	int status = 0;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void what_is_said_of_others_is_not_believed(void **state)
{
	(void)state;
	struct lease_owner self;
	pid_t number = getpid(), pid = fork();
	int status = 0;
	lease_self(&self);
	assert_true(self.begun > 0);
	if (pid == 0) {
		pid_t inner = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
		if (inner == 0)
			_exit(alone_with_our_number(number));
		bool done = inner > 0 && waitpid(inner, &status, 0) == inner;
		_exit(!done ? 77 : WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* only root can make such a namespace */
	assert_int_equal(status, 0);
}

static void what_a_lease_says_is_read_again(void **state)
{
	(void)state;
	struct lease_info info = {
		.id = "0123", .purpose = "write", .since = 1000, .expires = 2000
	};
	struct lease_info again;
	info.marks = json_pack("[s]", "abc");
	lease_self(&info.owner);
	json_t *document = lease_document(&info);
	ok(lease_parse(document, &again, err));
	assert_string_equal(again.id, info.id);
	assert_string_equal(again.purpose, info.purpose);
	assert_string_equal(again.owner.host, info.owner.host);
	assert_string_equal(again.owner.boot, info.owner.boot);
	assert_int_equal(again.owner.pid, info.owner.pid);
	assert_int_equal(again.owner.begun, info.owner.begun);
	assert_int_equal(again.since, 1000);
	assert_int_equal(again.expires, 2000);
	assert_true(json_equal(again.marks, info.marks));
	lease_info_free(&again);
	lease_info_free(&info);
	static const char *const members[] = { "lease", "purpose", "host", "boot",
					       "since", "expires", "marks" };
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_t *broken = json_copy(document);
		json_object_set_new(broken, members[i], json_integer(7));
		assert_int_equal(lease_parse(broken, &again, NULL), -EUCLEAN);
		json_decref(broken);
	}
	json_decref(document);
}

/* ---- holding one ---- */

static void a_lease_is_there_while_it_is_held(void **state)
{
	struct fixture *f = *state;
	struct lease *lease;
	struct lease_info seen = { 0 };
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &lease, err));
	assert_int_equal(count(f, "leases"), 1);
	ok(lease_check(lease, err));
	ok(lease_each(f->repo, NULL, keep_info, &seen, err));
	assert_string_equal(seen.purpose, "write");
	assert_int_equal(seen.owner.pid, getpid());
	lease_release(lease);
	assert_int_equal(count(f, "leases"), 0);
}

static void of_exclusive_leases_there_is_one(void **state)
{
	struct fixture *f = *state;
	struct lease *one, *two, *writer;
	struct lease_request request = { .purpose = "prune", .exclusive = true };
	struct error why = { 0 };
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &writer, err));
	ok(lease_take(f->repo, &request, &one, err));
	assert_int_equal(lease_take(f->repo, &request, &two, &why), -EBUSY);
	char pid[32];
	snprintf(pid, sizeof(pid), "process %d", getpid());
	assert_non_null(strstr(why.msg, "'prune'"));
	assert_non_null(strstr(why.msg, pid));
	assert_non_null(strstr(why.msg, "since 20"));
	assert_int_equal(count(f, "leases"), 2);
	lease_release(one);
	ok(lease_take(f->repo, &request, &two, err));
	lease_release(two);
	lease_release(writer);
}

/* What is written next finds the store full, until something goes. */
static struct repo *open_full(struct fixture *f, int code)
{
	struct store *store;
	struct repo *repo;
	ok(store_dir_open(f->dir, &store, err));
	struct store_faults *faults = store_faults_new(store);
	ok(repo_open_store(&faults->store, f->dir, NULL, &repo, err));
	faults->code = code;
	faults->once = true;
	faults->fail_at = atomic_load(&faults->count) + 1;
	return repo;
}

static void who_frees_room_has_the_reserve_for_it(void **state)
{
	struct fixture *f = *state;
	static const int codes[] = { -ENOSPC, -EDQUOT };
	struct store_stat st;
	struct lease *lease;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct lease_request request = { .purpose = "write" };
		struct repo *repo = open_full(f, codes[i]);
		ok(store_keep_reserve(f->repo->store, err));
		assert_int_equal(lease_take(repo, &request, &lease, NULL), codes[i]);
		ok(store_stat(f->repo->store, "reserve", &st, err));
		repo_close(repo);
		repo = open_full(f, codes[i]);
		request.removes = true;
		ok(lease_take(repo, &request, &lease, err));
		assert_int_equal(store_stat(f->repo->store, "reserve", &st, NULL), -ENOENT);
		lease_release(lease);
		repo_close(repo);
	}
}

static void without_a_reserve_it_is_full(void **state)
{
	struct fixture *f = *state;
	const struct lease_request request = { .purpose = "prune", .removes = true };
	struct lease *lease;
	struct error why = { 0 };
	assert_int_equal(store_give_reserve(f->repo->store, NULL), 1);
	assert_int_equal(store_give_reserve(f->repo->store, NULL), 0);
	struct repo *repo = open_full(f, -ENOSPC);
	assert_int_equal(lease_take(repo, &request, &lease, &why), -ENOSPC);
	assert_non_null(strstr(why.msg, "write a lease"));
	repo_close(repo);
}

static void a_mark_has_the_reserve_too(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_full(f, -EDQUOT);
	const struct index_pack pack = { .id = { 1 } };
	struct store_stat st;
	char name[65];
	ok(marks_put(repo, &pack, 1, name, err));
	assert_int_equal(store_stat(f->repo->store, "reserve", &st, NULL), -ENOENT);
	repo_close(repo);
}

static void a_lease_is_written_anew_while_it_is_held(void **state)
{
	struct fixture *f = *state;
	struct lease *lease;
	char before[65], after[65];
	struct lease_request request = { .purpose = "write", .valid = 60 };
	ok(lease_take(f->repo, &request, &lease, err));
	one_name(f, "leases", before);
	lease_release(lease);
	request.valid = 6; /* anew after a second */
	ok(lease_take(f->repo, &request, &lease, err));
	one_name(f, "leases", before);
	for (int i = 0; i < 300; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
		one_name(f, "leases", after);
		if (after[0] && strcmp(before, after) != 0)
			break;
	}
	assert_string_not_equal(before, after);
	lease_release(lease);
	assert_int_equal(count(f, "leases"), 0);
}

static void who_lost_his_lease_is_told(void **state)
{
	struct fixture *f = *state;
	struct lease *lease;
	char name[65], key[STORE_KEY_MAX];
	struct error why = { 0 };
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &lease, err));
	one_name(f, "leases", name);
	snprintf(key, sizeof(key), "leases/%s", name);
	ok(store_remove(f->repo->store, key, err));
	assert_int_equal(lease_check(lease, &why), -ESTALE);
	assert_non_null(strstr(why.msg, "expired"));
	assert_int_equal(lease_check(lease, NULL), -ESTALE);
	lease_release(lease);
}

static void leases_of_the_dead_are_removed_by_whoever_meets_them(void **state)
{
	struct fixture *f = *state;
	struct lease *lease;
	struct lease_info info = { .id = "aa", .purpose = "write", .since = 1000, .expires = 2000 };
	struct lease_info seen = { 0 };
	char name[65];
	/* A process of this machine that has died without giving it back. */
	pid_t pid = fork();
	if (pid == 0) {
		ok(lease_take(f->repo, &(struct lease_request){ .purpose = "write" }, &lease, err));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(count(f, "leases"), 1);
	/* One of another machine that has just been written, whatever it says of its time. */
	info.marks = json_array();
	snprintf(info.owner.boot, sizeof(info.owner.boot), "elsewhere");
	snprintf(info.owner.host, sizeof(info.owner.host), "elsewhere");
	json_t *document = lease_document(&info);
	ok(document_put(f->repo, "leases", document, name, err));
	ok(lease_take(f->repo, &(struct lease_request){ .purpose = "prune" }, &lease, err));
	ok(lease_each(f->repo, lease, keep_info, &seen, err));
	assert_string_equal(seen.owner.host, "elsewhere");
	assert_int_equal(count(f, "leases"), 2);
	/* The same, old on the store's clock as well. */
	char path[256];
	snprintf(path, sizeof(path), "%s/leases/%s", f->dir, name);
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	seen = (struct lease_info){ 0 };
	ok(lease_each(f->repo, lease, keep_info, &seen, err));
	assert_string_equal(seen.owner.host, "");
	assert_int_equal(count(f, "leases"), 1);
	lease_release(lease);
	lease_info_free(&info);
	json_decref(document);
}

static void a_lease_that_cannot_be_read_counts(void **state)
{
	struct fixture *f = *state;
	struct lease_info seen = { 0 };
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), "leases/%064d", 7);
	ok(store_put_same(f->repo->store, key, "garbage", 7, err));
	ok(lease_each(f->repo, NULL, keep_info, &seen, err));
	assert_string_equal(seen.purpose, "unreadable");
}

/* ---- marks ---- */

static void mark_all_packs(struct fixture *f, char mark[65])
{
	struct index **indexes;
	struct index_cursor *cursor;
	size_t n;
	uint32_t n_packs;
	ok(catalog_refresh(f->repo->catalog, err));
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	assert_int_equal(n, 1);
	ok(index_cursor_new(indexes[0], &cursor, err));
	const struct index_pack *packs = index_cursor_packs(cursor, &n_packs);
	ok(marks_put(f->repo, packs, n_packs, mark, err));
	index_cursor_free(cursor);
	free(indexes);
}

static void a_writer_does_not_rely_on_what_is_marked(void **state)
{
	struct fixture *f = *state;
	char id[65], mark[65];
	uint64_t first, second;
	struct repo_writer *writer;
	uint8_t buf[CHUNK];
	struct chunk_id chunk;
	ok(fixture_backup(f->repo, "a", TIME, 20, 1, id, &first, err));
	mark_all_packs(f, mark);
	fixture_chunk(0, 1, buf);
	ok(repo_identify(f->repo, buf, CHUNK, &chunk, err));
	assert_true(catalog_knows(f->repo->catalog, &chunk, NULL));
	ok(repo_writer_new(f->repo, &writer, err));
	assert_false(repo_writer_knows(writer, &chunk));
	repo_writer_free(writer);

	/* The same chunks again: in a pack of another name. */
	ok(fixture_backup(f->repo, "b", TIME, 20, 1, id, &second, err));
	assert_int_equal(first, second);
	struct catalog_search search = { 0 };
	struct catalog_place one, two;
	assert_true(catalog_next(f->repo->catalog, &search, &chunk, &one));
	assert_true(catalog_next(f->repo->catalog, &search, &chunk, &two));
	assert_memory_not_equal(one.pack.id, two.pack.id, sizeof(one.pack.id));
	assert_int_equal(one.pack.size, two.pack.size);
	assert_true(repo_read_place(f->repo, &one, buf, CHUNK, NULL) == 0);
	assert_true(repo_read_place(f->repo, &two, buf, CHUNK, NULL) == 0);
}

static void a_writer_says_which_marks_it_heeds(void **state)
{
	struct fixture *f = *state;
	char id[65], mark[65], key[STORE_KEY_MAX];
	struct repo_writer *writer;
	ok(fixture_backup(f->repo, "a", TIME, 20, 1, id, NULL, err));
	mark_all_packs(f, mark);
	snprintf(key, sizeof(key), "marks/%064d", 7);
	ok(store_put_same(f->repo->store, key, "garbage", 7, err)); /* nobody heeds that */
	ok(repo_writer_new(f->repo, &writer, err));
	char name[65];
	one_name(f, "leases", name);
	json_t *document;
	struct lease_info info;
	ok(document_get(f->repo, "leases", name, LEASE_MAX, &document, err));
	ok(lease_parse(document, &info, err));
	json_decref(document);
	assert_int_equal(json_array_size(info.marks), 1);
	assert_string_equal(json_string_value(json_array_get(info.marks, 0)), mark);
	lease_info_free(&info);
	repo_writer_free(writer);
}

static void who_lost_his_lease_does_not_commit(void **state)
{
	struct fixture *f = *state;
	struct repo_writer *writer;
	struct chunk_id root;
	char id[65], name[65], key[STORE_KEY_MAX];
	ok(repo_writer_new(f->repo, &writer, err));
	ok(fixture_store(writer, f->repo, 20, 1, &root, NULL, err));
	one_name(f, "leases", name);
	snprintf(key, sizeof(key), "leases/%s", name);
	ok(store_remove(f->repo->store, key, err));
	json_t *point = fixture_point("a", TIME, 20, &root);
	assert_int_equal(repo_writer_commit(writer, point, id, NULL), -ESTALE);
	assert_int_equal(count(f, "points"), 0);
	json_decref(point);
	repo_writer_free(writer);
}

static void marks_are_read_whole_or_not_at_all(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{}",
		"{\"format\":\"lunette-mark\",\"version\":1,\"features\":[]}",
		"{\"format\":\"lunette-mark\",\"version\":1,\"features\":[],\"packs\":[\"1\"]}",
		"{\"format\":\"lunette-mark\",\"version\":1,\"features\":[],\"packs\":[7]}",
		"{\"format\":\"lunette-mark\",\"version\":1,\"features\":[],\"packs\":[\""
		"1111111111111111111111111111111111111111111111111111111111111111\",\""
		"0000000000000000000000000000000000000000000000000000000000000000\"]}",
	};
	struct id_set *packs;
	struct chunk_id id;
	memset(&id, 0x11, sizeof(id));
	ok(id_set_new(10, &packs, err));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *document = json_loads(bad[i], 0, NULL);
		assert_true(marks_parse(document, packs, NULL) < 0);
		assert_false(id_set_has(packs, &id));
		json_decref(document);
	}
	id_set_free(packs);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_is_void_when_both_clocks_say_so),
		cmocka_unit_test(a_dead_owner_on_this_machine_is_known_at_once),
		cmocka_unit_test(what_is_said_of_others_is_not_believed),
		cmocka_unit_test(what_a_lease_says_is_read_again),
		TEST(a_lease_is_there_while_it_is_held),
		TEST(of_exclusive_leases_there_is_one),
		TEST(who_frees_room_has_the_reserve_for_it),
		TEST(without_a_reserve_it_is_full),
		TEST(a_mark_has_the_reserve_too),
		TEST(a_lease_is_written_anew_while_it_is_held),
		TEST(who_lost_his_lease_is_told),
		TEST(leases_of_the_dead_are_removed_by_whoever_meets_them),
		TEST(a_lease_that_cannot_be_read_counts),
		TEST(a_writer_does_not_rely_on_what_is_marked),
		TEST(a_writer_says_which_marks_it_heeds),
		TEST(who_lost_his_lease_does_not_commit),
		cmocka_unit_test(marks_are_read_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
